use std::time::Duration;

use blockpool_core::storage::InPlace;
use blockpool_core::{Block, Pool, Queue};

use super::latency::{Rhythm, times};
use super::{Work, crowd, occupied, pairs, producer_consumer, round_trip};
use crate::peers::{Contender, Private, Shared};

type Small = Pool<64, 1024>;
type SmallBlocks = InPlace<64, 1024>;

/// Does the work, and returns whether every block of the pool is free again.
fn all_return(pool: &'static Small, mut work: Work) -> bool {
    for count in [1, 100, 3000] {
        assert!(work(count).time() > Duration::ZERO);
    }
    pool.available() == 1024
}

#[test]
fn every_pattern_ends_and_gives_all_blocks_back() {
    fn patterns<C: Contender>(contender: &'static C) -> Vec<Work> {
        vec![
            pairs::one_thread(contender),
            pairs::burst(contender),
            pairs::two_threads(contender),
            pairs::many_threads(contender),
            producer_consumer::one_by_one(contender),
            producer_consumer::in_batches(contender),
            occupied::churn(contender, 50),
            occupied::churn(contender, 99),
            occupied::exhausted(contender),
        ]
    }
    static POOL: Small = Pool::new();
    static SHARED: Shared<SmallBlocks> = Shared { name: "pool", less: "", pool: &POOL };
    static PRIVATE: Private<SmallBlocks> = Private(&POOL);
    for (index, work) in patterns(&SHARED).into_iter().chain(patterns(&PRIVATE)).enumerate() {
        assert!(all_return(&POOL, work), "pattern {index}");
    }
    let tail = crowd::tail(&PRIVATE, Duration::from_millis(1));
    assert!(!tail.times.is_empty() && tail.times.max() >= tail.worst_on_processor);
}

#[test]
fn every_pattern_of_queues_ends_and_gives_all_blocks_back() {
    static POOL: Small = Pool::new();
    static PRIVATE: Private<SmallBlocks> = Private(&POOL);
    static QUEUE: Queue<'static, Small> = Queue::new(&POOL);
    static BACK: Queue<'static, Small> = Queue::new(&POOL);
    let item: fn() -> Block<'static, Small> = || POOL.get().expect("one is free");
    let patterns = [
        round_trip::one_thread(&QUEUE, item),
        round_trip::there_and_back(&QUEUE, &BACK, item),
        round_trip::there_and_back_in_bursts(&QUEUE, &BACK, item),
        round_trip::two_threads(&QUEUE, item),
        round_trip::many_threads(&QUEUE, item),
        producer_consumer::one_by_one_through(&PRIVATE, &QUEUE),
        producer_consumer::in_batches_through(&PRIVATE, &QUEUE),
    ];
    for (index, work) in patterns.into_iter().enumerate() {
        assert!(all_return(&POOL, work), "pattern {index}");
    }
}

#[test]
fn in_every_rhythm_each_get_and_each_give_back_has_a_time() {
    static POOL: Small = Pool::new();
    static SHARED: Shared<SmallBlocks> = Shared { name: "pool", less: "", pool: &POOL };
    for rhythm in [Rhythm::Steady, Rhythm::Bursty, Rhythm::Oversubscribed] {
        let times = times(&SHARED, rhythm, Duration::from_millis(2));
        assert!(!times.get.is_empty(), "{rhythm:?}");
        assert_eq!(times.get.len(), times.give_back.len(), "{rhythm:?}");
        assert_eq!(POOL.available(), 1024);
    }
}

#[cfg(unix)]
#[test]
fn a_thread_is_stopped_while_another_goes_on() {
    static POOL: Small = Pool::new();
    static SHARED: Shared<SmallBlocks> = Shared { name: "pool", less: "", pool: &POOL };
    let (times, pauses) = super::pause::times(&SHARED, Duration::from_millis(30));
    assert!(pauses >= 1);
    assert!(!times.get.is_empty());
    assert_eq!(POOL.available(), 1024);
}
