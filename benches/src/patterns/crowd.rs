//! Times of single operations with many more threads than cores.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use quanta::Clock;

use crate::peers::Contender;
use crate::schedule::{Job, crowd, together};
use crate::stopwatch::{Stopwatch, histogram};

/// Times of single operations, of all threads together.
#[derive(Debug)]
pub struct Tail {
    /// Every time, in nanoseconds.
    pub times: Histogram<u64>,
    /// The longest time that an operation was on the processor, in nanoseconds: the time for which the system
    /// took a thread off the processor is not the pool's.
    pub worst_on_processor: u64,
}

/// Pairs on many more threads than cores for `duration`, each get and each give-back timed.
pub fn tail<C: Contender>(contender: &'static C, duration: Duration) -> Tail {
    let clock = Clock::new();
    let all = Mutex::new(Tail { times: histogram(), worst_on_processor: 0 });
    let job = |_| -> Job<'_> {
        Box::new(|start| {
            let mut handle = contender.handle();
            let handle = black_box(&mut handle);
            let mut stopwatch = Stopwatch::new(&clock);
            let sample = start.timed(|| {
                let begin = Instant::now();
                while begin.elapsed() < duration {
                    for _ in 0..64 {
                        let mut buffer = stopwatch.time(|| C::take(handle));
                        C::touch(&mut buffer);
                        stopwatch.time(|| C::put(handle, buffer));
                    }
                }
            });
            let mut all = all.lock().expect("no thread panics");
            all.times.add(&stopwatch.times).expect("of the same size");
            all.worst_on_processor = all.worst_on_processor.max(stopwatch.worst_on_processor);
            sample
        })
    };
    together((0..crowd()).map(job).collect());
    all.into_inner().expect("no thread panics")
}
