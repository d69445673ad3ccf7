//! A per-thread cache of buffers.

use std::fmt;

use crate::fit::Fit;
use crate::{PooledBuffer, TransactionMemoryPool};

/// The per-thread cache of a pool: it keeps a few free buffers for one thread, so that taking a buffer
/// and giving it back cost a few plain instructions.
///
/// ```
/// use blockpool::TransactionMemoryPool;
///
/// let pool = TransactionMemoryPool::new(1232, 1024);
/// let mut local = pool.local_pool();
/// let buffer = local.get_buffer();
/// local.return_buffer(buffer);
/// assert_eq!(pool.available_buffers() + local.stock(), 1024);
/// local.flush();
/// assert_eq!(pool.available_buffers(), 1024);
/// ```
///
/// Made by [`TransactionMemoryPool::local_pool`] when the thread starts. It hands out the buffer that
/// was returned last, whose bytes are still in the cache. It uses the shared pool only when it has no
/// buffer left, or no room for another: then it takes up to half of its limit, or gives its older half
/// back. Those calls, [`flush`](Self::flush) and the drop, which flushes, spin while another thread is
/// preempted inside an operation of the shared pool.
///
/// **Nobody else can take the buffers that it keeps**, and the pool counts them as in use. So call
/// [`flush`](Self::flush) before the thread blocks or idles. Its limit,
/// [`stock_limit`](Self::stock_limit), is fixed when it is made: a quarter of what is left of half of the
/// pool's buffers after the limits of the local pools that exist, but at most 64. So all local pools
/// together never keep more than half of the buffers. With a limit of 0 (small pools, very many local pools) every
/// call goes to the shared pool.
#[must_use = "a local pool that is not kept does nothing"]
pub struct LocalPool {
    /// Its first `len` slots hold empty buffers that fit, the one used last at the
    /// end; the others hold none. As many slots as the limit.
    stock: Box<[Option<Vec<u8>>]>,
    /// In [0, stock.len()].
    len: usize,
    /// A copy of the pool's rule, so that the pool's memory is left alone.
    fit: Fit,
    pool: TransactionMemoryPool,
}

impl LocalPool {
    pub(crate) fn new(pool: TransactionMemoryPool) -> Self {
        let limit = pool.shared().claim_stock();
        Self { stock: vec![None; limit].into(), len: 0, fit: pool.shared().fit, pool }
    }

    /// Takes an empty buffer that holds at least the pool's `buffer_size` bytes: one that is kept here,
    /// otherwise one of the shared pool, otherwise a new one from the heap.
    ///
    /// One that is kept here: wait-free, O(1), no atomics. Otherwise as
    /// [`TransactionMemoryPool::get_buffer`], once for each buffer of a batch; a heap fallback is counted
    /// there. Buffers that other local pools keep are unavailable.
    #[inline]
    pub fn get_buffer(&mut self) -> Vec<u8> {
        if self.len > 0 {
            self.take_newest()
        } else {
            self.refill().unwrap_or_else(|| self.pool.shared().heap_fallback())
        }
    }

    /// Takes an empty buffer that is kept here, otherwise one of the shared pool; `None` if both are
    /// empty.
    ///
    /// Cost and progress as [`get_buffer`](Self::get_buffer), but never calls the
    /// allocator.
    #[inline]
    pub fn try_get_buffer(&mut self) -> Option<Vec<u8>> {
        if self.len > 0 { Some(self.take_newest()) } else { self.refill() }
    }

    /// Gives a buffer back, wherever it came from.
    ///
    /// If it does not fit, by the rule of [`TransactionMemoryPool::return_buffer`], it is freed and counted
    /// in [`discarded`](TransactionMemoryPool::discarded). Never fails, never allocates.
    ///
    /// With room for it: wait-free, O(1), no atomics. A full local pool first gives its older half to
    /// the shared pool, with one shared operation for each buffer.
    #[inline]
    pub fn return_buffer(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if !self.fit.accepts(&buffer) {
            self.pool.shared().discard(buffer);
        } else if let Some(slot) = self.stock.get_mut(self.len) {
            *slot = Some(buffer);
            self.len += 1;
        } else {
            self.spill(buffer);
        }
    }

    /// Takes a buffer as [`get_buffer`](Self::get_buffer) does, in a guard that gives it back to the shared
    /// pool when dropped, on any thread; [`put`](Self::put) gives it back here.
    ///
    /// One atomic increment more than [`get_buffer`](Self::get_buffer), for the guard's own handle of the
    /// pool.
    #[inline]
    pub fn get(&mut self) -> PooledBuffer {
        let buffer = self.get_buffer();
        self.pool.attach(buffer)
    }

    /// Takes a buffer as [`try_get_buffer`](Self::try_get_buffer) does, in a guard as
    /// [`get`](Self::get) does.
    #[inline]
    pub fn try_get(&mut self) -> Option<PooledBuffer> {
        let buffer = self.try_get_buffer()?;
        Some(self.pool.attach(buffer))
    }

    /// Gives the buffer of a guard back, as [`return_buffer`](Self::return_buffer) does; a guard of
    /// another pool returns to that pool. Costs one more atomic decrement.
    #[inline]
    pub fn put(&mut self, guard: PooledBuffer) {
        if guard.is_of(&self.pool) {
            self.return_buffer(guard.detach());
        }
    }

    /// Gives all buffers that are kept here back to the shared pool.
    ///
    /// One shared operation for each buffer; spins while another thread is preempted inside an operation.
    /// Buffers that find the shared pool full (after heap fallbacks) are freed and counted in
    /// [`discarded`](TransactionMemoryPool::discarded). The local pool stays usable.
    pub fn flush(&mut self) {
        self.give_oldest(self.len);
    }

    /// How many buffers are kept here at the moment, in [0, [`stock_limit`](Self::stock_limit)].
    #[inline]
    pub fn stock(&self) -> usize {
        self.len
    }

    /// The most buffers that are kept here, in [0, 64]. Constant.
    pub fn stock_limit(&self) -> usize {
        self.stock.len()
    }

    /// Half the limit, rounded up: what an empty stock fetches, counting the buffer that
    /// is handed out, and what a full one gives back.
    fn batch(&self) -> usize {
        self.stock.len().div_ceil(2)
    }

    /// Takes the buffer that was used last from a stock that is not empty.
    // Looking at the capacity (`unwrap_or_default`) and setting the length, though
    // it is 0, makes the compiler load the `Vec` word by word, as `return_buffer`
    // stored it. One wide load of words just stored would wait until they have
    // reached the cache: measured, 8 ns instead of 2 for a pair.
    #[inline]
    fn take_newest(&mut self) -> Vec<u8> {
        self.len -= 1;
        let mut buffer = self.stock[self.len].take().unwrap_or_default();
        buffer.clear();
        buffer
    }

    #[cold]
    fn refill(&mut self) -> Option<Vec<u8>> {
        let batch = self.batch();
        if batch == 0 {
            return self.pool.try_get_buffer();
        }
        self.len = self.pool.shared().take_many(&mut self.stock[..batch]);
        (self.len > 0).then(|| self.take_newest())
    }

    /// Keeps an empty buffer that fits although the stock is full.
    #[cold]
    fn spill(&mut self, buffer: Vec<u8>) {
        let batch = self.batch();
        if batch == 0 {
            return self.pool.shared().give(buffer);
        }
        self.give_oldest(batch);
        self.stock[self.len] = Some(buffer);
        self.len += 1;
    }

    fn give_oldest(&mut self, count: usize) {
        for slot in &mut self.stock[..count] {
            if let Some(buffer) = slot.take() {
                self.pool.shared().give(buffer);
            }
        }
        self.stock[..self.len].rotate_left(count);
        self.len -= count;
    }
}

impl Drop for LocalPool {
    fn drop(&mut self) {
        self.flush();
        self.pool.shared().unclaim_stock(self.stock.len());
    }
}

impl fmt::Debug for LocalPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPool")
            .field("stock", &self.len)
            .field("stock_limit", &self.stock.len())
            .field("pool", &self.pool)
            .finish()
    }
}

#[cfg(test)]
mod tests;
