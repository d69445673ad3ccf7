//! Many threads on one pool: a block has one owner at a time, and none gets lost.

use std::collections::HashMap;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};
use std::thread;

use blockpool_core::storage::{Bitmap, Counted, HeaplessQueue, SpinStack, Storage};
use blockpool_core::{Align, Block, BlockPool, LocalPool, Pool, Queue};

use crate::harness::{Random, assert_whole, read_stamp, scope, write_stamp};

const THREADS: usize = 8;
const STEPS: usize = 15_000;
const BURST: usize = 5;

type Burst<'p, P> = heapless::Vec<Block<'p, P>, BURST>;

/// One thread's part: it takes blocks in every possible way, holds some, and hands some to the other threads
/// in every possible way. A block that it holds is filled with a stamp that no other thread writes.
struct Party<'s, 'p, S: Storage> {
    pool: &'p BlockPool<S>,
    queue: &'s Queue<'p, BlockPool<S>>,
    raw_in: &'s Mutex<Receiver<u32>>,
    raw_out: Sender<u32>,
    /// Which blocks someone holds.
    marks: &'s [AtomicBool],
    local: LocalPool<'p, BlockPool<S>, 6>,
    held: Vec<(Block<'p, BlockPool<S>>, u64)>,
    most: usize,
    next_stamp: u64,
    random: Random,
}

impl<'p, S: Storage> Party<'_, 'p, S> {
    fn is_full(&self) -> bool {
        self.held.len() >= self.most
    }

    fn mark(&self, block: &Block<'p, BlockPool<S>>) {
        // Relaxed: this only detects whether two owners overlap.
        let held = self.marks[block.index() as usize].swap(true, Ordering::Relaxed);
        assert!(!held, "two owners of block {}", block.index());
    }

    fn unmark(&self, block: &Block<'p, BlockPool<S>>) {
        self.marks[block.index() as usize].store(false, Ordering::Relaxed);
    }

    fn keep(&mut self, mut block: Block<'p, BlockPool<S>>) {
        self.mark(&block);
        self.next_stamp += 1;
        write_stamp(&mut block, self.next_stamp);
        self.held.push((block, self.next_stamp));
    }

    fn keep_new(&mut self, block: Block<'p, BlockPool<S>>) {
        assert!(block.is_empty() && block.headroom() == 0);
        self.keep(block);
    }

    /// From another thread, which left its stamp.
    fn keep_received(&mut self, block: Block<'p, BlockPool<S>>) {
        assert_ne!(read_stamp(&block), 0);
        self.keep(block);
    }

    fn let_go(&mut self) -> Option<Block<'p, BlockPool<S>>> {
        let count = self.held.len();
        if count == 0 {
            return None;
        }
        let (block, stamp) = self.held.swap_remove(self.random.below(count));
        assert_eq!(read_stamp(&block), stamp, "someone else wrote to it");
        self.unmark(&block);
        Some(block)
    }

    fn let_some_go(&mut self) -> Burst<'p, BlockPool<S>> {
        (0..self.random.below(BURST + 1)).map_while(|_| self.let_go()).collect()
    }

    fn receive_raw(&mut self) {
        let index = self.raw_in.lock().expect("no thread panicked").try_recv();
        if let Ok(index) = index {
            // SAFETY: the sender owned the block, and each index sent is received once.
            let block = unsafe { self.pool.from_raw(index) };
            self.keep_received(block.expect("a number from `into_raw`"));
        }
    }

    /// Takes and immediately gives back, so that threads meet in the shared free list.
    fn take_and_give_back(&self) {
        for block in (0..50).filter_map(|_| self.pool.get()) {
            self.mark(&block);
            self.unmark(&block);
        }
    }

    fn step(&mut self) {
        match self.random.below(18) {
            0..=2 if !self.is_full() => {
                if let Some(block) = self.pool.get() {
                    self.keep_new(block);
                }
            }
            3 | 4 if !self.is_full() => {
                if let Some(block) = self.local.get() {
                    self.keep_new(block);
                }
            }
            5 if !self.is_full() => {
                let mut burst = Burst::new();
                self.local.get_burst(&mut burst);
                burst.into_iter().for_each(|block| self.keep_new(block));
            }
            6 if !self.is_full() => {
                if let Some(block) = self.queue.pop() {
                    self.keep_received(block);
                }
            }
            7 if !self.is_full() => {
                let mut burst = Burst::new();
                self.queue.pop_burst(&mut burst);
                burst.into_iter().for_each(|block| self.keep_received(block));
            }
            8 if !self.is_full() => self.receive_raw(),
            9 => drop(self.let_go()),
            10 => {
                if let Some(block) = self.let_go() {
                    self.local.put(block);
                }
            }
            11 => {
                let mut burst = self.let_some_go();
                self.local.put_burst(&mut burst);
            }
            12 => {
                if let Some(block) = self.let_go() {
                    self.queue.push(block).expect("a block of this pool");
                }
            }
            13 => {
                let mut burst = self.let_some_go();
                let count = burst.len();
                assert_eq!(self.queue.push_burst(&mut burst), count);
            }
            14 => {
                if let Some(block) = self.let_go() {
                    let index = block.into_raw();
                    self.raw_out.send(index).expect("the receiver lives");
                }
            }
            15 => self.local.flush(),
            16 => self.take_and_give_back(),
            // Rarely: on a busy machine it costs a time slice.
            17 if self.random.below(20) == 0 => thread::yield_now(),
            // It holds enough.
            _ => {}
        }
    }
}

/// `THREADS` threads do everything with each other's blocks; then nothing is missing.
pub(crate) fn stress<'p, S: Storage>(pool: &'p BlockPool<S>, queue: &Queue<'p, BlockPool<S>>) {
    let (raw_out, raw_in) = channel();
    let raw_in = Mutex::new(raw_in);
    let marks: Vec<_> = iter::repeat_with(AtomicBool::default).take(pool.capacity()).collect();
    let start = Barrier::new(THREADS);
    scope(|scope| {
        for thread in 0..THREADS {
            let mut party = Party {
                pool,
                queue,
                raw_in: &raw_in,
                raw_out: raw_out.clone(),
                marks: &marks,
                local: LocalPool::new(pool),
                held: Vec::new(),
                most: (pool.capacity() / THREADS).max(2),
                next_stamp: (thread as u64 + 1) << 32,
                random: Random(thread as u64),
            };
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for _ in 0..STEPS {
                    party.step();
                }
                while party.let_go().is_some() {}
            });
        }
    });
    while let Some(block) = queue.pop() {
        read_stamp(&block);
    }
    for index in raw_in.into_inner().expect("no thread panicked").try_iter() {
        // SAFETY: the sender owned the block, and each index sent is received once.
        let block = unsafe { pool.from_raw(index) };
        read_stamp(&block.expect("a number from `into_raw`"));
    }
    assert_whole(pool);
}

macro_rules! free_lists {
    ($($name:ident: $($size:literal $count:literal $kind:ty),+;)+) => {$(
        #[test]
        fn $name() {$({
            static POOL: Pool<$size, $count, Align<64>, $kind> = Pool::new();
            stress(&POOL, &Queue::new(&POOL));
        })+}
    )+};
}

// Few blocks for the threads, some, many. The counts beyond 2,048 are those with a summary.
free_lists! {
    every_block_has_at_most_one_owner_and_none_is_lost_by_bitmap:
        64 1 Bitmap, 72 3 Bitmap, 100 65 Bitmap,
        64 200 Bitmap;
    every_block_has_at_most_one_owner_and_none_is_lost_by_bitmap_with_summary:
        64 2049 Bitmap, 16 4097 Bitmap;
    every_block_has_at_most_one_owner_and_none_is_lost_by_counted:
        72 3 Counted, 64 200 Counted;
    every_block_has_at_most_one_owner_and_none_is_lost_by_heapless_queue:
        64 1 HeaplessQueue<2>, 72 3 HeaplessQueue<4>, 64 200 HeaplessQueue<256>,
        64 128 HeaplessQueue<8>;
    every_block_has_at_most_one_owner_and_none_is_lost_by_spin_stack:
        72 3 SpinStack, 64 200 SpinStack;
}

/// `seen` has what a consumer saw last from each producer.
fn assert_ascending(seen: &mut HashMap<u64, u64>, stamp: u64) {
    let (producer, number) = (stamp >> 32, stamp & 0xFFFF_FFFF);
    if let Some(before) = seen.insert(producer, number) {
        assert!(before < number, "{number} after {before} of {producer}");
    }
}

#[test]
fn a_consumer_sees_the_blocks_of_each_producer_in_their_order() {
    const PRODUCERS: u64 = 3;
    const CONSUMERS: u64 = 3;
    const EACH: u64 = 6_000;
    // Fewer blocks than could be in flight, so that the ring wraps often.
    static POOL: Pool<64, 13> = Pool::new();
    static QUEUE: Queue<'static, Pool<64, 13>> = Queue::new(&POOL);

    scope(|scope| {
        for producer in 0..PRODUCERS {
            scope.spawn(move || {
                let mut waiting = Burst::new();
                for number in 1..=EACH {
                    let mut block = loop {
                        match POOL.get() {
                            Some(block) => break block,
                            None => {
                                QUEUE.push_burst(&mut waiting);
                                thread::yield_now();
                            }
                        }
                    };
                    write_stamp(&mut block, producer << 32 | number);
                    if waiting.len() as u64 >= number % 5 {
                        QUEUE.push_burst(&mut waiting);
                        QUEUE.push(block).expect("a block of this pool");
                    } else {
                        waiting.push(block).expect("at most four wait");
                    }
                }
                QUEUE.push_burst(&mut waiting);
            });
        }
        for consumer in 0..CONSUMERS {
            scope.spawn(move || {
                let mut seen = HashMap::new();
                let mut rest = PRODUCERS * EACH / CONSUMERS;
                while rest > 0 {
                    let before = rest;
                    if rest % 2 == consumer % 2 {
                        if let Some(block) = QUEUE.pop() {
                            assert_ascending(&mut seen, read_stamp(&block));
                            rest -= 1;
                        }
                    } else {
                        let mut burst = heapless::Vec::<_, 2>::new();
                        if rest == 1 {
                            let mut one = heapless::Vec::<_, 1>::new();
                            QUEUE.pop_burst(&mut one);
                            burst.extend(one);
                        } else {
                            QUEUE.pop_burst(&mut burst);
                        }
                        for block in burst {
                            assert_ascending(&mut seen, read_stamp(&block));
                            rest -= 1;
                        }
                    }
                    if rest == before {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    assert!(QUEUE.is_empty());
    assert_whole(&POOL);
}

#[test]
fn the_high_water_mark_never_reads_high() {
    static POOL: Pool<8, 1, Align<64>, Counted> = Pool::new();
    scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100_000).for_each(|_| drop(POOL.get())));
        }
    });
    assert!(POOL.high_water_mark() <= Some(1));
}
