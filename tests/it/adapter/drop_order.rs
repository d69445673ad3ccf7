//! Pool, guard, local pool and queue may be dropped in any order.

use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
use std::time::Instant;

#[test]
fn pool_guard_local_pool_and_queue_drop_in_any_order() {
    for order in permutations(&[0, 1, 2, 3]) {
        let pool = TransactionMemoryPool::new(100, 64);
        let watch = pool.clone();
        let guard = pool.get();
        let mut local = pool.local_pool();
        let buffer = local.get_buffer();
        local.return_buffer(buffer);
        let queue = TransactionQueue::new(4);
        queue.push(received(pool.get())).unwrap();

        let (mut pool, mut guard) = (Some(pool), Some(guard));
        let (mut local, mut queue) = (Some(local), Some(queue));
        for which in order {
            match which {
                0 => drop(pool.take()),
                1 => drop(guard.take()),
                2 => drop(local.take()),
                _ => drop(queue.take()),
            }
        }
        assert_eq!(watch.available_buffers(), 64);
        assert_eq!(watch.discarded(), 0);
    }
}

#[test]
fn guards_and_local_pools_work_when_no_other_handle_is_left() {
    let pool = TransactionMemoryPool::new(100, 64);
    let mut guard = pool.get();
    let mut local = pool.local_pool();
    drop(pool);
    guard.extend_from_slice(b"alive");
    let buffer = local.get_buffer();
    drop(local);
    assert_eq!(&guard[..], b"alive");
    drop(guard);
    drop(buffer);
}

fn received<B>(data: B) -> ReceivedTransaction<B> {
    ReceivedTransaction { data, source: ([10, 0, 0, 1], 8001).into(), received: Instant::now() }
}

fn permutations(items: &[u8]) -> Vec<Vec<u8>> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut all = vec![];
    for (place, &first) in items.iter().enumerate() {
        let rest = [&items[..place], &items[place + 1..]].concat();
        for mut order in permutations(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}
