//! The scenarios. In each, threads act at random; what they find has to fit the promises.

mod adapter;
mod pool;
mod queue;
mod set;

/// What threads do in one execution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

macro_rules! scenarios {
    ($($name:literal: $run:expr,)+) => {
        [$(Scenario { name: $name, run: || $run },)+]
    };
}

/// For `Words::WITHOUT_SUMMARY`: every word is read, or the summary first.
const WORDS: usize = usize::MAX;
const SUMMARY: usize = 0;

/// Blocks of that many bytes have their data ranges in the pool, not in the queue.
const LARGE: usize = 1 << 14;

pub(crate) fn all() -> [Scenario; 20] {
    scenarios! {
        "set/one-word": set::linearizable::<64, 2, WORDS>(3, 8),
        "set/one-word-with-4-threads": set::linearizable::<64, 3, WORDS>(4, 6),
        "set/words": set::linearizable::<192, 1, WORDS>(3, 8),
        "set/summary": set::linearizable::<192, 1, SUMMARY>(3, 8),
        "set/summary-with-4-threads": set::linearizable::<128, 2, SUMMARY>(4, 6),
        "pool/one-word": pool::everything::<64, 5, WORDS>(3, 16),
        "pool/words": pool::everything::<128, 2, WORDS>(4, 10),
        "pool/summary": pool::everything::<192, 2, SUMMARY>(3, 16),
        "adapter/shared": adapter::everything(3, 10, 4, false),
        "adapter/local": adapter::everything(3, 10, 24, true),
        "adapter/stock-limits": adapter::stock_limits(3, 4),
        "queue/1-block": queue::linearizable::<8, 1>(3, 7, None),
        "queue/3-blocks": queue::linearizable::<8, 3>(3, 7, None),
        "queue/3-large-blocks": queue::linearizable::<LARGE, 3>(3, 7, None),
        "queue/6-blocks-4-threads": queue::linearizable::<8, 6>(4, 6, None),
        "queue/2-blocks-over-the-wrap": queue::linearizable::<8, 2>(3, 8, Some(1)),
        "queue/3-blocks-over-the-wrap": queue::linearizable::<8, 3>(3, 8, Some(1)),
        "queue/2-large-blocks-over-the-wrap": queue::linearizable::<LARGE, 2>(3, 8, Some(1)),
        "queue/order": queue::order::<8, 5>(12, None),
        "queue/order-over-the-wrap": queue::order::<8, 3>(12, Some(2)),
    }
}
