//! What a pool is made of: where its blocks lie, and how it knows which of them are free.
//!
//! Most programs need none of this, or only [`Bookkeeping`] for a [`Region`](crate::Region). The rest
//! is for functions that take any pool ([`Storage`]), for pools with another free list
//! ([`FreeListKind`]), and for handing out resources other than blocks ([`IndexSet`]).

mod bookkeeping;
mod borrowed;
mod in_place;

pub use crate::align::Alignment;
pub use crate::free_list::{
    AllFree, Bitmap, BitmapList, Counted, CountedList, FreeList, FreeListKind, HeaplessQueue,
    Neighbours, Returning, SpinStack,
};
pub use bookkeeping::{Bookkeeping, IndexSet};
pub use borrowed::Borrowed;
pub(crate) use borrowed::BorrowedList;
pub use in_place::InPlace;

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::block_state::{BlockState, StateCell};
use crate::error::{BurstError, RawError};
use crate::extent::{Extent, Stride};
use crate::poison;
use crate::ring::Slots;
use crate::sync::{AtomicUsize, Ordering};

/// Where the blocks of a pool lie: [`InPlace`] in a [`Pool`](crate::Pool), [`Borrowed`] in a
/// [`Region`](crate::Region).
///
/// For functions that take any pool. The trait is sealed.
///
/// ```
/// use blockpool_core::storage::Storage;
/// use blockpool_core::{Block, BlockPool, Pool};
///
/// fn copy<'p, S: Storage>(
///     pool: &'p BlockPool<S>,
///     bytes: &[u8],
/// ) -> Option<Block<'p, BlockPool<S>>> {
///     let mut block = pool.get()?;
///     block.append(bytes).ok()?;
///     Some(block)
/// }
///
/// let pool = Pool::<64, 4>::new();
/// assert_eq!(&copy(&pool, b"bytes").unwrap()[..], b"bytes");
/// ```
#[expect(private_bounds, reason = "sealed, and private to this crate")]
pub trait Storage: Parts {}

/// The parts of a pool.
///
/// # Safety
///
/// [`block`](Self::block) returns, for each index in `[0, free().capacity())`, a pointer valid for
/// reads and writes of `size()` bytes while the storage is borrowed, to memory that overlaps no other
/// index's and that nothing else touches. There is one [`StateCell`] for each index. The free list is
/// used by nobody else.
pub(crate) unsafe trait Parts: Sync {
    /// Which blocks are free.
    type Free: FreeList;
    /// The slots of a [`Queue`](crate::Queue), at least one for each block.
    type Slots: Slots;

    /// What the pool is called.
    const NAME: &'static str;

    /// Which blocks are free.
    fn free(&self) -> &Self::Free;
    /// Finds the state of a block that has no handle, by an index below the capacity. Asked once for many
    /// blocks: the compiler cannot see that a store to one state moves no other.
    fn states<'s>(&'s self) -> impl Fn(u32) -> &'s StateCell;
    /// The first byte of a block. `index` is below the capacity.
    fn block(&self, index: u32) -> NonNull<u8>;
    /// Bytes in a block.
    fn size(&self) -> usize;
    /// Bytes from one block's first byte to the next one's.
    fn stride(&self) -> Stride;

    /// How often a block was wanted and none was free.
    fn exhausted(&self) -> &AtomicUsize;

    /// The state of a block that has no handle. `index` is below the capacity.
    #[inline]
    fn state(&self, index: u32) -> &StateCell {
        self.states()(index)
    }

    /// Where all blocks lie: computed once for many addresses.
    fn extent(&self) -> Extent {
        Extent { first: self.block(0), count: self.free().capacity(), stride: self.stride() }
    }

    /// Claims the block that begins at an address; no other thread claims it meanwhile.
    #[inline]
    fn claim_unshared(&self, address: NonNull<u8>, extent: Extent) -> Result<BlockState, RawError> {
        let index = extent.index_of(address)?;
        self.state(index).claim_unshared(index).ok_or(RawError::NotReleased { index })
    }

    /// Releases free blocks, the last one first, and writes their addresses.
    #[inline(never)]
    fn release_all(&self, free: &[u32], addresses: &mut [MaybeUninit<NonNull<u8>>]) {
        let (extent, states) = (self.extent(), self.states());
        let count = free.len().min(addresses.len());
        // Counted, unchecked: iterators from both ends take half as long again.
        for done in 0..count {
            // SAFETY: `done` < `count` <= `free.len()`.
            let index = unsafe { *free.get_unchecked(free.len() - 1 - done) };
            // SAFETY: `done` < `count` <= `addresses.len()`.
            let address = unsafe { addresses.get_unchecked_mut(done) };
            self.hand_out(index);
            states(index).release(BlockState::empty(index));
            // SAFETY: a free index is below the capacity.
            address.write(unsafe { extent.block(index) });
        }
    }

    /// Releases blocks that have no handle, each with the data range that is kept for it, and writes their
    /// addresses.
    fn release_kept(&self, kept: &[u32], addresses: &mut [MaybeUninit<NonNull<u8>>]) {
        let (extent, states) = (self.extent(), self.states());
        for (address, &index) in addresses.iter_mut().zip(kept) {
            let state = states(index);
            state.release(state.load(index).0);
            // SAFETY: the index of a block is below the capacity.
            address.write(unsafe { extent.block(index) });
        }
    }

    /// Claims blocks that their owner gives back by address, and writes their indices, the first one last.
    /// Stops at the first that is refused; returns how many it claimed.
    #[inline(never)]
    fn claim_all(
        &self,
        addresses: &[NonNull<u8>],
        indices: &mut [u32],
    ) -> (usize, Result<(), BurstError>) {
        let (extent, states) = (self.extent(), self.states());
        let count = addresses.len().min(indices.len());
        let mut done = 0;
        // As in `release_all`. Why an address is refused is found out afterwards.
        while done < count {
            // SAFETY: `done` < `count` <= `addresses.len()`.
            let address = unsafe { *addresses.get_unchecked(done) };
            let Some(index) = extent.find(address) else { break };
            if !states(index).claim_and_forget(index) {
                break;
            }
            self.retire(index);
            // SAFETY: `count - 1 - done` < `count` <= `indices.len()`.
            *unsafe { indices.get_unchecked_mut(count - 1 - done) } = index;
            done += 1;
        }
        let refused = addresses.get(done).filter(|_| done < count);
        (
            done,
            refused
                .map_or(Ok(()), |&address| Err(BurstError { done, reason: self.refusal(address) })),
        )
    }

    /// Why a block cannot be claimed by an address.
    #[cold]
    #[inline(never)]
    fn refusal(&self, address: NonNull<u8>) -> RawError {
        self.extent()
            .index_of(address)
            .map_or_else(|why| why, |index| RawError::NotReleased { index })
    }

    /// Writes the addresses of free blocks, the last one first, without releasing them.
    #[inline]
    fn addresses_of(&self, free: &[u32], addresses: &mut [MaybeUninit<NonNull<u8>>]) {
        let extent = self.extent();
        // As in `release_all`.
        for done in 0..free.len().min(addresses.len()) {
            // SAFETY: `done` < `free.len()`.
            let index = unsafe { *free.get_unchecked(free.len() - 1 - done) };
            // SAFETY: `done` < `addresses.len()`.
            let address = unsafe { addresses.get_unchecked_mut(done) };
            self.hand_out(index);
            // SAFETY: a free index is below the capacity.
            address.write(unsafe { extent.block(index) });
        }
    }

    /// Writes the indices of blocks at these addresses, the first one last.
    ///
    /// # Safety
    ///
    /// A block begins at each of them.
    #[inline]
    unsafe fn indices_of(&self, addresses: &[NonNull<u8>], indices: &mut [u32]) {
        let extent = self.extent();
        let count = addresses.len().min(indices.len());
        // As in `release_all`.
        for done in 0..count {
            // SAFETY: `done` < `count` <= `addresses.len()`.
            let address = unsafe { *addresses.get_unchecked(done) };
            // SAFETY: `count - 1 - done` < `count` <= `indices.len()`.
            let slot = unsafe { indices.get_unchecked_mut(count - 1 - done) };
            // SAFETY: the caller's promise.
            *slot = unsafe { extent.index_unchecked(address) };
            self.retire(*slot);
        }
    }

    /// Call this before a handle or an address is made for a block that was free.
    fn hand_out(&self, index: u32) {
        poison::block_is_owned(self.block(index), self.size(), self.stride().bytes().get());
    }

    /// Call this before anyone can take a block that its owner gives back.
    fn retire(&self, index: u32) {
        poison::block_is_free(self.block(index), self.stride().bytes().get());
    }

    /// Counts a failed get.
    #[cold]
    fn count_exhausted(&self) {
        // Relaxed: for monitoring only.
        self.exhausted().fetch_add(1, Ordering::Relaxed);
    }
}

/// Implemented by [`BlockPool`](crate::BlockPool) alone: it lets the type of a block name the type of
/// its pool.
pub(crate) trait PoolType: Sync {
    /// Where its blocks lie.
    type Storage: Storage;

    fn storage(&self) -> &Self::Storage;
}
