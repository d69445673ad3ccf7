//! The pool, over any storage.

use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::align::{Align, Alignment};
use crate::block::Block;
use crate::burst;
use crate::error::{BurstError, RawError};
use crate::free_list::{Bitmap, FreeList, FreeListKind};
use crate::local_pool::LocalPool;
use crate::storage::{InPlace, PoolType, Storage};
use crate::sync::Ordering;

/// `COUNT` blocks of `SIZE` bytes each, held in place: a `static` is all it takes.
///
/// ```
/// use blockpool_core::Pool;
///
/// static PACKETS: Pool<2048, 1024> = Pool::new();
///
/// let mut packet = PACKETS.get().expect("one of 1,024 is free");
/// packet.append(b"from the wire")?;
/// assert_eq!(PACKETS.available(), 1023);
/// drop(packet);
/// assert_eq!(PACKETS.available(), 1024);
/// # Ok::<(), blockpool_core::NoRoom>(())
/// ```
///
/// The methods are those of [`BlockPool`], which a [`Region`](crate::Region) has too.
///
/// - `SIZE` is 1 to [`MAX_BLOCK_SIZE`](crate::MAX_BLOCK_SIZE) bytes and `COUNT` 1 to
///   [`MAX_COUNT`](crate::MAX_COUNT); neither needs to be a power of two. Other values do not compile.
/// - `A` is the [alignment](Align) of the blocks, by default 64 bytes, a cache line; the space of a
///   block is `SIZE` rounded up to it.
/// - `K` is the [free list](crate::storage::FreeListKind), by default the lock-free [`Bitmap`];
///   [`Counted`](crate::storage::Counted) adds a high-water mark.
///
/// Besides its blocks, a pool takes 16 bytes for each block, 12 with 32-bit words. A static one lies in
/// `.bss` (except with [`HeaplessQueue`](crate::storage::HeaplessQueue)): it takes no space in the
/// program's file, and takes pages of memory only when they are touched.
///
/// While it compiles a static, the compiler holds it in memory, about twice: for more than a few
/// hundred megabytes use a [`Region`](crate::Region), or make the pool in place with
/// [`init`](Pool::init). A pool that is not a static is moved like any value, a large one over the
/// stack.
pub type Pool<const SIZE: usize, const COUNT: usize, A = Align<64>, K = Bitmap> =
    BlockPool<InPlace<SIZE, COUNT, A, K>>;

/// A pool of fixed-size blocks: a [`Pool`] or a [`Region`](crate::Region).
///
/// These are its methods. Functions that take any pool are generic over its
/// [storage](crate::storage::Storage).
#[repr(transparent)]
pub struct BlockPool<S: Storage>(S);

impl<const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind> Pool<SIZE, COUNT, A, K> {
    /// A pool with every block free.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a pool is made in place, not moved about")]
    pub const fn new() -> Self {
        Self(InPlace::new())
    }

    /// Makes a pool with every block free in `memory`, whatever its size: it does not pass over the
    /// stack, and its blocks are not touched. O(`COUNT`).
    ///
    /// The free lists [`SpinStack`] and [`HeaplessQueue`], 4 and at least 8 bytes for each block, still
    /// pass over the stack in builds without optimisation.
    ///
    /// [`SpinStack`]: crate::storage::SpinStack
    /// [`HeaplessQueue`]: crate::storage::HeaplessQueue
    ///
    /// ```
    /// use blockpool_core::Pool;
    ///
    /// // 64 MiB that live as long as the program.
    /// let memory = Box::leak(Box::<Pool<4096, 16_384>>::new_uninit());
    /// let pool: &'static Pool<4096, 16_384> = Pool::init(memory);
    /// assert_eq!(pool.available(), 16_384);
    /// ```
    pub fn init(memory: &mut MaybeUninit<Self>) -> &mut Self {
        let storage = memory.as_mut_ptr().cast::<InPlace<SIZE, COUNT, A, K>>();
        // SAFETY: the pool is nothing but its storage, and its memory is borrowed exclusively.
        unsafe { InPlace::init(storage) };
        // SAFETY: `init` wrote all of it but the blocks, which may be uninitialised.
        unsafe { memory.assume_init_mut() }
    }
}

impl<S: Storage> BlockPool<S> {
    pub(crate) const fn over(storage: S) -> Self {
        Self(storage)
    }

    pub(crate) fn into_storage(self) -> S {
        self.0
    }

    /// Takes a free block, its data range empty; `None` if every block is out.
    ///
    /// Any thread or interrupt handler may call it. With the default free list it is lock-free and never
    /// waits: one atomic read-modify-write when uncontended. If the thread's own word of the free list
    /// has no free block, it looks through the others, O(capacity ÷ word size); with more than 2,048
    /// blocks (1,024 with 32-bit words) it also notes each word that it finds full, which costs up to five
    /// more. See [`Bitmap`].
    ///
    /// While other threads use the pool, `None` means that every block was seen out during the call,
    /// but not all at the same instant: a block given back after the search has passed it is missed if
    /// others take and give back meanwhile, and so may be one whose drop has not returned.
    #[inline]
    pub fn get(&self) -> Option<Block<'_, Self>> {
        match self.0.free().take() {
            Some(index) => Some(Block::of_free(self, index)),
            None => {
                self.0.count_exhausted();
                None
            }
        }
    }

    /// A [`LocalPool`], the per-thread cache of this pool, that keeps at most 64 blocks.
    ///
    /// [`LocalPool::new`] makes one of another size, also in a static.
    pub fn local_pool(&self) -> LocalPool<'_, Self> {
        LocalPool::new(self)
    }

    /// How many blocks the pool has, free or out.
    pub fn capacity(&self) -> usize {
        self.0.free().capacity()
    }

    /// Bytes in a block.
    pub fn block_size(&self) -> usize {
        self.0.size()
    }

    /// Bytes from the first byte of one block to that of the next: the block size rounded up to the
    /// alignment.
    pub fn stride(&self) -> usize {
        self.0.stride().bytes().get()
    }

    /// How many blocks are free. Blocks in a [`LocalPool`] or a [`Queue`](crate::Queue) are out.
    ///
    /// Exact when no other operation runs; otherwise off by those that overlap it. For monitoring:
    /// O(capacity ÷ word size).
    pub fn available(&self) -> usize {
        self.0.free().available()
    }

    /// The most blocks that were out at once, those in local pools included; `None` if the free list
    /// does not count, such as the default one.
    ///
    /// [`Counted`](crate::storage::Counted) and [`SpinStack`](crate::storage::SpinStack) count for a
    /// [`Pool`], [`Region::counted`](crate::Region::counted) for a region. The mark never reads high; it
    /// may read low by the operations that were under way at the moment of the peak.
    pub fn high_water_mark(&self) -> Option<usize> {
        self.0.free().high_water_mark()
    }

    /// How often [`get`](Self::get) or a local pool wanted a block and none was free.
    ///
    /// Exact when no such call is in progress; wraps around at `usize::MAX`. A get that succeeds does
    /// not touch it.
    pub fn exhausted_count(&self) -> usize {
        // Relaxed: for monitoring only.
        self.0.exhausted().load(Ordering::Relaxed)
    }

    /// Where the blocks lie, to register them with a device: the first byte of block 0, and the bytes
    /// from there to the end of the last block's space.
    ///
    /// A pool that is moved takes its blocks with it: an address for a device must come from a pool that
    /// stays where it is, such as a static. The memory of a region does not move.
    pub fn memory(&self) -> (NonNull<u8>, usize) {
        (self.0.block(0), self.stride() * self.capacity())
    }

    /// The address of the first byte of a block, whoever owns it; `None` if `index` is not below the
    /// capacity.
    ///
    /// O(1); nothing of the block is read.
    pub fn address_of(&self, index: u32) -> Option<NonNull<u8>> {
        ((index as usize) < self.capacity()).then(|| self.0.block(index))
    }

    /// The index of the block whose first byte `pointer` points to, whoever owns it.
    ///
    /// O(1); nothing of the block is read.
    ///
    /// # Errors
    ///
    /// [`RawError::Foreign`], [`RawError::Misaligned`].
    pub fn index_of(&self, pointer: NonNull<u8>) -> Result<u32, RawError> {
        self.0.extent().index_of(pointer)
    }

    /// Makes a handle for a block that was released by [`Block::into_raw`], with the data range it had.
    ///
    /// Checked in every build: each `into_raw` can be undone exactly once. The check does not detect an
    /// index that is kept after its block was claimed, and used again after the block's next owner has
    /// released it with `into_raw` too. Wait-free where the processor has atomic bit operations
    /// (x86-64, Arm with LSE), otherwise lock-free; one atomic read-modify-write.
    ///
    /// # Errors
    ///
    /// [`RawError::OutOfRange`], [`RawError::NotReleased`]; the pool is unchanged.
    ///
    /// # Safety
    ///
    /// The caller owns the block: it got the index from `into_raw`, or from its last owner, and nobody
    /// else claims the block or continues to use its memory. Only initialised bytes were written to the
    /// data range.
    pub unsafe fn from_raw(&self, index: u32) -> Result<Block<'_, Self>, RawError> {
        let capacity = self.capacity();
        if index as usize >= capacity {
            return Err(RawError::OutOfRange { index, capacity });
        }
        let state = self.0.state(index).claim(index);
        Ok(Block::new(self, state.ok_or(RawError::NotReleased { index })?))
    }

    /// Makes a handle for a block that was released by [`Block::into_raw_ptr`] or
    /// [`into_raw`](Block::into_raw), by the address of its first byte. Otherwise as
    /// [`from_raw`](Self::from_raw).
    ///
    /// # Errors
    ///
    /// [`RawError::Foreign`], [`RawError::Misaligned`], [`RawError::NotReleased`]; the pool is unchanged.
    ///
    /// # Safety
    ///
    /// As [`from_raw`](Self::from_raw).
    pub unsafe fn from_raw_ptr(&self, pointer: NonNull<u8>) -> Result<Block<'_, Self>, RawError> {
        let index = self.index_of(pointer)?;
        // SAFETY: the caller's promise is the same for pointer and index.
        unsafe { self.from_raw(index) }
    }

    /// Makes handles for blocks that were released by [`Block::into_raw_ptr`] or
    /// [`into_raw`](Block::into_raw), by the addresses of their first bytes, and adds them to `blocks`,
    /// in order, until the vector is full. Returns how many.
    ///
    /// Wait-free; a load and a store for each block instead of a read-modify-write. Checked in every
    /// build: a pointer that was already claimed, by this thread or by one whose claim happened before,
    /// is refused. **Two claims of one block at the same time may both succeed**, and so may one that an
    /// interrupt handler makes between the load and the store of another;
    /// [`from_raw_ptr`](Self::from_raw_ptr) refuses one of them even then.
    ///
    /// # Errors
    ///
    /// As [`from_raw_ptr`](Self::from_raw_ptr), for the first pointer that is refused: it and those
    /// after it are not claimed. Those before it are claimed and in the vector.
    ///
    /// # Safety
    ///
    /// As [`from_raw`](Self::from_raw) for each pointer; in particular, nobody else claims one of the
    /// blocks meanwhile.
    pub unsafe fn from_raw_ptr_burst<'p, const N: usize>(
        &'p self,
        pointers: &[NonNull<u8>],
        blocks: &mut heapless::Vec<Block<'p, Self>, N>,
    ) -> Result<usize, BurstError> {
        let extent = self.0.extent();
        let states = pointers.iter().map(|&pointer| self.0.claim_unshared(pointer, extent));
        burst::adopt_each(self, states, blocks)
    }
}

impl<S: Storage> PoolType for BlockPool<S> {
    type Storage = S;

    fn storage(&self) -> &S {
        &self.0
    }
}

impl<S: Storage> fmt::Debug for BlockPool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(S::NAME)
            .field("block_size", &self.block_size())
            .field("capacity", &self.capacity())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}
