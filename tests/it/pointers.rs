//! A worker's bursts of addresses.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::mpsc::channel;

use blockpool_core::{BlockPool, Pool, RawError, Worker};

use crate::harness::{Line, assert_whole, bookkeeping, region, scope};

/// Takes up to `count` blocks by one call.
fn take<P: BlockPool, const STOCK: usize>(
    worker: &mut Worker<'_, P, STOCK>,
    count: usize,
) -> Vec<*mut u8> {
    let mut pointers = vec![MaybeUninit::uninit(); count];
    let taken = worker.get_raw_ptr_burst(&mut pointers);
    // SAFETY: as many were written.
    pointers[..taken].iter().map(|pointer| unsafe { pointer.assume_init() }).collect()
}

/// Gives blocks back that `take` took, or what is refused.
fn put<P: BlockPool, const STOCK: usize>(
    worker: &mut Worker<'_, P, STOCK>,
    pointers: &[*mut u8],
) -> Result<(), (usize, RawError)> {
    // SAFETY: one thread; the pointers that are not refused come from `take`.
    unsafe { worker.put_raw_ptr_burst(pointers) }
}

#[test]
fn bursts_of_any_length_take_and_give_back_every_block_once() {
    fn check<P: BlockPool, const STOCK: usize>(pool: &P) {
        for count in [0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 64, 199, 200, 201] {
            let mut worker = Worker::<P, STOCK>::with_stock(pool);
            for held_before in [0, 1, 5] {
                let before = take(&mut worker, held_before);
                let pointers = take(&mut worker, count);
                assert_eq!(pointers.len(), count.min(200 - held_before), "no more are there");
                let different: BTreeSet<_> = before.iter().chain(&pointers).collect();
                assert_eq!(different.len(), before.len() + pointers.len());
                assert_eq!(put(&mut worker, &pointers), Ok(()));
                assert_eq!(put(&mut worker, &before), Ok(()));
                assert!(worker.stock() <= STOCK.min(50), "a quarter of the pool");
            }
            drop(worker);
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
    let mut worker = pool.worker();
    let (first, length) = pool.memory();
    let kept = pool.get().expect("it is free");
    let index = kept.index();
    let in_a_handle = first.as_ptr().wrapping_add(index as usize * 64);
    for (refused, error) in [
        (ptr::null_mut(), RawError::Foreign),
        (first.as_ptr().wrapping_add(length), RawError::Foreign),
        (in_a_handle.wrapping_add(63), RawError::Misaligned { into_block: 63 }),
        (in_a_handle, RawError::NotOut { index }),
    ] {
        for at in [0, 4, 5, 9, 20] {
            let mut pointers = take(&mut worker, 20);
            pointers.insert(at, refused);
            assert_eq!(put(&mut worker, &pointers), Err((at, error)));
            assert_eq!(put(&mut worker, &pointers[at + 1..]), Ok(()));
        }
    }
    drop((kept, worker));
    assert_whole(&pool);
}

#[test]
fn a_repeated_pointer_is_refused_in_the_stock_and_in_the_pool() {
    let pool = Pool::<64, 40>::new();
    let mut worker = pool.worker();
    let pointers = take(&mut worker, 2);
    let index = (pointers[0].addr() - pool.memory().0.addr().get()) as u32 / 64;
    let repeated = RawError::NotOut { index };
    let twice = [pointers[0], pointers[1], pointers[0]];
    assert_eq!(put(&mut worker, &twice), Err((2, repeated)));
    assert_eq!(put(&mut worker, &twice), Err((0, repeated)));
    worker.flush();
    assert_eq!(put(&mut worker, &twice), Err((0, repeated)));
    assert_eq!(put(&mut pool.worker(), &twice), Err((0, repeated)));
    drop(worker);
    assert_whole(&pool);
}

#[test]
fn what_one_thread_writes_through_a_pointer_another_one_reads_and_gives_back() {
    let pool = Pool::<64, 256>::new();
    let (send, receive) = channel::<Vec<usize>>();
    scope(|threads| {
        threads.spawn(|| {
            let send = send;
            let mut worker = pool.worker();
            for burst in 0..1000_usize {
                let pointers = take(&mut worker, 32);
                for pointer in &pointers {
                    // SAFETY: a block that this thread owns, aligned.
                    unsafe { pointer.cast::<usize>().write(burst) };
                }
                send.send(pointers.iter().map(|pointer| pointer.expose_provenance()).collect())
                    .expect("it is waited for");
            }
        });
        let mut worker = pool.worker();
        for (burst, addresses) in receive.iter().enumerate() {
            let pointers: Vec<*mut u8> =
                addresses.into_iter().map(ptr::with_exposed_provenance_mut).collect();
            for pointer in &pointers {
                // SAFETY: the block's owner handed it over, written.
                assert_eq!(unsafe { pointer.cast::<usize>().read() }, burst);
            }
            assert_eq!(put(&mut worker, &pointers), Ok(()));
        }
    });
    assert_whole(&pool);
}
