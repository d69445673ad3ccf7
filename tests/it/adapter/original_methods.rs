//! Code written against the original pool: five methods, names and signatures.

use blockpool::TransactionMemoryPool;

#[test]
fn code_written_against_the_original_pool_compiles_unchanged() {
    let _: fn(usize, usize) -> TransactionMemoryPool = TransactionMemoryPool::new;
    let _: fn(&TransactionMemoryPool) -> Vec<u8> = TransactionMemoryPool::get_buffer;
    let _: fn(&TransactionMemoryPool, Vec<u8>) = TransactionMemoryPool::return_buffer;
    let _: fn(&TransactionMemoryPool) -> usize = TransactionMemoryPool::available_buffers;
    let _: fn(&TransactionMemoryPool) -> usize = TransactionMemoryPool::total_allocated;

    let pool = TransactionMemoryPool::new(1232, 10);
    let mut buffer = pool.get_buffer();
    buffer.extend_from_slice(&[1, 2, 3]);
    assert_eq!(pool.available_buffers(), 9);
    pool.return_buffer(buffer);
    assert_eq!(pool.available_buffers(), 10);
    assert_eq!(pool.total_allocated(), 10);
}

#[test]
fn a_burst_beyond_the_capacity_is_served_and_leaves_a_full_pool() {
    let pool = TransactionMemoryPool::new(64, 4);
    let burst: Vec<Vec<u8>> = (0..10).map(|_| pool.get_buffer()).collect();
    assert!(burst.iter().all(|buffer| buffer.capacity() >= 64));
    assert_eq!(pool.available_buffers(), 0);
    for buffer in burst {
        pool.return_buffer(buffer);
    }
    assert_eq!(pool.available_buffers(), 4);
    assert_eq!(pool.total_allocated(), 4);
}
