//! Pool, local pools and queue together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::align::Align;
use crate::block::Block;
use crate::harness::{FewFree, Owners, below, together};
use crate::local_pool::LocalPool;
use crate::pool::Pool;
use crate::queue::Queue;

const BURST: usize = 3;

type Burst<'p, P> = heapless::Vec<Block<'p, P>, BURST>;

/// Threads take blocks in every possible way, and let go of them in every possible way.
pub(super) fn everything<const COUNT: usize, const OF_EACH: usize, const SUMMARY: usize>(
    threads: usize,
    length: usize,
) {
    let pool = Pool::<8, COUNT, Align<1>, FewFree<OF_EACH, SUMMARY>>::new();
    let all_free = pool.available();
    let queue = Queue::new(&pool);
    let owners = Owners::new(COUNT);
    let refused = AtomicUsize::new(0);

    together(threads, |_| {
        let mut local = LocalPool::<_, 4>::new(&pool);
        let mut held = Vec::new();
        let seek = |block: Option<_>| {
            refused.fetch_add(usize::from(block.is_none()), Ordering::Relaxed);
            block
        };
        for _ in 0..length {
            let before = held.len();
            let mut burst = Burst::new();
            match below(12) {
                0 => held.extend(seek(pool.get())),
                1 | 2 => held.extend(seek(local.get())),
                3 => {
                    if local.get_burst(&mut burst) < BURST {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    held.extend(burst);
                }
                4 => held.extend(queue.pop()),
                5 => {
                    queue.pop_burst(&mut burst);
                    held.extend(burst);
                }
                6 => local.flush(),
                way @ 7..=9 => {
                    if let Some(block) = held.pop() {
                        owners.leave(block.index());
                        match way {
                            7 => drop(block),
                            8 => local.put(block),
                            _ => assert!(queue.push(block).is_ok()),
                        }
                    }
                }
                way => {
                    burst.extend(held.drain(before.saturating_sub(1 + below(BURST))..));
                    burst.iter().for_each(|block| owners.leave(block.index()));
                    let count = burst.len();
                    match way {
                        10 => local.put_burst(&mut burst),
                        _ => assert_eq!(queue.push_burst(&mut burst), count),
                    }
                }
            }
            held.iter().skip(before).for_each(|block| owners.enter(block.index()));
        }
        held.iter().for_each(|block| owners.leave(block.index()));
    });
    assert_eq!(pool.exhausted_count(), refused.into_inner());
    while let Some(block) = queue.pop() {
        owners.enter(block.index());
        owners.leave(block.index());
    }
    assert_eq!(pool.available(), all_free, "a block was lost");
    for taken in 0..all_free {
        let block = pool.get();
        owners.enter(block.unwrap_or_else(|| panic!("none after {taken}")).into_raw());
    }
    assert!(pool.get().is_none());
}
