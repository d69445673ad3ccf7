//! Tells AddressSanitizer which blocks are free: on its own it sees a pool as one piece of memory in
//! use. It then detects the use of a block after it was given back, and accesses past a block's end, in
//! the gap before the next one.
//!
//! Only in builds with `--cfg blockpool_asan`, for tests; otherwise these functions are empty. A block
//! that was never taken is not poisoned. With the flag, a pool must not be moved once a block has been
//! taken.

use core::ptr::NonNull;

#[cfg(blockpool_asan)]
unsafe extern "C" {
    fn __asan_poison_memory_region(first: *const u8, length: usize);
    fn __asan_unpoison_memory_region(first: *const u8, length: usize);
}

/// A free block may not be touched. Call this before anyone else can take it.
#[inline(always)]
pub(crate) fn block_is_free(first: NonNull<u8>, stride: usize) {
    #[cfg(blockpool_asan)]
    // AddressSanitizer keeps one state for every eight bytes: if neighbours shared them, two
    // threads would change the same state.
    if stride.is_multiple_of(8) {
        // SAFETY: the block's space is memory of the pool, and nobody owns it now.
        unsafe { __asan_poison_memory_region(first.as_ptr(), stride) };
    }
    let _ = (first, stride);
}

/// A block that was just taken may be touched: `size` bytes, not the gap after them.
#[inline(always)]
pub(crate) fn block_is_owned(first: NonNull<u8>, size: usize, stride: usize) {
    block_is_free(first, stride);
    #[cfg(blockpool_asan)]
    // SAFETY: the block is memory of the pool, and belongs to its owner.
    unsafe {
        __asan_unpoison_memory_region(first.as_ptr(), size);
    }
    let _ = size;
}

/// The memory of a pool that is dropped may be touched again.
#[cfg(blockpool_asan)]
pub(crate) fn memory_is_gone(first: NonNull<u8>, length: usize) {
    // SAFETY: the memory is the pool's until its drop ends.
    unsafe { __asan_unpoison_memory_region(first.as_ptr(), length) };
}
