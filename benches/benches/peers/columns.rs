//! What is measured, by the names that appear in the tables and that a filter is matched against.

pub(crate) const PAIR: &str = "one thread";
pub(crate) const BURST: &str = "one thread, bursts of 32";
pub(crate) const TWO_THREADS: &str = "two threads";
pub(crate) const HAND_OVER: &str = "producer to consumer";
pub(crate) const HAND_OVER_BATCHES: &str = "producer to consumer, batches of 32";

pub(crate) const MANY: &str = "many threads: ns a pair, all together";
pub(crate) const MANY_P9999: &str = "p99.99 of an operation, ns";
pub(crate) const MANY_WORST: &str = "longest operation on the processor, µs";

pub(crate) const CHURN_50: &str = "50 % of 1,024 out";
pub(crate) const CHURN_99: &str = "99 % of 1,024 out";
pub(crate) const LARGE_CHURN_50: &str = "50 % of 65,536 out";
pub(crate) const LARGE_CHURN_99: &str = "99 % of 65,536 out";
pub(crate) const EXHAUSTED: &str = "get, all 1,024 out";
pub(crate) const LARGE_EXHAUSTED: &str = "get, all 65,536 out";

pub(crate) const ROUND_TRIP: &str = "push and pop, one thread";
pub(crate) const ROUND_TRIP_BACKLOG: &str = "the same, 32 before it in the queue";
pub(crate) const THERE_AND_BACK: &str = "from thread to thread and back, each way";
pub(crate) const THERE_AND_BACK_BURSTS: &str =
    "from thread to thread and back, each way, bursts of 32";
pub(crate) const ROUND_TRIP_TWO: &str = "push and pop, two threads";
pub(crate) const ROUND_TRIP_MANY: &str = "push and pop, many threads, all together";

pub(crate) const WHOLE: &str = "take, push, pop, give back";
pub(crate) const WHOLE_BATCHES: &str = "take, push, pop, give back, batches of 32";
