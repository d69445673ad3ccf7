//! An empty pool, and a burst beyond its capacity.

use blockpool::TransactionMemoryPool;

#[test]
fn a_burst_costs_one_fallback_and_one_discard_for_each_buffer_too_many() {
    let pool = TransactionMemoryPool::new(1232, 8);
    for burst in 1..=3 {
        drop((0..20).map(|_| pool.get()).collect::<Vec<_>>());
        assert_eq!(pool.available_buffers(), 8);
        assert_eq!((pool.heap_fallbacks(), pool.discarded()), (12 * burst, 12 * burst));
    }
    assert_eq!(pool.high_water_mark(), 8);
}

#[test]
fn gets_without_fallback_hand_out_exactly_the_capacity() {
    let pool = TransactionMemoryPool::new(1232, 8);
    let held: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    assert_eq!(held.len(), 8);
    assert_eq!((pool.heap_fallbacks(), pool.high_water_mark()), (0, 8));
}

#[test]
fn one_local_pool_reaches_every_buffer_of_its_pool() {
    for capacity in [1, 7, 8, 9, 100, 1000] {
        let pool = TransactionMemoryPool::new(16, capacity);
        let mut local = pool.local_pool();
        let held: Vec<_> = std::iter::from_fn(|| local.try_get_buffer()).collect();
        assert_eq!(held.len(), capacity);
        assert!(local.get_buffer().capacity() >= 16);
        assert_eq!(pool.heap_fallbacks(), 1);
    }
}

#[test]
fn detached_buffers_are_missing_until_fallbacks_replace_them() {
    let pool = TransactionMemoryPool::new(1232, 4);
    let _kept: Vec<Vec<u8>> = (0..4).map(|_| pool.get().detach()).collect();
    assert_eq!((pool.available_buffers(), pool.discarded()), (0, 0));
    drop((pool.get(), pool.get(), pool.get(), pool.get()));
    assert_eq!((pool.available_buffers(), pool.heap_fallbacks()), (4, 4));
}
