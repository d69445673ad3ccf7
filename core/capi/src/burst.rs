//! Blocks as C has them, in arrays of pointers.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;

use blockpool_core::heapless::Vec;
use blockpool_core::{Block, Region};

use crate::result::blockpool_result::{self, *};
use crate::result::refusal;

/// Blocks on their way between an array and a worker or queue; longer bursts go in parts.
pub(crate) type Burst<const N: usize = 32> = Vec<Block<'static, Region<'static>>, N>;

/// The program is the block's owner now.
pub(crate) fn give_up(block: Block<'static, Region<'static>>) -> *mut c_void {
    block.into_raw_ptr().as_ptr().cast()
}

/// Where blocks come from in bursts.
pub(crate) trait Source {
    /// Takes blocks until `burst` is full or there are no more.
    fn take<const N: usize>(&mut self, burst: &mut Burst<N>);
}

/// Takes up to as many blocks as an array has elements, and stores pointers to them. Returns how many;
/// none if there is no array.
///
/// # Safety
///
/// The header's rules for arrays.
pub(crate) unsafe fn fill(mut source: impl Source, first: *mut *mut c_void, count: usize) -> usize {
    if first.is_null() {
        return 0;
    }
    // SAFETY: the caller's promise: an array of as many elements, which is nobody else's meanwhile.
    let mut left: &mut [MaybeUninit<_>] = unsafe { slice::from_raw_parts_mut(first.cast(), count) };
    // A burst takes as many as its vector holds, so what is left goes in parts of each size.
    let _all = fill_by::<32>(&mut source, &mut left)
        && fill_by::<16>(&mut source, &mut left)
        && fill_by::<8>(&mut source, &mut left)
        && fill_by::<4>(&mut source, &mut left)
        && fill_by::<2>(&mut source, &mut left)
        && fill_by::<1>(&mut source, &mut left);
    count - left.len()
}

/// Takes `N` at a time, as long as there is room for so many; whether there always were so many.
fn fill_by<const N: usize>(
    source: &mut impl Source,
    left: &mut &mut [MaybeUninit<*mut c_void>],
) -> bool {
    while left.len() >= N {
        let mut burst = Burst::<N>::new();
        source.take(&mut burst);
        let count = burst.len();
        for (place, block) in left.split_off_mut(..count).unwrap_or_default().iter_mut().zip(&burst)
        {
            // SAFETY: the handle is forgotten below.
            place.write(give_up(unsafe { ptr::read(block) }));
        }
        // SAFETY: no element remains that would have to be initialised; all handles were read, since
        // there was room for `N`.
        unsafe { burst.set_len(0) };
        if count < N {
            return false;
        }
    }
    true
}

/// Claims the blocks of an array in order, hands them to `take` in parts, which takes them all, and
/// counts them in `taken`; ends at the first pointer that is refused.
///
/// # Safety
///
/// The header's rules for arrays, and for who gives blocks back.
pub(crate) unsafe fn claim(
    region: &'static Region<'static>,
    first: *const *mut c_void,
    count: usize,
    taken: &mut usize,
    mut take: impl FnMut(&mut Burst),
) -> blockpool_result {
    if first.is_null() {
        return if count == 0 { BLOCKPOOL_OK } else { BLOCKPOOL_NULL };
    }
    // SAFETY: the caller's promise: an array of as many elements, which nobody changes meanwhile.
    let mut left = unsafe { slice::from_raw_parts(first.cast::<*mut u8>(), count) };
    let mut burst = Burst::<32>::new();
    while !left.is_empty() {
        // SAFETY: the caller's promise: who gives a block back is its owner, if it is out, and the
        // only one.
        let claimed = unsafe { region.from_raw_ptr_burst(left, &mut burst) };
        let count = burst.len();
        take(&mut burst);
        *taken += count;
        left = left.get(count..).unwrap_or_default();
        if let (Err(error), [refused, ..]) = (claimed, left) {
            return refusal(error, refused.cast());
        }
    }
    BLOCKPOOL_OK
}
