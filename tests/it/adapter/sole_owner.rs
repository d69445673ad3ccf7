//! Many threads on one pool: every buffer has one owner, and none is lost.

use blockpool::{LocalPool, TransactionMemoryPool};
use std::thread;

use crate::harness::scope;

const THREADS: usize = 4;
const ROUNDS: usize = 20_000;
const CAPACITY: usize = 64;
const SIZE: usize = 64;

/// Fills the buffer with a mark, lets others run, and checks the mark.
fn own(buffer: &mut Vec<u8>, mark: u8) {
    assert!(buffer.is_empty() && buffer.capacity() >= SIZE);
    buffer.resize(SIZE, mark);
    std::hint::black_box(&mut *buffer);
    if mark & 15 == 0 {
        thread::yield_now();
    }
    assert!(buffer.iter().all(|&byte| byte == mark));
}

fn on_many_threads(work: impl Fn(u8) + Sync) {
    scope(|scope| {
        for thread in 0..THREADS {
            let work = &work;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    work((round * THREADS + thread) as u8);
                }
            });
        }
    });
}

/// The threads never held all buffers at once, so none met an empty pool.
fn assert_conserved(pool: &TransactionMemoryPool) {
    assert_eq!(pool.available_buffers(), CAPACITY);
    assert_eq!((pool.heap_fallbacks(), pool.discarded()), (0, 0));
    assert!((1..=CAPACITY).contains(&pool.high_water_mark()));
}

#[test]
fn every_shared_buffer_has_one_owner_and_none_is_lost() {
    let pool = TransactionMemoryPool::new(SIZE, CAPACITY);
    on_many_threads(|mark| {
        let mut buffer = pool.get_buffer();
        own(&mut buffer, mark);
        pool.return_buffer(buffer);
    });
    assert_conserved(&pool);
    assert!(pool.high_water_mark() <= THREADS);
}

#[test]
fn every_guarded_buffer_has_one_owner_and_none_is_lost() {
    let pool = TransactionMemoryPool::new(SIZE, CAPACITY);
    on_many_threads(|mark| own(&mut pool.get(), mark));
    assert_conserved(&pool);
}

#[test]
fn every_buffer_of_local_pools_has_one_owner_and_none_is_lost() {
    let pool = TransactionMemoryPool::new(SIZE, CAPACITY);
    scope(|scope| {
        for thread in 0..THREADS {
            let mut local: LocalPool = pool.local_pool();
            scope.spawn(move || {
                for round in 0..ROUNDS / 5 {
                    let mut held: Vec<_> = (0..5).map(|_| local.get_buffer()).collect();
                    for buffer in &mut held {
                        own(buffer, (round * THREADS + thread) as u8);
                    }
                    held.into_iter().for_each(|b| local.return_buffer(b));
                }
            });
        }
    });
    assert_conserved(&pool);
}

#[test]
fn with_more_takers_than_buffers_the_pool_ends_full_and_the_counters_add_up() {
    let pool = TransactionMemoryPool::new(SIZE, 2);
    on_many_threads(|mark| {
        let mut both = [pool.get_buffer(), pool.get_buffer()];
        both.iter_mut().for_each(|buffer| own(buffer, mark));
        both.into_iter().for_each(|b| pool.return_buffer(b));
    });
    assert_eq!(pool.available_buffers(), 2);
    assert_eq!(pool.heap_fallbacks(), pool.discarded());
    assert_eq!(pool.high_water_mark(), 2);
}
