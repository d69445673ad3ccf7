//! Threads that act at random, and record the results.

use std::array;
use std::fmt::Debug;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::linearize::{History, Operation, STEPS};
use crate::harness::{Random, scope};

/// Stamps that order what one thread does after another has done something.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> u64 {
        fence(Ordering::SeqCst);
        let now = self.0.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        now
    }

    /// Runs `act` between two stamps, and records the steps that `steps` derives from its result.
    pub(crate) fn time<T, S>(
        &self,
        act: impl FnOnce() -> T,
        steps: impl FnOnce(T) -> heapless::Vec<S, STEPS>,
    ) -> Operation<S> {
        let called = self.now();
        let result = act();
        let returned = self.now();
        Operation { called, returned, steps: steps(result) }
    }
}

/// One thread's part.
pub(crate) trait Player: Send {
    type Step: Send;

    /// Called before a history, while the others may prepare.
    fn prepare(&mut self);
    /// One operation, or none.
    fn act(&mut self, clock: &Clock, random: &mut Random) -> Option<Operation<Self::Step>>;
    /// Called after a history, while no other thread acts: finds out what is left.
    fn finish(&mut self, clock: &Clock) -> Vec<Operation<Self::Step>>;
}

/// Where threads start together. They spin first: one that sleeps wakes up too late to meet others.
#[derive(Debug, Default)]
struct Gate {
    arrived: AtomicUsize,
    someone_panicked: AtomicBool,
}

impl Gate {
    fn pass(&self, threads: usize) {
        let wanted = (self.arrived.fetch_add(1, Ordering::SeqCst) / threads + 1) * threads;
        let mut tries = 0;
        while self.arrived.load(Ordering::SeqCst) < wanted {
            assert!(!self.someone_panicked.load(Ordering::Relaxed), "another thread panicked");
            tries += 1;
            if tries < 1_000 { hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

/// A thread that has to reach the gate.
struct Comer<'g>(&'g Gate);

impl Drop for Comer<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.someone_panicked.store(true, Ordering::Relaxed);
        }
    }
}

/// Held while recording, so that nothing else that records in this program competes for the processors.
static ALONE: Mutex<()> = Mutex::new(());

/// Records `rounds` histories of `THREADS` threads with up to `length` operations each.
pub(crate) fn record<P: Player, const THREADS: usize>(
    players: [P; THREADS],
    rounds: usize,
    length: usize,
    seed: u64,
) -> Vec<History<P::Step>> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (clock, gate) = (&Clock::default(), &Gate::default());
    let mut threads = 0;
    let recorded: [_; THREADS] = scope(|scope| {
        let running = players.map(|mut player| {
            let thread = threads;
            threads += 1;
            scope.spawn(move || {
                let _comer = Comer(gate);
                let mut random = Random(seed << 8 | thread);
                let mut rounds: Vec<_> =
                    (0..rounds).map(|_| Vec::with_capacity(length + 1)).collect();
                for operations in &mut rounds {
                    player.prepare();
                    gate.pass(THREADS);
                    for _ in 0..length {
                        (0..random.below(30)).for_each(|_| hint::spin_loop());
                        operations.extend(player.act(clock, &mut random));
                    }
                    gate.pass(THREADS);
                    if thread == 0 {
                        operations.extend(player.finish(clock));
                    }
                    gate.pass(THREADS);
                }
                rounds
            })
        });
        running.map(|thread| thread.join().expect("a panic was told above"))
    });
    let mut recorded = recorded.map(Vec::into_iter);
    let mut round = || array::from_fn(|thread| recorded[thread].next().expect("of each round"));
    (0..rounds).map(|_| <[_; THREADS]>::into(round())).collect()
}

/// Checks what `record` records for a seed, until operations of two threads have overlapped in a few hundred
/// histories, or it seems that they seldom do here.
pub(crate) fn check<S: Debug>(
    mut record: impl FnMut(u64) -> Vec<History<S>>,
    is_right: impl Fn(&History<S>) -> bool,
) {
    let (mut all, mut met) = (0, 0);
    for seed in 0..10 {
        for history in record(seed) {
            assert!(is_right(&history), "with seed {seed}: {history:#?}");
            all += 1;
            met += usize::from(overlaps(&history));
        }
        if met > 300 {
            break;
        }
    }
    println!("threads met in {met} of {all} histories");
}

fn overlaps<S>(history: &History<S>) -> bool {
    let mut all: Vec<_> = history.iter().flatten().map(|one| (one.called, one.returned)).collect();
    all.sort_unstable();
    all.windows(2).any(|pair| pair[1].0 < pair[0].1)
}
