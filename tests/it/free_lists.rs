//! Every free list, size, count and alignment under one harness.

use blockpool_core::storage::{Counted, HeaplessQueue, SpinStack, Storage};
use blockpool_core::{Align, BlockPool, LocalPool, Pool};

use crate::harness::{assert_whole, take_all};

macro_rules! bitmap {
    ($size:literal $count:literal $align:literal $slots:literal) => {
        Pool<$size, $count, Align<$align>>
    };
}

macro_rules! counted {
    ($size:literal $count:literal $align:literal $slots:literal) => {
        Pool<$size, $count, Align<$align>, Counted>
    };
}

macro_rules! heapless_queue {
    ($size:literal $count:literal $align:literal $slots:literal) => {
        Pool<$size, $count, Align<$align>, HeaplessQueue<$slots>>
    };
}

macro_rules! spin_stack {
    ($size:literal $count:literal $align:literal $slots:literal) => {
        Pool<$size, $count, Align<$align>, SpinStack>
    };
}

/// The shape requested of a pool.
struct Shape {
    size: usize,
    count: usize,
    align: usize,
}

/// Calls `check` with a pool of every shape: size, count, alignment, slots of `HeaplessQueue`.
macro_rules! every_shape {
    ($list:ident, $check:ident) => {
        every_shape!($list, $check,
            1 1 64 2, 64 7 64 8, 100 64 64 64, 1232 65 64 128, 65536 7 64 8, 64 100 64 16,
            1232 129 64 256, 64 2049 64 4096, 100 4097 64 8192,
            1232 7 4096 8, 65536 1 4096 2, 1 65 4096 128,
            1 129 1 256, 100 65 1 128, 1232 7 1 8)
    };
    ($list:ident, $check:ident, $($size:literal $count:literal $align:literal $slots:literal),+) => {$({
        static POOL: $list!($size $count $align $slots) = Pool::new();
        $check(&POOL, &Shape { size: $size, count: $count, align: $align });
    })+};
}

/// Blocks have the indices from 0, lie one after another, aligned, and keep what is written to them.
fn taken_once_disjoint_and_aligned<S: Storage>(pool: &BlockPool<S>, shape: &Shape) {
    let (first, length) = pool.memory();
    let space = shape.size.next_multiple_of(shape.align);
    assert_eq!(length, space * shape.count);
    assert_eq!(first.addr().get() % shape.align, 0);
    for round in 0..2 {
        let mut blocks = take_all(pool);
        assert_eq!((blocks.len(), pool.available()), (shape.count, 0));
        for block in &mut blocks {
            assert_eq!((block.len(), block.headroom()), (0, 0), "round {round}");
            assert_eq!((block.capacity(), block.tailroom()), (shape.size, shape.size));
            let offset = block.index() as usize * space;
            assert_eq!(block.as_ptr().addr(), first.addr().get() + offset);
            let mark = block.index() as u8;
            block.resize(shape.size, mark).expect("the whole block");
        }
        blocks.sort_unstable_by_key(|block| block.index());
        for (block, index) in blocks.iter().zip(0_u32..) {
            assert_eq!(block.index(), index);
            assert!(block.iter().all(|&byte| byte == index as u8), "{index}");
        }
    }
    assert_eq!(pool.available(), shape.count);
}

/// `available`, `exhausted` and the high-water mark, one operation at a time.
fn counters_are_exact_without_overlap<S: Storage>(pool: &BlockPool<S>, counts: bool) {
    let count = pool.capacity();
    let mark = |out: usize| counts.then_some(out);
    assert_eq!((pool.available(), pool.exhausted_count()), (count, 0));
    assert_eq!(pool.high_water_mark(), mark(0));

    let third = count.div_ceil(3);
    let mut held = Vec::new();
    for taken in 1..=third {
        held.push(pool.get().expect("blocks are free"));
        assert_eq!(pool.available(), count - taken);
        assert_eq!(pool.high_water_mark(), mark(taken));
    }
    while held.pop().is_some() {
        assert_eq!(pool.available(), count - held.len());
    }
    assert_eq!(pool.high_water_mark(), mark(third), "the mark stays");
    assert_eq!(pool.exhausted_count(), 0);

    let mut all = take_all(pool);
    assert_eq!((all.len(), pool.exhausted_count()), (count, 1));
    assert!(pool.get().is_none());
    assert_eq!(pool.exhausted_count(), 2);
    drop(all.pop());
    let again = pool.get();
    assert!(again.is_some());
    assert_eq!(pool.exhausted_count(), 2, "a get that succeeds does not count");
    assert_eq!(pool.high_water_mark(), mark(count));
    drop((again, all));
    assert_whole(pool);
}

fn without_mark<S: Storage>(pool: &BlockPool<S>, _: &Shape) {
    counters_are_exact_without_overlap(pool, false);
}

fn with_mark<S: Storage>(pool: &BlockPool<S>, _: &Shape) {
    counters_are_exact_without_overlap(pool, true);
}

macro_rules! free_lists {
    ($($list:ident: $counters:ident,)+) => {$(
        mod $list {
            use super::*;

            #[test]
            fn every_block_is_taken_once_disjoint_and_aligned() {
                every_shape!($list, taken_once_disjoint_and_aligned);
            }

            #[test]
            fn counters_are_exact_without_overlap() {
                every_shape!($list, $counters);
            }
        }
    )+};
}

free_lists! {
    bitmap: without_mark,
    counted: with_mark,
    heapless_queue: without_mark,
    spin_stack: with_mark,
}

#[test]
fn the_high_water_mark_counts_the_stocks_of_local_pools() {
    fn check<S: Storage>(pool: &BlockPool<S>) {
        let mut local: LocalPool<'_, BlockPool<S>, 8> = LocalPool::new(pool);
        drop(local.get());
        let peak = local.stock() + 1;
        assert!(peak > 1);
        assert_eq!(pool.high_water_mark(), Some(peak));
    }
    check(&Pool::<64, 100, Align<64>, Counted>::new());
    check(&Pool::<64, 100, Align<64>, SpinStack>::new());
}
