//! The handle of one block.

use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use crate::block_state::BlockState;
use crate::bug::cannot_happen;
use crate::error::NoRoom;
use crate::free_list::Put as _;
use crate::storage::{Parts as _, PoolType};

/// The sole owner of one block of a pool; gives the block back when dropped.
///
/// ```
/// use blockpool_core::Pool;
///
/// static POOL: Pool<256, 8> = Pool::new();
///
/// let mut block = POOL.get().unwrap();
/// block.reset(32)?; // headroom
/// block.append(b"payload")?;
/// block.prepend(b"header ")?;
/// assert_eq!(&block[..], b"header payload");
/// block.trim_front(7)?;
/// assert_eq!((&block[..], block.headroom()), (&b"payload"[..], 32));
/// # Ok::<(), blockpool_core::NoRoom>(())
/// ```
///
/// A block dereferences to its *data range*, which is empty in a new block. The *headroom* before it
/// and the *tailroom* after it are room for protocol headers and trailers, which are added without
/// moving the data.
///
/// ```text
///  0          headroom()                      capacity()
///  ┌──────────────┬──────────────┬──────────────┐
///  │   headroom   │  data range  │   tailroom   │
///  └──────────────┴──────────────┴──────────────┘
/// ```
///
/// Bytes outside the data range may be uninitialised or another owner's old data; safe code cannot read
/// them. A handle is a pointer and 64 bits: 16 bytes on 64-bit targets, and so is an `Option` of one.
/// It may be sent to any thread, and cannot outlive its pool.
///
/// All methods are plain computation and may be called anywhere. Dropping has the progress and cost of
/// the pool's free list: with the default one it is lock-free, one atomic read-modify-write (sometimes
/// two, with more than 2,048 blocks, 1,024 with 32-bit words), and allowed in interrupt handlers.
/// [`LocalPool::put`](crate::LocalPool::put) is faster. Forgetting a handle (`core::mem::forget`) leaks
/// its block.
#[must_use = "a block that is not kept goes back to its pool at once"]
#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
pub struct Block<'p, P: PoolType> {
    pool: &'p P,
    /// Invariants: the index is out, and this handle its only owner; the range lies within the
    /// block, and its bytes are initialised.
    state: BlockState,
}

#[cfg(doctest)]
/// A block cannot outlive its pool:
///
/// ```compile_fail,E0597
/// let block = {
///     let pool = blockpool_core::Pool::<64, 1>::new();
///     pool.get().unwrap()
/// };
/// drop(block);
/// ```
///
/// ```
/// let pool = blockpool_core::Pool::<64, 1>::new();
/// let block = {
///     pool.get().unwrap()
/// };
/// drop(block);
/// ```
///
/// and has one owner:
///
/// ```compile_fail,E0382
/// let pool = blockpool_core::Pool::<64, 1>::new();
/// let block = pool.get().unwrap();
/// drop(block);
/// drop(block);
/// ```
///
/// ```
/// let pool = blockpool_core::Pool::<64, 2>::new();
/// let block = pool.get().unwrap();
/// let other = pool.get().unwrap();
/// drop(block);
/// drop(other);
/// ```
struct DoesNotCompile;

#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
impl<'p, P: PoolType> Block<'p, P> {
    /// The caller owns the block, whose data range is initialised: only this crate makes a
    /// `BlockState`.
    pub(crate) fn new(pool: &'p P, state: BlockState) -> Self {
        Self { pool, state }
    }

    /// The caller has just become the owner of the block, which was free.
    pub(crate) fn of_free(pool: &'p P, index: u32) -> Self {
        pool.storage().hand_out(index);
        Self::new(pool, BlockState::empty(index))
    }

    pub(crate) fn pool(&self) -> &'p P {
        self.pool
    }

    pub(crate) fn state(&self) -> BlockState {
        self.state
    }

    /// Ends the handle without giving the block back.
    pub(crate) fn into_state(self) -> BlockState {
        ManuallyDrop::new(self).state
    }

    fn first_byte(&self) -> NonNull<u8> {
        self.pool.storage().block(self.state.index())
    }

    fn set_end(&mut self, end: usize) {
        debug_assert!(self.state.start() <= end && end <= self.capacity());
        self.state = self.state.with_end(end);
    }

    fn set_range(&mut self, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.capacity());
        self.state = self.state.with_range(start, end);
    }

    /// The block's index, in `[0, pool.capacity())`. A block keeps its index for ever.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.state.index()
    }

    /// The block's size in bytes: headroom, data and tailroom together.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.pool.storage().size()
    }

    /// Bytes in the data range.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.end() - self.state.start()
    }

    /// Whether the data range is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes before the data range: how much [`prepend`](Self::prepend) can take.
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.state.start()
    }

    /// Bytes after the data range: how much [`append`](Self::append) can take.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.capacity() - self.state.end()
    }

    /// A pointer to the first byte of the data range, valid for reads of `headroom()` bytes before it
    /// and `len() + tailroom()` bytes from it on; only the data range is initialised.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.first_byte().as_ptr().cast_const().wrapping_add(self.state.start())
    }

    /// A pointer to the first byte of the data range, valid for reads and writes of `headroom()` bytes
    /// before it and `len() + tailroom()` bytes from it on; only the data range is initialised.
    ///
    /// For devices and foreign code that fill the block; call [`set_len`](Self::set_len) afterwards.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.first_byte().as_ptr().wrapping_add(self.state.start())
    }

    /// Empties the data range; the headroom stays.
    pub fn clear(&mut self) {
        self.set_end(self.state.start());
    }

    /// Empties the data range and leaves `headroom` bytes before it.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if the block is smaller; nothing changes.
    pub fn reset(&mut self, headroom: usize) -> Result<(), NoRoom> {
        fits(headroom, self.capacity())?;
        self.set_range(headroom, headroom);
        Ok(())
    }

    /// Replaces the data with `bytes`; the headroom stays.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they do not fit into data range and tailroom; nothing changes.
    pub fn write_slice(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let start = self.state.start();
        fits(bytes.len(), self.capacity() - start)?;
        self.copy_to(start, bytes);
        self.set_end(start + bytes.len());
        Ok(())
    }

    /// Adds `bytes` after the data.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they do not fit into the tailroom; nothing changes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        fits(bytes.len(), self.tailroom())?;
        let end = self.state.end();
        self.copy_to(end, bytes);
        self.set_end(end + bytes.len());
        Ok(())
    }

    /// Adds `bytes` in front of the data.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they do not fit into the headroom; nothing changes.
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        fits(bytes.len(), self.headroom())?;
        let (start, end) = (self.state.start() - bytes.len(), self.state.end());
        self.copy_to(start, bytes);
        self.set_range(start, end);
        Ok(())
    }

    /// Takes `count` bytes off the front of the data; they become headroom.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there are fewer; nothing changes.
    pub fn trim_front(&mut self, count: usize) -> Result<(), NoRoom> {
        fits(count, self.len())?;
        self.set_range(self.state.start() + count, self.state.end());
        Ok(())
    }

    /// Takes `count` bytes off the back of the data; they become tailroom.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there are fewer; nothing changes.
    pub fn trim_back(&mut self, count: usize) -> Result<(), NoRoom> {
        fits(count, self.len())?;
        self.set_end(self.state.end() - count);
        Ok(())
    }

    /// Makes the data `len` bytes long: truncates it, or adds bytes of `value`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if `len` exceeds data range and tailroom; nothing changes.
    pub fn resize(&mut self, len: usize, value: u8) -> Result<(), NoRoom> {
        fits(len, self.len() + self.tailroom())?;
        if let Some(more) = len.checked_sub(self.len()) {
            // There is that much tailroom; indexing it would link a panic.
            match self.tailroom_mut().get_mut(..more) {
                Some(added) => added.fill(MaybeUninit::new(value)),
                None => cannot_happen(),
            }
        }
        self.set_end(self.state.start() + len);
        Ok(())
    }

    /// The tailroom, to be filled; call [`set_len`](Self::set_len) afterwards.
    pub fn tailroom_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let (end, tailroom) = (self.state.end(), self.tailroom());
        // SAFETY: `end` is within the block or one past its last byte.
        let first = unsafe { self.first_byte().add(end) };
        // SAFETY: 1. the bytes lie in the block, which is valid for reads and writes; 2. this
        // handle is the block's only owner and is borrowed mutably; 3. `MaybeUninit` asks for no
        // initialised bytes.
        unsafe { slice::from_raw_parts_mut(first.cast().as_ptr(), tailroom) }
    }

    /// Makes the data `len` bytes long; bytes of the tailroom become data unchanged.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if `len` exceeds data range and tailroom; nothing changes.
    ///
    /// # Safety
    ///
    /// The bytes added must have been written since the block was taken, through
    /// [`tailroom_mut`](Self::tailroom_mut), [`as_mut_ptr`](Self::as_mut_ptr) or by a device.
    pub unsafe fn set_len(&mut self, len: usize) -> Result<(), NoRoom> {
        fits(len, self.len() + self.tailroom())?;
        self.set_end(self.state.start() + len);
        Ok(())
    }

    /// Copies into the block, from `offset` bytes after its first byte on. The caller has checked the
    /// room.
    fn copy_to(&mut self, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= self.capacity());
        // SAFETY: `offset` is within the block or one past its last byte.
        let target = unsafe { self.first_byte().add(offset) };
        // SAFETY: 1. the target lies in the block, which this handle owns, and the handle is
        // borrowed mutably; 2. so nobody else holds a reference into it, `bytes` included.
        unsafe { target.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    /// Copies from the front of the data as much as `bytes` has room for, and trims it off.
    #[cfg(any(feature = "embedded-io-v0.7", feature = "std"))]
    pub(crate) fn take_front(&mut self, bytes: &mut [u8]) -> usize {
        let count = bytes.len().min(self.len());
        bytes[..count].copy_from_slice(&self[..count]);
        if self.trim_front(count).is_err() {
            cannot_happen();
        }
        count
    }

    /// Appends as much of `bytes` as there is tailroom for.
    #[cfg(any(feature = "embedded-io-v0.7", feature = "std"))]
    pub(crate) fn append_some(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.tailroom());
        if self.append(&bytes[..count]).is_err() {
            cannot_happen();
        }
        count
    }

    /// Releases the handle without freeing the block; claim it later by index, with the pool's
    /// [`from_raw`](crate::BlockPool::from_raw).
    ///
    /// The pool remembers the data range. Until it is claimed, the block belongs to whoever has the
    /// index: a device, foreign code, a queue of your own. One store, two with 32-bit words.
    ///
    /// ```
    /// # static POOL: blockpool_core::Pool<256, 8> = blockpool_core::Pool::new();
    /// let mut block = POOL.get().unwrap();
    /// block.append(b"to the device")?;
    /// let index = block.into_raw();
    ///
    /// // SAFETY: `index` comes from `into_raw`, and nobody else claims it.
    /// let block = unsafe { POOL.from_raw(index) }?;
    /// assert_eq!(&block[..], b"to the device");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the block stays out until it is claimed by this index"]
    pub fn into_raw(self) -> u32 {
        let pool = self.pool;
        let state = self.into_state();
        pool.storage().state(state.index()).release(state);
        state.index()
    }

    /// Releases the handle without freeing the block; claim it later by the address of its first byte,
    /// with the pool's [`from_raw_ptr`](crate::BlockPool::from_raw_ptr).
    ///
    /// The address is that of the block, not of its data, which begins [`headroom`](Self::headroom)
    /// bytes further on. It is valid for reads and writes of `capacity()` bytes as long as the pool stays
    /// where it is: use a static, or a [`Region`](crate::Region). Otherwise as
    /// [`into_raw`](Self::into_raw).
    #[must_use = "the block stays out until it is claimed by this address"]
    pub fn into_raw_ptr(self) -> NonNull<u8> {
        let pointer = self.first_byte();
        let _ = self.into_raw();
        pointer
    }
}

fn fits(wanted: usize, room: usize) -> Result<(), NoRoom> {
    if wanted <= room { Ok(()) } else { Err(NoRoom { wanted, room }) }
}

impl<P: PoolType> Drop for Block<'_, P> {
    fn drop(&mut self) {
        let index = self.state.index();
        let storage = self.pool.storage();
        storage.retire(index);
        storage.free().put(index);
    }
}

impl<P: PoolType> Deref for Block<'_, P> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: 1. the data range lies in the block and is initialised; 2. this handle is the
        // block's only owner and is borrowed.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
}

impl<P: PoolType> DerefMut for Block<'_, P> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: 1. the data range lies in the block and is initialised; 2. this handle is the
        // block's only owner and is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr(), self.len()) }
    }
}

impl<P: PoolType> AsRef<[u8]> for Block<'_, P> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<P: PoolType> AsMut<[u8]> for Block<'_, P> {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// Appends text; an error means that it did not fit, and nothing of that piece was written.
impl<P: PoolType> fmt::Write for Block<'_, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Shows the index and the room, not the data.
impl<P: PoolType> fmt::Debug for Block<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("index", &self.index())
            .field("headroom", &self.headroom())
            .field("len", &self.len())
            .field("tailroom", &self.tailroom())
            .finish()
    }
}
