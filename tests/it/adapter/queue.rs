//! Queue and pool together.

use blockpool::{PooledBuffer, ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::Instant;

use crate::harness::scope;

fn received(pool: &TransactionMemoryPool, bytes: &[u8]) -> ReceivedTransaction<PooledBuffer> {
    let mut data = pool.get();
    data.extend_from_slice(bytes);
    ReceivedTransaction { data, source: ([10, 0, 0, 1], 8001).into(), received: Instant::now() }
}

#[test]
fn a_full_queue_gives_the_filled_buffer_back() {
    let pool = TransactionMemoryPool::new(100, 2);
    let queue = TransactionQueue::new(1);
    queue.push(received(&pool, b"first")).unwrap();
    let refused = queue.push(received(&pool, b"second")).unwrap_err();
    assert_eq!(&refused.data[..], b"second");
    assert_eq!(pool.available_buffers(), 0);
    drop(refused);
    assert_eq!(pool.available_buffers(), 1);
}

#[test]
fn dropping_a_filled_queue_returns_every_buffer() {
    let pool = TransactionMemoryPool::new(100, 16);
    let queue = TransactionQueue::new(16);
    for _ in 0..16 {
        queue.push(received(&pool, b"payload")).unwrap();
    }
    let other = queue.clone();
    drop(queue);
    assert_eq!(pool.available_buffers(), 0, "one handle is left");
    drop(other);
    assert_eq!((pool.available_buffers(), pool.discarded()), (16, 0));
}

#[test]
fn every_transaction_arrives_once_and_unchanged_and_all_buffers_return() {
    const EACH: u64 = 20_000;
    let pool = TransactionMemoryPool::new(100, 64);
    let queue = TransactionQueue::new(32);
    let arrived: Vec<AtomicUsize> = (0..2 * EACH).map(|_| AtomicUsize::new(0)).collect();
    let open = AtomicUsize::new(2);
    scope(|scope| {
        for producer in 0..2 {
            let (pool, queue, open) = (&pool, &queue, &open);
            scope.spawn(move || {
                for number in producer * EACH..(producer + 1) * EACH {
                    let mut item = received(pool, &number.to_le_bytes().repeat(4));
                    while let Err(refused) = queue.push(item) {
                        item = refused;
                        thread::yield_now();
                    }
                }
                open.fetch_sub(1, Release);
            });
        }
        for _ in 0..2 {
            let (queue, arrived, open) = (&queue, &arrived, &open);
            scope.spawn(move || {
                loop {
                    // Read before the pop: then empty means finished.
                    let finished = open.load(Acquire) == 0;
                    match queue.pop() {
                        Some(item) => {
                            let number: [u8; 8] = item.data[..8].try_into().unwrap();
                            assert_eq!(&item.data[..], number.repeat(4));
                            let number = u64::from_le_bytes(number) as usize;
                            arrived[number].fetch_add(1, Relaxed);
                        }
                        None if finished => break,
                        None => thread::yield_now(),
                    }
                }
            });
        }
    });
    assert!(arrived.iter().all(|count| count.load(Relaxed) == 1));
    assert_eq!((pool.available_buffers(), pool.heap_fallbacks()), (64, 0));
}
