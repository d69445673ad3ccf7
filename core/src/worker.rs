//! A private stock of free blocks.

use core::fmt;
use core::mem::{self, MaybeUninit};

use crate::block::{self, Block};
use crate::error::RawError;
use crate::free::FreeSet;
use crate::free::sealed::Sealed as _;
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
/// Workers that live for ever, one for each lcore or task, from `&'static mut`. A worker has four bytes for
/// each block of its `STOCK`; one that is made while the program runs, also in a `StaticCell`, is moved
/// over the stack in builds without optimisation. In a `ConstStaticCell` it is not:
///
/// ```
/// use blockpool_core::{Pool, Worker};
/// use static_cell::ConstStaticCell;
///
/// static POOL: Pool<2048, 64> = Pool::new();
/// static WORKERS: ConstStaticCell<[Worker<'static, Pool<2048, 64>, 8>; 2]> =
///     ConstStaticCell::new([const { Worker::with_stock(&POOL) }; 2]);
///
/// let [receive, transmit] = WORKERS.take();
/// # std::thread::scope(|lcores| {
/// lcores.spawn(|| receive.get().is_some());
/// lcores.spawn(|| transmit.get().is_some());
/// # });
/// ```
#[must_use = "a worker that is not kept does nothing"]
pub struct Worker<'p, P: BlockPool, const STOCK: usize = 64> {
    pool: &'p P,
    /// The most blocks to keep, in `[0, STOCK]`, if the pool is large enough.
    most: usize,
    /// The number given back last, or [`NO_NUMBER`]. Apart from the others, so that a get and a put
    /// in turns go through one word of memory, not through a length and then an element.
    newest: u32,
    /// The others. All numbers here are out and owned by this worker.
    older: heapless::Vec<u32, STOCK, usize>,
    /// What [`room`](Self::room) says, once it was asked; 0 before.
    room: usize,
    /// The number last taken from, or given to, the shared set, or [`NO_NUMBER`]: where to look for
    /// more, since what this worker gave back is warm, and what it leaves alone gathers.
    last: u32,
}

/// Greater than any number.
const NO_NUMBER: u32 = u32::MAX;

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
        Self::with_limit(pool, STOCK)
    }

    /// A worker that keeps at most `limit` blocks, for a limit that is known when the program runs, with
    /// an empty stock. There is room for `STOCK`: a limit beyond that is as `STOCK`; one of 0, as 1.
    pub const fn with_limit(pool: &'p P, limit: usize) -> Self {
        const { assert!(STOCK >= 1, "a stock holds at least one block") };
        let most = if limit < STOCK { limit } else { STOCK };
        let (newest, last) = (NO_NUMBER, NO_NUMBER);
        Self { pool, most, newest, older: heapless::Vec::new(), room: 0, last }
    }

    /// How many blocks this worker keeps at most, besides the newest.
    #[inline]
    fn room(&mut self) -> usize {
        if self.room == 0 {
            self.room = self.most.min(self.pool.capacity() / 4).saturating_sub(1);
        }
        self.room
    }

    /// How many blocks are in the stock.
    #[must_use]
    pub fn stock(&self) -> usize {
        self.older.len() + usize::from(self.newest != NO_NUMBER)
    }

    /// Takes a block, its data range empty; `None` if the stock is empty and every block of the
    /// pool is out.
    #[inline]
    pub fn get(&mut self) -> Option<Block<'p, P>> {
        let mut number = mem::replace(&mut self.newest, NO_NUMBER);
        if number == NO_NUMBER {
            if self.older.is_empty() {
                self.refill();
            }
            number = self.older.pop()?;
        }
        Some(self.pool.adopt_free(number, INTERNAL))
    }

    /// Fills the empty stock by half.
    #[cold]
    fn refill(&mut self) {
        let half = self.room() / 2 + 1;
        // Half the stock fits; if not, nothing would be taken.
        let _ = self.older.resize(half, 0);
        let near = (self.last != NO_NUMBER).then_some(self.last);
        let taken = self.pool.free(INTERNAL).take_some(&mut self.older, near);
        self.older.truncate(taken);
        match self.older.last() {
            Some(&last) => self.last = last,
            None => self.pool.count_exhausted(INTERNAL),
        }
    }

    /// Gives a block back. One of another pool goes straight to its own.
    #[inline]
    pub fn put(&mut self, block: Block<'p, P>) {
        if !core::ptr::eq(block.pool(), self.pool) {
            return drop(block);
        }
        self.put_number(block.into_place().number());
    }

    /// Gives back a block that this worker is the owner of.
    #[inline]
    fn put_number(&mut self, number: u32) {
        self.pool.retire(number, INTERNAL);
        let older = mem::replace(&mut self.newest, number);
        if older != NO_NUMBER {
            self.keep(older);
        }
    }

    /// Puts a number to the older ones, though one more is kept besides.
    #[inline]
    fn keep(&mut self, number: u32) {
        if self.older.len() >= self.room || self.older.push(number).is_err() {
            self.keep_if_room(number);
        }
    }

    /// Makes room for a number by giving the older half back, unless one block is all that is kept.
    #[cold]
    #[inline(never)]
    fn keep_if_room(&mut self, number: u32) {
        let room = self.room();
        if room == 0 {
            return self.pool.free(INTERNAL).put(number, INTERNAL);
        }
        if self.older.len() >= room {
            self.give_back_oldest(room.div_ceil(2));
        }
        // There is room; if not, the number would not be lost.
        if let Err(number) = self.older.push(number) {
            self.pool.free(INTERNAL).put(number, INTERNAL);
        }
    }

    /// Gives the `count` oldest blocks of the stock to the shared set.
    #[cold]
    #[inline(never)]
    fn give_back_oldest(&mut self, count: usize) {
        let Some((oldest, _)) = self.older.split_at_checked(count) else { return };
        self.pool.free(INTERNAL).put_all(oldest, INTERNAL);
        self.last = oldest.last().copied().unwrap_or(self.last);
        // Asked again, so that the compiler sees that nothing can panic.
        if let Some(kept) = self.older.len().checked_sub(count) {
            self.older.copy_within(count.., 0);
            self.older.truncate(kept);
        }
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
            let Some(block) = self.get() else { break };
            // The vector is not full, so this cannot fail; a failure would give the block back.
            let _ = blocks.push(block);
            let kept = self.older.len().saturating_sub(N - blocks.len());
            block::adopt_all(self.pool, self.older[kept..].iter().rev().copied(), blocks);
            self.older.truncate(kept);
        }
        blocks.len() - before
    }

    /// Gives all of `blocks` back and leaves the vector empty. Of what the stock keeps, the first one
    /// is taken first. Those of another pool go to their own, which makes it a [`put`](Self::put) for each
    /// of the others.
    pub fn put_burst<const N: usize>(&mut self, blocks: &mut heapless::Vec<Block<'p, P>, N>) {
        if blocks.is_empty() {
            return;
        }
        let newest = mem::replace(&mut self.newest, NO_NUMBER);
        if newest != NO_NUMBER {
            self.keep(newest);
        }
        let room = self.room();
        let excess = (self.older.len() + blocks.len()).saturating_sub(room);
        if excess > 0 {
            self.give_back_oldest(excess.max(room / 2).min(self.older.len()));
        }
        let kept = self.older.len();
        let all = kept + blocks.len();
        let mut one_by_one = all > room || self.older.resize(all, 0).is_err();
        if !one_by_one {
            let added = self.older.get_mut(kept..).unwrap_or_default();
            for (number, block) in added.iter_mut().zip(blocks.iter().rev()) {
                *number = block.place().number();
                one_by_one |= !core::ptr::eq(block.pool(), self.pool);
            }
        }
        if one_by_one {
            self.older.truncate(kept);
            while let Some(block) = blocks.pop() {
                self.put(block);
            }
        } else {
            blocks.iter().for_each(|block| self.pool.retire(block.index(), INTERNAL));
            block::end_all(blocks);
        }
    }

    /// Takes blocks and gives each up, as [`Block::into_raw_ptr`] does, until `pointers` is full or none
    /// is left. Returns how many; their addresses stand at the front.
    ///
    /// As [`get_burst`](Self::get_burst), for code that has blocks by address: no handles are made.
    pub fn get_raw_ptr_burst(&mut self, pointers: &mut [MaybeUninit<*mut u8>]) -> usize {
        let pool = self.pool;
        let mut taken = 0;
        while let Some([first, others @ ..]) = pointers.get_mut(taken..) {
            let Some(block) = self.get() else { break };
            first.write(block.into_raw_ptr().as_ptr());
            let kept = self.older.len().saturating_sub(others.len());
            let numbers = self.older.get(kept..).unwrap_or_default();
            for (pointer, &number) in others.iter_mut().zip(numbers.iter().rev()) {
                pool.hand_out(number, INTERNAL);
                pool.parked(number, INTERNAL).release(Place::empty(number));
                pointer.write(pool.block(number, INTERNAL).as_ptr());
            }
            taken += 1 + numbers.len();
            self.older.truncate(kept);
        }
        taken
    }

    /// Gives blocks back by address: claims them as [`from_raw_ptr_burst`] of the pool does, and keeps
    /// them in the stock, the last one to be taken first. No handles are made. Plain loads and stores, but
    /// for what the stock cannot keep.
    ///
    /// # Errors
    ///
    /// How many were given back before the first pointer that is refused, and why it is. It and those
    /// behind it are not claimed.
    ///
    /// # Safety
    ///
    /// As for [`from_raw_ptr_burst`]. So no pointer stands twice in `pointers`: the second one is refused as
    /// long as the block is in the stock, but a burst longer than half the stock goes to the pool in parts,
    /// and if another thread takes the block from there in between, and gives it up, the second pointer
    /// claims it from that thread.
    ///
    /// [`from_raw_ptr_burst`]: crate::Pool::from_raw_ptr_burst
    pub unsafe fn put_raw_ptr_burst(
        &mut self,
        pointers: &[*mut u8],
    ) -> Result<(), (usize, RawError)> {
        if pointers.len() <= 1 || self.room() == 0 {
            let extent = self.pool.extent(INTERNAL);
            for (index, &pointer) in pointers.iter().enumerate() {
                let claimed = self.pool.claim_alone(pointer, extent, INTERNAL);
                self.put_number(claimed.map_err(|error| (index, error))?.number());
            }
            return Ok(());
        }
        let newest = mem::replace(&mut self.newest, NO_NUMBER);
        if newest != NO_NUMBER {
            self.keep(newest);
        }
        // The older half makes room for as many.
        let room = self.room();
        let most = room / 2 + 1;
        for (part, pointers) in pointers.chunks(most).enumerate() {
            let excess = (self.older.len() + pointers.len()).saturating_sub(room);
            if excess > 0 {
                self.give_back_oldest(excess.max(room.div_ceil(2)).min(self.older.len()));
            }
            // SAFETY: the caller's promise.
            let claimed = unsafe { self.claim(pointers) };
            claimed.map_err(|(count, error)| (part * most + count, error))?;
        }
        Ok(())
    }

    /// Claims blocks for the stock, which has room for them.
    ///
    /// # Safety
    ///
    /// As for `from_raw_ptr_burst`.
    #[inline]
    unsafe fn claim(&mut self, pointers: &[*mut u8]) -> Result<(), (usize, RawError)> {
        let (pool, kept) = (self.pool, self.older.len());
        let extent = pool.extent(INTERNAL);
        // There is room for all of them.
        let _ = self.older.resize(kept + pointers.len(), NO_NUMBER);
        let places = self.older.get_mut(kept..).unwrap_or_default();
        for (count, (place, &pointer)) in places.iter_mut().zip(pointers).enumerate() {
            match pool.claim_alone(pointer, extent, INTERNAL) {
                Ok(claimed) => *place = claimed.number(),
                Err(error) => {
                    self.older.truncate(kept + count);
                    return Err((count, error));
                }
            }
            pool.retire(*place, INTERNAL);
        }
        Ok(())
    }

    /// Gives the whole stock to the shared set. To be called before this worker's owner blocks,
    /// sleeps or idles.
    pub fn flush(&mut self) {
        let newest = mem::replace(&mut self.newest, NO_NUMBER);
        if newest != NO_NUMBER {
            self.pool.free(INTERNAL).put(newest, INTERNAL);
        }
        self.give_back_oldest(self.older.len());
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
