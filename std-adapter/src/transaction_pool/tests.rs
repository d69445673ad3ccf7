use super::*;

fn counters(pool: &TransactionMemoryPool) -> (usize, usize, usize) {
    (pool.available_buffers(), pool.heap_fallbacks(), pool.discarded())
}

#[test]
fn a_new_pool_is_full_and_has_counted_nothing() {
    let pool = TransactionMemoryPool::new(100, 3);
    assert_eq!(counters(&pool), (3, 0, 0));
    assert_eq!((pool.total_allocated(), pool.buffer_size()), (3, 100));
    assert_eq!(pool.high_water_mark(), 0);
}

#[test]
fn a_buffer_is_empty_and_holds_the_buffer_size_from_pool_or_heap() {
    let pool = TransactionMemoryPool::new(100, 1);
    for source in ["pool", "heap"] {
        let buffer = pool.get_buffer();
        assert!(buffer.is_empty() && buffer.capacity() >= 100, "{source}");
        std::mem::forget(buffer);
    }
}

#[test]
fn a_returned_buffer_keeps_its_memory_and_loses_its_content() {
    let pool = TransactionMemoryPool::new(100, 1);
    let mut buffer = pool.get_buffer();
    buffer.extend_from_slice(b"secret");
    let memory = buffer.as_ptr();
    pool.return_buffer(buffer);

    let again = pool.get_buffer();
    assert!(again.is_empty());
    assert_eq!(again.as_ptr(), memory);
}

#[test]
fn an_empty_pool_falls_back_to_the_heap_and_counts_it() {
    let pool = TransactionMemoryPool::new(100, 1);
    let pooled = pool.get_buffer();
    let fallback = pool.get_buffer();
    assert_eq!(counters(&pool), (0, 1, 0));

    pool.return_buffer(fallback);
    pool.return_buffer(pooled);
    assert_eq!(counters(&pool), (1, 1, 1), "one place, so one is discarded");
}

#[test]
fn an_empty_pool_says_none_where_no_fallback_is_wanted() {
    let pool = TransactionMemoryPool::new(100, 1);
    let guard = pool.try_get().unwrap();
    assert!(pool.try_get_buffer().is_none() && pool.try_get().is_none());
    assert_eq!(pool.heap_fallbacks(), 0);
    drop(guard);
    assert!(pool.try_get_buffer().is_some());
}

#[test]
fn a_returned_buffer_that_is_too_small_is_discarded_and_counted() {
    let pool = TransactionMemoryPool::new(100, 1);
    let mut buffer = pool.get_buffer();
    buffer.shrink_to_fit();
    pool.return_buffer(buffer);
    assert_eq!(counters(&pool), (0, 0, 1));
}

#[test]
fn a_returned_buffer_that_grew_beyond_twice_the_size_is_discarded_and_counted() {
    let pool = TransactionMemoryPool::new(100, 2);
    let mut doubled = pool.get_buffer();
    doubled.resize(200, 1);
    let mut outgrown = pool.get_buffer();
    outgrown.resize(201, 1);
    pool.return_buffer(doubled);
    pool.return_buffer(outgrown);
    assert_eq!(counters(&pool), (1, 0, 1));
}

#[test]
fn a_foreign_buffer_that_fits_replaces_a_missing_one() {
    let pool = TransactionMemoryPool::new(100, 1);
    drop(pool.get_buffer());
    pool.return_buffer(Vec::with_capacity(150));
    assert_eq!(counters(&pool), (1, 0, 0));
    pool.return_buffer(Vec::with_capacity(100));
    assert_eq!(counters(&pool), (1, 0, 1), "the pool is full");
}

#[test]
fn the_high_water_mark_keeps_the_peak_and_stays_within_the_capacity() {
    let pool = TransactionMemoryPool::new(100, 4);
    drop((pool.get(), pool.get()));
    drop(pool.get());
    assert_eq!(pool.high_water_mark(), 2);
    drop((0..9).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.high_water_mark(), 4);
}

#[test]
fn a_pool_without_places_serves_from_the_heap_and_discards() {
    let pool = TransactionMemoryPool::new(100, 0);
    assert!(pool.try_get_buffer().is_none());
    let buffer = pool.get_buffer();
    assert!(buffer.capacity() >= 100);
    pool.return_buffer(buffer);
    drop(pool.get());
    assert_eq!(counters(&pool), (0, 2, 2));
    assert_eq!((pool.total_allocated(), pool.high_water_mark()), (0, 0));
}

#[test]
fn buffers_of_zero_bytes_circulate_until_they_are_written_to() {
    let pool = TransactionMemoryPool::new(0, 2);
    let mut written = pool.get_buffer();
    pool.return_buffer(pool.get_buffer());
    assert_eq!(counters(&pool), (1, 0, 0));
    written.push(1);
    pool.return_buffer(written);
    assert_eq!(counters(&pool), (1, 0, 1));
}

#[test]
fn sizes_beyond_the_address_space_are_an_error_that_states_them() {
    let most = isize::MAX as usize;
    for (buffer_size, pool_capacity) in [
        (usize::MAX, 1),
        (usize::MAX, 0),
        (0, usize::MAX),
        (usize::MAX, usize::MAX),
        (most, 1),
        (most / 2, 3),
        (1 << (usize::BITS / 2), 1 << (usize::BITS / 2)),
        // By its slots alone: a `Vec` and a word each.
        (0, most / (size_of::<Vec<u8>>() + size_of::<usize>()) + 1),
    ] {
        let error = TransactionMemoryPool::try_new(buffer_size, pool_capacity).unwrap_err();
        assert_eq!(error, PoolError::TooLarge { buffer_size, pool_capacity });
        let text = error.to_string();
        assert!(text.contains(&buffer_size.to_string()), "{text}");
        assert!(text.contains(&pool_capacity.to_string()), "{text}");
    }
}

// More than any system can map, so refused even where memory is overcommitted.
#[cfg(target_pointer_width = "64")]
#[test]
fn memory_that_the_allocator_refuses_is_an_error_before_any_page_is_touched() {
    for (buffer_size, pool_capacity) in [(1 << 60, 1), (1 << 20, 1 << 40), (0, 1 << 57)] {
        assert_eq!(
            TransactionMemoryPool::try_new(buffer_size, pool_capacity).unwrap_err(),
            PoolError::OutOfMemory { buffer_size, pool_capacity }
        );
    }
}

#[test]
#[should_panic(expected = "a pool of 1 buffers of 18446744073709551615 bytes each exceeds")]
#[cfg(target_pointer_width = "64")]
fn new_panics_with_the_text_of_the_error() {
    TransactionMemoryPool::new(usize::MAX, 1);
}

#[test]
fn debug_shows_sizes_and_counts() {
    let pool = TransactionMemoryPool::new(100, 64);
    let _held = pool.get();
    let text = "TransactionMemoryPool { buffer_size: 100, total_allocated: 64, available_buffers: 63, .. }";
    assert_eq!(format!("{pool:?}"), text);
    let local = pool.local_pool();
    assert_eq!(
        format!("{local:?}"),
        format!("LocalPool {{ stock: 0, stock_limit: 8, pool: {text} }}")
    );
}

#[test]
fn a_clone_is_a_handle_of_the_same_pool() {
    let pool = TransactionMemoryPool::new(100, 1);
    let clone = pool.clone();
    let guard = clone.get();
    assert_eq!(pool.available_buffers(), 0);
    drop((clone, guard));
    assert_eq!(pool.available_buffers(), 1);
}

#[test]
fn the_high_water_mark_of_a_large_pool_is_low_by_less_than_16_and_exact_while_out() {
    let pool = TransactionMemoryPool::new(1, 4096);
    for peak in [1, 5, 100, 1000, 3000] {
        let held: Vec<_> = (0..peak).map(|_| pool.get()).collect();
        drop(held);
        let seen = pool.high_water_mark();
        assert!((peak - peak.min(15)..=peak).contains(&seen), "{seen} of {peak}");
    }
    let _held: Vec<_> = (0..3333).map(|_| pool.get()).collect();
    assert_eq!(pool.high_water_mark(), 3333);
}

#[test]
fn threads_and_pools_that_alternate_are_sampled_too() {
    let pools = [(); 2].map(|()| TransactionMemoryPool::new(1, 4096));
    drop((0..200).map(|n| pools[n % 2].get()).collect::<Vec<_>>());
    assert_eq!(pools.each_ref().map(|pool| pool.high_water_mark()), [100, 100]);
}
