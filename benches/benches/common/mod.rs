//! What the criterion benches share: every contender of a list, in every pattern.

use std::time::Duration;

use blockpool_benches::patterns::{Work, pairs};
use blockpool_benches::peers::{BURST, Contender, Threads, Visitor};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

/// Short enough that all benches of the project finish within minutes.
pub(crate) fn config() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

/// Measures contenders in one group.
struct Group<'g, 'c> {
    group: &'g mut BenchmarkGroup<'c, WallTime>,
    work: Pattern,
}

/// What to do with a contender.
#[derive(Debug, Clone, Copy)]
enum Pattern {
    OneThread,
    Burst,
    TwoThreads,
}

impl Visitor for Group<'_, '_> {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender: &'static C = Box::leak(Box::new(contender));
        let mut work: Work = match self.work {
            Pattern::OneThread => pairs::one_thread(contender),
            Pattern::Burst => pairs::burst(contender),
            Pattern::TwoThreads if contender.refuses(Threads::Alike).is_some() => return,
            Pattern::TwoThreads => pairs::two_threads(contender),
        };
        self.group.bench_function(contender.name(), |bencher| {
            bencher.iter_custom(|count| {
                // Runs whole bursts, and scales the time to the number of buffers that criterion asked for.
                let whole = count.next_multiple_of(BURST as u64);
                work(whole).time().mul_f64(count as f64 / whole as f64)
            });
        });
    }
}

/// A list of contenders of any type.
pub(crate) trait Contenders {
    /// Visits each contender.
    fn visit(&self, visitor: &mut impl Visitor);
}

/// Measures each contender of a list in each pattern; the time is per buffer.
pub(crate) fn measure(criterion: &mut Criterion, contenders: &impl Contenders) {
    for (title, work) in [
        ("get and give back", Pattern::OneThread),
        ("get and give back, bursts of 32, each", Pattern::Burst),
        ("get and give back, two threads", Pattern::TwoThreads),
    ] {
        let mut group = criterion.benchmark_group(title);
        contenders.visit(&mut Group { group: &mut group, work });
        group.finish();
    }
}
