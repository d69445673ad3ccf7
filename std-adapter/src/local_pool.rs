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
    /// The buffer used last, if there is one. Apart from the others, so that a get and
    /// a return in turns go through one place, not through a length and then a slot.
    newest: Option<Vec<u8>>,
    /// Its first `len` slots hold empty buffers that fit, the one used last at the
    /// end; the others hold none. As many slots as the limit, less one for `newest`.
    older: Box<[Option<Vec<u8>>]>,
    /// In [0, older.len()].
    len: usize,
    /// The most buffers in the stock, `newest` included.
    limit: usize,
    /// A copy of the pool's rule, to leave its memory alone.
    fit: Fit,
    pool: TransactionMemoryPool,
}

impl LocalPool {
    pub(crate) fn new(pool: TransactionMemoryPool) -> Self {
        let limit = pool.shared().claim_stock();
        let older = vec![None; limit.saturating_sub(1)].into();
        Self { newest: None, older, len: 0, limit, fit: pool.shared().fit, pool }
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
        let mut buffer = self.newest.take();
        if buffer.is_none() {
            buffer = Some(self.older_or_heap());
        }
        // Never the default; why this form: see `TransactionMemoryPool::get_buffer`.
        buffer.unwrap_or_default()
    }

    /// Takes an empty buffer from the stock, else from the shared pool; `None` if
    /// both are empty.
    ///
    /// Cost and progress as [`get_buffer`](Self::get_buffer), but never calls the
    /// allocator.
    #[inline]
    pub fn try_get_buffer(&mut self) -> Option<Vec<u8>> {
        let newest = self.newest.take();
        if newest.is_some() { newest } else { self.take_older() }
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
        } else if let Some(older) = self.newest.replace(buffer) {
            self.keep(older);
        } else if self.limit == 0 {
            // Nothing may stay.
            self.flush();
        }
    }

    /// Gives the whole stock back to the shared pool.
    ///
    /// One shared operation for each buffer; spins while another thread is
    /// stopped inside an operation. What finds the shared pool full (after heap
    /// fallbacks) is freed and counted in
    /// [`discarded`](TransactionMemoryPool::discarded). The stock stays usable.
    pub fn flush(&mut self) {
        if let Some(newest) = self.newest.take() {
            self.pool.shared().give(newest);
        }
        self.give_oldest(self.len);
    }

    /// The number of buffers in the stock, in [0, [`stock_limit`](Self::stock_limit)].
    /// Exact.
    #[inline]
    pub fn len(&self) -> usize {
        self.len + usize::from(self.newest.is_some())
    }

    /// Whether the stock has no buffer. Exact.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most buffers that the stock keeps, in [0, 64]. Constant.
    pub fn stock_limit(&self) -> usize {
        self.limit
    }

    #[cold]
    #[inline(never)]
    fn older_or_heap(&mut self) -> Vec<u8> {
        self.take_older().unwrap_or_else(|| self.pool.shared().heap_fallback())
    }

    /// Takes the newest of the older buffers; if there is none, fetches half a stock.
    fn take_older(&mut self) -> Option<Vec<u8>> {
        if self.len == 0 {
            let batch = self.limit / 2;
            if batch == 0 {
                return self.pool.try_get_buffer();
            }
            self.len = self.pool.shared().take_many(&mut self.older[..batch]);
        }
        self.len = self.len.checked_sub(1)?;
        self.older[self.len].take()
    }

    /// Puts an empty buffer that fits to the older ones.
    fn keep(&mut self, buffer: Vec<u8>) {
        if self.older.is_empty() {
            return self.pool.shared().give(buffer);
        }
        if self.len == self.older.len() {
            self.give_oldest(self.len.div_ceil(2));
        }
        self.older[self.len] = Some(buffer);
        self.len += 1;
    }

    fn give_oldest(&mut self, count: usize) {
        for slot in &mut self.older[..count] {
            if let Some(buffer) = slot.take() {
                self.pool.shared().give(buffer);
            }
        }
        self.older[..self.len].rotate_left(count);
        self.len -= count;
    }
}

impl Drop for LocalPool {
    fn drop(&mut self) {
        self.flush();
        self.pool.shared().unclaim_stock(self.limit);
    }
}

impl fmt::Debug for LocalPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPool")
            .field("len", &self.len())
            .field("stock_limit", &self.limit)
            .field("pool", &self.pool)
            .finish()
    }
}

#[cfg(test)]
mod tests;
