//! A thread's private stock.

use std::fmt;

use crate::TransactionMemoryPool;
use crate::fit::Fit;

/// A private stock of a pool's buffers, for one thread.
///
/// Made by [`TransactionMemoryPool::local`] when the thread starts. Taking from
/// the stock and giving back to it are a few plain instructions, without atomics,
/// and reuse the buffer that was used last, whose bytes are still in the cache.
/// The shared pool is met only when the stock is empty or full, once for many
/// buffers: an empty stock fetches up to half its limit, a full one gives its
/// older half back. Those calls, [`flush`](Self::flush) and the drop, which
/// flushes, spin while another thread is stopped inside an operation of the
/// shared pool.
///
/// # What a stock keeps from other threads
///
/// Other threads cannot take what is in the stock, and to the pool's counters it
/// is in use. Call [`flush`](Self::flush) before the thread blocks or idles. The
/// limit of a stock, [`stock_limit`](Self::stock_limit), is fixed when it is
/// made: min(64, `pool_capacity` / 8) for the first local pool of a pool, and
/// less for later ones while it exists, so that all local pools of a pool
/// together never keep more than half of its buffers. With a limit of 0 (small
/// pools, very many local pools) every call goes to the shared pool.
///
/// ```
/// use blockpool::TransactionMemoryPool;
///
/// let pool = TransactionMemoryPool::new(1232, 1024);
/// let mut local = pool.local();
/// let buffer = local.get_buffer();
/// local.return_buffer(buffer);
/// assert_eq!(pool.available_buffers() + local.len(), 1024);
/// local.flush();
/// assert_eq!(pool.available_buffers(), 1024);
/// ```
#[must_use = "a local pool that is not kept does nothing"]
pub struct LocalPool {
    /// Its first `len` slots hold empty buffers that fit, the one used last at the
    /// end; the others hold none. As many slots as the limit.
    stock: Box<[Option<Vec<u8>>]>,
    /// In [0, stock.len()].
    len: usize,
    /// A copy of the pool's rule, to leave its memory alone.
    fit: Fit,
    pool: TransactionMemoryPool,
}

impl LocalPool {
    pub(crate) fn new(pool: TransactionMemoryPool) -> Self {
        let limit = pool.shared().claim_stock();
        Self { stock: vec![None; limit].into(), len: 0, fit: pool.shared().fit, pool }
    }

    /// Takes an empty buffer that holds at least the pool's `buffer_size` bytes:
    /// from the stock, else from the shared pool, else a new one from the heap.
    ///
    /// From the stock: wait-free, O(1), no atomics. Else as
    /// [`TransactionMemoryPool::get_buffer`], once for each buffer of a batch; a
    /// heap fallback is counted there. Buffers in the stocks of other local pools
    /// are not found.
    #[inline]
    pub fn get_buffer(&mut self) -> Vec<u8> {
        if self.len > 0 {
            self.take_newest()
        } else {
            self.refill().unwrap_or_else(|| self.pool.shared().heap_fallback())
        }
    }

    /// Takes an empty buffer from the stock, else from the shared pool; `None` if
    /// both are empty.
    ///
    /// Cost and progress as [`get_buffer`](Self::get_buffer), but never calls the
    /// allocator.
    #[inline]
    pub fn try_get_buffer(&mut self) -> Option<Vec<u8>> {
        if self.len > 0 { Some(self.take_newest()) } else { self.refill() }
    }

    /// Gives a buffer back to the stock, wherever it came from.
    ///
    /// If it does not fit, by the rule of
    /// [`TransactionMemoryPool::return_buffer`], it is freed and counted in
    /// [`discarded`](TransactionMemoryPool::discarded). Never fails, never
    /// allocates.
    ///
    /// With room in the stock: wait-free, O(1), no atomics. A full stock first
    /// gives its older half to the shared pool, one shared operation for each.
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

    /// Gives the whole stock back to the shared pool.
    ///
    /// One shared operation for each buffer; spins while another thread is
    /// stopped inside an operation. What finds the shared pool full (after heap
    /// fallbacks) is freed and counted in
    /// [`discarded`](TransactionMemoryPool::discarded). The stock stays usable.
    pub fn flush(&mut self) {
        self.give_oldest(self.len);
    }

    /// The number of buffers in the stock, in [0, [`stock_limit`](Self::stock_limit)].
    /// Exact.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the stock has no buffer. Exact.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most buffers that the stock keeps, in [0, 64]. Constant.
    pub fn stock_limit(&self) -> usize {
        self.stock.len()
    }

    /// Half the limit, and at least one: what an empty stock fetches, counting
    /// the buffer that is handed out, and what a full one gives back.
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

    /// Takes an empty buffer that fits although the stock is full.
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
            .field("len", &self.len)
            .field("stock_limit", &self.stock.len())
            .field("pool", &self.pool)
            .finish()
    }
}

#[cfg(test)]
mod tests;
