//! Queues.

use blockpool_core::{Align, Block, Pool, Queue};
use core::{iter, mem};

use super::subject::{MOST, Numbers, Operation, Subject};
use crate::claim_once;

type Blocks<const COUNT: usize> = Pool<8, COUNT, Align<8>>;
type Burst<const COUNT: usize> = heapless::Vec<Block<'static, Blocks<COUNT>>, 3>;

/// A queue with all blocks of a pool in it.
pub(super) struct Queued<const COUNT: usize> {
    queue: Queue<'static, Blocks<COUNT>>,
    pool: Blocks<COUNT>,
}

impl<const COUNT: usize> Queued<COUNT> {
    /// The block of a number that the caller holds, and hands in once.
    fn block(&'static self, number: u32) -> Block<'static, Blocks<COUNT>> {
        // SAFETY: the caller's promise.
        claim_once(|| unsafe { self.pool.from_raw(number) })
            .expect("the number is out, and claimed once")
    }
}

pub(super) struct Hand<const COUNT: usize> {
    queue: &'static Queue<'static, Blocks<COUNT>>,
    one: Option<Block<'static, Blocks<COUNT>>>,
    burst: Burst<COUNT>,
    /// How many blocks a burst had.
    count: usize,
}

impl<const COUNT: usize> Subject for Queued<COUNT> {
    const CAPACITY: usize = COUNT;
    const FIRST_IN_FIRST_OUT: bool = true;

    type Hand = Hand<COUNT>;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise: aligned and valid for writes.
        let pool = unsafe { &raw mut (*place).pool };
        // SAFETY: as above.
        unsafe { pool.write(Pool::new()) };
        // SAFETY: the pool was just written, and lasts as long as the queue beside it.
        let pool: &'static _ = unsafe { &*pool };
        // SAFETY: as above.
        let queue = unsafe { &raw mut (*place).queue };
        // SAFETY: as above.
        unsafe { queue.write(Queue::new(pool)) };
        // SAFETY: both fields were written.
        let this = unsafe { &*place };
        let mut blocks: heapless::Vec<_, MOST> = iter::from_fn(|| pool.get()).collect();
        // As one chain, so that the queue has made only one step.
        this.queue.push_burst(&mut blocks);
    }

    fn get(&'static self) -> Option<u32> {
        self.queue.pop().map(Block::into_raw)
    }

    fn put(&'static self, number: u32) -> bool {
        self.queue.push(self.block(number)).is_ok()
    }

    fn hand(&'static self, numbers: &[u32]) -> Self::Hand {
        let mut burst: Burst<COUNT> = numbers.iter().map(|&number| self.block(number)).collect();
        let one = if numbers.len() == 1 { burst.pop() } else { None };
        Hand { queue: &self.queue, one, burst, count: 0 }
    }

    fn numbers_of(hand: Self::Hand) -> Numbers {
        hand.one.into_iter().chain(hand.burst).map(Block::into_raw).collect()
    }
}

impl<const COUNT: usize> Hand<COUNT> {
    extern "C" fn push(&mut self) {
        if let Some(block) = self.one.take() {
            mem::forget(mem::replace(&mut self.one, self.queue.push(block).err()));
        }
    }

    extern "C" fn pop(&mut self) {
        mem::forget(mem::replace(&mut self.one, self.queue.pop()));
    }

    extern "C" fn push_burst(&mut self) {
        self.queue.push_burst(&mut self.burst);
    }

    extern "C" fn pop_burst(&mut self) {
        self.count = self.queue.pop_burst(&mut self.burst);
    }

    extern "C" fn burst_there_and_back(&mut self) {
        self.count = self.queue.pop_burst(&mut self.burst);
        self.queue.push_burst(&mut self.burst);
    }

    /// Pushes the queue's contents again, in bursts.
    fn chain(&mut self) {
        let mut left = self.queue.len();
        while left > 0 {
            left -= self.queue.pop_burst(&mut self.burst).min(left);
            self.queue.push_burst(&mut self.burst);
        }
    }
}

impl<const COUNT: usize> Queued<COUNT> {
    pub(super) fn operations() -> [Operation<Self>; 2] {
        [
            Operation { handed: 1, ..Operation::new("queue/push", Hand::push) },
            Operation {
                got_all: |hand| hand.one.is_some(),
                wants: 1,
                ..Operation::new("queue/pop", Hand::pop)
            },
        ]
    }

    /// `chain`: what is in the queue was pushed as bursts.
    pub(super) fn burst_operations() -> [Operation<Self>; 5] {
        let burst = |name, run| Operation { may_hold: 3, blocks: 3, ..Operation::new(name, run) };
        [
            Operation {
                handed: 3,
                got_all: |hand| hand.burst.is_empty(),
                ..burst("queue/push-burst-of-3", Hand::push_burst)
            },
            Operation {
                prepare: Hand::chain,
                got_all: |hand| hand.count == 3,
                wants: 3,
                ..burst("queue/pop-burst-of-3", Hand::pop_burst)
            },
            Operation {
                got_all: |hand| hand.count == 3,
                wants: 3,
                ..burst("queue/pop-burst-of-3-pushed-one-by-one", Hand::pop_burst)
            },
            Operation {
                prepare: Hand::chain,
                got_all: |hand| hand.one.is_some(),
                wants: 1,
                ..Operation::new("queue/pop-from-burst", Hand::pop)
            },
            Operation {
                prepare: Hand::chain,
                got_all: |hand| hand.count == 3 && hand.burst.is_empty(),
                wants: 3,
                ..burst("queue/pop-and-push-burst-of-3", Hand::burst_there_and_back)
            },
        ]
    }
}
