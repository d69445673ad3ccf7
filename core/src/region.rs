//! A pool over memory given at run time.

use core::mem::MaybeUninit;
use core::num::NonZero;
use core::ptr::NonNull;

use crate::align::REGION_ALIGNMENT;
use crate::block_state::{MAX_BLOCK_SIZE, MAX_COUNT};
use crate::error::RegionError;
use crate::extent::Stride;
use crate::pool::BlockPool;
use crate::storage::{Bookkeeping, Borrowed, CountedList, IndexSet};

/// A pool over memory given at run time: huge pages, DMA memory, an AF_XDP UMEM, memory shared with a
/// device.
///
/// ```
/// use blockpool_core::Region;
/// use blockpool_core::storage::Bookkeeping;
/// use core::mem::MaybeUninit;
/// use static_cell::ConstStaticCell;
///
/// const BLOCK_SIZE: usize = 2048;
/// const COUNT: usize = 32;
/// const ELEMENTS: usize = Bookkeeping::elements_for(COUNT);
///
/// #[repr(align(4096))]
/// struct Pages([MaybeUninit<u8>; COUNT * BLOCK_SIZE]);
///
/// static PAGES: ConstStaticCell<Pages> =
///     ConstStaticCell::new(Pages([MaybeUninit::uninit(); COUNT * BLOCK_SIZE]));
/// static BOOKKEEPING: ConstStaticCell<[Bookkeeping; ELEMENTS]> =
///     ConstStaticCell::new([const { Bookkeeping::new() }; ELEMENTS]);
///
/// let region = Region::new(&mut PAGES.take().0, BLOCK_SIZE, BOOKKEEPING.take())?;
/// assert_eq!(region.capacity(), 32);
///
/// let mut frame = region.get().expect("one is free");
/// frame.append(b"payload").expect("it fits");
/// # Ok::<(), blockpool_core::RegionError>(())
/// ```
///
/// The caller provides the memory, and [`Bookkeeping`] for it. The memory holds blocks and nothing
/// else, one after the other from its first byte: block `i` lies at `i` times the block size, which is
/// a UMEM's frame address. What is left over at the end stays unused. Making the region does not touch
/// the memory.
///
/// The methods are those of [`BlockPool`], which a [`Pool`](crate::Pool) has too.
pub type Region<'m, F = IndexSet<'m>> = BlockPool<Borrowed<'m, F>>;

impl<'m> Region<'m> {
    /// The required alignment of the memory and of the block size, in bytes: a cache line.
    pub const ALIGNMENT: usize = REGION_ALIGNMENT;

    /// Makes a pool of as many blocks of `block_size` bytes as fit into `memory`, all of them free.
    ///
    /// `bookkeeping` has one element for every `usize::BITS` blocks, as [`Bookkeeping::elements_for`]
    /// says; its contents do not matter. O(number of blocks).
    ///
    /// # Errors
    ///
    /// [`RegionError`] says what is wrong with the memory, the block size or the bookkeeping.
    pub fn new(
        memory: &'m mut [MaybeUninit<u8>],
        block_size: usize,
        bookkeeping: &'m mut [Bookkeeping],
    ) -> Result<Self, RegionError> {
        let length = memory.len();
        // SAFETY: the memory is borrowed exclusively for `'m`.
        unsafe {
            Self::from_raw_parts(NonNull::from(memory).cast(), length, block_size, bookkeeping)
        }
    }

    /// Makes a pool of as many blocks of `block_size` bytes as fit into `length` bytes from `memory`
    /// on, all of them free. As [`new`](Self::new), for memory that a device or foreign code has access
    /// to.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Safety
    ///
    /// For all of `'m`, the memory is valid for reads and writes and lies in one allocation or mapping,
    /// and nothing but this region, and devices or foreign code that own one of its blocks, reads or
    /// writes it. In particular, if it is shared memory, parent and child do not both use the region
    /// after a `fork`: each would hand out the same block.
    pub unsafe fn from_raw_parts(
        memory: NonNull<u8>,
        length: usize,
        block_size: usize,
        bookkeeping: &'m mut [Bookkeeping],
    ) -> Result<Self, RegionError> {
        let fits = block_size.is_multiple_of(Self::ALIGNMENT) && block_size <= MAX_BLOCK_SIZE;
        let Some(stride) = NonZero::new(block_size).filter(|_| fits) else {
            return Err(RegionError::BlockSize { block_size });
        };
        match memory.addr().get() % Self::ALIGNMENT {
            0 => {}
            by => return Err(RegionError::Misaligned { by }),
        }
        let blocks = length / block_size;
        if blocks == 0 {
            return Err(RegionError::TooSmall { length, block_size });
        }
        if blocks > MAX_COUNT {
            return Err(RegionError::TooManyBlocks { blocks });
        }
        let needed = Bookkeeping::elements_for(blocks);
        let given = bookkeeping.len();
        let Some(free) = IndexSet::over(bookkeeping, blocks) else {
            return Err(RegionError::TooLittleBookkeeping { needed, given });
        };
        // SAFETY: 1. the caller's promise for `length` bytes, which are at least as many strides as
        // `free` has indices; 2. `free` is new.
        Ok(Self::over(unsafe { Borrowed::new(memory, Stride::new(stride), free) }))
    }

    /// The same region with a [high-water mark](BlockPool::high_water_mark), which starts at the number
    /// of blocks out now. O(capacity ÷ word size).
    ///
    /// Cost and accuracy are those of [`Counted`](crate::storage::Counted).
    #[must_use = "it is this region that counts"]
    pub fn counted(self) -> Region<'m, CountedList<IndexSet<'m>>> {
        BlockPool::over(self.into_storage().counted())
    }
}
