//! Performance targets, for a report only: no test depends on them.

use blockpool_benches::interleave::{Group, Summary};
use blockpool_benches::markdown::{figure, table};
use blockpool_benches::peers::BASELINE;
use blockpool_benches::peers::all::{JEMALLOC, MALLOC, POOL_NAME};
use blockpool_benches::queues;

use crate::columns::*;

/// A figure that should be at most `at_most` times another one.
struct Target {
    column: &'static str,
    contender: &'static str,
    at_most: f64,
    /// Column and contender of the other figure.
    than: (&'static str, &'static str),
}

const fn target(
    column: &'static str,
    contender: &'static str,
    at_most: f64,
    than: (&'static str, &'static str),
) -> Target {
    Target { column, contender, at_most, than }
}

const CORE_LOCAL: &str = "`blockpool_core::LocalPool`";
const POOL: &str = POOL_NAME;
const STD_LOCAL: &str = "`blockpool::LocalPool`";
const TRANSACTIONS: &str = "`TransactionMemoryPool`";
const QUEUE: &str = "`Queue`";
const ARRAY_QUEUE: &str = queues::BASELINE;
const CORE_WHOLE: &str = "`LocalPool` and `Queue`";
const ARRAY_QUEUE_WHOLE: &str = "`LocalPool` and `ArrayQueue`";

const TARGETS: &[Target] = &[
    target(PAIR, CORE_LOCAL, 0.1, (PAIR, BASELINE)),
    target(PAIR, CORE_LOCAL, 0.25, (PAIR, JEMALLOC)),
    target(PAIR, CORE_LOCAL, 1.2, (PAIR, "vector of blocks")),
    target(PAIR, POOL, 1.1, (PAIR, "2 atomic read-modify-writes")),
    target(PAIR, POOL, 0.95, (PAIR, BASELINE)),
    target(PAIR, STD_LOCAL, 0.2, (PAIR, BASELINE)),
    target(PAIR, STD_LOCAL, 0.6, (PAIR, JEMALLOC)),
    target(PAIR, STD_LOCAL, 1.2, (PAIR, "vector of byte vectors")),
    target(PAIR, TRANSACTIONS, 1.1, (PAIR, BASELINE)),
    target(PAIR, TRANSACTIONS, 0.5, (PAIR, "the original implementation")),
    target(PAIR, TRANSACTIONS, 1.0, (PAIR, MALLOC)),
    target(BURST, CORE_LOCAL, 0.15, (BURST, BASELINE)),
    target(BURST, CORE_LOCAL, 0.05, (BURST, JEMALLOC)),
    target(TWO_THREADS, CORE_LOCAL, 1.1, (PAIR, CORE_LOCAL)),
    target(TWO_THREADS, POOL, 1.1, (PAIR, POOL)),
    target(TWO_THREADS, POOL, 0.3, (TWO_THREADS, BASELINE)),
    target(TWO_THREADS, POOL, 0.1, (TWO_THREADS, "`heapless::mpmc`")),
    target(HAND_OVER, CORE_LOCAL, 0.25, (HAND_OVER, BASELINE)),
    target(HAND_OVER, POOL, 1.0, (HAND_OVER, BASELINE)),
    target(HAND_OVER_BATCHES, CORE_LOCAL, 0.6, (HAND_OVER_BATCHES, BASELINE)),
    target(ROUND_TRIP, QUEUE, 1.7, (ROUND_TRIP, "2 atomic read-modify-writes")),
    target(ROUND_TRIP, QUEUE, 0.9, (ROUND_TRIP, ARRAY_QUEUE)),
    target(ROUND_TRIP_BACKLOG, QUEUE, 0.9, (ROUND_TRIP_BACKLOG, ARRAY_QUEUE)),
    target(THERE_AND_BACK, QUEUE, 1.0, (THERE_AND_BACK, ARRAY_QUEUE)),
    target(THERE_AND_BACK_BURSTS, QUEUE, 0.15, (THERE_AND_BACK_BURSTS, ARRAY_QUEUE)),
    target(ROUND_TRIP_TWO, QUEUE, 1.0, (ROUND_TRIP_TWO, ARRAY_QUEUE)),
    target(WHOLE, CORE_WHOLE, 1.0, (WHOLE, ARRAY_QUEUE_WHOLE)),
    target(WHOLE_BATCHES, CORE_WHOLE, 0.8, (WHOLE_BATCHES, ARRAY_QUEUE_WHOLE)),
    target(MANY, CORE_LOCAL, 0.05, (MANY, BASELINE)),
    target(MANY, POOL, 0.3, (MANY, BASELINE)),
    target(MANY_P9999, CORE_LOCAL, 0.3, (MANY_P9999, BASELINE)),
    target(MANY_P9999, POOL, 0.3, (MANY_P9999, BASELINE)),
    target(MANY_WORST, CORE_LOCAL, 0.1, (MANY_WORST, BASELINE)),
    target(MANY_WORST, POOL, 0.1, (MANY_WORST, BASELINE)),
    target(CHURN_99, CORE_LOCAL, 1.3, (CHURN_50, CORE_LOCAL)),
    target(CHURN_99, POOL, 2.0, (CHURN_50, POOL)),
    target(LARGE_CHURN_99, CORE_LOCAL, 1.3, (LARGE_CHURN_50, CORE_LOCAL)),
    target(LARGE_CHURN_50, POOL, 0.9, (LARGE_CHURN_50, BASELINE)),
    target(LARGE_CHURN_99, POOL, 1.5, (LARGE_CHURN_99, BASELINE)),
    target(EXHAUSTED, POOL, 2.0, (PAIR, POOL)),
    target(LARGE_EXHAUSTED, POOL, 2.0, (PAIR, POOL)),
];

/// The samples of a contender in a column.
pub(crate) fn samples(groups: &[Group], column: &str, contender: &str) -> Option<Vec<f64>> {
    groups.iter().find_map(|group| group.samples(column, contender))
}

/// The result for each target whose figures were measured, if there are any.
pub(crate) fn verdict(groups: &[Group]) -> Option<String> {
    let rows: Vec<_> = TARGETS
        .iter()
        .filter_map(|target| {
            let ours = samples(groups, target.column, target.contender)?;
            let theirs = samples(groups, target.than.0, target.than.1)?;
            let ratio = Summary::of_ratios(&ours, &theirs);
            let than = match target.than {
                (column, contender) if column == target.column => contender.to_owned(),
                (column, contender) if contender == target.contender => format!("itself, {column}"),
                (column, contender) => format!("{contender}, {column}"),
            };
            Some(vec![
                target.column.to_owned(),
                target.contender.to_owned(),
                than,
                format!(
                    "{} [{}-{}]",
                    figure(ratio.median),
                    figure(ratio.least),
                    figure(ratio.greatest)
                ),
                format!("{}", target.at_most),
                if ratio.median <= target.at_most { "yes" } else { "no" }.to_owned(),
            ])
        })
        .collect();
    let head = ["what", "ours", "compared with", "ratio [spread]", "at most", "met"];
    (!rows.is_empty()).then(|| table(&head, rows))
}
