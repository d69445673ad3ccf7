//! What scenarios are made of: threads, randomness, and checks that detect faults.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shuttle::rand::Rng;

use crate::free_list::{AllFree, BitmapList, FreeListKind, GROUP, InitInPlace, Kind, Words};
use crate::linearize::{History, Operation, STEPS};
use crate::sync::AtomicUsize;

pub(crate) fn below(bound: usize) -> usize {
    shuttle::rand::thread_rng().gen_range(0..bound)
}

/// Runs `act` in `threads` threads at the same time.
pub(crate) fn together(threads: usize, act: impl Fn(usize) + Sync) {
    shuttle::thread::scope(|scope| {
        for thread in 0..threads {
            let act = &act;
            scope.spawn(move || act(thread));
        }
    });
}

/// Operations with their stamps. Neither the clock nor the history is a point where another thread may run.
pub(crate) struct Recorder<S> {
    clock: AtomicU64,
    history: Mutex<History<S>>,
}

impl<S> Recorder<S> {
    /// For this many threads, and the one that started them.
    pub(crate) fn new(threads: usize) -> Self {
        let history = (0..=threads).map(|_| Vec::new()).collect();
        Self { clock: AtomicU64::new(0), history: Mutex::new(history) }
    }

    /// Runs `act`, and records the steps that `steps` derives from its result.
    pub(crate) fn record<T>(
        &self,
        thread: usize,
        act: impl FnOnce() -> T,
        steps: impl FnOnce(&T) -> heapless::Vec<S, STEPS>,
    ) -> T {
        let called = self.clock.fetch_add(1, Ordering::Relaxed);
        let result = act();
        let returned = self.clock.fetch_add(1, Ordering::Relaxed);
        let steps = steps(&result);
        let mut history = self.history.lock().expect("a panic ends the execution");
        history[thread].push(Operation { called, returned, steps });
        result
    }

    pub(crate) fn into_history(self) -> History<S> {
        self.history.into_inner().expect("a panic ends the execution")
    }
}

/// Which numbers have an owner.
pub(crate) struct Owners(Vec<AtomicBool>);

impl Owners {
    pub(crate) fn new(count: usize) -> Self {
        Self((0..count).map(|_| AtomicBool::new(false)).collect())
    }

    pub(crate) fn enter(&self, number: u32) {
        let owned = self.0[number as usize].swap(true, Ordering::Relaxed);
        assert!(!owned, "two owners of {number}");
    }

    pub(crate) fn leave(&self, number: u32) {
        let owned = self.0[number as usize].swap(false, Ordering::Relaxed);
        assert!(owned, "no owner of {number}");
    }
}

/// A few indices of each of several words are free, so that every word matters; a summary above more than
/// `WITHOUT_SUMMARY` words.
#[derive(Debug)]
pub(crate) struct Sparse<const COUNT: usize, const OF_EACH: usize, const WITHOUT_SUMMARY: usize> {
    /// More than there are words.
    words: [AtomicUsize; COUNT],
    summary: AtomicUsize,
}

impl<const COUNT: usize, const OF_EACH: usize, const WITHOUT_SUMMARY: usize> Words
    for Sparse<COUNT, OF_EACH, WITHOUT_SUMMARY>
{
    const WITHOUT_SUMMARY: usize = WITHOUT_SUMMARY;

    fn capacity(&self) -> usize {
        COUNT
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        &self.words[group]
    }

    fn summary(&self, _: usize) -> &AtomicUsize {
        &self.summary
    }
}

pub(crate) type SparseBitmap<
    const COUNT: usize,
    const OF_EACH: usize,
    const WITHOUT_SUMMARY: usize,
> = BitmapList<Sparse<COUNT, OF_EACH, WITHOUT_SUMMARY>>;

/// The bit of an index among those that are free at the beginning.
pub(crate) fn sparse_bit(number: u32, of_each: usize) -> u64 {
    let (group, place) = (number as usize / GROUP, number as usize % GROUP);
    assert!(place < of_each, "{number} was never given back");
    1 << (group * of_each + place)
}

/// The free list of a pool: a `SparseBitmap`.
pub(crate) struct FewFree<const OF_EACH: usize, const WITHOUT_SUMMARY: usize>;

impl<const OF_EACH: usize, const WITHOUT_SUMMARY: usize> Kind
    for FewFree<OF_EACH, WITHOUT_SUMMARY>
{
}

impl<const OF_EACH: usize, const WITHOUT_SUMMARY: usize> FreeListKind
    for FewFree<OF_EACH, WITHOUT_SUMMARY>
{
    type List<const COUNT: usize> = SparseBitmap<COUNT, OF_EACH, WITHOUT_SUMMARY>;
}

impl<const COUNT: usize, const OF_EACH: usize, const WITHOUT_SUMMARY: usize> InitInPlace
    for SparseBitmap<COUNT, OF_EACH, WITHOUT_SUMMARY>
{
}

impl<const COUNT: usize, const OF_EACH: usize, const WITHOUT_SUMMARY: usize> AllFree
    for SparseBitmap<COUNT, OF_EACH, WITHOUT_SUMMARY>
{
    const ALL_FREE: Self = Self::with_words(Sparse {
        words: [const { AtomicUsize::new(usize::MAX << OF_EACH) }; COUNT],
        summary: AtomicUsize::new(0),
    });
}
