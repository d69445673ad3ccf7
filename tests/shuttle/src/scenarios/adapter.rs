//! The pool of byte vectors of package `blockpool`.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::TransactionMemoryPool;
use crate::harness::{below, together};

const BUFFER_SIZE: usize = 8;

/// Threads take buffers in every possible way, give back their own and some that do not fit, and read the
/// high-water mark.
pub(super) fn everything(threads: usize, length: usize, capacity: usize, by_local_pools: bool) {
    let pool = TransactionMemoryPool::new(BUFFER_SIZE, capacity);
    // What threads saw. These are no points where another thread may run.
    let highest_mark = AtomicUsize::new(0);
    let unfit = AtomicUsize::new(0);
    let found_empty = AtomicUsize::new(0);

    together(threads, |_| {
        let mut local = by_local_pools.then(|| pool.local_pool());
        let mut held: Vec<Vec<u8>> = Vec::new();
        for _ in 0..length {
            match below(8) {
                0..=2 => held.push(match &mut local {
                    Some(local) => local.get_buffer(),
                    None => pool.get_buffer(),
                }),
                3 => {
                    let taken = pool.try_get_buffer();
                    found_empty.fetch_add(taken.is_none().into(), Ordering::Relaxed);
                    held.extend(taken);
                }
                4 => {
                    let mark = pool.high_water_mark();
                    assert!(mark <= capacity);
                    highest_mark.fetch_max(mark, Ordering::Relaxed);
                }
                5 => {
                    unfit.fetch_add(1, Ordering::Relaxed);
                    pool.return_buffer(Vec::new());
                }
                _ => {
                    if let Some(buffer) = held.pop() {
                        match &mut local {
                            Some(local) => local.return_buffer(buffer),
                            None => pool.return_buffer(buffer),
                        }
                    }
                }
            }
        }
        held.into_iter().for_each(|buffer| pool.return_buffer(buffer));
    });

    let mark = pool.high_water_mark();
    assert!(mark >= highest_mark.into_inner(), "the mark fell");
    if found_empty.into_inner() > 0 || pool.heap_fallbacks() > 0 {
        assert_eq!(mark, capacity, "the pool was empty");
    }
    // All came back; the surplus was discarded.
    assert_eq!(pool.available_buffers(), capacity);
    assert_eq!(pool.discarded(), pool.heap_fallbacks() + unfit.into_inner());
}

/// Local pools share half of the pool, and leave it unchanged.
pub(super) fn stock_limits(threads: usize, rounds: usize) {
    const CAPACITY: usize = 64;
    let pool = TransactionMemoryPool::new(0, CAPACITY);
    // Not a point where another thread may run.
    let sum = AtomicUsize::new(0);
    together(threads, |_| {
        for _ in 0..rounds {
            let local = pool.local_pool();
            let limit = local.stock_limit();
            let of_all = sum.fetch_add(limit, Ordering::Relaxed) + limit;
            assert!(of_all <= CAPACITY / 2, "{of_all} buffers may be kept");
            sum.fetch_sub(limit, Ordering::Relaxed);
            drop(local);
        }
    });
    assert_eq!(pool.local_pool().stock_limit(), CAPACITY / 8);
}
