//! Stands in for the crates' `sync`: atomics that let another thread run before every access. All are
//! sequentially consistent, whatever the sources ask for.

use core::panic::Location;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use shuttle::rand::Rng;
use shuttle::sync::atomic::AtomicUsize as Step;

use crate::ring::Layout;

pub(crate) use core::sync::atomic::Ordering;

/// A line of the shipped sources.
pub(crate) type Site = (String, u32);

std::thread_local! {
    // All threads of a scenario are coroutines on one thread of the system.
    /// What the sources see of a ring's atomics whose value is 0.
    static RING_STARTS_AT: Cell<usize> = const { Cell::new(0) };
    /// Where read-modify-writes are not atomic.
    static BROKEN: RefCell<Option<Site>> = const { RefCell::new(None) };
    /// Where read-modify-writes were made.
    static SITES: RefCell<BTreeSet<Site>> = const { RefCell::new(BTreeSet::new()) };
}

/// Makes the positions of rings that are created from now on start some laps before they wrap.
pub(crate) fn start_rings_before_the_wrap(layout: Layout, laps: Option<usize>) {
    let start = laps.map_or(0, |laps| layout.word(layout.greatest_lap() - laps, 0));
    RING_STARTS_AT.set(start);
}

/// Splits the read-modify-writes of one line into two steps.
pub(crate) fn break_site(site: Site) {
    BROKEN.set(Some(site));
}

/// The read-modify-writes that were reached.
pub(crate) fn sites() -> BTreeSet<Site> {
    SITES.take()
}

fn file<'l>(location: &Location<'l>) -> &'l str {
    location.file().rsplit("/src/").next().expect("one piece at least")
}

fn is_broken(location: &Location<'_>) -> bool {
    BROKEN.with_borrow(|broken| match broken {
        Some((name, line)) => *line == location.line() && name == file(location),
        None => {
            let site = (file(location), location.line());
            SITES.with_borrow_mut(|sites| sites.insert((site.0.to_owned(), site.1)));
            false
        }
    })
}

/// Atomics are created by constants, so what differs between scenarios is added at each use.
fn start(location: &Location<'_>) -> usize {
    if location.file().ends_with("ring.rs") { RING_STARTS_AT.get() } else { 0 }
}

#[derive(Debug)]
pub(crate) struct AtomicUsize {
    /// Less what [`start`] returns. All of a scenario runs on one thread of the system.
    value: core::sync::atomic::AtomicUsize,
    /// Loaded before each access: there another thread may run.
    step: Step,
}

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self { value: core::sync::atomic::AtomicUsize::new(value), step: Step::new(0) }
    }

    fn step(&self) {
        self.step.load(Ordering::SeqCst);
    }

    #[track_caller]
    pub(crate) fn load(&self, ordering: Ordering) -> usize {
        self.step();
        self.value.load(ordering).wrapping_add(start(Location::caller()))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: usize, ordering: Ordering) {
        self.step();
        self.value.store(value.wrapping_sub(start(Location::caller())), ordering);
    }

    #[track_caller]
    fn update(&self, change: impl Fn(usize) -> Option<usize>) -> Result<usize, usize> {
        self.step();
        let location = Location::caller();
        let start = start(location);
        let before = self.value.load(Ordering::Relaxed).wrapping_add(start);
        let after = change(before).ok_or(before)?;
        if is_broken(location) {
            self.step();
        }
        self.value.store(after.wrapping_sub(start), Ordering::Relaxed);
        Ok(before)
    }

    #[track_caller]
    fn always_update(&self, change: impl Fn(usize) -> usize) -> usize {
        self.update(|before| Some(change(before))).expect("it always changes")
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        _: Ordering,
        _: Ordering,
    ) -> Result<usize, usize> {
        self.update(|value| (value == current).then_some(new))
    }

    /// Sometimes fails spuriously.
    #[track_caller]
    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        _: Ordering,
        _: Ordering,
    ) -> Result<usize, usize> {
        let fails = shuttle::rand::thread_rng().gen_ratio(1, 8);
        self.update(|value| (value == current && !fails).then_some(new))
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: usize, _: Ordering) -> usize {
        self.always_update(|before| before.wrapping_add(value))
    }

    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        _: Ordering,
        _: Ordering,
        change: impl Fn(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        self.update(change)
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, value: usize, _: Ordering) -> usize {
        self.always_update(|before| before.wrapping_sub(value))
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, value: usize, _: Ordering) -> usize {
        self.always_update(|before| before & value)
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, value: usize, _: Ordering) -> usize {
        self.always_update(|before| before | value)
    }

    #[track_caller]
    pub(crate) fn fetch_max(&self, value: usize, _: Ordering) -> usize {
        self.always_update(|before| before.max(value))
    }
}

/// From another crate, so each operation is one step here.
#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    items: Mutex<VecDeque<T>>,
    places: usize,
    /// As for [`AtomicUsize`].
    step: Step,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(places: usize) -> Self {
        Self { items: Mutex::new(VecDeque::with_capacity(places)), places, step: Step::new(0) }
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.step.load(Ordering::SeqCst);
        self.items.lock().expect("a panic ends the execution")
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut items = self.items();
        if items.len() == self.places {
            return Err(item);
        }
        items.push_back(item);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.items().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.items().len()
    }
}

pub(crate) use shuttle::thread_local;

pub(crate) type Part = usize;
pub(crate) type AtomicPart = AtomicUsize;

/// Does nothing: the scheduler decides whether others run first.
pub(crate) fn spin_loop() {}

/// As far apart as the standard library's threads, and the same in each run.
pub(crate) fn stack_address() -> usize {
    usize::from(shuttle::current::me()) * 0x0020_1000
}
