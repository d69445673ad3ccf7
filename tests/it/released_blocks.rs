//! Blocks without a handle: by index, by pointer, and what is refused.

use std::iter;
use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, BurstError, Pool, Queue, RawError, heapless};

use crate::harness::{
    Line, assert_whole, bookkeeping, moved, read_stamp, region, scope, write_stamp,
};

type P = Pool<100, 5>;

/// Claims an index that the pool must refuse.
#[track_caller]
fn refused(pool: &P, index: u32) -> RawError {
    // SAFETY: it is refused, so no handle is made for a block with another owner.
    unsafe { pool.from_raw(index) }.expect_err("it may not be claimed")
}

/// Claims a pointer that the pool must refuse.
#[track_caller]
fn refused_ptr(pool: &P, pointer: NonNull<u8>) -> RawError {
    // SAFETY: as in `refused`.
    unsafe { pool.from_raw_ptr(pointer) }.expect_err("it may not be claimed")
}

#[test]
fn a_number_beyond_the_pool_is_refused() {
    let pool = P::new();
    for index in [5, 6, u32::MAX] {
        let error = refused(&pool, index);
        assert_eq!(error, RawError::OutOfRange { index, capacity: 5 });
        assert_eq!(
            error.to_string(),
            format!("index {index} is out of range: the pool has 5 blocks")
        );
    }
    assert_whole(&pool);
}

#[test]
fn a_pointer_outside_the_pool_is_refused() {
    let (pool, other) = (P::new(), P::new());
    let (first, length) = pool.memory();
    let of_another_pool = other.get().expect("it is free").into_raw_ptr();
    for pointer in [
        NonNull::dangling(),
        moved(first, 1_usize.wrapping_neg()),
        moved(first, length),
        of_another_pool,
        NonNull::without_provenance(NonZero::<usize>::MAX),
    ] {
        let error = refused_ptr(&pool, pointer);
        assert_eq!(error, RawError::Foreign);
        assert_eq!(pool.index_of(pointer), Err(RawError::Foreign));
        assert_eq!(error.to_string(), "the pointer does not point into this pool's blocks");
    }
    assert_whole(&pool);
    // SAFETY: the pointer comes from `into_raw_ptr` of this pool.
    let block = unsafe { other.from_raw_ptr(of_another_pool) };
    drop(block.expect("it is out"));
    assert_whole(&other);
}

#[test]
fn a_pointer_into_a_block_is_refused() {
    let pool = P::new();
    let pointer = pool.get().expect("it is free").into_raw_ptr();
    // The last ones lie in the alignment padding after the 100 bytes.
    for into_block in [1, 64, 99, 100, 127] {
        let error = refused_ptr(&pool, moved(pointer, into_block));
        assert_eq!(error, RawError::Misaligned { into_block });
        assert_eq!(
            error.to_string(),
            format!("the pointer points {into_block} bytes into a block, not to its first byte")
        );
    }
    // SAFETY: the pointer comes from `into_raw_ptr` of this pool.
    drop(unsafe { pool.from_raw_ptr(pointer) }.expect("the refusals did not use it up"));
    assert_whole(&pool);
}

#[test]
fn a_block_that_is_not_out_raw_is_refused() {
    fn check(pool: &P, index: u32) {
        let error = refused(pool, index);
        assert_eq!(error, RawError::NotReleased { index });
        assert_eq!(
            error.to_string(),
            format!("block {index} was not released by `into_raw`, or was claimed already")
        );
        let (first, length) = pool.memory();
        let pointer = moved(first, index as usize * (length / pool.capacity()));
        assert_eq!(refused_ptr(pool, pointer), RawError::NotReleased { index });
        assert_eq!(pool.index_of(pointer), Ok(index));
    }
    let pool = P::new();
    // Never taken.
    check(&pool, 4);
    // In a handle.
    let block = pool.get().expect("it is free");
    let index = block.index();
    check(&pool, index);
    // Claimed already: in a handle again.
    assert_eq!(block.into_raw(), index);
    // SAFETY: the index comes from `into_raw`.
    let block = unsafe { pool.from_raw(index) }.expect("it is out");
    check(&pool, index);
    // In a queue.
    let queue = Queue::new(&pool);
    queue.push(block).expect("a block of this pool");
    check(&pool, index);
    let block = queue.pop().expect("it was pushed");
    // In a local pool's stock.
    let mut local = pool.local_pool();
    local.put(block);
    check(&pool, index);
    // Free.
    local.flush();
    check(&pool, index);
    drop((queue, local));
    assert_whole(&pool);
}

#[test]
fn a_round_trip_keeps_the_data_range() {
    let pool = P::new();
    for (headroom, len) in [(0, 0), (0, 100), (100, 0), (33, 44)] {
        let mut block = pool.get().expect("it is free");
        block.reset(headroom).expect("it fits");
        block.resize(len, 0x5A).expect("it fits");
        let index = block.into_raw();
        // SAFETY: the index comes from `into_raw`.
        let block = unsafe { pool.from_raw(index) }.expect("it is out");
        assert_eq!((block.headroom(), &block[..]), (headroom, &vec![0x5A; len][..]));
        let pointer = block.into_raw_ptr();
        // SAFETY: the pointer comes from `into_raw_ptr`.
        let block = unsafe { pool.from_raw_ptr(pointer) }.expect("it is out");
        assert_eq!((block.headroom(), &block[..]), (headroom, &vec![0x5A; len][..]));
        assert_eq!(block.index(), index);
    }
    assert_whole(&pool);
}

#[test]
fn what_is_written_through_the_pointer_is_the_data() {
    let pool = P::new();
    let mut block = pool.get().expect("it is free");
    block.resize(100, 0).expect("it fits");
    let pointer = block.into_raw_ptr();
    // SAFETY: this test owns the block, whose memory is valid for its 100 bytes.
    unsafe { pointer.write_bytes(0xD7, 100) };
    // SAFETY: the pointer comes from `into_raw_ptr`.
    let block = unsafe { pool.from_raw_ptr(pointer) }.expect("it is out");
    assert_eq!(&block[..], [0xD7; 100]);
}

/// Claims pointers until `N` blocks are claimed, or one is refused.
fn claim<'p, const N: usize, S: Storage>(
    pool: &'p BlockPool<S>,
    pointers: &[NonNull<u8>],
) -> (Result<usize, RawError>, heapless::Vec<Block<'p, BlockPool<S>>, N>) {
    let mut blocks = heapless::Vec::new();
    // SAFETY: one thread; the pointers that are not refused come from `into_raw_ptr`.
    let result = unsafe { pool.from_raw_ptr_burst(pointers, &mut blocks) };
    let result = result.map_err(|BurstError { done, reason }| {
        assert_eq!(done, blocks.len());
        reason
    });
    (result, blocks)
}

/// Gives up blocks, and returns their pointers in the order in which they were taken.
fn give_up<S: Storage>(pool: &BlockPool<S>, count: usize) -> Vec<NonNull<u8>> {
    iter::from_fn(|| pool.get()).take(count).map(Block::into_raw_ptr).collect()
}

#[test]
fn a_burst_is_claimed_in_order_with_its_data_ranges() {
    let pool = P::new();
    let mut pointers = Vec::new();
    for headroom in 0..5 {
        let mut block = pool.get().expect("it is free");
        block.reset(headroom).expect("it fits");
        block.append(&[headroom as u8; 7]).expect("it fits");
        pointers.push(block.into_raw_ptr());
    }
    pointers.reverse();
    let (result, blocks) = claim::<8, _>(&pool, &pointers);
    assert_eq!(result, Ok(5));
    for ((headroom, block), pointer) in (0..5).rev().zip(&blocks).zip(pointers) {
        assert_eq!((block.headroom(), &block[..]), (headroom, &[headroom as u8; 7][..]));
        assert_eq!(block.as_ptr().wrapping_sub(headroom), pointer.as_ptr());
    }
    drop(blocks);
    assert_whole(&pool);
}

#[test]
fn a_burst_ends_where_the_vector_is_full() {
    let pool = P::new();
    let pointers = give_up(&pool, 5);
    let (result, mut blocks) = claim::<3, _>(&pool, &pointers);
    assert_eq!(result, Ok(3));
    // SAFETY: the pointers come from `into_raw_ptr`, and were not claimed.
    let none = unsafe { pool.from_raw_ptr_burst(&pointers[3..], &mut blocks) };
    assert_eq!((none, blocks.len()), (Ok(0), 3));
    drop(blocks.pop());
    // SAFETY: as above.
    let one = unsafe { pool.from_raw_ptr_burst(&pointers[3..], &mut blocks) };
    assert_eq!((one, blocks.len()), (Ok(1), 3));
    assert_eq!(claim::<3, _>(&pool, &[]).0, Ok(0));
    assert_eq!(claim::<3, _>(&pool, &pointers[4..]).0, Ok(1));
    drop(blocks);
    assert_whole(&pool);
}

#[test]
fn a_burst_ends_before_what_is_refused() {
    fn check<S: Storage>(pool: &BlockPool<S>) {
        let (first, length) = pool.memory();
        let stride = pool.stride();
        let kept = pool.get().expect("it is free");
        let index = kept.index();
        let in_a_handle = pool.address_of(index).expect("a block");
        for (refused, error) in [
            (NonNull::dangling(), RawError::Foreign),
            (moved(first, 1_usize.wrapping_neg()), RawError::Foreign),
            (moved(first, length), RawError::Foreign),
            (moved(in_a_handle, 1), RawError::Misaligned { into_block: 1 }),
            (moved(in_a_handle, stride - 1), RawError::Misaligned { into_block: stride - 1 }),
            (in_a_handle, RawError::NotReleased { index }),
        ] {
            let mut pointers = give_up(pool, 3);
            pointers.insert(2, refused);
            let (result, blocks) = claim::<8, _>(pool, &pointers);
            assert_eq!((result, blocks.len()), (Err(error), 2));
            // What follows it was left alone.
            assert_eq!(claim::<8, _>(pool, &pointers[3..]).0, Ok(1));
        }
        drop(kept);
        assert_whole(pool);
    }
    check(&P::new());
    let mut memory = vec![Line([0; 64]); 3 * 70];
    let mut bookkeeping = bookkeeping(3 * 70 * 64, 192);
    check(&region(&mut memory, 192, &mut bookkeeping).expect("it serves"));
}

#[test]
fn a_repeated_pointer_is_refused() {
    let pool = P::new();
    let pointers = give_up(&pool, 2);
    let [one, other] = pointers[..] else { unreachable!("two") };
    // SAFETY: the pointer comes from `into_raw_ptr`.
    let index = unsafe { pool.from_raw_ptr(one) }.expect("it is out").into_raw();
    let (result, blocks) = claim::<8, _>(&pool, &[other, one, one]);
    assert_eq!((result, blocks.len()), (Err(RawError::NotReleased { index }), 2));
    // In a handle, and free again.
    assert_eq!(claim::<8, _>(&pool, &[one]).0, Err(RawError::NotReleased { index }));
    assert_eq!(refused_ptr(&pool, one), RawError::NotReleased { index });
    drop(blocks);
    assert_eq!(claim::<8, _>(&pool, &[one]).0, Err(RawError::NotReleased { index }));
    assert_whole(&pool);
}

#[test]
fn a_block_of_any_stride_is_found_by_its_pointer() {
    for lines in [1, 3, 7, 24, 33, 1023, 1024] {
        let mut memory = vec![Line([0; 64]); lines * 66];
        let mut bookkeeping = bookkeeping(lines * 66 * 64, lines * 64);
        let region = region(&mut memory, lines * 64, &mut bookkeeping).expect("it serves");
        let pointers = give_up(&region, 66);
        let (result, blocks) = claim::<66, _>(&region, &pointers);
        assert_eq!(result, Ok(66));
        assert!(
            blocks.iter().zip(pointers).all(|(block, pointer)| block.as_ptr() == pointer.as_ptr())
        );
        drop(blocks);
        assert_whole(&region);
    }
}

#[test]
fn a_thread_that_claims_a_number_sees_the_data() {
    const ROUNDS: u64 = 5_000;
    static POOL: P = Pool::new();
    let (sender, receiver) = channel();
    scope(|scope| {
        scope.spawn(move || {
            for stamp in 1..=ROUNDS {
                let mut block = loop {
                    match POOL.get() {
                        Some(block) => break block,
                        None => thread::yield_now(),
                    }
                };
                write_stamp(&mut block, stamp);
                sender.send(block.into_raw()).expect("the receiver lives");
            }
        });
        for (stamp, index) in (1..).zip(receiver) {
            // SAFETY: the index comes from `into_raw`.
            let block = unsafe { POOL.from_raw(index) }.expect("it is out");
            assert_eq!(read_stamp(&block), stamp);
        }
    });
    assert_whole(&POOL);
}

#[test]
fn of_several_threads_that_claim_one_number_one_succeeds() {
    let pool = Pool::<8, 1>::new();
    let index = pool.get().expect("it is free").into_raw();
    let claimed = AtomicBool::new(false);
    let claims = AtomicUsize::new(0);
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300_000 {
                    // SAFETY: the index comes from `into_raw`; the pool accepts one claim.
                    if let Ok(block) = unsafe { pool.from_raw(index) } {
                        assert!(!claimed.swap(true, Ordering::Relaxed), "claimed twice");
                        claims.fetch_add(1, Ordering::Relaxed);
                        claimed.store(false, Ordering::Relaxed);
                        assert_eq!(block.into_raw(), index);
                    }
                }
            });
        }
    });
    assert!(claims.into_inner() > 0);
    // SAFETY: the index comes from `into_raw`.
    drop(unsafe { pool.from_raw(index) }.expect("it is out"));
    assert_whole(&pool);
}
