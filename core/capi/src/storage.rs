//! Handles in memory that the program provides.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::slice;

use blockpool_core::storage::Bookkeeping;
use blockpool_core::{QueueSlot, Region};

use crate::result::blockpool_result::{self, *};

/// All memory given to the library begins at a multiple of this many bytes.
pub const BLOCKPOOL_ALIGNMENT: usize = 64;

/// For `BLOCKPOOL_BOOKKEEPING_SIZE`: bytes of a pool, whatever its capacity.
//
// An odd multiple of 64: if the bookkeeping begins where the memory of the blocks ends, the words after
// it, 640 bytes apart, then do not have the offsets in their pages that the blocks' fronts have in
// theirs: see the core's bitmap.
pub const BLOCKPOOL_POOL_SIZE: usize = 320;

/// For `BLOCKPOOL_BOOKKEEPING_SIZE`: bytes for every 64 blocks.
pub const BLOCKPOOL_GROUP_SIZE: usize = 640;

/// Bytes of memory that a local pool needs.
pub const BLOCKPOOL_LOCAL_POOL_SIZE: usize = 1152;

/// The most blocks that a local pool can keep.
pub const BLOCKPOOL_MAX_STOCK: usize = 256;

/// For `BLOCKPOOL_QUEUE_SIZE`: bytes of a queue, whatever its capacity.
pub const BLOCKPOOL_RING_SIZE: usize = 320;

/// For `BLOCKPOOL_QUEUE_SIZE`: bytes for every block that the queue can hold.
pub const BLOCKPOOL_SLOT_SIZE: usize = 8;

const _: () = assert!(BLOCKPOOL_ALIGNMENT == Region::ALIGNMENT);
const _: () = assert!(size_of::<QueueSlot>() <= BLOCKPOOL_SLOT_SIZE);
const _: () = {
    // With 32-bit words, an element is for fewer blocks.
    let elements = Bookkeeping::elements_for(64);
    assert!(elements * size_of::<Bookkeeping>() <= BLOCKPOOL_GROUP_SIZE);
};

/// Memory for a handle, and after it for what the handle refers to.
pub(crate) struct Storage {
    first: NonNull<c_void>,
    length: usize,
}

impl Storage {
    pub(crate) fn new(first: *mut c_void, length: usize) -> Result<Self, blockpool_result> {
        let first = NonNull::new(first).ok_or(BLOCKPOOL_ERROR_NULL)?;
        if first.addr().get().is_multiple_of(BLOCKPOOL_ALIGNMENT) {
            Ok(Self { first, length })
        } else {
            Err(BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED)
        }
    }

    /// Writes a handle to the first `SIZE` bytes.
    ///
    /// # Safety
    ///
    /// The header's rules for memory; nothing else lies there.
    pub(crate) unsafe fn write<T, const SIZE: usize>(
        &self,
        handle: T,
    ) -> Result<NonNull<T>, blockpool_result> {
        const { assert!(size_of::<T>() <= SIZE && align_of::<T>() <= BLOCKPOOL_ALIGNMENT) };
        if self.length < SIZE {
            return Err(BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL);
        }
        let place = self.first.cast::<T>();
        // SAFETY: it fits into `SIZE` bytes, and there are that many, aligned as it requires.
        unsafe { place.write(handle) };
        Ok(place)
    }

    /// Up to `most` elements after the first `SIZE` bytes, as many as there is memory for.
    ///
    /// # Safety
    ///
    /// The header's rules for memory; nothing else lies there, or will.
    pub(crate) unsafe fn elements<T, const SIZE: usize>(
        &self,
        most: usize,
        new: fn() -> T,
    ) -> &'static mut [T] {
        const { assert!(SIZE.is_multiple_of(BLOCKPOOL_ALIGNMENT)) };
        const { assert!(align_of::<T>() <= BLOCKPOOL_ALIGNMENT) };
        let count = most.min(self.length.saturating_sub(SIZE) / size_of::<T>());
        if count == 0 {
            return &mut [];
        }
        // SAFETY: there is memory for an element after them.
        let first = unsafe { self.first.byte_add(SIZE) }.cast::<T>().as_ptr();
        // SAFETY: 1. that many elements lie within the memory, which is the library's alone for as long
        // as the handle is used; 2. they are aligned, by the assertions and `new`; 3. these may be
        // uninitialised.
        let unwritten = unsafe { slice::from_raw_parts_mut(first.cast::<MaybeUninit<T>>(), count) };
        unwritten.fill_with(|| MaybeUninit::new(new()));
        // SAFETY: as above, and all of them are written; the reference before is gone.
        unsafe { slice::from_raw_parts_mut(first, count) }
    }
}

/// Stores a handle's address for C, or `NULL` if there is none, and returns why.
pub(crate) fn tell<T>(
    handle: Option<&mut MaybeUninit<*mut T>>,
    create: impl FnOnce() -> Result<NonNull<T>, blockpool_result>,
) -> blockpool_result {
    let Some(handle) = handle else { return BLOCKPOOL_ERROR_NULL };
    let created = create();
    handle.write(created.map_or(ptr::null_mut(), NonNull::as_ptr));
    created.err().unwrap_or(BLOCKPOOL_OK)
}
