//! Times single operations, and how much of the longest one its thread spent on the processor.

use std::time::Instant;

use hdrhistogram::Histogram;
use quanta::Clock;

use crate::schedule::thread_time;

/// Longer than any operation that is not interrupted, shorter than any interruption by another
/// thread.
const LONG_NS: u64 = 10_000;

/// Up to a minute, in nanoseconds. Of fixed size, so that recording never allocates.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds and digits are possible")
}

/// Times the operations of one thread. Every time includes the stopwatch's own cost.
#[derive(Debug)]
pub struct Stopwatch {
    clock: Clock,
    /// Every time, in nanoseconds, whether the thread was on the processor or not.
    pub times: Histogram<u64>,
    /// The longest time on the processor, in nanoseconds.
    pub worst_on_processor: u64,
    epoch: Instant,
    /// How long the thread had been off the processor when this was last checked.
    off_ns: u64,
    /// The end of the last operation.
    last: u64,
}

impl Stopwatch {
    /// A stopwatch for the calling thread.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let mut stopwatch = Self {
            clock: clock.clone(),
            times: histogram(),
            worst_on_processor: 0,
            epoch: Instant::now(),
            off_ns: 0,
            last: clock.raw(),
        };
        stopwatch.off_ns = stopwatch.off_processor();
        stopwatch
    }

    /// How long the thread has been off the processor, up to a constant.
    fn off_processor(&self) -> u64 {
        // One more day, for a thread that had already run for a while when the stopwatch was made.
        const DAY_NS: u64 = 86_400_000_000_000;
        let on = thread_time().as_nanos() as u64;
        (self.epoch.elapsed().as_nanos() as u64 + DAY_NS).saturating_sub(on)
    }

    /// Runs and times an operation.
    #[inline]
    pub fn time<R>(&mut self, operation: impl FnOnce() -> R) -> R {
        let begin = self.clock.raw();
        let result = operation();
        let end = self.clock.raw();
        let time = self.clock.delta_as_nanos(begin, end);
        self.times.saturating_record(time);
        if time > LONG_NS {
            self.note_long(time);
        } else if self.clock.delta_as_nanos(self.last, begin) > LONG_NS {
            self.off_ns = self.off_processor();
        } else {
            self.worst_on_processor = self.worst_on_processor.max(time);
        }
        self.last = self.clock.raw();
        result
    }

    /// Subtracts from a long time the part that the thread spent off the processor.
    #[cold]
    fn note_long(&mut self, time: u64) {
        let off = self.off_processor();
        let on = time.saturating_sub(off.saturating_sub(self.off_ns));
        self.off_ns = off;
        self.worst_on_processor = self.worst_on_processor.max(on);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quanta::Clock;

    use super::{Stopwatch, thread_time};

    #[test]
    fn sleep_is_time_but_not_on_the_processor() {
        let mut stopwatch = Stopwatch::new(&Clock::new());
        stopwatch.time(|| std::thread::sleep(Duration::from_millis(50)));
        assert!(stopwatch.times.max() >= 50_000_000);
        if cfg!(target_os = "linux") {
            assert!(stopwatch.worst_on_processor < 40_000_000);
        }
        stopwatch.time(|| {
            let begin = thread_time();
            while thread_time() - begin < Duration::from_millis(2) {}
        });
        assert_eq!(stopwatch.times.len(), 2);
        assert!(stopwatch.worst_on_processor > 1_000_000);
    }
}
