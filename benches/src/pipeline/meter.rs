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
    /// Picoseconds per operation, one sample per batch.
    batches: Histogram<u64>,
    /// Nanoseconds per call.
    calls: Histogram<u64>,
    calls_next: bool,
    /// All batches together.
    batch_ns: u64,
    batch_operations: u64,
}

/// Up to an hour, in nanoseconds or picoseconds. Of fixed size, so that recording never allocates.
fn histogram(units_a_second: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3600 * units_a_second, 3).expect("bounds and digits are possible")
}

/// Memory of a stage's thread: what it measures with, and the used part of its stack.
pub fn bytes_of_thread() -> u64 {
    const STACK: usize = 8 << 10;
    let bytes = |units| histogram(units).distinct_values() * size_of::<u64>();
    (bytes(PICOSECONDS) + 2 * bytes(NANOSECONDS) + STACK) as u64
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
            batch_ns: 0,
            batch_operations: 0,
        }
    }

    /// Forgets what was measured.
    pub fn reset(&mut self) {
        self.batches.reset();
        self.calls.reset();
        (self.calls_next, self.batch_ns, self.batch_operations) = (false, 0, 0);
    }

    /// Calls `operation` up to `count` times, until it returns false.
    pub fn measure(&mut self, count: usize, mut operation: impl FnMut() -> bool) {
        if count == 0 {
            return;
        }
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
            let took = self.clock.delta_as_nanos(begin, end);
            if let Some(each) = (took * 1000).checked_div(done as u64) {
                self.batches.saturating_record(each);
                self.batch_ns += took;
                self.batch_operations += done as u64;
            }
        }
    }

    /// Adds what another meter measured.
    pub fn add(&mut self, other: &Self) {
        // The bounds are the same, so adding cannot fail.
        let _ = self.batches.add(&other.batches);
        let _ = self.calls.add(&other.calls);
        self.batch_ns += other.batch_ns;
        self.batch_operations += other.batch_operations;
    }

    /// What was measured.
    pub fn summary(&self) -> Summary {
        let (batches, calls) = (Summary::of(&self.batches), Summary::of(&self.calls));
        let operations = self.batch_operations as f64;
        Summary {
            samples: self.calls.len() + self.batch_operations,
            mean_ns: batches.mean_ns.map(|_| self.batch_ns as f64 / operations),
            p50_ns: batches.p50_ns.map(|picoseconds| picoseconds / 1000.0),
            ..calls
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

    /// Forgets what was measured.
    pub fn reset(&mut self) {
        self.0.reset();
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

/// Nanoseconds. A value with too few samples is absent: a percentile needs ten beyond it.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Summary {
    pub samples: u64,
    pub mean_ns: Option<f64>,
    pub p50_ns: Option<f64>,
    pub p99_ns: Option<f64>,
    pub p999_ns: Option<f64>,
    pub max_ns: Option<f64>,
}

impl Summary {
    fn of(histogram: &Histogram<u64>) -> Self {
        let samples = histogram.len();
        let from = |least, value: f64| (samples >= least).then_some(value);
        let at = |least, quantile| from(least, histogram.value_at_quantile(quantile) as f64);
        Self {
            samples,
            mean_ns: from(1, histogram.mean()),
            p50_ns: at(20, 0.5),
            p99_ns: at(1_000, 0.99),
            p999_ns: at(10_000, 0.999),
            max_ns: from(1, histogram.max() as f64),
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
        for _ in 0..10 {
            take(1000, 1); // call by call
            take(7, 32); // as a batch
        }
        for _ in 0..10 {
            take(1000, 1);
            take(100, 1);
        }
        let summary = meter.summary();
        // A histogram keeps three digits.
        let close = |value: Option<f64>, expected: f64| {
            value.is_some_and(|value| (value / expected - 1.0).abs() < 0.002)
        };
        // Every operation counts the same for the mean, every batch for the median.
        assert!(close(summary.mean_ns, (7.0 * 320.0 + 100.0 * 10.0) / 330.0), "{summary:?}");
        assert!(close(summary.p50_ns, 7.0), "{summary:?}");
        assert!(close(summary.max_ns, 1000.0), "{summary:?}");
        assert_eq!((summary.samples, summary.p99_ns), (20 + 330, None));
    }

    #[test]
    fn an_operation_that_fails_is_not_measured() {
        let (clock, _mock) = Clock::mock();
        let mut meter = Meter::new(&clock);
        meter.measure(5, || false);
        meter.measure(5, || false);
        let summary = meter.summary();
        assert_eq!((summary.samples, summary.mean_ns, summary.max_ns), (0, None, None));
    }

    #[test]
    fn durations_add_up() {
        let (mut all, mut more) = (Durations::new(), Durations::new());
        all.record(Duration::from_nanos(10));
        more.record(Duration::from_nanos(30));
        all.add(&more);
        let summary = all.summary();
        assert_eq!((summary.samples, summary.mean_ns, summary.max_ns), (2, Some(20.0), Some(30.0)));
    }
}
