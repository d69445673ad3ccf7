//! Measuring operations about as short as the clock's step.

use hdrhistogram::Histogram;
use quanta::Clock;
use serde::Serialize;

/// Times of one operation.
///
/// One operation is about as long as a step of the clock, so every second batch is timed as a whole
/// and divided, for mean and median; in the others each call is timed by itself, clock included,
/// for the tail.
pub struct Meter {
    clock: Clock,
    /// Picoseconds an operation, one sample a batch.
    batches: Histogram<u64>,
    /// Nanoseconds a call.
    calls: Histogram<u64>,
    calls_next: bool,
}

/// Up to an hour, in nanoseconds or picoseconds. Of fixed size, so that recording never allocates.
fn histogram(units_a_second: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3600 * units_a_second, 3).expect("bounds and digits are possible")
}

const NANOSECONDS: u64 = 1_000_000_000;
const PICOSECONDS: u64 = 1_000 * NANOSECONDS;

impl Meter {
    /// Nothing measured yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            batches: histogram(PICOSECONDS),
            calls: histogram(NANOSECONDS),
            calls_next: false,
        }
    }

    /// Calls `operation` up to `count` times, until it returns false.
    pub fn measure(&mut self, count: usize, mut operation: impl FnMut() -> bool) {
        self.calls_next = !self.calls_next;
        if self.calls_next {
            for _ in 0..count {
                let begin = self.clock.raw();
                let done = operation();
                let end = self.clock.raw();
                if !done {
                    return;
                }
                self.calls.saturating_record(self.clock.delta_as_nanos(begin, end));
            }
        } else {
            let begin = self.clock.raw();
            let done = (0..count).take_while(|_| operation()).count();
            let end = self.clock.raw();
            if let Some(each) =
                (self.clock.delta_as_nanos(begin, end) * 1000).checked_div(done as u64)
            {
                self.batches.saturating_record(each);
            }
        }
    }

    /// Adds what another meter measured.
    pub fn add(&mut self, other: &Self) {
        // The bounds are the same, so adding cannot fail.
        let _ = self.batches.add(&other.batches);
        let _ = self.calls.add(&other.calls);
    }

    /// What was measured.
    pub fn summary(&self) -> Summary {
        let tail = Summary::of(&self.calls);
        Summary {
            samples: self.calls.len() + self.batches.len(),
            mean_ns: self.batches.mean() / 1000.0,
            p50_ns: self.batches.value_at_quantile(0.5) as f64 / 1000.0,
            ..tail
        }
    }
}

/// Times of something much longer than the clock's step, one sample each.
pub struct Durations(Histogram<u64>);

impl Durations {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self(histogram(NANOSECONDS))
    }

    /// Adds one duration.
    pub fn record(&mut self, duration: std::time::Duration) {
        self.0.saturating_record(duration.as_nanos() as u64);
    }

    /// Adds what was measured elsewhere.
    pub fn add(&mut self, other: &Self) {
        // The bounds are the same, so adding cannot fail.
        let _ = self.0.add(&other.0);
    }

    /// What was measured.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.0)
    }
}

/// Nanoseconds; all 0 if there were no samples.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Summary {
    pub samples: u64,
    pub mean_ns: f64,
    pub p50_ns: f64,
    pub p99_ns: f64,
    pub p999_ns: f64,
    pub max_ns: f64,
}

impl Summary {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64;
        Self {
            samples: histogram.len(),
            mean_ns: histogram.mean(),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: histogram.max() as f64,
        }
    }
}

/// What one step of the clock and one reading of it take, in nanoseconds.
pub fn clock_facts(clock: &Clock) -> (u64, f64) {
    let step = (0..10_000).filter_map(|_| {
        let (first, second) = (clock.raw(), clock.raw());
        Some(clock.delta_as_nanos(first, second)).filter(|&step| step > 0)
    });
    let step = step.min().unwrap_or(0);
    let readings = 10_000;
    let begin = clock.raw();
    for _ in 0..readings {
        std::hint::black_box(clock.raw());
    }
    (step, clock.delta_as_nanos(begin, clock.raw()) as f64 / f64::from(readings))
}

#[cfg(test)]
mod tests {
    use super::{Durations, Meter};
    use quanta::Clock;
    use std::time::Duration;

    #[test]
    fn batches_give_the_mean_and_calls_the_tail() {
        let (clock, mock) = Clock::mock();
        let mut meter = Meter::new(&clock);
        let mut take = |nanos: u64, count: usize| {
            meter.measure(count, || {
                mock.increment(nanos);
                true
            });
        };
        take(1000, 10); // call by call
        take(7, 10); // as a batch
        let summary = meter.summary();
        // A histogram keeps three digits.
        let close = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert!(close(summary.mean_ns, 7.0) && close(summary.p50_ns, 7.0), "{summary:?}");
        assert!(close(summary.max_ns, 1000.0), "{summary:?}");
        assert_eq!(summary.samples, 11);
    }

    #[test]
    fn an_operation_that_fails_is_not_measured() {
        let (clock, _mock) = Clock::mock();
        let mut meter = Meter::new(&clock);
        meter.measure(5, || false);
        meter.measure(5, || false);
        let summary = meter.summary();
        assert_eq!((summary.samples, summary.mean_ns, summary.max_ns), (0, 0.0, 0.0));
    }

    #[test]
    fn durations_add_up() {
        let (mut all, mut more) = (Durations::new(), Durations::new());
        all.record(Duration::from_nanos(10));
        more.record(Duration::from_nanos(30));
        all.add(&more);
        let summary = all.summary();
        assert_eq!((summary.samples, summary.mean_ns, summary.max_ns), (2, 20.0, 30.0));
    }
}
