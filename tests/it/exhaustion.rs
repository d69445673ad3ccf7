//! Pools that run dry: what is refused, what is counted, and how it recovers.

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, LocalPool, Pool, Queue};

use crate::harness::{assert_whole, scope, take_all};

type Burst<'p, P, const N: usize> = heapless::Vec<Block<'p, P>, N>;

#[test]
fn a_burst_larger_than_the_pool_takes_what_there_is() {
    let pool = Pool::<64, 10>::new();
    let mut local: LocalPool<'_, _, 4> = LocalPool::new(&pool);
    let mut burst: Burst<'_, _, 32> = heapless::Vec::new();
    assert_eq!(local.get_burst(&mut burst), 10);
    assert_eq!((burst.len(), pool.available(), local.stock()), (10, 0, 0));
    assert_eq!(local.get_burst(&mut burst), 0, "what is there stays");
    assert_eq!(burst.len(), 10);
    local.put_burst(&mut burst);
    assert!(burst.is_empty());
    drop(local);
    assert_whole(&pool);
}

#[test]
fn an_exhausted_pool_serves_again_after_each_return() {
    let pool = Pool::<64, 3>::new();
    let mut local: LocalPool<'_, _, 1> = LocalPool::new(&pool);
    let mut blocks = take_all(&pool);
    for _ in 0..10 {
        assert!(pool.get().is_none());
        assert!(local.get().is_none());
        let index = blocks.pop().map(|block| block.index());
        let again = local.get();
        assert_eq!(again.as_ref().map(|block| block.index()), index);
        blocks.extend(again);
    }
}

#[test]
fn a_call_that_finds_too_little_is_counted_once() {
    let pool = Pool::<64, 6>::new();
    let mut local: LocalPool<'_, _, 4> = LocalPool::new(&pool);
    let mut none: Burst<'_, _, 0> = heapless::Vec::new();
    let mut all: Burst<'_, _, 6> = heapless::Vec::new();
    let mut more: Burst<'_, _, 3> = heapless::Vec::new();
    let mut expected = 0;
    let mut check = |failed: bool| {
        expected += usize::from(failed);
        assert_eq!(pool.exhausted_count(), expected);
    };
    local.get_burst(&mut all);
    check(false);
    local.get_burst(&mut none);
    check(false);
    local.get_burst(&mut all);
    check(false);
    local.get_burst(&mut more);
    check(true);
    assert!(local.get().is_none());
    check(true);
    assert!(pool.get().is_none());
    check(true);
    drop(all.pop());
    local.get_burst(&mut more);
    check(true);
    assert_eq!(more.len(), 1);
}

#[test]
fn a_local_pool_keeps_no_more_than_its_stock_nor_a_quarter_of_the_pool() {
    fn check<S: Storage, const STOCK: usize>(pool: &BlockPool<S>) {
        let limit = STOCK.min((pool.capacity() / 4).max(1));
        let mut local: LocalPool<'_, BlockPool<S>, STOCK> = LocalPool::new(pool);
        let mut peak = 0;
        let mut see = |stock: usize| {
            assert!(stock <= limit, "{stock} of {limit} in the stock");
            peak = peak.max(stock);
        };
        for _ in 0..3 {
            let mut held = Vec::new();
            while let Some(block) = local.get() {
                see(local.stock());
                held.push(block);
            }
            assert_eq!(held.len(), pool.capacity());
            for block in held {
                local.put(block);
                see(local.stock());
                assert!(local.stock() > 0, "the last one is kept");
            }
        }
        assert_eq!(peak, limit, "and it does keep as many");
        drop(local);
        assert_whole(pool);
    }
    check::<_, 64>(&Pool::<8, 1>::new());
    check::<_, 64>(&Pool::<8, 7>::new());
    check::<_, 1>(&Pool::<8, 100>::new());
    check::<_, 5>(&Pool::<8, 100>::new());
    check::<_, 64>(&Pool::<8, 100>::new());
    check::<_, 64>(&Pool::<8, 300>::new());
    check::<_, 100>(&Pool::<8, 300>::new());
}

#[test]
fn an_empty_local_pool_looks_first_where_it_gave_back_last() {
    const GROUP: usize = usize::BITS as usize;
    const GROUPS: usize = 8;
    let pool = Pool::<8, { GROUPS * GROUP }>::new();
    let mut blocks = take_all(&pool);
    blocks.sort_unstable_by_key(|block| block.index());
    // Some blocks are free in every group.
    let mut place = 0;
    blocks.retain(|_| {
        place += 1;
        place % 8 != 0
    });
    for group in (0..GROUPS).rev() {
        let mut local: LocalPool<'_, _, 4> = LocalPool::new(&pool);
        let of_group = |block: &Block<'_, _>| block.index() as usize / GROUP == group;
        for _ in 0..2 {
            let place = blocks.iter().position(of_group).expect("most are still here");
            local.put(blocks.swap_remove(place));
        }
        local.flush();
        assert!(local.get().is_some_and(|block| of_group(&block)), "{group}");
    }
}

#[test]
fn a_flushed_local_pool_leaves_everything_to_other_threads() {
    let pool = Pool::<64, 64>::new();
    let mut local: LocalPool<'_, _, 16> = LocalPool::new(&pool);
    let block = local.get().expect("blocks are free");
    local.put(block);
    let kept = local.stock();
    assert!(kept > 0);
    let others = |expected| {
        scope(|scope| {
            scope.spawn(|| assert_eq!(take_all(&pool).len(), expected));
        });
    };
    others(64 - kept);
    local.flush();
    assert_eq!(local.stock(), 0);
    others(64);
}

#[test]
fn a_queue_holds_all_blocks_of_its_pool_at_once() {
    let pool = Pool::<8, 65>::new();
    let queue = Queue::new(&pool);
    // With each of its slots once as the first.
    for _ in 0..=65 {
        for block in take_all(&pool) {
            queue.push(block).expect("a block of this pool");
        }
        assert_eq!((queue.len(), queue.capacity()), (65, 65));
        assert_eq!(pool.available(), 0);
        assert!(pool.get().is_none());
        let first = queue.pop().expect("it is full");
        queue.push(first).expect("a block of this pool");
        let mut all: Burst<'_, _, 65> = heapless::Vec::new();
        assert_eq!(queue.pop_burst(&mut all), 65);
    }
    drop(queue);
    assert_whole(&pool);
}
