//! Measures contenders in turns, so that a temporary slowdown of the machine affects all of them.

use std::time::Duration;

use crate::patterns::{Work, nanoseconds};
use crate::peers::BURST;

/// The minimum share of its time that a thread must spend on the processor.
const UNDISTURBED: f64 = 0.97;

/// Attempts at an undisturbed sample.
const ATTEMPTS: usize = 5;

/// Takes one sample: a value for each column of its group.
pub type Measure = Box<dyn FnMut() -> Vec<f64>>;

/// A contender in a group, and its samples so far, one for each round.
pub struct Series {
    pub contender: &'static str,
    measure: Measure,
    /// A row for each round, a value for each column.
    samples: Vec<Vec<f64>>,
}

/// Contenders that do the same.
#[derive(Default)]
pub struct Group {
    /// What its values mean.
    pub columns: Vec<&'static str>,
    pub series: Vec<Series>,
}

impl Group {
    /// A group without contenders.
    #[must_use]
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.into(), series: Vec::new() }
    }

    /// Adds a contender.
    pub fn add(&mut self, contender: &'static str, measure: Measure) {
        self.series.push(Series { contender, measure, samples: Vec::new() });
    }

    /// The samples of a contender in a column, one for each round.
    #[must_use]
    pub fn samples(&self, column: &str, contender: &str) -> Option<Vec<f64>> {
        let column = self.columns.iter().position(|&name| name == column)?;
        let series = self.series.iter().find(|series| series.contender == contender)?;
        Some(series.samples.iter().map(|sample| sample[column]).collect())
    }
}

/// Takes a sample of every contender of every group in each of the `rounds`. Each round starts with another
/// contender of a group.
pub fn run(groups: &mut [Group], rounds: usize, mut progress: impl FnMut(&str)) {
    for round in 0..rounds {
        for group in &mut *groups {
            progress(&format!("round {} of {rounds}: {}", round + 1, group.columns.join(", ")));
            let count = group.series.len();
            for turn in 0..count {
                let series = &mut group.series[(turn + round) % count];
                let sample = (series.measure)();
                series.samples.push(sample);
            }
        }
    }
}

/// Samples of `work` that take about `time` each, in nanoseconds per repetition.
pub fn calibrated(mut work: Work, time: Duration) -> Measure {
    let mut count = 0;
    Box::new(move || {
        if count == 0 {
            count = calibrate(&mut work, time);
        }
        let mut best = work(count);
        for _ in 1..ATTEMPTS {
            if best.on_processor >= UNDISTURBED {
                break;
            }
            let again = work(count);
            if again.on_processor > best.on_processor {
                best = again;
            }
        }
        vec![nanoseconds(best.time()) / count as f64]
    })
}

/// How often `work` can be done in `time`, in full bursts.
fn calibrate(work: &mut Work, time: Duration) -> u64 {
    const BURST: u64 = self::BURST as u64;
    // At most 2^40, for work that the compiler has optimised away.
    let mut count = BURST;
    while count < 1 << 40 {
        let taken = work(count).time();
        if taken >= time / 4 {
            let wanted = count as f64 * time.as_secs_f64() / taken.as_secs_f64();
            return (wanted as u64).next_multiple_of(BURST);
        }
        count *= 4;
    }
    count
}

/// The median of several values, and their spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Summary {
    /// Summarises at least one value.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self {
            median: f64::midpoint(low, high),
            least: sorted[0],
            greatest: sorted[sorted.len() - 1],
        }
    }

    /// Summarises the ratios in each round.
    #[must_use]
    pub fn of_ratios(values: &[f64], baseline: &[f64]) -> Self {
        let ratios: Vec<_> =
            values.iter().zip(baseline).map(|(value, base)| value / base).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    use super::{Group, Summary, calibrated, run};
    use crate::schedule::Sample;

    #[test]
    fn median_and_spread_of_odd_and_even_numbers_of_values() {
        let of = |values: &[f64]| {
            let Summary { median, least, greatest } = Summary::of(values);
            (median, least, greatest)
        };
        assert_eq!(of(&[3.0]), (3.0, 3.0, 3.0));
        assert_eq!(of(&[9.0, 1.0, 2.0]), (2.0, 1.0, 9.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), (3.0, 1.0, 9.0));
    }

    #[test]
    fn a_ratio_is_to_the_baseline_of_the_same_round() {
        let summary = Summary::of_ratios(&[10.0, 40.0, 30.0], &[10.0, 20.0, 10.0]);
        assert_eq!(summary, Summary { median: 2.0, least: 1.0, greatest: 3.0 });
    }

    #[test]
    fn each_round_measures_every_contender_and_begins_with_another() {
        let calls = Rc::new(RefCell::new(String::new()));
        let mut group = Group::new(&["column"]);
        for name in ["a", "b", "c"] {
            let calls = Rc::clone(&calls);
            group.add(
                name,
                Box::new(move || {
                    calls.borrow_mut().push_str(name);
                    vec![calls.borrow().len() as f64]
                }),
            );
        }
        run(std::slice::from_mut(&mut group), 4, |_| ());
        assert_eq!(*calls.borrow(), "abcbcacababc");
        assert_eq!(group.samples("column", "a"), Some(vec![1.0, 6.0, 8.0, 10.0]));
        assert_eq!(group.samples("other", "a"), None);
        assert_eq!(group.samples("column", "d"), None);
    }

    #[test]
    fn a_disturbed_sample_is_taken_again_and_the_least_disturbed_counts() {
        let shares = RefCell::new(vec![0.5, 0.9, 0.7, 0.2, 0.1, 1.0]);
        let mut measure = calibrated(
            Box::new(move |count| {
                let on_processor = shares.borrow_mut().pop().expect("no sixth attempt");
                let time = Duration::from_nanos((count as f64 * (2.0 - on_processor)) as u64);
                let begin = Instant::now();
                Sample { begin, end: begin + time, on_processor }
            }),
            Duration::from_nanos(32),
        );
        let value = measure()[0];
        assert!((value - 1.1).abs() < 0.05, "{value}");
    }
}
