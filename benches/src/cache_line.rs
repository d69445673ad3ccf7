//! What it costs to pass something on: how long a cache line takes from one core to another.

use std::hint::spin_loop;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Instant;

use crossbeam::utils::CachePadded;

/// Longer than between two threads of one core, and shorter than between two cores.
const FAR_FROM: f64 = 30.0;

const SAMPLES: usize = 25;
const ROUND_TRIPS: u64 = 200;
/// Then the other thread may be waiting for this core.
const MOST_SPINS: u32 = 10_000;

/// How long a cache line takes from the core of one thread to that of another, in nanoseconds: the median of
/// many short runs. `None` if there is only one core.
///
/// One thread writes a number, the other waits for it and writes the next.
#[must_use]
pub fn transfer() -> Option<f64> {
    if thread::available_parallelism().map_or(1, std::num::NonZero::get) < 2 {
        return None;
    }
    let line = CachePadded::new(AtomicU64::new(0));
    let last = 2 * ROUND_TRIPS * SAMPLES as u64;
    let mut samples = [0.0; SAMPLES];
    thread::scope(|scope| {
        // It writes every even number.
        scope.spawn(|| (1..last).step_by(2).for_each(|number| answer(&line, number)));
        let mut written = 0;
        for sample in &mut samples {
            let begin = Instant::now();
            for _ in 0..ROUND_TRIPS {
                // 0 is there already.
                if written == 0 {
                    line.store(1, Release);
                } else {
                    answer(&line, written);
                }
                written += 2;
            }
            *sample = begin.elapsed().as_secs_f64() * 1e9 / (2 * ROUND_TRIPS) as f64;
        }
    });
    samples.sort_by(f64::total_cmp);
    Some(samples[SAMPLES / 2])
}

/// Waits for a number, and writes the next.
fn answer(line: &AtomicU64, number: u64) {
    let mut spins = 0;
    while line.load(Acquire) != number {
        if spins < MOST_SPINS {
            spins += 1;
            spin_loop();
        } else {
            thread::yield_now();
        }
    }
    line.store(number + 1, Release);
}

/// As people compare it: two threads of one core have its caches in common, which makes all that passes between
/// threads several times as fast.
#[must_use]
pub fn describe(transfer: f64) -> String {
    let distance = if transfer < FAR_FROM { "near" } else { "far" };
    format!("{transfer:.0} ns, {distance}")
}

#[cfg(test)]
mod tests {
    use super::{describe, transfer};

    #[test]
    fn a_line_takes_some_time() {
        if let Some(transfer) = transfer() {
            assert!(transfer > 0.0);
        }
    }

    #[test]
    fn cores_are_near_or_far() {
        assert_eq!(describe(12.4), "12 ns, near");
        assert_eq!(describe(61.0), "61 ns, far");
    }
}
