//! Blocks in memory given at run time.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZero;
use core::ptr::NonNull;

use crate::align::OwnLine;
use crate::error::RegionError;
use crate::free::{Bitmap, GROUP, Words};
use crate::memory::{BlockPool, Internal, Memory};
use crate::pool::pool_methods;
use crate::range::{MAX_BLOCK_SIZE, MAX_COUNT, Parked};
use crate::ring::Place;
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
    block_size: NonZero<usize>,
    free: Bitmap<Groups<'m>>,
    exhausted: AtomicUsize,
    /// The memory is borrowed as if by a mutable reference.
    _memory: PhantomData<&'m mut [u8]>,
}

/// Summary words in one element of [`Bookkeeping`]: those of a cache line, close together because a
/// search that finds nothing reads all that there are. One where nothing is padded.
const SUMMARIES: usize = if usize::BITS == 64 { 8 } else { 1 };

/// What a [`Region`] must remember of a word's worth of blocks: `usize::BITS` of them.
#[derive(Debug)]
pub struct Bookkeeping {
    out: OwnLine<AtomicUsize>,
    /// Used in the first elements, as many as are needed.
    summaries: OwnLine<[AtomicUsize; SUMMARIES]>,
    parked: [Parked; GROUP],
}

impl Bookkeeping {
    /// For blocks that are free. All zero.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only made in arrays, by a constant")]
    pub const fn new() -> Self {
        Self {
            out: OwnLine(AtomicUsize::new(0)),
            summaries: OwnLine([const { AtomicUsize::new(0) }; SUMMARIES]),
            parked: [const { Parked::new() }; GROUP],
        }
    }
}

/// The words of a [`Bitmap`] in a [`Region`]'s bookkeeping.
#[derive(Debug)]
pub struct Groups<'m> {
    first: &'m Bookkeeping,
    others: &'m [Bookkeeping],
    capacity: usize,
}

impl<'m> Groups<'m> {
    /// What is remembered of a group. Of one that does not exist, which never is, the first one's: a
    /// panic, which the compiler would link in its stead, is larger.
    fn of(&self, group: usize) -> &'m Bookkeeping {
        group.checked_sub(1).and_then(|other| self.others.get(other)).unwrap_or(self.first)
    }
}

impl Words for Groups<'_> {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        &self.of(group).out
    }

    fn summary(&self, index: usize) -> &AtomicUsize {
        &self.of(index / SUMMARIES).summaries[index % SUMMARIES]
    }
}

impl Region<'_> {
    /// Memory begins, and block sizes go, in multiples of this: bytes, a cache line.
    pub const ALIGNMENT: usize = 64;

    /// How many elements of [`Bookkeeping`] `length` bytes of memory need with blocks of
    /// `block_size` bytes: one for every `usize::BITS` blocks. 0 if `block_size` is.
    #[must_use]
    pub const fn bookkeeping_for(length: usize, block_size: usize) -> usize {
        match length.checked_div(block_size) {
            Some(blocks) => blocks.div_ceil(GROUP),
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
        let needed = Self::bookkeeping_for(length, block_size);
        let given = bookkeeping.len();
        // There are blocks, so at least one is needed.
        let Some([first, others @ ..]) = bookkeeping.get_mut(..needed) else {
            return Err(RegionError::TooLittleBookkeeping { needed, given });
        };
        *first = Bookkeeping::new();
        others.fill_with(Bookkeeping::new);
        Ok(Self {
            memory,
            block_size: stride,
            free: Bitmap::with_words(Groups { first, others, capacity: blocks }),
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
    type Free = Bitmap<Groups<'m>>;
    type Places = &'m mut [Place];

    fn free(&self, _: Internal) -> &Self::Free {
        &self.free
    }

    fn parked(&self, number: u32, _: Internal) -> &Parked {
        let number = number as usize;
        &self.free.words().of(number / GROUP).parked[number % GROUP]
    }

    fn block(&self, number: u32, _: Internal) -> NonNull<u8> {
        debug_assert!((number as usize) < self.free.words().capacity);
        // SAFETY: the number is below the capacity, so the block lies in the memory.
        unsafe { self.memory.add(number as usize * self.block_size.get()) }
    }

    fn size(&self, _: Internal) -> usize {
        self.block_size.get()
    }

    fn stride(&self, _: Internal) -> NonZero<usize> {
        self.block_size
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
            .field("block_size", &self.block_size.get())
            .field("capacity", &self.capacity())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{Bookkeeping, GROUP, Groups, OwnLine, SUMMARIES, Words};
    use crate::sync::AtomicUsize;

    #[test]
    fn words_have_lines_of_their_own_and_summaries_share_some() {
        const COUNT: usize = 20 * GROUP;
        let bookkeeping: Vec<_> = core::iter::repeat_with(Bookkeeping::new).take(COUNT).collect();
        let (first, others) = bookkeeping.split_first().unwrap();
        let groups = Groups { first, others, capacity: COUNT * GROUP };
        let address = |word: &AtomicUsize| core::ptr::from_ref(word).addr();
        let words: Vec<usize> = (0..COUNT).map(|group| address(groups.word(group))).collect();
        assert!(words.windows(2).all(|pair| pair[0] + size_of::<Bookkeeping>() == pair[1]));
        let summaries: Vec<usize> = (0..20).map(|index| address(groups.summary(index))).collect();
        assert!(summaries.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(SUMMARIES * size_of::<usize>(), align_of::<OwnLine<usize>>(), "they fill one");
        for row in summaries.chunks(SUMMARIES) {
            assert!(row.windows(2).all(|pair| pair[0] + size_of::<usize>() == pair[1]));
            assert!(row.iter().all(|summary| !words.contains(summary)));
        }
    }
}
