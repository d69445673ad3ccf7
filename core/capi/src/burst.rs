//! Blocks as C has them, in arrays of pointers.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::slice;

use blockpool_core::{Block, Region};

use crate::result::blockpool_result::{self, *};

/// The program is the block's owner now.
pub(crate) fn give_up(block: Block<'static, Region<'static>>) -> *mut c_void {
    block.into_raw_ptr().as_ptr().cast()
}

/// The array of `count` pointers from `first` on, to be written; empty if there is none.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn places<'a, T>(
    first: *mut *mut c_void,
    count: usize,
) -> &'a mut [MaybeUninit<*mut T>] {
    if first.is_null() {
        return &mut [];
    }
    // SAFETY: the caller's promise: an array of as many elements, which is nobody else's meanwhile.
    unsafe { slice::from_raw_parts_mut(first.cast(), count) }
}

/// The array of `count` pointers from `first` on; refused if there is none that has elements.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn pointers<'a>(
    first: *const *mut c_void,
    count: usize,
) -> Result<&'a [*mut u8], blockpool_result> {
    if first.is_null() {
        return if count == 0 { Ok(&[]) } else { Err(BLOCKPOOL_NULL) };
    }
    // SAFETY: the caller's promise: an array of as many elements, which nobody changes meanwhile.
    Ok(unsafe { slice::from_raw_parts(first.cast(), count) })
}
