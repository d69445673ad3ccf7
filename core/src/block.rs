//! The handle of one block.

use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use crate::error::NoRoom;
use crate::free::sealed::Sealed as _;
use crate::memory::{BlockPool, INTERNAL};
use crate::range::Place;

/// The sole owner of one block of a pool; gives it back when dropped.
///
/// Inside the block lies its *data range*; the block dereferences to these bytes. A new block's
/// range is empty. Before it lies the *headroom*, behind it the *tailroom*: room for protocol
/// headers to be put in front of, and trailers behind, data that stays where it is.
///
/// ```text
///  0          headroom()                      capacity()
///  ┌──────────────┬──────────────┬──────────────┐
///  │   headroom   │  data range  │   tailroom   │
///  └──────────────┴──────────────┴──────────────┘
/// ```
///
/// Bytes outside the data range may be uninitialised or another owner's old data; safe code cannot
/// read them. A handle is a pointer and 64 bits, 16 bytes on 64-bit targets, also within an `Option`. It may
/// be sent to any thread.
///
/// All methods are plain computation and may be called anywhere. Dropping gives the block back to
/// the shared set: progress and cost are those of the pool's engine, with the default one lock-free,
/// one atomic read-modify-write (two at times, with more than 2,048 blocks, 1,024 with 32-bit words),
/// allowed in interrupts. [`Worker::put`](crate::Worker::put) is cheaper. A forgotten handle
/// (`core::mem::forget`) keeps its block out for ever.
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
#[must_use = "a block that is not kept goes back to its pool at once"]
pub struct Block<'p, P: BlockPool> {
    pool: &'p P,
    /// Invariants: the number is out, and this handle its only owner; the range lies within the
    /// block, and its bytes are initialised.
    place: Place,
}

impl<'p, P: BlockPool> Block<'p, P> {
    /// The caller is the owner of the block named, whose data range is initialised: `Place`s are
    /// only made by this crate.
    pub(crate) fn new(pool: &'p P, place: Place) -> Self {
        Self { pool, place }
    }

    pub(crate) fn pool(&self) -> &'p P {
        self.pool
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Ends the handle without giving the block back.
    pub(crate) fn into_place(self) -> Place {
        ManuallyDrop::new(self).place
    }

    fn first_byte(&self) -> NonNull<u8> {
        self.pool.block(self.place.number(), INTERNAL)
    }

    fn set_end(&mut self, end: usize) {
        debug_assert!(self.place.start() <= end && end <= self.capacity());
        self.place = self.place.with_end(end);
    }

    fn set_range(&mut self, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.capacity());
        self.place = self.place.with_range(start, end);
    }

    /// The block's number, in `[0, pool.capacity())`; the same for this block's bytes for ever.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.place.number()
    }

    /// The block's size in bytes: headroom, data and tailroom together.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.pool.block_size()
    }

    /// Bytes in the data range.
    #[must_use]
    pub fn len(&self) -> usize {
        self.place.end() - self.place.start()
    }

    /// Whether the data range is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes before the data range: how much [`prepend`](Self::prepend) can take.
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.place.start()
    }

    /// Bytes behind the data range: how much [`append`](Self::append) can take.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.capacity() - self.place.end()
    }

    /// A pointer to the first byte of the data range, valid for reads of `headroom()` bytes below
    /// and `len() + tailroom()` bytes from it; only the data range is initialised.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.first_byte().as_ptr().cast_const().wrapping_add(self.place.start())
    }

    /// A pointer to the first byte of the data range, valid for reads and writes of `headroom()`
    /// bytes below and `len() + tailroom()` bytes from it; only the data range is initialised.
    ///
    /// For devices and foreign code that fill the block: then [`set_len`](Self::set_len).
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.first_byte().as_ptr().wrapping_add(self.place.start())
    }

    /// Empties the data range; the headroom stays.
    pub fn clear(&mut self) {
        self.set_end(self.place.start());
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

    /// Makes `bytes` the data, in place of what was there; the headroom stays.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than data range and tailroom; nothing changes.
    pub fn write_slice(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let start = self.place.start();
        fits(bytes.len(), self.capacity() - start)?;
        self.copy_to(start, bytes);
        self.set_end(start + bytes.len());
        Ok(())
    }

    /// Adds `bytes` behind the data.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the tailroom; nothing changes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        fits(bytes.len(), self.tailroom())?;
        let end = self.place.end();
        self.copy_to(end, bytes);
        self.set_end(end + bytes.len());
        Ok(())
    }

    /// Adds `bytes` in front of the data.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the headroom; nothing changes.
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        fits(bytes.len(), self.headroom())?;
        let (start, end) = (self.place.start() - bytes.len(), self.place.end());
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
        self.set_range(self.place.start() + count, self.place.end());
        Ok(())
    }

    /// Takes `count` bytes off the back of the data; they become tailroom.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there are fewer; nothing changes.
    pub fn trim_back(&mut self, count: usize) -> Result<(), NoRoom> {
        fits(count, self.len())?;
        self.set_end(self.place.end() - count);
        Ok(())
    }

    /// Makes the data `len` bytes long: cuts off the back, or adds bytes of `value`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if `len` is more than data range and tailroom; nothing changes.
    pub fn resize(&mut self, len: usize, value: u8) -> Result<(), NoRoom> {
        fits(len, self.len() + self.tailroom())?;
        if let Some(more) = len.checked_sub(self.len()) {
            // There is as much; asked for so that no panic is linked.
            self.tailroom_mut().get_mut(..more).unwrap_or_default().fill(MaybeUninit::new(value));
        }
        self.set_end(self.place.start() + len);
        Ok(())
    }

    /// The tailroom, to be filled; then [`set_len`](Self::set_len).
    pub fn tailroom_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let (end, tailroom) = (self.place.end(), self.tailroom());
        // SAFETY: `end` is within the block or one past its last byte.
        let first = unsafe { self.first_byte().add(end) };
        // SAFETY: 1. the bytes lie in the block, which is valid for reads and writes; 2. this
        // handle is the block's only owner and is borrowed mutably; 3. `MaybeUninit` asks for no
        // initialised bytes.
        unsafe { slice::from_raw_parts_mut(first.cast().as_ptr(), tailroom) }
    }

    /// Makes the data `len` bytes long, taking what lies in the tailroom as it is.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if `len` is more than data range and tailroom; nothing changes.
    ///
    /// # Safety
    ///
    /// The bytes added must have been written since the block was taken, through
    /// [`tailroom_mut`](Self::tailroom_mut), [`as_mut_ptr`](Self::as_mut_ptr) or by a device.
    pub unsafe fn set_len(&mut self, len: usize) -> Result<(), NoRoom> {
        fits(len, self.len() + self.tailroom())?;
        self.set_end(self.place.start() + len);
        Ok(())
    }

    /// Copies into the block, from `offset` of its first byte on. The caller checked the room.
    fn copy_to(&mut self, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= self.capacity());
        // SAFETY: `offset` is within the block or one past its last byte.
        let target = unsafe { self.first_byte().add(offset) };
        // SAFETY: 1. the target lies in the block, which this handle owns and is borrowed mutably;
        // 2. so nobody else holds a reference into it, `bytes` included.
        unsafe { target.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    /// Gives up the handle and keeps the block out, under its number.
    ///
    /// The data range is remembered; `from_raw` of the pool makes a handle again, once. Until then
    /// whoever knows the number owns the block: a device, foreign code, a queue of one's own. One
    /// store, two with 32-bit words.
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
    #[must_use = "the block stays out until it is claimed by this number"]
    pub fn into_raw(self) -> u32 {
        let pool = self.pool;
        let place = self.into_place();
        pool.parked(place.number(), INTERNAL).release(place);
        place.number()
    }

    /// Gives up the handle and keeps the block out, under the address of its first byte, which is
    /// valid for reads and writes of `capacity()` bytes as long as the pool stays where it is: take
    /// a static, or a [`Region`](crate::Region). As [`into_raw`](Self::into_raw); back by
    /// `from_raw_ptr` of the pool.
    #[must_use = "the block stays out until it is claimed by this pointer"]
    pub fn into_raw_ptr(self) -> NonNull<u8> {
        let pointer = self.first_byte();
        let _ = self.into_raw();
        pointer
    }
}

/// Handles that are made behind the elements of a vector before it is known whether their blocks can
/// be had: they vanish without a trace unless they are kept.
pub(crate) struct Claims<'v, 'p, P: BlockPool, const N: usize> {
    blocks: &'v mut heapless::Vec<Block<'p, P>, N>,
    /// How many are written, in `[0, spare capacity]`.
    count: usize,
}

impl<'v, 'p, P: BlockPool, const N: usize> Claims<'v, 'p, P, N> {
    pub(crate) fn behind(blocks: &'v mut heapless::Vec<Block<'p, P>, N>) -> Self {
        Self { blocks, count: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    pub(crate) fn has_room(&self) -> bool {
        // In this way, so that the compiler sees that `spare_capacity_mut` cannot panic.
        N.checked_sub(self.blocks.len()).is_some_and(|spare| self.count < spare)
    }

    /// There must be room.
    pub(crate) fn push(&mut self, pool: &'p P, place: Place) {
        debug_assert!(self.has_room());
        if self.has_room()
            && let Some(spare) = self.blocks.spare_capacity_mut().get_mut(self.count)
        {
            spare.write(Block::new(pool, place));
            self.count += 1;
        }
    }

    /// Makes the handles real: the caller has become the owner of their blocks.
    pub(crate) fn keep(self) {
        let len = self.blocks.len() + self.count;
        // SAFETY: the elements up to `len` were there before or are written.
        unsafe { self.blocks.set_len(len) };
    }
}

/// Adds handles of blocks that the caller becomes the owner of, one by one, until the vector is full,
/// there are no more, or one cannot be had. Returns how many.
pub(crate) fn adopt_each<'p, P: BlockPool, E, const N: usize>(
    pool: &'p P,
    places: impl Iterator<Item = Result<Place, E>>,
    blocks: &mut heapless::Vec<Block<'p, P>, N>,
) -> Result<usize, E> {
    let before = blocks.len();
    let mut count = 0;
    let mut result = Ok(());
    // Room first: no place is asked for that there is no room for.
    for (spare, place) in spare_capacity(blocks).iter_mut().zip(places) {
        match place {
            Ok(place) => spare.write(Block::new(pool, place)),
            Err(error) => {
                result = Err(error);
                break;
            }
        };
        count += 1;
    }
    let len = before + count;
    // SAFETY: the elements up to `len` were there before or are written.
    unsafe { blocks.set_len(len) };
    result.map(|()| count)
}

/// Adds handles of free blocks that the caller has become the owner of to a vector that has room for
/// them.
pub(crate) fn adopt_all<'p, P: BlockPool, const N: usize>(
    pool: &'p P,
    numbers: impl Iterator<Item = u32>,
    blocks: &mut heapless::Vec<Block<'p, P>, N>,
) {
    let before = blocks.len();
    let spare = spare_capacity(blocks);
    let mut count = 0;
    numbers.zip(spare).for_each(|(number, spare)| {
        pool.hand_out(number, INTERNAL);
        spare.write(Block::new(pool, Place::empty(number)));
        count += 1;
    });
    let len = before + count;
    // SAFETY: the elements up to `len` were there before or are written.
    unsafe { blocks.set_len(len) };
}

/// The vector's own function, so that the compiler sees that it cannot panic.
fn spare_capacity<T, const N: usize>(vector: &mut heapless::Vec<T, N>) -> &mut [MaybeUninit<T>] {
    if vector.len() > N { &mut [] } else { vector.spare_capacity_mut() }
}

/// Ends all handles without giving the blocks back: the caller has become their owner.
pub(crate) fn end_all<P: BlockPool, const N: usize>(blocks: &mut heapless::Vec<Block<'_, P>, N>) {
    // SAFETY: 1. no element remains that would have to be initialised; 2. a handle may be forgotten.
    unsafe { blocks.set_len(0) };
}

fn fits(wanted: usize, room: usize) -> Result<(), NoRoom> {
    if wanted <= room { Ok(()) } else { Err(NoRoom { wanted, room }) }
}

impl<P: BlockPool> Drop for Block<'_, P> {
    fn drop(&mut self) {
        let number = self.place.number();
        self.pool.retire(number, INTERNAL);
        self.pool.free(INTERNAL).put(number, INTERNAL);
    }
}

impl<P: BlockPool> Deref for Block<'_, P> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: 1. the data range lies in the block and is initialised; 2. this handle is the
        // block's only owner and is borrowed.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
}

impl<P: BlockPool> DerefMut for Block<'_, P> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: 1. the data range lies in the block and is initialised; 2. this handle is the
        // block's only owner and is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr(), self.len()) }
    }
}

impl<P: BlockPool> AsRef<[u8]> for Block<'_, P> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<P: BlockPool> AsMut<[u8]> for Block<'_, P> {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// Appends text; an error means that it did not fit, and nothing of that piece was written.
impl<P: BlockPool> fmt::Write for Block<'_, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Number and room, not the data.
impl<P: BlockPool> fmt::Debug for Block<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("index", &self.index())
            .field("headroom", &self.headroom())
            .field("len", &self.len())
            .field("tailroom", &self.tailroom())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Claims};
    use crate::Pool;

    #[test]
    fn claims_vanish_unless_they_are_kept() {
        let pool = Pool::<8, 4>::new();
        let first = pool.get().unwrap();
        let second = pool.get().unwrap();
        let mut blocks = heapless::Vec::<Block<'_, _>, 2>::new();
        let mut claims = Claims::behind(&mut blocks);
        claims.push(&pool, first.place());
        claims.push(&pool, second.place());
        assert!(!claims.has_room());
        claims.clear();
        assert!(claims.has_room());
        claims.push(&pool, second.place());
        assert!(blocks.is_empty());
        let mut claims = Claims::behind(&mut blocks);
        claims.push(&pool, first.place());
        claims.clear();
        claims.push(&pool, second.into_place());
        claims.keep();
        assert!(blocks.iter().map(Block::index).eq([1]));
        drop(blocks);
        assert_eq!(pool.available(), 3);
    }
}
