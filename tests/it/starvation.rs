//! As many blocks as threads, or fewer: what is there is found, and no thread starves the others permanently.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use blockpool_core::{Block, Pool, Queue};

use crate::harness::{assert_whole, scope};

/// Per thread, unless the time is up first.
const ROUNDS: usize = 10_000;

fn in_threads(threads: usize, round: impl Fn(usize) + Sync) {
    let start = Barrier::new(threads);
    let end = Instant::now() + Duration::from_secs(1);
    scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for number in 0..ROUNDS {
                    if number % 64 == 0 && Instant::now() > end {
                        break;
                    }
                    round(number);
                }
            });
        }
    });
}

/// Each thread pops a block and pushes the same one, so with as many blocks as threads one is always in the
/// queue. A queue whose push is refused, or whose pop finds none, because another operation is half done,
/// fails here although it is never full or empty.
fn pops_what_is_there<const COUNT: usize>(threads: usize, blocks: usize) {
    let pool = Pool::<8, COUNT>::new();
    let queue = Queue::new(&pool);
    for _ in 0..blocks {
        queue.push(pool.get().expect("it is free")).expect("a block of this pool");
    }
    in_threads(threads, |round| {
        if round % 3 == 0 {
            let mut one = heapless::Vec::<_, 1>::new();
            assert_eq!(queue.pop_burst(&mut one), 1, "none, though one was in");
            assert_eq!(queue.push_burst(&mut one), 1);
        } else {
            let block = queue.pop().expect("none, though one was in");
            queue.push(block).expect("a block of this pool");
        }
    });
    assert_eq!(queue.len(), blocks);
    drop(queue);
    assert_whole(&pool);
}

#[test]
fn a_queue_whose_blocks_go_round_never_seems_empty() {
    pops_what_is_there::<64>(2, 2);
    pops_what_is_there::<64>(2, 64);
    pops_what_is_there::<7>(7, 7);
    pops_what_is_there::<1>(1, 1);
}

#[test]
fn a_pool_with_a_block_for_each_thread_never_seems_exhausted() {
    let pool = Pool::<8, 6>::new();
    in_threads(6, |_| drop(pool.get().expect("none, though one was free")));
    assert_eq!(pool.exhausted_count(), 0);
    assert_whole(&pool);
}

/// The limitation of queues built on fetch-and-add: with more poppers than three times the slots, they can
/// push the threshold below what is left, and read empty permanently.
fn finds_the_rest<const COUNT: usize>(threads: usize) {
    let pool = Pool::<8, COUNT>::new();
    let queue = Queue::new(&pool);
    let push = |block: Block<'_, _>| assert!(queue.push(block).is_ok());
    in_threads(threads, |round| {
        if round % 2 == 0 {
            pool.get().into_iter().for_each(push);
        } else if let Some(block) = queue.pop() {
            if round % 4 == 1 { push(block) } else { drop(block) }
        }
    });
    let mut found = pool.available();
    while let Some(block) = queue.pop() {
        drop(block);
        found += 1;
    }
    assert_eq!(found, COUNT);
    assert_whole(&pool);
}

#[test]
fn more_threads_than_three_times_the_blocks_leave_none_behind() {
    finds_the_rest::<1>(8);
    finds_the_rest::<2>(8);
    finds_the_rest::<3>(12);
}
