use crate::TransactionMemoryPool;

#[test]
fn an_empty_stock_fetches_half_its_limit_and_counts_as_out() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut local = pool.local_pool();
    assert_eq!((local.stock_limit(), local.stock()), (8, 0));
    let _buffer = local.get_buffer();
    assert_eq!((local.stock(), pool.available_buffers()), (3, 60));
    assert_eq!(pool.high_water_mark(), 4);
}

#[test]
fn a_full_stock_gives_its_older_half_back() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut local = pool.local_pool();
    let buffers: Vec<_> = (0..9).map(|_| pool.get_buffer()).collect();
    let newest = buffers[8].as_ptr();
    let oldest = buffers[0].as_ptr();
    for buffer in buffers {
        local.return_buffer(buffer);
    }
    assert_eq!((local.stock(), pool.available_buffers()), (5, 59));
    let mut taken = vec![local.get_buffer()];
    assert_eq!(taken[0].as_ptr(), newest, "last in, first out");
    while local.stock() > 0 {
        taken.push(local.get_buffer());
    }
    assert!(taken.iter().all(|buffer| buffer.as_ptr() != oldest));
}

#[test]
fn buffers_that_do_not_fit_stay_out_of_the_stock_and_are_counted() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut local = pool.local_pool();
    local.return_buffer(Vec::with_capacity(99));
    local.return_buffer(Vec::with_capacity(201));
    assert_eq!((local.stock(), pool.discarded()), (0, 2));
}

#[test]
fn flush_and_drop_give_everything_back() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut local = pool.local_pool();
    let buffer = local.get_buffer();
    local.return_buffer(buffer);
    local.flush();
    assert_eq!((local.stock(), pool.available_buffers()), (0, 64));
    let buffer = local.get_buffer();
    local.return_buffer(buffer);
    drop(local);
    assert_eq!(pool.available_buffers(), 64);
    assert_eq!(pool.local_pool().stock_limit(), 8, "its limit is free again");
}

#[test]
fn a_small_pool_is_never_kept_in_a_stock() {
    for pool_capacity in 0..8 {
        let pool = TransactionMemoryPool::new(100, pool_capacity);
        let mut local = pool.local_pool();
        let buffer = local.get_buffer();
        local.return_buffer(buffer);
        assert_eq!((local.stock_limit(), local.stock()), (0, 0));
        assert_eq!(pool.available_buffers(), pool_capacity);
        assert_eq!(local.try_get_buffer().is_some(), pool_capacity > 0);
    }
}

#[test]
fn a_stock_of_one_works() {
    let pool = TransactionMemoryPool::new(100, 8);
    let mut local = pool.local_pool();
    let (a, b) = (local.get_buffer(), local.get_buffer());
    let newest = b.as_ptr();
    local.return_buffer(a);
    local.return_buffer(b);
    assert_eq!((local.stock_limit(), local.stock()), (1, 1));
    assert_eq!(pool.available_buffers(), 7);
    let kept = local.get_buffer();
    assert_eq!(kept.as_ptr(), newest, "the older one went to the pool");
}

#[test]
fn half_of_an_odd_limit_is_rounded_up() {
    let pool = TransactionMemoryPool::new(100, 40);
    let mut local = pool.local_pool();
    let first = local.get_buffer();
    assert_eq!((local.stock_limit(), local.stock(), pool.available_buffers()), (5, 2, 37));
    // The stock is full with three more; one more makes room by three.
    let others: Vec<_> = (0..3).map(|_| pool.get_buffer()).collect();
    others.into_iter().for_each(|buffer| local.return_buffer(buffer));
    assert_eq!((local.stock(), pool.available_buffers()), (5, 34));
    local.return_buffer(first);
    assert_eq!((local.stock(), pool.available_buffers()), (3, 37));
}

#[test]
fn a_stock_is_of_64_at_most() {
    for (pool_capacity, limit) in [(504, 63), (512, 64), (520, 64), (100_000, 64)] {
        let pool = TransactionMemoryPool::new(0, pool_capacity);
        assert_eq!(pool.local_pool().stock_limit(), limit);
    }
}

#[test]
fn idle_stocks_leave_at_least_half_of_the_pool_to_others() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut locals: Vec<_> = (0..100).map(|_| pool.local_pool()).collect();
    for local in &mut locals {
        let buffers: Vec<_> = (0..64).map(|_| local.get_buffer()).collect();
        buffers.into_iter().for_each(|b| local.return_buffer(b));
    }
    assert!(pool.available_buffers() >= 32);
}

#[test]
fn a_guard_returns_to_the_shared_pool_or_where_it_is_put() {
    let pool = TransactionMemoryPool::new(100, 64);
    let other = TransactionMemoryPool::new(100, 1);
    let mut local = pool.local_pool();
    let guard = local.get();
    let stock = local.stock();
    drop(guard);
    assert_eq!((pool.available() + stock, local.stock()), (64, stock));
    let guard = local.try_get().unwrap();
    let memory = guard.as_ptr();
    local.put(guard);
    assert_eq!(local.stock(), stock);
    assert_eq!(local.get().as_ptr(), memory, "the one returned last");
    local.put(other.get());
    assert_eq!((other.available(), local.stock()), (1, stock - 1));
    let all: Vec<_> = std::iter::from_fn(|| local.try_get()).collect();
    assert_eq!((all.len(), pool.heap_fallbacks()), (64, 0));
    assert!(local.try_get().is_none());
    drop(all);
    assert_eq!(pool.available(), 64);
}
