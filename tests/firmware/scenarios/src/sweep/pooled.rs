//! Pools and local pools.

use blockpool_core::storage::FreeListKind;
use blockpool_core::{Align, Block, LocalPool, Pool};
use core::cell::Cell;
use core::hint::black_box;
use core::{iter, mem};

use super::subject::{Numbers, Operation, Subject};
use crate::claim_once;

type Blocks<K, const COUNT: usize> = Pool<8, COUNT, Align<8>, K>;

/// A pool; its raw functions turn blocks into numbers.
pub(super) struct Pooled<K: FreeListKind, const COUNT: usize> {
    pool: Blocks<K, COUNT>,
    /// How often `get` found none.
    refused: Cell<usize>,
}

pub(super) struct Hand<K: FreeListKind + 'static, const COUNT: usize> {
    pool: &'static Blocks<K, COUNT>,
    one: Option<Block<'static, Blocks<K, COUNT>>>,
    local: LocalPool<'static, Blocks<K, COUNT>, 4>,
    /// How many blocks a burst had.
    burst: usize,
}

impl<K: FreeListKind + 'static, const COUNT: usize> Subject for Pooled<K, COUNT> {
    const CAPACITY: usize = COUNT;

    type Hand = Hand<K, COUNT>;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { place.write(Self { pool: Pool::new(), refused: Cell::new(0) }) };
    }

    fn get(&'static self) -> Option<u32> {
        let block = self.pool.get();
        self.refused.set(self.refused.get() + usize::from(block.is_none()));
        block.map(Block::into_raw)
    }

    fn put(&'static self, number: u32) -> bool {
        // SAFETY: the number came from `get`, and its holder hands it in once.
        claim_once(|| unsafe { self.pool.from_raw(number) }).is_some()
    }

    fn hand(&'static self, numbers: &[u32]) -> Self::Hand {
        let pool = &self.pool;
        // SAFETY: as above.
        let claim = |&number| claim_once(|| unsafe { pool.from_raw(number) });
        let one = numbers
            .first()
            .map(|number| claim(number).expect("the number is out, and claimed once"));
        Hand { pool, one, local: LocalPool::new(pool), burst: 0 }
    }

    fn numbers_of(mut hand: Self::Hand) -> Numbers {
        let stock = iter::from_fn(|| (hand.local.stock() > 0).then(|| hand.local.get()));
        hand.one.take().into_iter().chain(stock.flatten()).map(Block::into_raw).collect()
    }

    fn refused_elsewhere(&'static self) -> Option<usize> {
        Some(self.pool.exhausted_count().wrapping_sub(self.refused.get()))
    }
}

impl<K: FreeListKind + 'static, const COUNT: usize> Hand<K, COUNT> {
    fn stock_two(&mut self) {
        if let Some(block) = self.local.get() {
            self.local.put(block);
        }
    }

    /// Four blocks fill the stock.
    fn stock_four(&mut self) {
        let pool = self.pool;
        let mut blocks: heapless::Vec<_, 4> = iter::from_fn(|| pool.get()).take(4).collect();
        self.local.put_burst(&mut blocks);
    }

    /// The hand was empty before, so there is nothing to drop.
    fn keep(&mut self, block: Option<Block<'static, Blocks<K, COUNT>>>) {
        mem::forget(mem::replace(&mut self.one, block));
    }

    extern "C" fn get(&mut self) {
        let block = self.pool.get();
        self.keep(block);
    }

    extern "C" fn give_back(&mut self) {
        drop(self.one.take());
    }

    extern "C" fn get_and_give_back(&mut self) {
        drop(black_box(self.pool.get()));
    }

    extern "C" fn by_address(&mut self) {
        if let Some(block) = self.one.take() {
            let address = block.into_raw_ptr();
            // SAFETY: the address was given up just now, and nothing else has it.
            let block = unsafe { self.pool.from_raw_ptr(address) };
            self.keep(block.ok());
        }
    }

    extern "C" fn local_get(&mut self) {
        let block = self.local.get();
        self.keep(block);
    }

    extern "C" fn local_put(&mut self) {
        if let Some(block) = self.one.take() {
            self.local.put(block);
        }
    }

    extern "C" fn local_burst(&mut self) {
        let mut blocks = heapless::Vec::<_, 3>::new();
        self.burst = self.local.get_burst(&mut blocks);
        self.local.put_burst(&mut blocks);
    }
}

impl<K: FreeListKind + 'static, const COUNT: usize> Pooled<K, COUNT> {
    pub(super) fn pool_operations() -> [Operation<Self>; 2] {
        [
            Operation {
                got_all: |hand| hand.one.is_some(),
                wants: 1,
                ..Operation::new("pool/get", Hand::get)
            },
            Operation { handed: 1, ..Operation::new("pool/give-back", Hand::give_back) },
        ]
    }

    pub(super) fn local_operations() -> [Operation<Self>; 4] {
        let local = |name, run, may_hold| Operation { may_hold, ..Operation::new(name, run) };
        [
            Operation {
                prepare: Hand::stock_two,
                got_all: |hand| hand.one.is_some(),
                wants: 1,
                ..local("local-pool/get", Hand::local_get, 2)
            },
            Operation {
                handed: 1,
                prepare: Hand::stock_two,
                ..local("local-pool/put", Hand::local_put, 3)
            },
            Operation {
                got_all: |hand| hand.one.is_some(),
                wants: 1,
                ..local("local-pool/get-with-refill", Hand::local_get, 2)
            },
            Operation {
                handed: 1,
                prepare: Hand::stock_four,
                ..local("local-pool/put-to-full-stock", Hand::local_put, 5)
            },
        ]
    }

    /// Longer operations, composed of the others.
    pub(super) fn round_trips() -> [Operation<Self>; 3] {
        [
            Operation::new("pool/get-and-give-back", Hand::get_and_give_back),
            Operation {
                handed: 1,
                got_all: |hand| hand.one.is_some(),
                ..Operation::new("pool/into-raw-and-from-raw", Hand::by_address)
            },
            Operation {
                may_hold: 4,
                blocks: 3,
                got_all: |hand| hand.burst == 3,
                wants: 3,
                ..Operation::new("local-pool/get-and-put-burst-of-3", Hand::local_burst)
            },
        ]
    }
}
