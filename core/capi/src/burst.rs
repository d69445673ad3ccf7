//! Blocks as C sees them, in arrays of pointers.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use blockpool_core::{Block, BurstError, Region};

use crate::result::blockpool_result::{self, *};

/// Makes the program the owner of the block.
pub(crate) fn give_up(block: Block<'static, Region<'static>>) -> *mut c_void {
    block.into_raw_ptr().as_ptr().cast()
}

/// The array of `count` pointers from `first` on, to be written; empty if `first` is null.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn to_write<'a>(
    first: *mut *mut c_void,
    count: usize,
) -> &'a mut [MaybeUninit<NonNull<u8>>] {
    if first.is_null() {
        return &mut [];
    }
    // SAFETY: the caller's promise: an array of that many elements, which nobody else uses meanwhile.
    unsafe { slice::from_raw_parts_mut(first.cast(), count) }
}

/// Passes the `count` pointers from `first` on, up to the first null one, to `give`. Stores in `taken`
/// how many it took, and returns why it took no more.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn give<T>(
    first: *const *mut c_void,
    count: usize,
    to: Option<T>,
    taken: Option<&mut MaybeUninit<usize>>,
    give: impl FnOnce(T, &[NonNull<u8>]) -> Result<(), BurstError>,
) -> blockpool_result {
    let (count, result) = match to {
        Some(to) if !first.is_null() => {
            // SAFETY: the caller's promise: an array of that many elements, which nobody changes
            // meanwhile.
            let pointers: &[*mut u8] = unsafe { slice::from_raw_parts(first.cast(), count) };
            // Looked for first without a branch for each.
            let any = pointers.iter().fold(false, |any, pointer| any | pointer.is_null());
            let nulls =
                any.then(|| pointers.iter().position(|pointer| pointer.is_null())).flatten();
            let valid = nulls.unwrap_or(count);
            // SAFETY: the elements before the first null one, if there is one.
            let valid = unsafe { slice::from_raw_parts(first.cast::<NonNull<u8>>(), valid) };
            match give(to, valid) {
                Ok(()) if nulls.is_some() => (valid.len(), BLOCKPOOL_ERROR_NULL),
                Ok(()) => (count, BLOCKPOOL_OK),
                Err(BurstError { done, reason }) => (done, reason.into()),
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
