//! The shared pool.

use std::fmt;
use std::sync::Arc;

use crate::shared::Shared;
use crate::{LocalPool, PoolError, PooledBuffer};

/// A pool of byte buffers, allocated once and shared by any number of threads.
///
/// ```
/// use blockpool::TransactionMemoryPool;
///
/// let pool = TransactionMemoryPool::new(4096, 256);
/// let mut buffer = pool.get_buffer();
/// buffer.extend_from_slice(b"payload");
/// pool.return_buffer(buffer);
/// assert_eq!((pool.available_buffers(), pool.heap_fallbacks()), (256, 0));
/// ```
///
/// **Not lock-free:** its free buffers lie in a `crossbeam::queue::ArrayQueue`. While one thread is
/// preempted in the middle of a push or a pop, others spin, and after a while yield, until it
/// continues. So never call a method from an interrupt or signal handler, and expect threads that are
/// preempted, or of lower priority, to delay others. A child made by `fork` may wait for ever for a
/// thread that does not exist in it. Where that matters, use the package `blockpool-core`.
///
/// It hands out the buffer that was returned longest ago, so its memory is rarely in the cache. A
/// [`LocalPool`] hands out the one returned last.
///
/// A clone is another handle of the same pool and costs one atomic increment. The memory is freed with
/// the last handle, guard or local pool.
///
/// The pool does not check where a returned buffer comes from, only whether it fits: any `Vec` with a
/// capacity from `buffer_size` to twice that takes the place of a missing one. A buffer of 4 bytes or
/// more that grew once, by doubling, still fits, so in the worst case the pool comes to hold twice the
/// memory it started with.
///
/// All counters are for monitoring. Once the threads that use the pool have been joined they are exact,
/// except for the high-water mark; the docs of each say which way it errs.
#[derive(Clone)]
pub struct TransactionMemoryPool {
    shared: Arc<Shared>,
}

impl TransactionMemoryPool {
    /// Makes a pool of `pool_capacity` buffers of `buffer_size` bytes each.
    ///
    /// Allocates all memory and writes to every page of it, so that later use causes neither an
    /// allocation nor a page fault. O(`buffer_size` × `pool_capacity`).
    ///
    /// A pool with a `pool_capacity` of 0 is always empty: every get falls back to the heap, every return
    /// is discarded. Buffers of `buffer_size` 0 own no memory; a write makes one too large to return.
    ///
    /// # Panics
    ///
    /// With the text of [`PoolError`] where [`try_new`](Self::try_new) returns
    /// an error.
    pub fn new(buffer_size: usize, pool_capacity: usize) -> Self {
        match Self::try_new(buffer_size, pool_capacity) {
            Ok(pool) => pool,
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes a pool as [`new`](Self::new) does, or returns why it cannot.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooLarge`] if the sizes exceed what can be addressed; [`PoolError::OutOfMemory`] if
    /// the allocator refuses, as it does beyond a limit set with `ulimit -v`.
    ///
    /// It cannot detect limits that the allocator does not know: the memory of a machine that
    /// overcommits it, and the limit of a container (a control group's `memory.max`). A pool beyond
    /// those is not refused; the system kills the process when the pages are written to, which is here.
    /// If the size comes from outside, check it against them first.
    pub fn try_new(buffer_size: usize, pool_capacity: usize) -> Result<Self, PoolError> {
        let shared = Arc::new(Shared::new(buffer_size, pool_capacity)?);
        Ok(Self { shared })
    }

    /// Takes an empty buffer that holds at least `buffer_size` bytes; a new one
    /// from the heap if the pool is empty.
    ///
    /// O(1); one atomic read-modify-write when uncontended; spins while another thread is preempted
    /// inside an operation. The heap fallback costs one allocation and is counted in
    /// [`heap_fallbacks`](Self::heap_fallbacks).
    ///
    /// A buffer that is dropped instead of returned is missing from the pool until a heap fallback is
    /// returned in its place.
    ///
    /// Like every `Vec`, the fallback aborts the process when the allocator has no memory;
    /// [`try_get_buffer`](Self::try_get_buffer) does not.
    #[inline]
    pub fn get_buffer(&self) -> Vec<u8> {
        let mut buffer = self.shared.take();
        if buffer.is_none() {
            buffer = Some(self.shared.heap_fallback());
        }
        // Never the default. In this form the compiler passes the three words of the `Vec` on one
        // by one. With a `match` it stores one and then loads two at once, which waits until the
        // store has reached the cache: measured, a pair costs half as much again.
        buffer.unwrap_or_default()
    }

    /// Takes an empty buffer that holds at least `buffer_size` bytes, or `None`
    /// if the pool is empty.
    ///
    /// Cost and progress as [`get_buffer`](Self::get_buffer), but never calls
    /// the allocator. After `None` another thread may already have given a
    /// buffer back. Buffers that a [`LocalPool`] keeps are unavailable.
    #[inline]
    pub fn try_get_buffer(&self) -> Option<Vec<u8>> {
        self.shared.take()
    }

    /// Gives a buffer back, on any thread, wherever it came from.
    ///
    /// The buffer is cleared (its bytes are not erased) and keeps its capacity. If that is below
    /// `buffer_size` or above twice `buffer_size`, or if the pool is full, the buffer is freed and counted
    /// in [`discarded`](Self::discarded). Never fails, never allocates.
    ///
    /// O(1); one atomic read-modify-write when uncontended, one more at a new peak of
    /// [`high_water_mark`](Self::high_water_mark); spins while another thread is preempted inside an
    /// operation. A discard costs one deallocation.
    #[inline]
    pub fn return_buffer(&self, buffer: Vec<u8>) {
        self.shared.give(buffer);
    }

    /// Takes a buffer as [`get_buffer`](Self::get_buffer) does, in a guard that
    /// gives it back when dropped.
    #[inline]
    pub fn get(&self) -> PooledBuffer {
        PooledBuffer::new(self.get_buffer(), self.clone())
    }

    /// Takes a buffer as [`try_get_buffer`](Self::try_get_buffer) does, in a
    /// guard that gives it back when dropped.
    #[inline]
    pub fn try_get(&self) -> Option<PooledBuffer> {
        let buffer = self.try_get_buffer()?;
        Some(PooledBuffer::new(buffer, self.clone()))
    }

    /// Wraps a buffer of your own in a guard that gives it back to this pool when dropped, as
    /// [`return_buffer`](Self::return_buffer) does. The inverse of [`PooledBuffer::detach`].
    ///
    /// Wait-free; one atomic increment.
    #[inline]
    pub fn attach(&self, buffer: Vec<u8>) -> PooledBuffer {
        PooledBuffer::new(buffer, self.clone())
    }

    /// A [`LocalPool`], the per-thread cache of this pool.
    ///
    /// Allocates, so call it when the thread starts. How many buffers it may keep is decided
    /// here: see [`LocalPool`].
    pub fn local_pool(&self) -> LocalPool {
        LocalPool::new(self.clone())
    }

    /// The number of buffers in the pool now, in [0, `pool_capacity`].
    ///
    /// Excludes those that local pools keep. O(1); reads, never writes; repeats its reads while other
    /// threads give buffers back in between. Exact for one moment during the call; counts a buffer that
    /// another thread is in the middle of giving back, but not one that it is in the middle of taking.
    pub fn available_buffers(&self) -> usize {
        self.shared.available()
    }

    /// [`available_buffers`](Self::available_buffers), under the name that it has in `blockpool-core`.
    pub fn available(&self) -> usize {
        self.available_buffers()
    }

    /// The number of buffers allocated when the pool was made: `pool_capacity`.
    ///
    /// Constant; heap fallbacks and discards do not change it.
    pub fn total_allocated(&self) -> usize {
        self.shared.pool_capacity
    }

    /// [`total_allocated`](Self::total_allocated), under the name that it has in `blockpool-core`.
    pub fn capacity(&self) -> usize {
        self.total_allocated()
    }

    /// The size of a buffer in bytes, as given to [`new`](Self::new). Constant.
    pub fn buffer_size(&self) -> usize {
        self.shared.buffer_size
    }

    /// The largest number of buffers that were missing from the pool at once, in
    /// [0, `pool_capacity`].
    ///
    /// Missing are those in use, those that local pools keep, and those dropped or detached and not
    /// replaced. Equal to `pool_capacity` as soon as a get found the pool empty, and never below what is
    /// missing during this call.
    ///
    /// Never reads high. May read low, because not every return updates it (that would cost more than the
    /// return): each thread does so before its first return and then before one in
    /// 1 + `pool_capacity` / 64, at least one in 16. So a past peak may read low by at most that many for
    /// each thread that returns, and by a batch for each local pool that is just taking one. In a pool of
    /// fewer than 64 buffers, used by one thread, it is exact.
    ///
    /// Reads; writes only if it finds a new peak.
    pub fn high_water_mark(&self) -> usize {
        self.shared.high_water_mark()
    }

    /// How many buffers had to come from the heap because the pool was empty.
    ///
    /// Gets that returned `None` are not counted. Counted before the allocation, so it
    /// may read high by one for each get in progress. Wraps at `usize::MAX`. One atomic
    /// load.
    pub fn heap_fallbacks(&self) -> usize {
        self.shared.heap_fallbacks()
    }

    /// How many buffers were freed on return because they did not fit or the
    /// pool was full.
    ///
    /// Counted before the buffer is freed, so it may read high by one for each
    /// return in progress. Wraps at `usize::MAX`. One atomic load.
    pub fn discarded(&self) -> usize {
        self.shared.discarded()
    }

    /// Whether these are handles of one pool.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl fmt::Debug for TransactionMemoryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionMemoryPool")
            .field("buffer_size", &self.buffer_size())
            .field("total_allocated", &self.total_allocated())
            .field("available_buffers", &self.available_buffers())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
