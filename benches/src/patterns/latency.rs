//! Times of single gets and give-backs, in the rhythms that pools encounter.

use std::hint::{black_box, spin_loop};
use std::sync::Mutex;
use std::thread::yield_now;
use std::time::Duration;

use hdrhistogram::Histogram;
use quanta::Clock;

use crate::peers::{BURST, Contender};
use crate::schedule::{Job, crowd, together};
use crate::stopwatch::histogram;

/// Times in nanoseconds. Each includes the cost of reading the clock.
#[derive(Debug)]
pub struct Times {
    pub get: Histogram<u64>,
    pub give_back: Histogram<u64>,
}

impl Default for Times {
    fn default() -> Self {
        Self { get: histogram(), give_back: histogram() }
    }
}

impl Times {
    /// Adds the times of another thread, or of another round.
    pub fn add(&mut self, other: &Self) {
        self.get.add(&other.get).expect("of the same size");
        self.give_back.add(&other.give_back).expect("of the same size");
    }
}

/// When a thread takes and gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Two threads, each with a pair every microsecond.
    Steady,
    /// Two threads, 32 taken and 32 given back at once, every 50 µs.
    Bursty,
    /// Many more threads than cores, one pair after another.
    Oversubscribed,
}

impl Rhythm {
    fn threads(self) -> usize {
        match self {
            Self::Steady | Self::Bursty => 2,
            Self::Oversubscribed => crowd(),
        }
    }

    /// The time from the beginning of one burst to that of the next, and the length of a burst.
    fn burst(self) -> (Duration, usize) {
        match self {
            Self::Steady => (Duration::from_micros(1), 1),
            Self::Bursty => (Duration::from_micros(50), BURST),
            Self::Oversubscribed => (Duration::ZERO, 1),
        }
    }
}

/// Records the times of one thread.
pub(super) struct Recorder<'c> {
    clock: &'c Clock,
    pub(super) times: Times,
}

impl<'c> Recorder<'c> {
    pub(super) fn new(clock: &'c Clock) -> Self {
        Self { clock, times: Times::default() }
    }

    /// Takes `count` buffers, touches each, and gives them back.
    pub(super) fn burst<C: Contender>(
        &mut self,
        handle: &mut C::Handle,
        held: &mut Vec<C::Buffer>,
        count: usize,
    ) {
        let clock = self.clock;
        for _ in 0..count {
            let begin = clock.raw();
            let mut buffer = C::take(handle);
            let end = clock.raw();
            self.times.get.saturating_record(clock.delta_as_nanos(begin, end));
            C::touch(&mut buffer);
            held.push(buffer);
        }
        for buffer in held.drain(..) {
            let begin = clock.raw();
            C::put(handle, buffer);
            let end = clock.raw();
            self.times.give_back.saturating_record(clock.delta_as_nanos(begin, end));
        }
    }
}

/// Works in `rhythm` for `duration`.
pub fn times<C: Contender>(contender: &'static C, rhythm: Rhythm, duration: Duration) -> Times {
    let clock = Clock::new();
    let all = Mutex::new(Times::default());
    let (interval, count) = rhythm.burst();
    let job = |_| -> Job<'_> {
        Box::new(|start| {
            let mut handle = contender.handle();
            let handle = black_box(&mut handle);
            let mut held = Vec::with_capacity(BURST);
            let mut recorder = Recorder::new(&clock);
            let sample = start.timed(|| {
                let begin = clock.now();
                let mut next = begin;
                while next.duration_since(begin) < duration {
                    recorder.burst::<C>(handle, &mut held, count);
                    next = (next + interval).max(clock.now());
                    while clock.now() < next {
                        spin_loop();
                    }
                }
            });
            all.lock().expect("no thread panics").add(&recorder.times);
            sample
        })
    };
    together((0..rhythm.threads()).map(job).collect());
    all.into_inner().expect("no thread panics")
}

/// Pairs one after another, until `done`, on a thread that sometimes lets others on its core run, between
/// operations.
pub(super) fn until<C: Contender>(
    recorder: &mut Recorder<'_>,
    handle: &mut C::Handle,
    done: impl Fn() -> bool,
) {
    let mut held = Vec::with_capacity(1);
    loop {
        for _ in 0..1000 {
            recorder.burst::<C>(handle, &mut held, 1);
        }
        if done() {
            return;
        }
        yield_now();
    }
}
