//! Blocks in memory given at run time.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZero;
use core::ptr::NonNull;

use crate::bookkeeping::{Bookkeeping, Borrowed};
use crate::error::RegionError;
use crate::free::{Bitmap, FreeSet};
use crate::memory::{BlockPool, INTERNAL, Internal, Memory};
use crate::pool::pool_methods;
use crate::range::{MAX_BLOCK_SIZE, MAX_COUNT, Parked};
use crate::ring::Place;
use crate::stride::Stride;
use crate::sync::AtomicUsize;

/// The same pool over memory given at run time: huge pages, DMA memory, an AF_XDP UMEM, memory
/// shared with a device.
///
/// The caller gives the memory, and [`Bookkeeping`] for it. The memory itself holds blocks and
/// nothing else, one after the other from its first byte, so that block `i` lies at `i` times the
/// block size: a UMEM's frame address. What is left over at its end stays unused.
///
/// ```
/// use blockpool_core::{Bookkeeping, Region};
/// use core::ptr::NonNull;
/// use static_cell::ConstStaticCell;
///
/// #[repr(align(4096))]
/// struct Pages([u8; 64 * 1024]);
///
/// static MEMORY: ConstStaticCell<Pages> = ConstStaticCell::new(Pages([0; 64 * 1024]));
/// static BOOKKEEPING: ConstStaticCell<[Bookkeeping; Region::bookkeeping_for(64 * 1024, 2048)]> =
///     ConstStaticCell::new([const { Bookkeeping::new() }; Region::bookkeeping_for(64 * 1024, 2048)]);
///
/// let memory = &mut MEMORY.take().0[..];
/// let length = memory.len();
/// let first = NonNull::from(memory).cast();
/// // SAFETY: the memory is borrowed for ever and used by nobody else.
/// let region = unsafe { Region::new(first, length, 2048, BOOKKEEPING.take()) }?;
/// assert_eq!(region.capacity(), 32);
///
/// let mut frame = region.get().unwrap();
/// frame.append(b"payload").unwrap();
/// # Ok::<(), blockpool_core::RegionError>(())
/// ```
pub struct Region<'m> {
    memory: NonNull<u8>,
    block_size: Stride,
    free: Bitmap<Borrowed<'m>>,
    exhausted: AtomicUsize,
    /// The memory is borrowed as if by a mutable reference.
    _memory: PhantomData<&'m mut [u8]>,
}

impl Region<'_> {
    /// Memory begins, and block sizes go, in multiples of this: bytes, a cache line.
    pub const ALIGNMENT: usize = 64;

    /// How many elements of [`Bookkeeping`] `length` bytes of memory need with blocks of
    /// `block_size` bytes: one for every `usize::BITS` blocks. 0 if `block_size` is.
    #[must_use]
    pub const fn bookkeeping_for(length: usize, block_size: usize) -> usize {
        match length.checked_div(block_size) {
            Some(blocks) => Bookkeeping::elements_for(blocks),
            None => 0,
        }
    }
}

impl<'m> Region<'m> {
    /// A pool of the blocks of `block_size` bytes that fit into `length` bytes from `memory` on, all
    /// of them free.
    ///
    /// `bookkeeping` needs [`bookkeeping_for`](Self::bookkeeping_for) elements, whatever they hold.
    /// O(length of `bookkeeping`); the memory is not touched.
    ///
    /// # Errors
    ///
    /// [`RegionError`] says what does not serve: alignment, block size, length, bookkeeping.
    ///
    /// # Safety
    ///
    /// For as long as `'m`, the memory is valid for reads and writes and lies in one allocation or
    /// mapping, and nothing but this region, and devices or foreign code that own one of its blocks,
    /// reads or writes it.
    pub unsafe fn new(
        memory: NonNull<u8>,
        length: usize,
        block_size: usize,
        bookkeeping: &'m mut [Bookkeeping],
    ) -> Result<Self, RegionError> {
        let serves = block_size.is_multiple_of(Self::ALIGNMENT) && block_size <= MAX_BLOCK_SIZE;
        let Some(stride) = NonZero::new(block_size).filter(|_| serves) else {
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
        let Some(free) = Bitmap::over(bookkeeping, blocks) else {
            return Err(RegionError::TooLittleBookkeeping { needed, given });
        };
        Ok(Self {
            memory,
            block_size: Stride::new(stride),
            free,
            exhausted: AtomicUsize::new(0),
            _memory: PhantomData,
        })
    }

    pool_methods!();
}

// SAFETY: as for `Pool`: a block's bytes are reached only by its one owner, and the free set, queue
// or claim that moves a block number from one thread to another orders them. All else is atomic.
unsafe impl Sync for Region<'_> {}

// SAFETY: nothing in a region belongs to the thread that made it; the pointer stands for the memory
// that it borrows.
unsafe impl Send for Region<'_> {}

// SAFETY: `new` was promised the memory for `'m`, and that nobody else uses it; blocks are pieces of
// `block_size` bytes of it, one behind the other. The free set is private.
unsafe impl<'m> Memory for Region<'m> {
    type Free = Bitmap<Borrowed<'m>>;
    type Places = &'m mut [Place];

    fn free(&self, _: Internal) -> &Self::Free {
        &self.free
    }

    fn parked(&self, number: u32, _: Internal) -> &Parked {
        self.free.words().parked(number)
    }

    fn block(&self, number: u32, _: Internal) -> NonNull<u8> {
        debug_assert!((number as usize) < self.free.capacity());
        // SAFETY: the number is below the capacity, so the block lies in the memory.
        unsafe { self.memory.add(number as usize * self.size(INTERNAL)) }
    }

    fn size(&self, _: Internal) -> usize {
        self.block_size.bytes().get()
    }

    fn stride(&self, _: Internal) -> NonZero<usize> {
        self.block_size.bytes()
    }

    fn strides_in(&self, offset: usize, _: Internal) -> usize {
        self.block_size.whole_in(offset)
    }

    fn exhausted_count(&self, _: Internal) -> &AtomicUsize {
        &self.exhausted
    }
}

impl BlockPool for Region<'_> {}

#[cfg(blockpool_asan)]
impl Drop for Region<'_> {
    fn drop(&mut self) {
        crate::poison::pool_is_gone(self.memory());
    }
}

impl fmt::Debug for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("memory", &self.memory)
            .field("block_size", &self.block_size())
            .field("capacity", &self.capacity())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}
