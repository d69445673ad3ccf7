//! Local pools over the shared free list.

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Release};

use super::{Model, bounded, every};
use crate::align::Align;
use crate::free_list::FreeList;
use crate::harness::{Payload, two};
use crate::local_pool::LocalPool;
use crate::pool::Pool;
use crate::storage::{Parts as _, PoolType as _};

pub(super) fn models() -> Vec<Model> {
    vec![
        every(a_flushed_stock_is_found),
        bounded(3, refills_and_flushes_share_no_block),
        bounded(3, bursts_of_local_pools_share_no_block),
    ]
}

const COUNT: usize = 64;
const STOCK: usize = 2;

type Blocks = Pool<8, COUNT, Align<1>>;

/// Leaves `free` blocks of a new pool free, those with the lowest indices, and settles the parts of it that
/// are used: the one word and the count of failed gets.
fn with_free(pool: &Blocks, free: u32) {
    let set = pool.storage().free();
    assert_eq!(set.take_some(&mut [0; COUNT], None), COUNT);
    assert!(pool.get().is_none());
    (0..free).for_each(|number| set.give_back(number));
}

/// The promise of `flush`: what one local pool had in its stock, another finds once it is told.
fn a_flushed_stock_is_found() {
    let pool = Blocks::new();
    with_free(&pool, 2);
    let payload = Payload::<2>::new();
    let flushed = AtomicUsize::new(0);
    let use_and_flush = || {
        let mut local = LocalPool::<_, STOCK>::new(&pool);
        let blocks = [local.get(), local.get()];
        for block in blocks.into_iter().flatten() {
            payload.touch(block.index() as usize);
            local.put(block);
        }
        assert_eq!(local.stock(), 2, "nothing was given back before the flush");
        local.flush();
        flushed.store(1, Release);
    };
    let take_if_told = || {
        if flushed.load(Acquire) == 1 {
            let mut local = LocalPool::<_, STOCK>::new(&pool);
            for block in [local.get(), local.get()] {
                let block = block.expect("none, though the stock was flushed");
                payload.touch(block.index() as usize);
            }
        }
    };
    two(use_and_flush, take_if_told);
    assert_eq!(pool.available(), 2);
}

/// T2 with G1: the next owner sees what the last one wrote, whatever came between: a put, a refill, the flush
/// on drop.
fn refills_and_flushes_share_no_block() {
    let pool = Blocks::new();
    with_free(&pool, 2);
    let payload = Payload::<2>::new();
    let side = || {
        let mut local = LocalPool::<_, STOCK>::new(&pool);
        for _ in 0..2 {
            if let Some(block) = local.get() {
                payload.touch(block.index() as usize);
                local.put(block);
            }
        }
    };
    two(side, side);
    assert_eq!(pool.available(), 2);
}

/// As above, with bursts.
fn bursts_of_local_pools_share_no_block() {
    let pool = Blocks::new();
    with_free(&pool, 2);
    let payload = Payload::<2>::new();
    let side = || {
        let mut local = LocalPool::<_, STOCK>::new(&pool);
        let mut blocks = heapless::Vec::<_, 2>::new();
        local.get_burst(&mut blocks);
        blocks.iter().for_each(|block| {
            payload.touch(block.index() as usize);
        });
        local.put_burst(&mut blocks);
    };
    two(side, side);
    assert_eq!(pool.available(), 2);
}
