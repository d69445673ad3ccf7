//! Tells AddressSanitizer which blocks are free: by itself it sees a pool as one piece of memory in
//! use. So it finds the use of a block that was given back, and steps past a block's end into the
//! gap before the next one.
//!
//! Only in builds with `--cfg blockpool_asan`, for tests; otherwise these functions are empty. A
//! block that was never taken is not poisoned. Under the flag a pool must not be moved once a block
//! was taken.

use core::ptr::NonNull;

#[cfg(blockpool_asan)]
unsafe extern "C" {
    fn __asan_poison_memory_region(first: *const u8, length: usize);
    fn __asan_unpoison_memory_region(first: *const u8, length: usize);
}

/// A free block may not be touched. To be called before anyone else can take it.
#[inline(always)]
pub(crate) fn block_is_free(first: NonNull<u8>, stride: usize) {
    #[cfg(blockpool_asan)]
    // AddressSanitizer remembers eight bytes together: where a neighbour shares them, two threads
    // would change one word.
    if stride.is_multiple_of(8) {
        // SAFETY: the block's space is memory of the pool, and nobody's now.
        unsafe { __asan_poison_memory_region(first.as_ptr(), stride) };
    }
    let _ = (first, stride);
}

/// A block that was just taken may be touched: `size` bytes, without the gap behind them.
#[inline(always)]
pub(crate) fn block_is_owned(first: NonNull<u8>, size: usize, stride: usize) {
    block_is_free(first, stride);
    #[cfg(blockpool_asan)]
    // SAFETY: the block is memory of the pool, and its owner's.
    unsafe {
        __asan_unpoison_memory_region(first.as_ptr(), size);
    }
    let _ = size;
}

/// The memory of a pool that ends may be touched again.
#[cfg(blockpool_asan)]
pub(crate) fn memory_is_gone(first: NonNull<u8>, length: usize) {
    // SAFETY: the memory is the pool's until its drop ends.
    unsafe { __asan_unpoison_memory_region(first.as_ptr(), length) };
}
