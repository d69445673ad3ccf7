//! Queues that carry blocks between threads: one trait, one `impl` for each.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, Queue};
use crossbeam::queue::{ArrayQueue, SegQueue};
use crossbeam::utils::CachePadded;
use heapless::mpmc;

use crate::peers::{Burst, COUNT};

/// A queue for any number of threads. It lives as long as the program.
pub trait HandOff<T>: Sync + 'static {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// What it lacks compared with others. Empty if nothing is known.
    fn less(&self) -> String {
        String::new()
    }

    /// Adds an item at the end.
    fn push(&self, item: T);

    /// Takes the oldest item, or nothing if the queue seems empty.
    fn pop(&self) -> Option<T>;

    /// Adds all items of a burst, in order.
    fn push_burst(&self, burst: &mut Burst<T>) {
        burst.drain(..).for_each(|item| self.push(item));
    }

    /// Takes items until the burst is full or the queue seems empty.
    fn pop_burst(&self, burst: &mut Burst<T>) {
        while !burst.is_full() {
            let Some(item) = self.pop() else { return };
            let _ = burst.push(item);
        }
    }
}

impl<S: Storage + 'static> HandOff<Block<'static, BlockPool<S>>> for Queue<'static, BlockPool<S>>
where
    Self: Sync,
{
    fn name(&self) -> &'static str {
        "`Queue`"
    }

    fn less(&self) -> String {
        "for the blocks of one pool; a push cannot fail".into()
    }

    fn push(&self, block: Block<'static, BlockPool<S>>) {
        Queue::push(self, block).expect("a block of its pool");
    }

    fn pop(&self) -> Option<Block<'static, BlockPool<S>>> {
        Queue::pop(self)
    }

    fn push_burst(&self, burst: &mut Burst<Block<'static, BlockPool<S>>>) {
        Queue::push_burst(self, burst);
    }

    fn pop_burst(&self, burst: &mut Burst<Block<'static, BlockPool<S>>>) {
        Queue::pop_burst(self, burst);
    }
}

/// The name of the baseline that all others are compared with.
pub const BASELINE: &str = "crossbeam `ArrayQueue`";

impl<T: Send + 'static> HandOff<T> for ArrayQueue<T> {
    fn name(&self) -> &'static str {
        BASELINE
    }

    fn less(&self) -> String {
        "spins while another thread is preempted inside".into()
    }

    fn push(&self, item: T) {
        assert!(ArrayQueue::push(self, item).is_ok(), "there is room for all items");
    }

    fn pop(&self) -> Option<T> {
        ArrayQueue::pop(self)
    }
}

impl<T: Send + 'static> HandOff<T> for SegQueue<T> {
    fn name(&self) -> &'static str {
        "crossbeam `SegQueue`"
    }

    fn less(&self) -> String {
        "no bound; allocates; spins while another thread is preempted inside".into()
    }

    fn push(&self, item: T) {
        SegQueue::push(self, item);
    }

    fn pop(&self) -> Option<T> {
        SegQueue::pop(self)
    }
}

/// `heapless::mpmc`, deprecated.
pub struct Refusing<T> {
    queue: mpmc::Queue<T, COUNT>,
    refused: AtomicU64,
}

impl<T> fmt::Debug for Refusing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusing").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl<T> Default for Refusing<T> {
    fn default() -> Self {
        #[expect(deprecated, reason = "what is usually tried first, so it is measured")]
        let queue = mpmc::Queue::new();
        Self { queue, refused: AtomicU64::new(0) }
    }
}

impl<T: Send + 'static> HandOff<T> for Refusing<T> {
    fn name(&self) -> &'static str {
        "`heapless::mpmc`"
    }

    fn less(&self) -> String {
        let refused = self.refused.load(Ordering::Relaxed);
        format!(
            "refuses while another thread is inside: {refused} pushes, though it was never full"
        )
    }

    fn push(&self, mut item: T) {
        while let Err(refused) = self.queue.enqueue(item) {
            item = refused;
            self.refused.fetch_add(1, Ordering::Relaxed);
            std::hint::spin_loop();
        }
    }

    fn pop(&self) -> Option<T> {
        self.queue.dequeue()
    }
}

/// Two atomic read-modify-writes, one for a push and one for a pop.
#[derive(Debug, Default)]
pub struct TwoAtomicOperations(CachePadded<AtomicUsize>);

impl HandOff<()> for TwoAtomicOperations {
    fn name(&self) -> &'static str {
        "2 atomic read-modify-writes"
    }

    fn less(&self) -> String {
        "no queue".into()
    }

    fn push(&self, (): ()) {
        self.0.fetch_or(1, Ordering::Release);
    }

    fn pop(&self) -> Option<()> {
        self.0.fetch_and(!1, Ordering::Acquire);
        Some(())
    }
}
