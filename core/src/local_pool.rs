//! A per-thread cache of free blocks.

use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::block::Block;
use crate::bug::cannot_happen;
use crate::burst;
use crate::error::{BurstError, RawError};
use crate::free_list::{FreeList, Put as _};
use crate::stock::{MaybeIndex, Stock};
use crate::storage::{Parts as _, PoolType};

/// The per-thread cache of a pool: it keeps a few free blocks for one thread, lcore or task, so that
/// taking a block and giving it back cost a few plain instructions.
///
/// ```
/// use blockpool_core::Pool;
///
/// static POOL: Pool<2048, 1024> = Pool::new();
///
/// let mut local = POOL.local_pool();
/// let block = local.get().unwrap();
/// local.put(block);
/// local.flush();
/// assert_eq!(POOL.available(), 1024);
/// ```
///
/// **Nobody else can take the blocks that it keeps**, and [`available`](crate::BlockPool::available)
/// does not count them. It keeps at most `STOCK`, and never more than a quarter of the pool (but at
/// least one). So before its thread blocks, sleeps or idles, call [`flush`](Self::flush); dropping a
/// local pool flushes it. A pool with `n` local pools that must never run dry needs `n × STOCK` blocks
/// more than are in use at once.
///
/// - The block given back last is taken first: its memory is most likely still in the cache.
/// - A get from an empty local pool takes half of what it may keep from the free list, with one
///   operation; fewer if the word that it finds has fewer free blocks. A put to a full one gives the
///   older half back, with one atomic operation per bitmap word touched. The progress and cost of these
///   are the free list's; everything else is plain computation, wait-free.
/// - A local pool is exclusive (`&mut`): an interrupt handler needs its own, or uses the pool itself.
///
/// Source: the per-core cache of slab allocators, "magazines" (Bonwick and Adams, 2001).
///
/// Local pools that live as long as the program, one for each lcore or task, belong in a static. Each
/// takes four bytes for each block of its `STOCK`, and some 24 more (40 on 64-bit targets). In a
/// `ConstStaticCell` it is not moved; one that is made at run time passes over the stack in builds
/// without optimisation. A static one refers to its pool, so it lies in `.data`: on a microcontroller it
/// takes as much flash as memory.
///
/// ```
/// use blockpool_core::{LocalPool, Pool};
/// use static_cell::ConstStaticCell;
///
/// static POOL: Pool<2048, 64> = Pool::new();
/// static LOCAL: ConstStaticCell<[LocalPool<'static, Pool<2048, 64>, 8>; 2]> =
///     ConstStaticCell::new([const { LocalPool::new(&POOL) }; 2]);
///
/// let [receive, transmit] = LOCAL.take();
/// # std::thread::scope(|lcores| {
/// lcores.spawn(|| receive.get().is_some());
/// lcores.spawn(|| transmit.get().is_some());
/// # });
/// ```
#[must_use = "a local pool that is not kept does nothing"]
#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
pub struct LocalPool<'p, P: PoolType, const STOCK: usize = 64> {
    pool: &'p P,
    /// The most blocks to keep if the pool is large enough; at most `STOCK`, and 0 counts as 1.
    limit: usize,
    /// All these indices are out and owned by this local pool.
    stock: Stock<STOCK>,
    /// The index last taken from, or given back to, the free list: where to look for more, since blocks
    /// that this local pool gave back are warm, and free ones that it leaves alone accumulate.
    last: MaybeIndex,
}

#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
impl<'p, P: PoolType, const STOCK: usize> LocalPool<'p, P, STOCK> {
    /// An empty local pool that keeps at most `STOCK` blocks: `LocalPool::<_, 8>::new(&pool)`. A `STOCK`
    /// of 0 does not compile.
    ///
    /// For the default size, [`local_pool`](crate::BlockPool::local_pool) is shorter.
    pub const fn new(pool: &'p P) -> Self {
        Self::with_limit(pool, STOCK)
    }

    /// An empty local pool that keeps at most `limit` blocks, for a limit known only at run time. `limit`
    /// is clamped to 1..=`STOCK`.
    pub const fn with_limit(pool: &'p P, limit: usize) -> Self {
        const { assert!(STOCK >= 1, "a local pool has room for at least one block") };
        let limit = if limit < STOCK { limit } else { STOCK };
        Self { pool, limit, stock: Stock::new(), last: MaybeIndex::NONE }
    }

    /// How many blocks the local pool keeps at the moment.
    #[must_use]
    pub fn stock(&self) -> usize {
        self.stock.len()
    }

    /// Takes a block, its data range empty; `None` if none is kept and every block of the pool is out.
    ///
    /// Plain loads and stores, wait-free; from an empty local pool, one operation on the free list.
    #[inline]
    pub fn get(&mut self) -> Option<Block<'p, P>> {
        let index = match self.stock.pop() {
            Some(index) => index,
            None => self.refill()?,
        };
        Some(Block::of_free(self.pool, index))
    }

    /// Refills the stock from the free list, to half of what it may keep, and takes one of these.
    #[cold]
    fn refill(&mut self) -> Option<u32> {
        self.restock();
        self.stock.pop_older()
    }

    /// Refills the empty stock from the free list, to half of what it may keep. Returns whether it has any.
    #[cold]
    fn restock(&mut self) -> bool {
        let (free, near) = (self.pool.storage().free(), self.last.get());
        let half = self.room() / 2 + 1;
        let last = self.stock.refill(half, |indices| free.take_some(indices, near));
        match last {
            Some(last) => self.last = MaybeIndex::some(last),
            None => self.pool.storage().count_exhausted(),
        }
        last.is_some()
    }

    /// The most blocks that are kept besides the newest.
    #[inline]
    fn room(&mut self) -> usize {
        if self.stock.room() == 0 {
            let quarter = self.pool.storage().free().capacity() / 4;
            self.stock.set_room(self.limit.min(quarter).saturating_sub(1));
        }
        self.stock.room()
    }

    /// Gives a block back. A block of another pool goes straight to its own.
    ///
    /// Plain loads and stores, wait-free; to a full local pool, one operation on the free list for each
    /// word touched.
    #[inline]
    pub fn put(&mut self, block: Block<'p, P>) {
        if !core::ptr::eq(block.pool(), self.pool) {
            return drop(block);
        }
        self.put_index(block.into_state().index());
    }

    /// Gives back a block that this local pool owns.
    #[inline]
    fn put_index(&mut self, index: u32) {
        self.pool.storage().retire(index);
        if let Some(older) = self.stock.replace_newest(index) {
            self.keep(older);
        }
    }

    /// Adds an index to the older ones.
    #[inline]
    fn keep(&mut self, index: u32) {
        if let Err(index) = self.stock.push_older(index) {
            self.keep_if_room(index);
        }
    }

    /// Makes room for an index by giving the older half back, unless the limit is one block.
    #[cold]
    #[inline(never)]
    fn keep_if_room(&mut self, index: u32) {
        let room = self.room();
        if room > 0 && self.stock.older() >= room {
            self.give_back_oldest(room.div_ceil(2));
        }
        if let Err(index) = self.stock.push_older(index) {
            self.pool.storage().free().put(index);
        }
    }

    /// Gives the `count` oldest blocks of the stock to the free list.
    #[cold]
    #[inline(never)]
    fn give_back_oldest(&mut self, count: usize) {
        let oldest = self.stock.oldest(count);
        self.pool.storage().free().put_all(oldest);
        if let Some(&last) = oldest.last() {
            self.last = MaybeIndex::some(last);
        }
        self.stock.remove_oldest(count);
    }

    /// Makes room for `count` blocks, the last of them as the newest, and returns whether there is
    /// enough.
    fn make_room(&mut self, count: usize) -> bool {
        if let Some(newest) = self.stock.take_newest() {
            self.keep(newest);
        }
        let (room, kept) = (self.room(), self.stock.older());
        let excess = (kept + count).saturating_sub(room + 1);
        if excess > 0 {
            self.give_back_oldest(excess.max(room / 2).min(kept));
        }
        self.stock.older() + count <= room + 1
    }

    /// Takes blocks until `blocks` is full or none is left, and returns how many.
    ///
    /// Fewer than fit means that the pool was exhausted, which counts once in its
    /// [`exhausted_count`](crate::BlockPool::exhausted_count).
    pub fn get_burst<const N: usize>(
        &mut self,
        blocks: &mut heapless::Vec<Block<'p, P>, N>,
    ) -> usize {
        let before = blocks.len();
        while !blocks.is_full() {
            let Some(block) = self.get() else { break };
            if blocks.push(block).is_err() {
                cannot_happen();
            }
            let more = self.stock.last(N - blocks.len());
            let count = more.len();
            burst::adopt_all(self.pool, more.iter().rev().copied(), blocks);
            self.stock.remove_last(count);
        }
        blocks.len() - before
    }

    /// Takes blocks until `blocks` is full, or none at all. Returns whether it is full.
    ///
    /// As [`get_burst`](Self::get_burst); if too few are free, none are taken.
    pub fn get_bulk<const N: usize>(
        &mut self,
        blocks: &mut heapless::Vec<Block<'p, P>, N>,
    ) -> bool {
        let taken = self.get_burst(blocks);
        if blocks.is_full() {
            return true;
        }
        for block in (0..taken).map_while(|_| blocks.pop()) {
            self.put(block);
        }
        false
    }

    /// Gives all of `blocks` back and leaves the vector empty. Later gets return the cached blocks in
    /// the same order. Blocks of another pool go to that pool; the others are then given back one by
    /// one.
    pub fn put_burst<const N: usize>(&mut self, blocks: &mut heapless::Vec<Block<'p, P>, N>) {
        if blocks.is_empty() {
            return;
        }
        let pool = self.pool;
        let mut own = true;
        if self.make_room(blocks.len()) {
            let before = self.stock.older();
            self.stock.append(blocks.len(), |slots| {
                for (slot, block) in slots.iter_mut().rev().zip(&*blocks) {
                    own &= core::ptr::eq(block.pool(), pool);
                    *slot = block.index();
                }
                (slots.len(), ())
            });
            if own {
                self.stock.set_newest();
                blocks.iter().for_each(|block| pool.storage().retire(block.index()));
                return burst::end_all(blocks);
            }
            self.stock.remove_last(self.stock.older() - before);
        }
        while let Some(block) = blocks.pop() {
            self.put(block);
        }
    }

    /// Takes a block and releases it, as [`Block::into_raw_ptr`] does; `None` as for
    /// [`get`](Self::get).
    #[inline]
    pub fn get_raw_ptr(&mut self) -> Option<NonNull<u8>> {
        self.get().map(Block::into_raw_ptr)
    }

    /// Takes blocks and releases each, as [`Block::into_raw_ptr`] does, until `pointers` is full or none
    /// is left. Returns how many; their addresses are at the front.
    ///
    /// As [`get_burst`](Self::get_burst), for code that handles blocks by address: no handles are made.
    pub fn get_raw_ptr_burst(&mut self, pointers: &mut [MaybeUninit<NonNull<u8>>]) -> usize {
        // For a single block, the rest takes longer than the get.
        if let [pointer] = pointers {
            return self.get_raw_ptr().map_or(0, |address| {
                pointer.write(address);
                1
            });
        }
        self.get_each(pointers, P::Storage::release_all)
    }

    /// Takes blocks until `pointers` is full or none is left, and returns how many. `write` gets indices, the
    /// one to be taken first at the end, and as many pointers or more.
    #[inline]
    fn get_each(
        &mut self,
        pointers: &mut [MaybeUninit<NonNull<u8>>],
        write: impl Fn(&P::Storage, &[u32], &mut [MaybeUninit<NonNull<u8>>]),
    ) -> usize {
        let storage = self.pool.storage();
        if pointers.is_empty() {
            return 0;
        }
        self.stock.join_newest();
        let mut taken = 0;
        while let Some(left @ [_, ..]) = pointers.get_mut(taken..) {
            if self.stock.older() == 0 && !self.restock() {
                break;
            }
            let more = self.stock.last(left.len());
            let count = more.len();
            write(storage, more, left);
            self.stock.remove_last(count);
            taken += count;
        }
        taken
    }

    /// As [`get_raw_ptr_burst`](Self::get_raw_ptr_burst), without a note in the pool that the blocks may be
    /// claimed.
    ///
    /// Only [`put_raw_ptr_burst_unchecked`](Self::put_raw_ptr_burst_unchecked) takes them back: everything else
    /// that is given one of these addresses refuses it with [`RawError::NotReleased`].
    pub fn get_raw_ptr_burst_unchecked(
        &mut self,
        pointers: &mut [MaybeUninit<NonNull<u8>>],
    ) -> usize {
        // As in `get_raw_ptr_burst`.
        if let [_] = pointers {
            return self.stock.pop().or_else(|| self.refill()).map_or(0, |index| {
                self.pool.storage().addresses_of(&[index], pointers);
                1
            });
        }
        self.get_each(pointers, P::Storage::addresses_of)
    }

    /// Gives back blocks that [`get_raw_ptr_burst_unchecked`](Self::get_raw_ptr_burst_unchecked) handed out,
    /// without any check. Later gets return the cached blocks in the same order.
    ///
    /// # Safety
    ///
    /// Each pointer was handed out by that function of a local pool of the same pool, and is given back
    /// once; nobody uses the block any more. Otherwise a block gets two owners, or memory outside
    /// the pool one. Builds with debug assertions notice an address where no block begins.
    pub unsafe fn put_raw_ptr_burst_unchecked(&mut self, pointers: &[NonNull<u8>]) {
        let storage = self.pool.storage();
        if pointers.len() > 1 && self.make_room(pointers.len()) {
            self.stock.append(pointers.len(), |slots| {
                // SAFETY: the caller's promise.
                unsafe { storage.indices_of(pointers, slots) };
                (slots.len(), ())
            });
            self.stock.set_newest();
            return;
        }
        let extent = storage.extent();
        for &pointer in pointers.iter().rev() {
            // SAFETY: the caller's promise.
            self.put_index(unsafe { extent.index_unchecked(pointer) });
        }
    }

    /// Takes blocks as [`get_raw_ptr_burst`](Self::get_raw_ptr_burst) does, until `pointers` is full, or
    /// none at all. Returns whether it is full; otherwise its contents are unspecified.
    pub fn get_raw_ptr_bulk(&mut self, pointers: &mut [MaybeUninit<NonNull<u8>>]) -> bool {
        let taken = self.get_raw_ptr_burst(pointers);
        let Some((taken, [_, ..])) = pointers.split_at_checked(taken) else { return true };
        for pointer in taken.iter().rev() {
            // SAFETY: it was written just now.
            let pointer = unsafe { pointer.assume_init() };
            // SAFETY: this function owns the block, and nobody else knows of it. Unless another thread
            // gives back a block that it no longer owns: then the block is gone, and this is refused.
            let _ = unsafe { self.put_raw_ptr(pointer) };
        }
        false
    }

    /// Gives a block back by address: claims it as [`from_raw_ptr_burst`] does. No handle is made.
    ///
    /// # Errors
    ///
    /// As [`from_raw_ptr_burst`]; nothing changes.
    ///
    /// # Safety
    ///
    /// As for [`from_raw_ptr_burst`].
    ///
    /// [`from_raw_ptr_burst`]: crate::BlockPool::from_raw_ptr_burst
    #[inline]
    pub unsafe fn put_raw_ptr(&mut self, pointer: NonNull<u8>) -> Result<(), RawError> {
        let storage = self.pool.storage();
        let index = storage.extent().index_of(pointer)?;
        if !storage.state(index).claim_and_forget(index) {
            return Err(RawError::NotReleased { index });
        }
        self.put_index(index);
        Ok(())
    }

    /// Gives blocks back by address: claims them as [`from_raw_ptr_burst`] does. No handles are made.
    /// Later gets return the cached blocks in the same order.
    ///
    /// Plain loads and stores, except for what the local pool cannot keep.
    ///
    /// # Errors
    ///
    /// At the first pointer that is refused. Those before it are given back; it and those after it are
    /// not claimed.
    ///
    /// # Safety
    ///
    /// As for [`from_raw_ptr_burst`]. A pointer that occurs twice in `pointers` is refused the second
    /// time.
    ///
    /// [`from_raw_ptr_burst`]: crate::BlockPool::from_raw_ptr_burst
    pub unsafe fn put_raw_ptr_burst(&mut self, pointers: &[NonNull<u8>]) -> Result<(), BurstError> {
        // Putting a single block is faster than making room for it.
        if let &[pointer] = pointers {
            // SAFETY: the caller's promise.
            let put = unsafe { self.put_raw_ptr(pointer) };
            return put.map_err(|reason| BurstError { done: 0, reason });
        }
        let storage = self.pool.storage();
        if self.make_room(pointers.len()) {
            let appended =
                self.stock.append(pointers.len(), |slots| storage.claim_all(pointers, slots));
            self.stock.set_newest();
            return appended;
        }
        // All are claimed before the first is given back, so that nobody can take it and release it
        // before it occurs again.
        let (extent, mut result) = (storage.extent(), Ok(()));
        let claimed = pointers
            .iter()
            .map(|&pointer| {
                storage.retire(storage.claim_unshared(pointer, extent)?.index());
                Ok(())
            })
            .map_while(|claimed| claimed.map_err(|reason| result = Err(reason)).ok())
            .count();
        for &pointer in pointers.iter().take(claimed).rev() {
            match extent.index_of(pointer) {
                Ok(index) => self.put_index(index),
                Err(_) => cannot_happen(),
            }
        }
        result.map_err(|reason| BurstError { done: claimed, reason })
    }

    /// Gives all blocks back to the pool's free list, with one operation for each word touched. Call it
    /// before the thread blocks, sleeps or idles.
    pub fn flush(&mut self) {
        if let Some(newest) = self.stock.take_newest() {
            self.pool.storage().free().put(newest);
        }
        self.give_back_oldest(self.stock.older());
    }
}

impl<P: PoolType, const STOCK: usize> Drop for LocalPool<'_, P, STOCK> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<P: PoolType, const STOCK: usize> fmt::Debug for LocalPool<'_, P, STOCK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPool").field("stock", &self.stock()).finish_non_exhaustive()
    }
}
