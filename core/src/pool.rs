//! Blocks held in place.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::num::NonZero;
use core::panic::RefUnwindSafe;
use core::ptr::NonNull;

use crate::align::{Align, Alignment};
use crate::free::{Bitmap, InPlace, Inline};
use crate::memory::{BlockPool, Internal, Memory};
use crate::range::{MAX_BLOCK_SIZE, MAX_COUNT, Parked};
use crate::ring::Place;
use crate::stride::Stride;
use crate::sync::AtomicUsize;

/// `COUNT` blocks of `SIZE` bytes each, held in place: a `static` is all it takes.
///
/// - `SIZE` is 1 to [`MAX_BLOCK_SIZE`] bytes, `COUNT` 1 to [`MAX_COUNT`]; any number, not only
///   powers of two. Other values do not compile.
/// - `A` is the blocks' [alignment](Align), 64 bytes (a cache line) unless told otherwise; the
///   space of a block is `SIZE` rounded up to it.
/// - `F` is the engine that knows which blocks are free, the lock-free [`Bitmap`] unless told
///   otherwise; the same engine with counting is `Counted<Bitmap<Inline<COUNT>>>`.
///
/// An engine for another number of blocks does not compile:
///
/// ```compile_fail,E0080
/// use blockpool_core::{Align, Pool, SpinStack};
/// let pool = Pool::<64, 1, Align<64>, SpinStack<100>>::new();
/// ```
///
/// ```
/// use blockpool_core::{Align, Pool, SpinStack};
/// let pool = Pool::<64, 100, Align<64>, SpinStack<100>>::new();
/// ```
///
/// With the default engine a static lies in `.bss`: it costs no space in the program's file, and
/// pages of memory only when touched. Beyond the blocks it takes 16 bytes for each block; 12 with
/// 32-bit words.
///
/// Mind that a pool that is no static is moved like any value: a large one over the stack, also into a
/// `StaticCell` in builds without optimisation. And that
/// the compiler holds a static in memory, about twice, while it builds it: for more than a few
/// hundred megabytes take a [`Region`](crate::Region).
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
#[repr(C)]
pub struct Pool<
    const SIZE: usize,
    const COUNT: usize,
    A: Alignment = Align<64>,
    F: InPlace = Bitmap<Inline<COUNT>>,
> {
    blocks: UnsafeCell<MaybeUninit<[Slot<SIZE, A>; COUNT]>>,
    free: F,
    parked: [Parked; COUNT],
    exhausted: AtomicUsize,
}

/// The space of one block.
#[repr(C)]
struct Slot<const SIZE: usize, A: Alignment> {
    _alignment: [A::Unit; 0],
    _bytes: [u8; SIZE],
}

// SAFETY: the bytes of a block are reached only through the one `Block` that owns its number, or
// through a pointer that the owner of a raw block has. Thread A, giving a block back, and thread B,
// taking it next, are ordered by the free set, queue or claim that moved the number from one to the
// other (release and acquire). All else in a pool is atomic; `F` is `Sync` by its own bound.
unsafe impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Sync
    for Pool<SIZE, COUNT, A, F>
{
}

impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Pool<SIZE, COUNT, A, F> {
    const FITS: () = {
        assert!(SIZE >= 1 && SIZE <= MAX_BLOCK_SIZE, "a block has 1 to 65,536 bytes");
        assert!(COUNT >= 1 && COUNT <= MAX_COUNT, "a pool has 1 to 2^29 blocks");
        assert!(F::COUNT == COUNT, "the engine is for another number of blocks");
    };

    /// A pool with every block free.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a pool is made in place, not moved about")]
    pub const fn new() -> Self {
        Self {
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
            free: const {
                // First, so that a wrong count is an error of the pool, not of what is in it.
                let () = Self::FITS;
                F::ALL_FREE
            },
            parked: [const { Parked::new() }; COUNT],
            exhausted: AtomicUsize::new(0),
        }
    }
}

// SAFETY: blocks are elements of one array, `SIZE` bytes at the front of each; `UnsafeCell` lets
// them be written while the pool is borrowed. The free set is private. `FITS` bounds the numbers.
unsafe impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Memory
    for Pool<SIZE, COUNT, A, F>
{
    type Free = F;
    type Places = [Place; COUNT];

    fn free(&self, _: Internal) -> &F {
        &self.free
    }

    fn parked(&self, number: u32, _: Internal) -> &Parked {
        debug_assert!((number as usize) < COUNT);
        // SAFETY: by the trait's contract the number is below the capacity, which is the array's length.
        unsafe { self.parked.get_unchecked(number as usize) }
    }

    fn block(&self, number: u32, _: Internal) -> NonNull<u8> {
        debug_assert!((number as usize) < COUNT);
        let first: NonNull<Slot<SIZE, A>> = NonNull::from(&self.blocks).cast();
        // SAFETY: the number is below `COUNT`, so this is an element of the array.
        unsafe { first.add(number as usize) }.cast()
    }

    fn size(&self, _: Internal) -> usize {
        SIZE
    }

    fn stride(&self, _: Internal) -> Stride {
        const { Stride::new(NonZero::new(size_of::<Slot<SIZE, A>>()).expect("a block has a byte")) }
    }

    fn exhausted_count(&self, _: Internal) -> &AtomicUsize {
        &self.exhausted
    }
}

#[cfg(blockpool_asan)]
impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Drop
    for Pool<SIZE, COUNT, A, F>
{
    fn drop(&mut self) {
        crate::poison::pool_is_gone(self.memory());
    }
}

/// What a panic can leave behind in a pool is a block that stays out, nothing half done.
impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> RefUnwindSafe
    for Pool<SIZE, COUNT, A, F>
{
}

impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> BlockPool
    for Pool<SIZE, COUNT, A, F>
{
}

/// The methods of [`Pool`] and [`Region`](crate::Region).
macro_rules! pool_methods {
    () => {
        /// Takes a free block, its data range empty; `None` if every block is out.
        ///
        /// `None` under concurrency: every block was seen out during the call, but not all at the
        /// same instant. A block given back behind the search is missed, if others take and give
        /// back meanwhile; so may be one whose drop has not returned.
        ///
        /// May be called from any thread or interrupt. With the default engine: lock-free, never
        /// waits; one atomic read-modify-write when threads do not meet; looks through the other
        /// words of the set, O(capacity ÷ word size), when the thread's own has no free block; beyond
        /// 2,048 blocks (1,024 with 32-bit words) it then notes each word that it finds full, by about five more. See
        /// [`Bitmap`](crate::Bitmap).
        #[inline]
        pub fn get(&self) -> Option<$crate::Block<'_, Self>> {
            BlockPool::get(self)
        }

        /// A private stock of blocks for one thread, lcore or task: see
        /// [`Worker`](crate::Worker).
        pub fn worker(&self) -> $crate::Worker<'_, Self> {
            $crate::Worker::new(self)
        }

        /// How many blocks the pool has, free or out.
        pub fn capacity(&self) -> usize {
            BlockPool::capacity(self)
        }

        /// Bytes in a block.
        pub fn block_size(&self) -> usize {
            BlockPool::block_size(self)
        }

        /// How many blocks are free in the shared set. Blocks in the stock of a
        /// [`Worker`](crate::Worker) or in a [`Queue`](crate::Queue) count as out.
        ///
        /// Exact when no other operation runs; otherwise off by those that overlap it. For
        /// monitoring: O(capacity ÷ word size).
        pub fn available(&self) -> usize {
            BlockPool::available(self)
        }

        /// The most blocks that were out at once, blocks in workers' stocks included; `None` if
        /// the engine does not count: the default one, and that of every region.
        ///
        /// [`Counted`](crate::Counted) switches counting on, and says how the mark errs.
        pub fn high_water_mark(&self) -> Option<usize> {
            BlockPool::high_water_mark(self)
        }

        /// How often a block was wanted, by [`get`](Self::get) or a worker, and none was free.
        ///
        /// Exact when nobody is in such a call; wraps around at `usize::MAX`. A get that succeeds
        /// does not touch it.
        pub fn exhausted(&self) -> usize {
            BlockPool::exhausted(self)
        }

        /// Makes a handle for a block that was given up by [`Block::into_raw`](crate::Block), with
        /// the data range it had. Dropping the handle gives the block back.
        ///
        /// Checked in every build: a number can be claimed once for each `into_raw`. What cannot be
        /// seen is a number that is kept after its block was claimed, and used when the block's next
        /// owner has given it up by `into_raw` too. Wait-free where the processor has atomic bit
        /// operations (x86-64, Arm with LSE), else lock-free; one atomic read-modify-write.
        ///
        /// # Errors
        ///
        /// [`RawError::OutOfRange`](crate::RawError), [`RawError::NotOut`](crate::RawError); the
        /// pool is as before.
        ///
        /// # Safety
        ///
        /// The caller must be the owner of the block: it got the number from `into_raw`, or from
        /// who did, and nobody else claims it or goes on using the block's memory. What was written
        /// to the data range is initialised bytes.
        pub unsafe fn from_raw(
            &self,
            index: u32,
        ) -> Result<$crate::Block<'_, Self>, $crate::RawError> {
            // SAFETY: the caller's promise.
            unsafe { BlockPool::from_raw(self, index) }
        }

        /// Makes a handle for a block that was given up by
        /// [`Block::into_raw_ptr`](crate::Block::into_raw_ptr) or
        /// [`into_raw`](crate::Block::into_raw), by the address of its first byte. As
        /// [`from_raw`](Self::from_raw).
        ///
        /// # Errors
        ///
        /// [`RawError::Foreign`](crate::RawError), [`RawError::Misaligned`](crate::RawError),
        /// [`RawError::NotOut`](crate::RawError); the pool is as before.
        ///
        /// # Safety
        ///
        /// As [`from_raw`](Self::from_raw).
        pub unsafe fn from_raw_ptr(
            &self,
            pointer: *const u8,
        ) -> Result<$crate::Block<'_, Self>, $crate::RawError> {
            // SAFETY: the caller's promise.
            unsafe { BlockPool::from_raw_ptr(self, pointer) }
        }

        /// Makes handles for blocks that were given up by
        /// [`Block::into_raw_ptr`](crate::Block::into_raw_ptr) or
        /// [`into_raw`](crate::Block::into_raw), by the addresses of their first bytes, and adds them
        /// to `blocks`, in order, until the vector is full. Returns how many.
        ///
        /// Wait-free; a load and a store for each block instead of a read-modify-write. So this check,
        /// in every build, sees a pointer that was claimed before, by this thread or by one that this
        /// one has heard of since. **Not so two claims of one block at the same time**: both may
        /// succeed. [`from_raw_ptr`](Self::from_raw_ptr) lets one through there, too.
        ///
        /// # Errors
        ///
        /// As [`from_raw_ptr`](Self::from_raw_ptr), for the first pointer that is refused: it and
        /// those behind it are not claimed. Those before it are, and in the vector.
        ///
        /// # Safety
        ///
        /// As [`from_raw`](Self::from_raw) for each pointer; above all, nobody else claims one of the
        /// blocks meanwhile.
        pub unsafe fn from_raw_ptr_burst<'p, const N: usize>(
            &'p self,
            pointers: &[*mut u8],
            blocks: &mut heapless::Vec<$crate::Block<'p, Self>, N>,
        ) -> Result<usize, $crate::RawError> {
            // SAFETY: the caller's promise.
            unsafe { BlockPool::from_raw_ptr_burst(self, pointers, blocks) }
        }

        /// The number of the block whose first byte `pointer` points to, whoever owns it: what
        /// [`Block::index`](crate::Block::index) says, for who has blocks by address. Nothing of the
        /// block is read. O(1).
        ///
        /// # Errors
        ///
        /// [`RawError::Foreign`](crate::RawError), [`RawError::Misaligned`](crate::RawError).
        pub fn index_of(&self, pointer: *const u8) -> Result<u32, $crate::RawError> {
            BlockPool::index_of(self, pointer)
        }

        /// Where the blocks lie, to be registered with a device: the first byte of block 0, and
        /// the bytes to the end of the last block's space. Block `i` begins at `i` times the space
        /// of a block.
        ///
        /// A pool that is moved takes its blocks with it: a pointer for a device must come from a
        /// pool that stays where it is, such as a static. A region's memory does not move.
        pub fn memory(&self) -> (core::ptr::NonNull<u8>, usize) {
            BlockPool::memory(self)
        }
    };
}
pub(crate) use pool_methods;

impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Pool<SIZE, COUNT, A, F> {
    pool_methods!();
}

impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> fmt::Debug
    for Pool<SIZE, COUNT, A, F>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("block_size", &SIZE)
            .field("capacity", &COUNT)
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}
