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

use core::ptr::NonNull;

use crate::block_state::{BlockState, StateCell};
use crate::error::RawError;
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
    /// The state of a block that has no handle. `index` is below the capacity.
    fn state(&self, index: u32) -> &StateCell;
    /// The first byte of a block. `index` is below the capacity.
    fn block(&self, index: u32) -> NonNull<u8>;
    /// Bytes in a block.
    fn size(&self) -> usize;
    /// Bytes from one block's first byte to the next one's.
    fn stride(&self) -> Stride;

    /// How often a block was wanted and none was free.
    fn exhausted(&self) -> &AtomicUsize;

    /// Where all blocks lie: computed once for many addresses.
    fn extent(&self) -> Extent {
        let stride = self.stride();
        Extent {
            first: self.block(0).addr().get(),
            bytes: stride.bytes().get() * self.free().capacity(),
            stride,
        }
    }

    /// Claims the block that begins at `pointer`; no other thread claims it meanwhile.
    #[inline]
    fn claim_unshared(&self, pointer: NonNull<u8>, extent: Extent) -> Result<BlockState, RawError> {
        let index = extent.index_of(pointer)?;
        self.state(index).claim_unshared(index).ok_or(RawError::NotReleased { index })
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
