//! The obvious design, a bare `heapless::mpmc::Queue` of block indices, loses blocks. This project's free
//! lists do not: under the same load, no block is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use blockpool_core::storage::{AllFree, Bitmap, FreeList, FreeListKind, HeaplessQueue, SpinStack};

use crate::harness::scope;

const THREADS: usize = 8;
const COUNT: usize = 64;
const PAIRS: usize = 2_000;

/// A free list whose give-back may be refused.
trait MayRefuse: Sync {
    fn take(&self) -> Option<u32>;
    fn give_back(&self, index: u32) -> Result<(), u32>;
}

impl MayRefuse for heapless::mpmc::Queue<u32, COUNT> {
    fn take(&self) -> Option<u32> {
        self.dequeue()
    }

    fn give_back(&self, index: u32) -> Result<(), u32> {
        self.enqueue(index)
    }
}

struct Whole<F>(F);

impl<F: FreeList> MayRefuse for Whole<F> {
    fn take(&self) -> Option<u32> {
        self.0.take()
    }

    fn give_back(&self, index: u32) -> Result<(), u32> {
        self.0.give_back(index);
        Ok(())
    }
}

/// Runs threads that hold at most one block each; returns how many blocks are missing afterwards.
///
/// A refused give-back is not retried: a pool that gives back on drop cannot report it.
fn lost_in_one_round(list: &impl MayRefuse) -> usize {
    let start = AtomicBool::new(false);
    scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !start.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                for _ in 0..PAIRS {
                    if let Some(index) = list.take() {
                        let _lost = list.give_back(index);
                    }
                }
            });
        }
        start.store(true, Ordering::Relaxed);
    });
    let mut left = Vec::new();
    while let Some(index) = list.take() {
        left.push(index);
    }
    for &index in &left {
        list.give_back(index).expect("nobody else is there");
    }
    COUNT - left.len()
}

/// The queue has no slot to spare, so a give-back needs the very slot whose index was taken last. While a
/// taker is between its compare-and-swap and the store that frees the slot, the give-back is refused. With
/// more threads than processors, a taker is soon preempted there; with as many processors as threads, they
/// meet there all the time. So short rounds are repeated until it happens. The bound is about a thousand
/// times what it takes.
#[test]
fn a_bare_heapless_queue_loses_blocks() {
    #[expect(deprecated, reason = "the test shows why it is")]
    let queue = heapless::mpmc::Queue::<u32, COUNT>::new();
    for index in (0..).take(COUNT) {
        queue.enqueue(index).expect("a place for each");
    }
    let begin = Instant::now();
    let mut rounds = 0;
    while lost_in_one_round(&queue) == 0 {
        rounds += 1;
        assert!(begin.elapsed() < Duration::from_secs(20), "no block was lost in {rounds} rounds");
    }
}

#[test]
fn no_free_list_loses_blocks_under_the_same_load() {
    fn check<K: FreeListKind>() {
        let list = Whole(K::List::<COUNT>::ALL_FREE);
        for round in 0..20 {
            assert_eq!(lost_in_one_round(&list), 0, "round {round}");
        }
    }
    check::<Bitmap>();
    check::<HeaplessQueue<COUNT>>();
    check::<SpinStack>();
}
