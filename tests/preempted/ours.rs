//! `blockpool-core`: pools with every free list, local pools, queues.

use std::iter;
use std::mem::MaybeUninit;
use std::ptr;

use blockpool_core::storage::FreeListKind;
use blockpool_core::{Align, Block, LocalPool, Pool, Queue};

use crate::subject::{Numbers, Operation, Subject};

/// A pool; its raw functions turn blocks into numbers. All but `CAPACITY` of its blocks stay out forever, so
/// that a few are spread over many words.
pub(crate) struct Pooled<K: FreeListKind, const COUNT: usize, const CAPACITY: usize = COUNT> {
    pool: Pool<8, COUNT, Align<8>, K>,
}

impl<K, const COUNT: usize, const CAPACITY: usize> Subject for Pooled<K, COUNT, CAPACITY>
where
    K: FreeListKind + 'static,
{
    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { place.write(Self { pool: Pool::new() }) };
        // SAFETY: just written.
        let this = unsafe { &*place };
        let mut blocks: Vec<_> = iter::from_fn(|| this.pool.get()).collect();
        blocks.sort_by_key(Block::index);
        let apart = COUNT / CAPACITY;
        for index in (0..COUNT).rev().filter(|index| index % apart == 0).take(CAPACITY) {
            drop(blocks.swap_remove(index));
        }
        for block in blocks {
            let _out_for_ever = block.into_raw();
        }
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn get(&self) -> Option<u32> {
        self.pool.get().map(Block::into_raw)
    }

    fn put(&self, number: u32) -> bool {
        // SAFETY: the number came from `get`, and its holder hands it in once.
        unsafe { self.pool.from_raw(number) }.is_ok()
    }
}

impl<K: FreeListKind, const COUNT: usize> Pooled<K, COUNT> {
    /// Three blocks through a local pool that has to refill twice on the way, two blocks each time.
    pub(crate) fn local_gets() -> Operation<Self> {
        Operation {
            name: "local pool: refills, gets, drop",
            handed: 0,
            may_hold: 4,
            run: |subject, numbers| {
                let mut local = LocalPool::<_, 4>::new(&subject.pool);
                while numbers.len() < 3
                    && let Some(block) = local.get()
                {
                    numbers.push(block.into_raw()).expect("room for three");
                }
                true
            },
        }
    }

    /// More than fit into a local pool's stock, given to it one by one.
    pub(crate) fn local_puts() -> Operation<Self> {
        Operation {
            name: "local pool: puts, flushes, drop",
            handed: 6,
            may_hold: 6,
            run: |subject, numbers| {
                let mut local = LocalPool::<_, 4>::new(&subject.pool);
                while let Some(number) = numbers.pop() {
                    // SAFETY: this thread holds the number.
                    match unsafe { subject.pool.from_raw(number) } {
                        Ok(block) => local.put(block),
                        Err(_) => return false,
                    }
                }
                local.flush();
                true
            },
        }
    }

    /// A burst, and its way back.
    pub(crate) fn local_bursts() -> Operation<Self> {
        Operation {
            name: "local pool: burst of 5, back",
            handed: 0,
            may_hold: 6,
            run: |subject, _| {
                let mut local = LocalPool::<_, 4>::new(&subject.pool);
                let mut blocks = heapless::Vec::<_, 5>::new();
                local.get_burst(&mut blocks);
                local.put_burst(&mut blocks);
                blocks.is_empty()
            },
        }
    }
}

type Blocks<const COUNT: usize> = Pool<8, COUNT, Align<8>>;

/// A queue with all blocks of a pool in it, pushed in chains of `CHAIN`.
pub(crate) struct Queued<const COUNT: usize, const CHAIN: usize> {
    // Dropped before the pool it refers to.
    queue: Queue<'static, Blocks<COUNT>>,
    pool: Blocks<COUNT>,
}

impl<const COUNT: usize, const CHAIN: usize> Queued<COUNT, CHAIN> {
    /// The block of a number that the caller holds, and hands in once.
    fn block(&self, number: u32) -> Option<Block<'static, Blocks<COUNT>>> {
        // SAFETY: the pool stays where it is while the queue, and so any block, is used.
        let pool: &'static _ = unsafe { &*ptr::from_ref(&self.pool) };
        // SAFETY: the caller's promise.
        unsafe { pool.from_raw(number) }.ok()
    }

    fn push_burst(&self, numbers: impl Iterator<Item = u32>) -> bool {
        let mut blocks = heapless::Vec::<_, 8>::new();
        for number in numbers {
            match self.block(number) {
                Some(block) => blocks.push(block).expect("at most 8"),
                None => return false,
            }
        }
        let count = blocks.len();
        self.queue.push_burst(&mut blocks) == count
    }

    fn pop_burst<const N: usize>(&self, numbers: &mut Numbers) {
        let mut blocks = heapless::Vec::<_, N>::new();
        self.queue.pop_burst(&mut blocks);
        numbers.extend(blocks.into_iter().map(Block::into_raw));
    }

    /// Three numbers at once.
    pub(crate) fn pops_burst() -> Operation<Self> {
        Operation {
            name: "pop_burst of 3",
            handed: 0,
            may_hold: 3,
            run: |subject, numbers| {
                subject.pop_burst::<3>(numbers);
                true
            },
        }
    }

    /// Three numbers at once.
    pub(crate) fn pushes_burst() -> Operation<Self> {
        Operation {
            name: "push_burst of 3",
            handed: 3,
            may_hold: 3,
            run: |subject, numbers| {
                let accepted = subject.push_burst(numbers.iter().copied());
                numbers.clear();
                accepted
            },
        }
    }

    /// A burst that is popped and pushed back unchanged, by address.
    pub(crate) fn bursts_there_and_back() -> Operation<Self> {
        Operation {
            name: "pop_raw_ptr_burst of 2 and push_raw_ptr_burst",
            handed: 0,
            may_hold: 2,
            run: |subject, _| {
                let mut pointers = [const { MaybeUninit::uninit() }; 2];
                let count = subject.queue.pop_raw_ptr_burst(&mut pointers);
                let popped = pointers.iter().take(count);
                // SAFETY: that many were written.
                let popped = popped.map(|pointer| unsafe { pointer.assume_init() });
                // SAFETY: they were popped, and nothing else has them.
                unsafe {
                    subject.queue.push_raw_ptr_burst(&heapless::Vec::<_, 2>::from_iter(popped))
                }
                .is_ok()
            },
        }
    }
}

impl<const COUNT: usize, const CHAIN: usize> Subject for Queued<COUNT, CHAIN> {
    const FIRST_IN_FIRST_OUT: bool = true;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise: aligned and valid for writes.
        let pool = unsafe { &raw mut (*place).pool };
        // SAFETY: as above.
        unsafe { pool.write(Pool::new()) };
        // SAFETY: the pool was just written, and outlives the queue beside it.
        let pool = unsafe { &*pool };
        // SAFETY: as above.
        let queue = unsafe { &raw mut (*place).queue };
        // SAFETY: as above.
        unsafe { queue.write(Queue::new(pool)) };
        // SAFETY: both fields were written.
        let this = unsafe { &*place };
        let numbers: Vec<u32> = iter::from_fn(|| this.pool.get()).map(Block::into_raw).collect();
        for chain in numbers.chunks(CHAIN) {
            assert!(this.push_burst(chain.iter().copied()));
        }
    }

    fn capacity(&self) -> usize {
        COUNT
    }

    fn get(&self) -> Option<u32> {
        self.queue.pop().map(Block::into_raw)
    }

    fn put(&self, number: u32) -> bool {
        self.block(number).is_some_and(|block| self.queue.push(block).is_ok())
    }
}
