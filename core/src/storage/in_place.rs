//! Blocks and bookkeeping in one value.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::num::NonZero;
use core::panic::RefUnwindSafe;
use core::ptr::NonNull;

use super::{Parts, Storage};
use crate::align::{Align, Alignment};
use crate::block_state::{MAX_BLOCK_SIZE, MAX_COUNT, StateCell};
use crate::extent::Stride;
use crate::free_list::{AllFree, Bitmap, FreeListKind, InitInPlace};
use crate::ring::SlotsInPlace;
use crate::sync::AtomicUsize;

/// The storage of a [`Pool`](crate::Pool): blocks and bookkeeping in one value.
#[derive(Debug)]
#[repr(C)]
pub struct InPlace<
    const SIZE: usize,
    const COUNT: usize,
    A: Alignment = Align<64>,
    K: FreeListKind = Bitmap,
> {
    blocks: UnsafeCell<MaybeUninit<[Space<SIZE, A>; COUNT]>>,
    free: K::List<COUNT>,
    states: [StateCell; COUNT],
    exhausted: AtomicUsize,
}

/// The space of one block.
#[repr(C)]
struct Space<const SIZE: usize, A: Alignment> {
    _alignment: [A::Unit; 0],
    _bytes: [u8; SIZE],
}

// SAFETY: the bytes of a block are accessed only through the one `Block` that owns its index, or
// through a pointer that the owner of a raw block has. Thread A, giving a block back, and thread B,
// taking it next, are ordered by the free list, queue or claim that moved the index from one to the
// other (release and acquire). Everything else is atomic; free lists are `Sync` by their own bound.
unsafe impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> Sync
    for InPlace<SIZE, COUNT, A, K>
{
}

impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind>
    InPlace<SIZE, COUNT, A, K>
{
    const FITS: () = {
        assert!(SIZE >= 1 && SIZE <= MAX_BLOCK_SIZE, "a block has 1 to 65,536 bytes");
        assert!(COUNT >= 1 && COUNT <= MAX_COUNT, "a pool has 1 to 2^29 blocks");
    };

    pub(crate) const fn new() -> Self {
        Self {
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
            free: const {
                // Checked first, so that a wrong count is an error of the pool, not of its free list.
                let () = Self::FITS;
                AllFree::ALL_FREE
            },
            states: [const { StateCell::new() }; COUNT],
            exhausted: AtomicUsize::new(0),
        }
    }

    /// Writes [`new`](Self::new) in place. The blocks are not touched.
    ///
    /// # Safety
    ///
    /// `this` is aligned and valid for writes.
    pub(crate) unsafe fn init(this: *mut Self) {
        let () = Self::FITS;
        // SAFETY: the caller's promise: this field lies in memory that is valid for writes.
        let free = unsafe { &raw mut (*this).free };
        // SAFETY: as before.
        let states = unsafe { &raw mut (*this).states }.cast::<StateCell>();
        // SAFETY: as before.
        let exhausted = unsafe { &raw mut (*this).exhausted };
        // SAFETY: as before; it is aligned, as `this` is.
        unsafe { InitInPlace::init(free) };
        for index in 0..COUNT {
            // SAFETY: there are `COUNT` elements.
            let state = unsafe { states.add(index) };
            // SAFETY: as before.
            unsafe { state.write(StateCell::new()) };
        }
        // SAFETY: as before.
        unsafe { exhausted.write(AtomicUsize::new(0)) };
    }
}

// SAFETY: blocks are elements of one array, `SIZE` bytes at the front of each; `UnsafeCell` lets
// them be written while the storage is borrowed. The free list is private, and its kind is one of this
// crate's, whose capacity is `COUNT`.
unsafe impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> Parts
    for InPlace<SIZE, COUNT, A, K>
{
    type Free = K::List<COUNT>;
    type Slots = SlotsInPlace<SIZE, COUNT>;

    const NAME: &'static str = "Pool";

    fn free(&self) -> &Self::Free {
        &self.free
    }

    #[inline]
    fn states<'s>(&'s self) -> impl Fn(u32) -> &'s StateCell {
        |index| {
            debug_assert!((index as usize) < COUNT);
            // SAFETY: by the trait's contract the index is below the capacity, the length of the array.
            unsafe { self.states.get_unchecked(index as usize) }
        }
    }

    fn block(&self, index: u32) -> NonNull<u8> {
        debug_assert!((index as usize) < COUNT);
        let first: NonNull<Space<SIZE, A>> = NonNull::from(&self.blocks).cast();
        // SAFETY: the index is below `COUNT`, so this is an element of the array.
        unsafe { first.add(index as usize) }.cast()
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn stride(&self) -> Stride {
        const { Stride::new(NonZero::new(size_of::<Space<SIZE, A>>()).expect("a block has a byte")) }
    }

    fn exhausted(&self) -> &AtomicUsize {
        &self.exhausted
    }
}

impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> Storage
    for InPlace<SIZE, COUNT, A, K>
{
}

#[cfg(blockpool_asan)]
impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> Drop
    for InPlace<SIZE, COUNT, A, K>
{
    fn drop(&mut self) {
        crate::poison::memory_is_gone(self.block(0), self.stride().bytes().get() * COUNT);
    }
}

/// All that a panic can leave behind in a pool is a block that stays out, nothing half done.
impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> RefUnwindSafe
    for InPlace<SIZE, COUNT, A, K>
{
}
