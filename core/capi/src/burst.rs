//! Blocks as C has them, in arrays of pointers.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use blockpool_core::{Block, RawError, Region};

use crate::result::blockpool_result::{self, *};
use crate::result::refusal;

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

/// Hands the `count` pointers from `first` on to `give`, which says how many `to` took if one was refused.
/// Tells how many were taken, and why no more.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn give<T>(
    first: *const *mut c_void,
    count: usize,
    to: Option<T>,
    taken: Option<&mut MaybeUninit<usize>>,
    give: impl FnOnce(T, &[*mut u8]) -> Result<(), (usize, RawError)>,
) -> blockpool_result {
    let (count, result) = match to {
        Some(to) if !first.is_null() => {
            // SAFETY: the caller's promise: an array of as many elements, which nobody changes meanwhile.
            let pointers = unsafe { slice::from_raw_parts(first.cast(), count) };
            match give(to, pointers) {
                Ok(()) => (count, BLOCKPOOL_OK),
                Err((taken, error)) => {
                    let refused =
                        pointers.get(taken).map_or(ptr::null_mut(), |refused| refused.cast());
                    (taken, refusal(error, refused))
                }
            }
        }
        Some(_) if count == 0 => (0, BLOCKPOOL_OK),
        _ => (0, BLOCKPOOL_ERROR_NULL),
    };
    if let Some(taken) = taken {
        taken.write(count);
    }
    result
}
