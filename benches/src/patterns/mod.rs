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

/// Does something that many times, and says how long it took.
///
/// Handles are made, and caches warmed, before the time begins. Bursts make multiples of
/// [`BURST`](crate::peers::BURST): the number is rounded up to one.
pub type Work = Box<dyn FnMut(u64) -> Sample>;

/// As many times as are enough to warm up for `count` times.
fn warm_up(count: u64) -> u64 {
    count / 8
}

/// Tries until it succeeds; gives the processor away when that lasts.
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
