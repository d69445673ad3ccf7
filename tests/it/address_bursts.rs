//! Bursts of addresses, in local pools and queues.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::thread::yield_now;

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, LocalPool, Pool, Queue, QueueSlot, RawError};

use crate::harness::{Line, assert_whole, bookkeeping, moved, region, scope, written};

/// Takes up to `count` blocks with one call.
fn take<S: Storage, const STOCK: usize>(
    local: &mut LocalPool<'_, BlockPool<S>, STOCK>,
    count: usize,
) -> Vec<NonNull<u8>> {
    written(count, |pointers| local.get_raw_ptr_burst(pointers))
}

/// Gives back blocks that `take` took, or pointers that are refused.
fn put<S: Storage, const STOCK: usize>(
    local: &mut LocalPool<'_, BlockPool<S>, STOCK>,
    pointers: &[NonNull<u8>],
) -> Result<(), (usize, RawError)> {
    // SAFETY: one thread; the pointers that are not refused come from `take`.
    unsafe { local.put_raw_ptr_burst(pointers) }.map_err(|error| (error.done, error.reason))
}

/// Takes up to `count` blocks out of the queue with one call.
fn pop<S: Storage>(queue: &Queue<'_, BlockPool<S>>, count: usize) -> Vec<NonNull<u8>> {
    written(count, |pointers| queue.pop_raw_ptr_burst(pointers))
}

/// Pushes blocks that `take` or `pop` took, or pointers that are refused.
fn push<S: Storage>(
    queue: &Queue<'_, BlockPool<S>>,
    pointers: &[NonNull<u8>],
) -> Result<(), (usize, RawError)> {
    // SAFETY: one thread; the pointers that are not refused come from `take` or `pop`.
    unsafe { queue.push_raw_ptr_burst(pointers) }.map_err(|error| (error.done, error.reason))
}

#[test]
fn bursts_of_any_length_take_and_give_back_every_block_once() {
    fn check<S: Storage, const STOCK: usize>(pool: &BlockPool<S>) {
        for count in [0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 64, 199, 200, 201] {
            let mut local = LocalPool::<BlockPool<S>, STOCK>::new(pool);
            for held_before in [0, 1, 5] {
                let before = take(&mut local, held_before);
                let pointers = take(&mut local, count);
                assert_eq!(pointers.len(), count.min(200 - held_before), "no more are there");
                let different: BTreeSet<_> = before.iter().chain(&pointers).collect();
                assert_eq!(different.len(), before.len() + pointers.len());
                assert_eq!(put(&mut local, &pointers), Ok(()));
                assert_eq!(put(&mut local, &before), Ok(()));
                assert!(local.stock() <= STOCK.min(50), "a quarter of the pool");
            }
            drop(local);
            assert_whole(pool);
        }
    }
    let pool = Pool::<24, 200>::new();
    check::<_, 1>(&pool);
    check::<_, 2>(&pool);
    check::<_, 3>(&pool);
    check::<_, 64>(&pool);
    let mut memory = vec![Line([0; 64]); 3 * 200];
    let mut bookkeeping = bookkeeping(3 * 200 * 64, 192);
    check::<_, 256>(&region(&mut memory, 192, &mut bookkeeping).expect("it serves"));
}

#[test]
fn a_burst_ends_before_what_is_refused_and_keeps_what_came_before() {
    let pool = Pool::<64, 40>::new();
    let mut local = pool.local_pool();
    let (first, length) = pool.memory();
    let kept = pool.get().expect("it is free");
    let index = kept.index();
    let in_a_handle = pool.address_of(index).expect("a block");
    for (refused, error) in [
        (NonNull::dangling(), RawError::Foreign),
        (moved(first, length), RawError::Foreign),
        (moved(in_a_handle, 63), RawError::Misaligned { into_block: 63 }),
        (in_a_handle, RawError::NotReleased { index }),
    ] {
        for at in [0, 4, 5, 9, 20] {
            let mut pointers = take(&mut local, 20);
            pointers.insert(at, refused);
            assert_eq!(put(&mut local, &pointers), Err((at, error)));
            assert_eq!(put(&mut local, &pointers[at + 1..]), Ok(()));
        }
    }
    drop((kept, local));
    assert_whole(&pool);
}

#[test]
fn a_repeated_pointer_is_refused_in_the_stock_and_in_the_pool() {
    let pool = Pool::<64, 40>::new();
    let mut local = pool.local_pool();
    let pointers = take(&mut local, 2);
    let index = pool.index_of(pointers[0]).expect("a block");
    let repeated = RawError::NotReleased { index };
    let twice = [pointers[0], pointers[1], pointers[0]];
    assert_eq!(put(&mut local, &twice), Err((2, repeated)));
    assert_eq!(put(&mut local, &twice), Err((0, repeated)));
    local.flush();
    assert_eq!(put(&mut local, &twice), Err((0, repeated)));
    assert_eq!(put(&mut pool.local_pool(), &twice), Err((0, repeated)));
    drop(local);
    assert_whole(&pool);
}

/// Takes up to `count` blocks with one call that notes nothing.
fn take_unchecked<S: Storage, const STOCK: usize>(
    local: &mut LocalPool<'_, BlockPool<S>, STOCK>,
    count: usize,
) -> Vec<NonNull<u8>> {
    written(count, |pointers| local.get_raw_ptr_burst_unchecked(pointers))
}

#[test]
fn unchecked_bursts_take_and_give_back_every_block_once_and_in_order() {
    fn check<S: Storage, const STOCK: usize>(pool: &BlockPool<S>) {
        let mut local = LocalPool::<BlockPool<S>, STOCK>::new(pool);
        for count in [0, 1, 2, 3, 8, 31, 32, 33, 64, 199, 200, 201] {
            let checked = take(&mut local, count.min(3));
            let pointers = take_unchecked(&mut local, count);
            assert_eq!(pointers.len(), count.min(200 - checked.len()), "no more are there");
            let different: BTreeSet<_> = checked.iter().chain(&pointers).collect();
            assert_eq!(different.len(), checked.len() + pointers.len());
            assert_eq!(put(&mut local, &checked), Ok(()));
            // SAFETY: they were taken unchecked, and nothing else has them.
            unsafe { local.put_raw_ptr_burst_unchecked(&pointers) };
            let kept = local.stock();
            assert!(kept <= STOCK.min(50), "a quarter of the pool");
            let again = take_unchecked(&mut local, kept.min(count));
            assert_eq!(again, pointers[..again.len()]);
            // SAFETY: as before.
            unsafe { local.put_raw_ptr_burst_unchecked(&again) };
        }
        drop(local);
        assert_whole(pool);
    }
    let pool = Pool::<24, 200>::new();
    check::<_, 1>(&pool);
    check::<_, 2>(&pool);
    check::<_, 64>(&pool);
    let mut memory = vec![Line([0; 64]); 3 * 200];
    let mut bookkeeping = bookkeeping(3 * 200 * 64, 192);
    check::<_, 256>(&region(&mut memory, 192, &mut bookkeeping).expect("it serves"));
}

#[test]
fn what_was_taken_unchecked_is_refused_by_everything_that_checks() {
    let pool = Pool::<64, 40>::new();
    let queue = Queue::new(&pool);
    let mut local = pool.local_pool();
    let pointers = take_unchecked(&mut local, 5);
    for pointer in &pointers {
        let index = pool.index_of(*pointer).expect("a block");
        let error = RawError::NotReleased { index };
        assert_eq!(put(&mut local, &[*pointer]), Err((0, error)));
        assert_eq!(push(&queue, &[*pointer]), Err((0, error)));
        // SAFETY: they were taken, and nothing else has them.
        assert_eq!(unsafe { pool.from_raw_ptr(*pointer) }.map(drop), Err(error));
    }
    // SAFETY: as before.
    unsafe { local.put_raw_ptr_burst_unchecked(&pointers) };
    drop((queue, local));
    assert_whole(&pool);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "no block begins at")]
fn a_debug_build_notices_an_unchecked_address_where_no_block_begins() {
    let pool = Pool::<64, 40>::new();
    let mut local = pool.local_pool();
    let pointers = take_unchecked(&mut local, 2);
    // SAFETY: none: it is what the assertion is for.
    unsafe { local.put_raw_ptr_burst_unchecked(&[moved(pointers[0], 1), pointers[1]]) };
}

#[test]
fn a_local_pool_keeps_no_more_than_its_limit() {
    // Any word that a local pool finds has more than half a stock.
    let pool = Pool::<64, 384>::new();
    for (limit, kept) in [(0, 1), (1, 1), (2, 2), (5, 5), (64, 64), (65, 64), (usize::MAX, 64)] {
        let mut local: LocalPool<'_, _, 64> = LocalPool::with_limit(&pool, limit);
        drop(local.get());
        assert_eq!(local.stock() + 1, usize::div_ceil(kept, 2), "it is filled by half");
        for count in [1, 2, 3, 6, 40, 200] {
            let pointers = take(&mut local, count);
            assert_eq!(pointers.len(), count);
            assert!(local.stock() <= kept);
            assert_eq!(put(&mut local, &pointers), Ok(()));
            assert!(local.stock() <= kept, "{} of {kept}", local.stock());
            let mut blocks: heapless::Vec<_, 200> = (0..count).map_while(|_| local.get()).collect();
            assert_eq!(blocks.len(), count);
            local.put_burst(&mut blocks);
            assert!(local.stock() <= kept, "{} of {kept}", local.stock());
        }
        let blocks = [(); 100].map(|()| local.get().expect("there are enough"));
        blocks.into_iter().for_each(|block| local.put(block));
        assert!(local.stock() <= kept && local.stock() > kept / 3, "{}", local.stock());
        drop(local);
        assert_whole(&pool);
    }
}

#[test]
fn a_queue_gives_addresses_out_in_order() {
    fn check<S: Storage>(pool: &BlockPool<S>, queue: &Queue<'_, BlockPool<S>>) {
        let mut local: LocalPool<'_, BlockPool<S>, 8> = LocalPool::new(pool);
        for pushed_by in [1, 2, 7, 32, 40] {
            for popped_by in [1, 2, 3, 32, 40, 41] {
                let mut pointers = take(&mut local, 40);
                for burst in pointers.chunks(pushed_by) {
                    assert_eq!(push(queue, burst), Ok(()));
                }
                assert_eq!(push(queue, &[]), Ok(()));
                assert_eq!((queue.len(), pop(queue, 0).len()), (40, 0));
                while !queue.is_empty() {
                    let popped = pop(queue, popped_by);
                    assert_eq!(popped.len(), popped_by.min(pointers.len()));
                    assert!(pointers.drain(..popped.len()).eq(popped.iter().copied()));
                    assert_eq!(put(&mut local, &popped), Ok(()));
                }
                assert!(pointers.is_empty() && pop(queue, popped_by).is_empty());
            }
        }
    }
    let pool = Pool::<24, 40>::new();
    check(&pool, &Queue::new(&pool));
    assert_whole(&pool);
    let mut memory = vec![Line([0; 64]); 3 * 40];
    let (mut bookkeeping, mut places) =
        (bookkeeping(3 * 40 * 64, 192), [const { QueueSlot::new() }; 40]);
    let region = region(&mut memory, 192, &mut bookkeeping).expect("it serves");
    check(&region, &Queue::with_slots(&region, &mut places).expect("enough"));
    assert_whole(&region);
}

#[test]
fn addresses_and_handles_go_through_one_queue_with_their_data() {
    let pool = Pool::<64, 8>::new();
    let queue = Queue::new(&pool);
    let written = |byte: u8| {
        let mut block = pool.get().expect("it is free");
        block.reset(9).and_then(|()| block.append(&[byte; 3])).expect("it fits");
        block
    };
    let mut handles = heapless::Vec::<_, 3>::from_array([0, 1, 2].map(written));
    let pointers = [3, 4, 5].map(|byte| written(byte).into_raw_ptr());
    assert_eq!(queue.push_burst(&mut handles), 3);
    assert_eq!(push(&queue, &pointers), Ok(()));

    assert_eq!(queue.pop().as_deref(), Some(&[0; 3][..]));
    for (byte, pointer) in (1..).zip(pop(&queue, 3)) {
        // SAFETY: the pointer was popped, and nothing else has it.
        let block = unsafe { pool.from_raw_ptr(pointer) }.expect("it is out");
        assert_eq!((&block[..], block.headroom()), (&[byte; 3][..], 9));
    }
    assert_eq!(queue.pop_burst(&mut handles), 2);
    assert!(handles.iter().map(Block::headroom).eq([9, 9]));
    assert!(handles.iter().map(|block| block[0]).eq([4, 5]));
    drop((handles, queue));
    assert_whole(&pool);
}

#[test]
fn a_burst_for_a_queue_ends_before_what_is_refused() {
    let pool = Pool::<64, 40>::new();
    let other = Pool::<64, 1>::new();
    let queue = Queue::new(&pool);
    let mut local = pool.local_pool();
    let foreign = other.get().expect("it is free").into_raw_ptr();
    for at in [0_usize, 1, 4, 20] {
        let pointers = take(&mut local, 20);
        let repeated = pointers[at.saturating_sub(1)];
        let index = pool.index_of(repeated).expect("a block");
        for (refused, error) in [
            (NonNull::dangling(), RawError::Foreign),
            (foreign, RawError::Foreign),
            (moved(repeated, 1), RawError::Misaligned { into_block: 1 }),
            (repeated, RawError::NotReleased { index }),
        ] {
            let mut burst = pointers.clone();
            burst.insert(at, refused);
            // A repeated pointer at the front is accepted, and refused at its second occurrence.
            let at = at + usize::from(at == 0 && refused == repeated);
            assert_eq!(push(&queue, &burst), Err((at, error)));
            assert_eq!(queue.len(), at);
            assert_eq!(push(&queue, &burst[at + 1..]), Ok(()));
            assert_eq!(pop(&queue, 40), pointers);
        }
        assert_eq!(push(&queue, &pointers), Ok(()));
        assert!(push(&queue, &pointers).is_err_and(|(count, _)| count == 0), "they are in it");
        assert_eq!(pop(&queue, 40), pointers);
        assert_eq!(put(&mut local, &pointers), Ok(()));
    }
    drop((queue, local));
    assert_whole(&pool);
}

#[test]
fn of_addresses_popped_by_several_threads_each_has_one_owner() {
    const PACKETS: u64 = 20_000;
    let pool = Pool::<64, 64>::new();
    let queue = Queue::new(&pool);
    let popped = AtomicU64::new(0);
    let produce = |producer: u64| {
        let mut local = pool.local_pool();
        let mut written = 0;
        while written < PACKETS {
            let pointers = take(&mut local, (PACKETS - written).min(7) as usize);
            for pointer in &pointers {
                // SAFETY: a block that this thread owns, aligned.
                unsafe { pointer.cast::<[u64; 2]>().write([producer, written]) };
                written += 1;
            }
            assert_eq!(push(&queue, &pointers), Ok(()));
            if pointers.is_empty() {
                yield_now();
            }
        }
    };
    // Returns the sum of what it popped, which is in order for each producer.
    let consume = |count: usize| {
        let (mut local, mut sum, mut next) = (pool.local_pool(), 0, [0; 2]);
        while popped.load(Relaxed) < 2 * PACKETS {
            let pointers = pop(&queue, count);
            for pointer in &pointers {
                // SAFETY: a block that this thread owns, written by its producer.
                let [producer, number] = unsafe { pointer.cast::<[u64; 2]>().read() };
                assert!(number >= next[producer as usize], "out of order");
                next[producer as usize] = number + 1;
                sum += number;
            }
            popped.fetch_add(pointers.len() as u64, Relaxed);
            assert_eq!(put(&mut local, &pointers), Ok(()));
            if pointers.is_empty() {
                yield_now();
            }
        }
        sum
    };
    let sum: u64 = scope(|threads| {
        let (produce, consume) = (&produce, &consume);
        for producer in [0, 1] {
            threads.spawn(move || produce(producer));
        }
        let consumers = [3, 5].map(|count| threads.spawn(move || consume(count)));
        consumers.into_iter().map(|consumer| consumer.join().expect("no panic")).sum()
    });
    assert_eq!(sum, PACKETS * (PACKETS - 1));
    drop(queue);
    assert_whole(&pool);
}

#[test]
fn what_one_thread_writes_through_a_pointer_another_one_reads_and_gives_back() {
    let pool = Pool::<64, 256>::new();
    let (send, receive) = channel::<Vec<NonZero<usize>>>();
    scope(|threads| {
        threads.spawn(|| {
            let send = send;
            let mut local = pool.local_pool();
            for burst in 0..1000_usize {
                let pointers = take(&mut local, 32);
                for pointer in &pointers {
                    // SAFETY: a block that this thread owns, aligned.
                    unsafe { pointer.cast::<usize>().write(burst) };
                }
                send.send(pointers.iter().map(|pointer| pointer.expose_provenance()).collect())
                    .expect("it is waited for");
            }
        });
        let mut local = pool.local_pool();
        for (burst, addresses) in receive.iter().enumerate() {
            let pointers: Vec<NonNull<u8>> =
                addresses.into_iter().map(NonNull::with_exposed_provenance).collect();
            for pointer in &pointers {
                // SAFETY: the block's owner handed it over, written.
                assert_eq!(unsafe { pointer.cast::<usize>().read() }, burst);
            }
            assert_eq!(put(&mut local, &pointers), Ok(()));
        }
    });
    assert_whole(&pool);
}
