//! What blocks, workers and queues need of a pool, wherever its memory lies: the one
//! implementation behind [`Pool`](crate::Pool) and [`Region`](crate::Region).

use core::ptr::NonNull;

use crate::block::{self, Block};
use crate::error::RawError;
use crate::free::FreeSet;
use crate::poison;
use crate::range::{Parked, Place};
use crate::ring::Places;
use crate::stride::{Extent, Stride};
use crate::sync::{AtomicUsize, Ordering};

/// A pool of blocks: [`Pool`](crate::Pool) or [`Region`](crate::Region). What functions that work
/// with any pool are generic over; the two types have the same methods without this trait, and
/// their documentation.
///
/// ```
/// use blockpool_core::{Block, BlockPool, Pool};
///
/// fn copy<'p, P: BlockPool>(pool: &'p P, bytes: &[u8]) -> Option<Block<'p, P>> {
///     let mut block = pool.get()?;
///     block.append(bytes).ok()?;
///     Some(block)
/// }
///
/// let pool = Pool::<64, 4>::new();
/// assert_eq!(&copy(&pool, b"bytes").unwrap()[..], b"bytes");
/// ```
#[expect(clippy::wrong_self_convention, reason = "`from_raw` makes a block, of this pool")]
pub trait BlockPool: Memory + Sync + Sized {
    /// See [`Pool::get`](crate::Pool::get).
    #[inline]
    fn get(&self) -> Option<Block<'_, Self>> {
        match self.free(INTERNAL).take() {
            Some(number) => Some(self.adopt_free(number, INTERNAL)),
            None => {
                self.count_exhausted(INTERNAL);
                None
            }
        }
    }

    /// See [`Pool::capacity`](crate::Pool::capacity).
    fn capacity(&self) -> usize {
        self.free(INTERNAL).capacity()
    }

    /// See [`Pool::block_size`](crate::Pool::block_size).
    fn block_size(&self) -> usize {
        self.size(INTERNAL)
    }

    /// See [`Pool::available`](crate::Pool::available).
    fn available(&self) -> usize {
        self.free(INTERNAL).available()
    }

    /// See [`Pool::high_water_mark`](crate::Pool::high_water_mark).
    fn high_water_mark(&self) -> Option<usize> {
        self.free(INTERNAL).high_water_mark()
    }

    /// See [`Pool::exhausted`](crate::Pool::exhausted).
    fn exhausted(&self) -> usize {
        // Relaxed: a number for a person to read.
        self.exhausted_count(INTERNAL).load(Ordering::Relaxed)
    }

    /// See [`Pool::memory`](crate::Pool::memory).
    fn memory(&self) -> (NonNull<u8>, usize) {
        (self.block(0, INTERNAL), self.stride(INTERNAL).bytes().get() * self.capacity())
    }

    /// See [`Pool::index_of`](crate::Pool::index_of).
    ///
    /// # Errors
    ///
    /// As there.
    fn index_of(&self, pointer: *const u8) -> Result<u32, RawError> {
        self.extent(INTERNAL).number_at(pointer)
    }

    /// See [`Pool::from_raw`](crate::Pool::from_raw).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn from_raw(&self, index: u32) -> Result<Block<'_, Self>, RawError> {
        let capacity = self.capacity();
        if index as usize >= capacity {
            return Err(RawError::OutOfRange { index, capacity });
        }
        let place = self.parked(index, INTERNAL).claim(index);
        Ok(self.adopt(place.ok_or(RawError::NotOut { index })?, INTERNAL))
    }

    /// See [`Pool::from_raw_ptr`](crate::Pool::from_raw_ptr).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn from_raw_ptr(&self, pointer: *const u8) -> Result<Block<'_, Self>, RawError> {
        let index = self.index_of(pointer)?;
        // SAFETY: the caller's promise is the same for pointer and number.
        unsafe { self.from_raw(index) }
    }

    /// See [`Pool::from_raw_ptr_burst`](crate::Pool::from_raw_ptr_burst).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn from_raw_ptr_burst<'p, const N: usize>(
        &'p self,
        pointers: &[*mut u8],
        blocks: &mut heapless::Vec<Block<'p, Self>, N>,
    ) -> Result<usize, RawError> {
        let extent = self.extent(INTERNAL);
        let places = pointers.iter().map(|&pointer| self.claim_alone(pointer, extent, INTERNAL));
        block::adopt_each(self, places, blocks)
    }
}

/// Needed to call what a pool is made of: through the bound `BlockPool`, code outside this crate can
/// name the methods of [`Memory`], but not make one of these.
#[derive(Debug, Clone, Copy)]
pub struct Internal(());

pub(crate) const INTERNAL: Internal = Internal(());

/// The parts of a pool. Private: sealed, and no promise.
///
/// # Safety
///
/// An implementer says where blocks lie: [`block`](Self::block) returns, for each number in
/// `[0, free().capacity())`, a pointer valid for reads and writes of `size()` bytes while the pool
/// is borrowed, to memory that no other number's overlaps and that nothing else touches. There is
/// one [`Parked`] for each number. The free set is used by nobody else.
pub unsafe trait Memory {
    /// The engine.
    type Free: FreeSet;
    /// The places of a [`Queue`](crate::Queue), at least one for each block.
    type Places: Places;

    /// The set of free block numbers.
    fn free(&self, _: Internal) -> &Self::Free;
    /// What is remembered of a block without a handle. `number` is below the capacity.
    fn parked(&self, number: u32, _: Internal) -> &Parked;
    /// The first byte of a block. `number` is below the capacity.
    fn block(&self, number: u32, _: Internal) -> NonNull<u8>;
    /// Bytes in a block.
    fn size(&self, _: Internal) -> usize;
    /// Bytes from one block's first byte to the next one's.
    fn stride(&self, _: Internal) -> Stride;

    /// How often a block was wanted and none was free.
    fn exhausted_count(&self, _: Internal) -> &AtomicUsize;

    /// Where all blocks lie: asked for once for many pointers.
    fn extent(&self, _: Internal) -> Extent {
        let stride = self.stride(INTERNAL);
        Extent {
            first: self.block(0, INTERNAL).addr().get(),
            bytes: stride.bytes().get() * self.free(INTERNAL).capacity(),
            stride,
        }
    }

    /// Claims the block that begins at `pointer`; nobody else claims it meanwhile.
    #[inline]
    fn claim_alone(
        &self,
        pointer: *const u8,
        extent: Extent,
        _: Internal,
    ) -> Result<Place, RawError> {
        let index = extent.number_at(pointer)?;
        self.parked(index, INTERNAL).claim_alone(index).ok_or(RawError::NotOut { index })
    }

    /// A handle for a block that the caller has just become the owner of.
    fn adopt(&self, place: Place, _: Internal) -> Block<'_, Self>
    where
        Self: BlockPool,
    {
        Block::new(self, place)
    }

    /// The same for a block that was free until now.
    fn adopt_free(&self, number: u32, _: Internal) -> Block<'_, Self>
    where
        Self: BlockPool,
    {
        self.hand_out(number, INTERNAL);
        self.adopt(Place::empty(number), INTERNAL)
    }

    /// To be called before a handle is made for a block that was free.
    fn hand_out(&self, number: u32, _: Internal) {
        let first = self.block(number, INTERNAL);
        poison::block_is_owned(first, self.size(INTERNAL), self.stride(INTERNAL).bytes().get());
    }

    /// To be called before a block that its owner gives back can be taken by anyone.
    fn retire(&self, number: u32, _: Internal) {
        poison::block_is_free(self.block(number, INTERNAL), self.stride(INTERNAL).bytes().get());
    }

    /// Counts a failed get.
    #[cold]
    fn count_exhausted(&self, _: Internal) {
        // Relaxed: a number for a person to read.
        self.exhausted_count(INTERNAL).fetch_add(1, Ordering::Relaxed);
    }
}
