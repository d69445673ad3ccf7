//! What is done with a pool, or a queue, while it is measured.

mod channel;
pub mod crowd;
pub mod latency;
pub mod occupied;
pub mod pairs;
#[cfg(unix)]
pub mod pause;
pub mod producer_consumer;
mod random;
pub mod round_trip;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crossbeam::utils::Backoff;

use crate::schedule::Sample;

/// Does something that many times, and returns how long it took.
///
/// Handles are made, and caches warmed, before the time begins. Bursts need multiples of
/// [`BURST`](crate::peers::BURST), so they round the number up.
pub type Work = Box<dyn FnMut(u64) -> Sample>;

/// The number of repetitions that warms up for `count`.
fn warm_up(count: u64) -> u64 {
    count / 8
}

/// Retries until it succeeds; yields the processor if that takes long.
fn wait<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let backoff = Backoff::new();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        backoff.snooze();
    }
}

/// Nanoseconds, fractions included.
pub fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
