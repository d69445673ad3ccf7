//! What blocks, workers and queues need of a pool, wherever its memory lies: the one
//! implementation behind [`Pool`](crate::Pool) and [`Region`](crate::Region).

use core::ptr::NonNull;

use crate::block::Block;
use crate::error::RawError;
use crate::free::FreeSet;
use crate::range::{Parked, Place};
use crate::ring::Places;
use crate::sync::{AtomicUsize, Ordering};

/// A pool of blocks: [`Pool`](crate::Pool) or [`Region`](crate::Region). What functions that work
/// with the blocks of any pool are generic over.
///
/// ```
/// use blockpool_core::{Block, BlockPool};
///
/// fn checksum<P: BlockPool>(block: &Block<'_, P>) -> u8 {
///     block.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
/// }
/// ```
pub trait BlockPool: Memory + Sync {}

/// Needed to reach a pool's free set: through the bound `BlockPool`, code outside this crate can
/// name the methods below, but not make one of these.
#[derive(Debug, Clone, Copy)]
pub struct Internal(());

pub(crate) const INTERNAL: Internal = Internal(());

/// The parts of a pool. Private: sealed, and no promise.
///
/// # Safety
///
/// An implementer says where blocks lie: [`block`](Self::block) returns, for each number in
/// `[0, the capacity)`, a pointer valid for reads and writes of `block_size()` bytes while the
/// pool is borrowed, to memory that no other number's overlaps and that nothing else touches.
/// The free set is used by nobody else.
pub unsafe trait Memory {
    /// The engine.
    type Free: FreeSet;
    /// The places of a [`Queue`](crate::Queue), at least one for each block.
    type Places: Places;

    /// The set of free block numbers.
    fn free(&self, _: Internal) -> &Self::Free;
    /// What is remembered of a block without a handle.
    fn parked(&self, number: u32) -> &Parked;
    /// The first byte of a block. `number` is below the capacity.
    fn block(&self, number: u32) -> NonNull<u8>;
    /// Bytes in a block.
    fn block_size(&self) -> usize;
    /// Bytes from one block's first byte to the next one's.
    fn stride(&self) -> usize;
    /// How often a block was wanted and none was free.
    fn exhausted_count(&self) -> &AtomicUsize;

    /// A handle for a block that the caller has just become the owner of.
    fn adopt(&self, place: Place) -> Block<'_, Self>
    where
        Self: Sized + BlockPool,
    {
        Block::new(self, place)
    }

    /// Counts a failed get.
    #[cold]
    fn count_exhausted(&self) {
        // Relaxed: a number for a person to read.
        self.exhausted_count().fetch_add(1, Ordering::Relaxed);
    }

    /// See `Pool::get`.
    fn take(&self) -> Option<Block<'_, Self>>
    where
        Self: Sized + BlockPool,
    {
        match self.free(INTERNAL).take() {
            Some(number) => Some(self.adopt(Place::empty(number))),
            None => {
                self.count_exhausted();
                None
            }
        }
    }

    /// See `Pool::from_raw`.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn claim(&self, index: u32) -> Result<Block<'_, Self>, RawError>
    where
        Self: Sized + BlockPool,
    {
        let capacity = self.free(INTERNAL).capacity();
        if index as usize >= capacity {
            return Err(RawError::OutOfRange { index, capacity });
        }
        let place = self.parked(index).claim(index).ok_or(RawError::NotOut { index })?;
        Ok(self.adopt(place))
    }

    /// See `Pool::from_raw_ptr`.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn claim_ptr(&self, pointer: *const u8) -> Result<Block<'_, Self>, RawError>
    where
        Self: Sized + BlockPool,
    {
        let first = self.block(0).addr().get();
        let bytes = self.stride() * self.free(INTERNAL).capacity();
        let offset = pointer.addr().checked_sub(first).filter(|&offset| offset < bytes);
        let offset = offset.ok_or(RawError::Foreign)?;
        match offset % self.stride() {
            // SAFETY: the caller's promise is the same for pointer and number.
            0 => unsafe { self.claim((offset / self.stride()) as u32) },
            into_block => Err(RawError::Misaligned { into_block }),
        }
    }
}
