//! A private stock of free blocks.

use core::fmt;

use crate::block::{self, Block};
use crate::free::FreeSet;
use crate::memory::{BlockPool, INTERNAL};
use crate::range::Place;

/// A private stock of free blocks for one thread, lcore or task: taking a block and giving it back
/// are then a few plain instructions, and the shared set is met once for many blocks.
///
/// **Blocks in a stock are kept from everyone else.** A worker keeps at most `STOCK` of them, and
/// never more than a quarter of its pool (but at least one); they count as out for
/// [`Pool::available`](crate::Pool::available). So before its owner blocks, sleeps or idles, call
/// [`flush`](Self::flush); a worker that is parked for good withholds that many blocks for good, and
/// a pool for `n` workers that must never run dry has `n × STOCK` blocks more than are in use at
/// once. Dropping a worker flushes it.
///
/// - The block given back last is taken first: its memory is most likely still in the cache.
/// - An empty stock is filled by half, by one operation of the shared set: with less, where the
///   word it finds has fewer free blocks. A full one gives its older half back, by one
///   operation for each word that their bits share. Progress and cost of these are the engine's; everything
///   else is plain computation.
/// - A worker is exclusive (`&mut`): an interrupt needs one of its own, or uses the pool itself.
///
/// Source: this is the per-core cache of slab allocators, "magazines" (Bonwick and Adams, 2001).
///
/// ```
/// use blockpool_core::Pool;
///
/// static POOL: Pool<2048, 1024> = Pool::new();
///
/// let mut worker = POOL.worker();
/// let block = worker.get().unwrap();
/// worker.put(block);
/// worker.flush();
/// assert_eq!(POOL.available(), 1024);
/// ```
///
/// Workers that live for ever, one for each lcore or task, from `&'static mut`:
///
/// ```
/// use blockpool_core::{Pool, Worker};
/// use static_cell::StaticCell;
///
/// static POOL: Pool<2048, 64> = Pool::new();
/// static WORKERS: StaticCell<[Worker<'static, Pool<2048, 64>, 8>; 2]> = StaticCell::new();
///
/// let [receive, transmit] = WORKERS.init_with(|| [Worker::with_stock(&POOL), Worker::with_stock(&POOL)]);
/// # std::thread::scope(|lcores| {
/// lcores.spawn(|| receive.get().is_some());
/// lcores.spawn(|| transmit.get().is_some());
/// # });
/// ```
#[must_use = "a worker that is not kept does nothing"]
pub struct Worker<'p, P: BlockPool, const STOCK: usize = 64> {
    pool: &'p P,
    /// Numbers that are out and owned by this worker.
    stock: heapless::Vec<u32, STOCK, usize>,
}

impl<'p, P: BlockPool> Worker<'p, P> {
    /// A worker that keeps at most 64 blocks, with an empty stock.
    pub const fn new(pool: &'p P) -> Self {
        Self::with_stock(pool)
    }
}

impl<'p, P: BlockPool, const STOCK: usize> Worker<'p, P, STOCK> {
    /// A worker that keeps at most `STOCK` blocks, with an empty stock:
    /// `Worker::<_, 8>::with_stock(&pool)`. A `STOCK` of 0 does not compile.
    pub const fn with_stock(pool: &'p P) -> Self {
        const { assert!(STOCK >= 1, "a stock holds at least one block") };
        Self { pool, stock: heapless::Vec::new() }
    }

    /// The most blocks this worker keeps.
    fn limit(&self) -> usize {
        STOCK.min(self.pool.capacity() / 4).max(1)
    }

    /// How many blocks are in the stock.
    #[must_use]
    pub fn stock(&self) -> usize {
        self.stock.len()
    }

    /// Takes a block, its data range empty; `None` if the stock is empty and every block of the
    /// pool is out.
    #[inline]
    pub fn get(&mut self) -> Option<Block<'p, P>> {
        if self.stock.is_empty() {
            self.refill();
        }
        let number = self.stock.pop()?;
        Some(self.pool.adopt(Place::empty(number), INTERNAL))
    }

    #[cold]
    fn refill(&mut self) {
        let half = self.limit().div_ceil(2);
        self.stock.resize(half, 0).expect("half the stock fits");
        let taken = self.pool.free(INTERNAL).take_some(&mut self.stock);
        self.stock.truncate(taken);
        if taken == 0 {
            self.pool.count_exhausted(INTERNAL);
        }
    }

    /// Gives a block back. One of another pool goes straight to its own.
    #[inline]
    pub fn put(&mut self, block: Block<'p, P>) {
        if !core::ptr::eq(block.pool(), self.pool) {
            return drop(block);
        }
        if self.stock.len() >= self.limit() {
            self.give_back_oldest(self.limit().div_ceil(2));
        }
        let number = block.into_place().number();
        self.stock.push(number).expect("the stock was just relieved");
    }

    /// Gives the `count` oldest blocks of the stock to the shared set.
    #[cold]
    fn give_back_oldest(&mut self, count: usize) {
        self.pool.free(INTERNAL).give_back_all(&self.stock[..count]);
        self.stock.copy_within(count.., 0);
        self.stock.truncate(self.stock.len() - count);
    }

    /// Takes blocks until `blocks` is full or none is left, and returns how many were taken.
    ///
    /// Fewer than fit means that the pool was exhausted, and is counted there, once.
    pub fn get_burst<const N: usize>(
        &mut self,
        blocks: &mut heapless::Vec<Block<'p, P>, N>,
    ) -> usize {
        let before = blocks.len();
        while !blocks.is_full() {
            if self.stock.is_empty() {
                self.refill();
                if self.stock.is_empty() {
                    break;
                }
            }
            let kept = self.stock.len().saturating_sub(N - blocks.len());
            block::adopt_all(self.pool, self.stock[kept..].iter().rev().copied(), blocks);
            self.stock.truncate(kept);
        }
        blocks.len() - before
    }

    /// Gives all of `blocks` back and leaves the vector empty. Those of another pool go to their
    /// own, which makes it a [`put`](Self::put) for each of the others.
    pub fn put_burst<const N: usize>(&mut self, blocks: &mut heapless::Vec<Block<'p, P>, N>) {
        let limit = self.limit();
        let excess = (self.stock.len() + blocks.len()).saturating_sub(limit);
        if excess > 0 {
            self.give_back_oldest(excess.max(limit / 2).min(self.stock.len()));
        }
        let kept = self.stock.len();
        let mut foreign = kept + blocks.len() > limit;
        if !foreign {
            self.stock.resize(kept + blocks.len(), 0).expect("the stock was just relieved");
            for (number, block) in self.stock[kept..].iter_mut().zip(blocks.iter().rev()) {
                *number = block.place().number();
                foreign |= !core::ptr::eq(block.pool(), self.pool);
            }
        }
        if foreign {
            self.stock.truncate(kept);
            while let Some(block) = blocks.pop() {
                self.put(block);
            }
        } else {
            block::end_all(blocks);
        }
    }

    /// Gives the whole stock to the shared set. To be called before this worker's owner blocks,
    /// sleeps or idles.
    pub fn flush(&mut self) {
        self.give_back_oldest(self.stock.len());
    }
}

impl<P: BlockPool, const STOCK: usize> Drop for Worker<'_, P, STOCK> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<P: BlockPool, const STOCK: usize> fmt::Debug for Worker<'_, P, STOCK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("stock", &self.stock()).finish_non_exhaustive()
    }
}
