//! Bookkeeping for blocks, or for bare indices, in memory given at run time.

use core::mem::offset_of;

use crate::align::OwnLine;
use crate::block_state::{MAX_COUNT, StateCell};
use crate::bug::cannot_happen;
use crate::free_list::{BitmapList, GROUP, Words};
use crate::sync::AtomicUsize;

/// Summary words in one element of [`Bookkeeping`]: a cache line of them, close together because a
/// search that finds nothing reads them all. One where nothing is padded.
const SUMMARIES: usize = if usize::BITS == 64 { 8 } else { 1 };

/// The word of a group, and the hint of a search that began there; without hints where nothing is padded.
const WORDS: usize = if usize::BITS == 64 { 2 } else { 1 };

/// What a [`Region`](crate::Region) or an [`IndexSet`] keeps about `usize::BITS` of its blocks or
/// indices.
#[derive(Debug)]
pub struct Bookkeeping {
    words: OwnLine<[AtomicUsize; WORDS]>,
    /// Used in as many of the first elements as are needed.
    summaries: OwnLine<[AtomicUsize; SUMMARIES]>,
    states: [StateCell; GROUP],
}

impl Bookkeeping {
    /// For blocks that are free. All zero.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only made in arrays, by a constant")]
    pub const fn new() -> Self {
        Self {
            words: OwnLine([const { AtomicUsize::new(0) }; WORDS]),
            summaries: OwnLine([const { AtomicUsize::new(0) }; SUMMARIES]),
            states: [const { StateCell::new() }; GROUP],
        }
    }

    /// How many elements `count` blocks or indices need: one for every `usize::BITS`.
    ///
    /// ```
    /// use blockpool_core::storage::Bookkeeping;
    ///
    /// // For as many blocks of 2,048 bytes as fit into a megabyte.
    /// const ELEMENTS: usize = Bookkeeping::elements_for((1 << 20) / 2048);
    /// let bookkeeping = [const { Bookkeeping::new() }; ELEMENTS];
    /// ```
    #[must_use]
    pub const fn elements_for(count: usize) -> usize {
        count.div_ceil(GROUP)
    }
}

/// The words of a free list, in borrowed [`Bookkeeping`].
#[derive(Debug, Clone)]
pub struct BorrowedWords<'m> {
    first: &'m Bookkeeping,
    /// Including the first one.
    all: &'m [Bookkeeping],
    capacity: usize,
}

impl<'m> BorrowedWords<'m> {
    /// The bookkeeping of a group.
    fn of(&self, group: usize) -> &'m Bookkeeping {
        self.all.get(group).unwrap_or_else(|| {
            // Not a panic in release builds: it would be linked into every operation.
            cannot_happen();
            self.first
        })
    }

    /// The state of a block.
    ///
    /// # Safety
    ///
    /// The index is below the capacity.
    #[inline]
    pub(crate) unsafe fn state(&self, index: u32) -> &'m StateCell {
        /// Bytes from the end of one group's states to the next one's first.
        const BETWEEN: usize = size_of::<Bookkeeping>() - size_of::<[StateCell; GROUP]>();
        let index = index as usize;
        debug_assert!(index < self.capacity);
        // Not by group, and then by the index in it: the processor has less to compute.
        let before = index * size_of::<StateCell>() + index / GROUP * BETWEEN;
        let offset = offset_of!(Bookkeeping, states) + before;
        // SAFETY: the caller's promise; there is an element for every group of indices, with a state for each.
        let state = unsafe { self.all.as_ptr().byte_add(offset) }.cast();
        // SAFETY: as before; it is borrowed as long as they are.
        unsafe { &*state }
    }
}

impl Words for BorrowedWords<'_> {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        &self.of(group).words[0]
    }

    fn summary(&self, index: usize) -> &AtomicUsize {
        &self.of(index / SUMMARIES).summaries[index % SUMMARIES]
    }

    fn hint(&self, group: usize) -> Option<&AtomicUsize> {
        self.of(group).words.get(1)
    }
}

/// A lock-free set of free indices, in memory given at run time: to hand out resources other than
/// blocks, such as ports.
///
/// It is the free list of a [`Region`](crate::Region), with the guarantees of
/// [`Bitmap`](crate::storage::Bitmap). The methods are those of
/// [`FreeList`](crate::storage::FreeList).
///
/// ```
/// use blockpool_core::storage::{Bookkeeping, FreeList, IndexSet};
///
/// let mut bookkeeping = [const { Bookkeeping::new() }; Bookkeeping::elements_for(100)];
/// let ports = IndexSet::over(&mut bookkeeping, 100).expect("enough for 100 indices");
/// let port = ports.take().expect("one is free");
/// assert_eq!(ports.available(), 99);
/// ports.give_back(port);
/// ```
pub type IndexSet<'m> = BitmapList<BorrowedWords<'m>>;

impl<'m> IndexSet<'m> {
    /// A set of `count` indices, all of them free. The contents of `bookkeeping` do not matter.
    ///
    /// `None` if `count` is 0 or more than [`MAX_COUNT`](crate::MAX_COUNT), or if `bookkeeping` has
    /// fewer elements than [`elements_for`](Bookkeeping::elements_for) says. O(`count`).
    #[must_use]
    pub fn over(bookkeeping: &'m mut [Bookkeeping], count: usize) -> Option<Self> {
        let needed = Some(Bookkeeping::elements_for(count)).filter(|_| count <= MAX_COUNT)?;
        let all = bookkeeping.get_mut(..needed)?;
        all.fill_with(Bookkeeping::new);
        Some(Self::with_words(BorrowedWords { first: all.first()?, all, capacity: count }))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{
        Bookkeeping, BorrowedWords, GROUP, IndexSet, MAX_COUNT, OwnLine, SUMMARIES, Words,
    };
    use crate::free_list::FreeList;
    use crate::sync::AtomicUsize;

    #[test]
    fn words_have_lines_of_their_own_and_summaries_share_some() {
        const COUNT: usize = 20 * GROUP;
        let bookkeeping: Vec<_> = core::iter::repeat_with(Bookkeeping::new).take(COUNT).collect();
        let words =
            BorrowedWords { first: &bookkeeping[0], all: &bookkeeping, capacity: COUNT * GROUP };
        let address = |word: &AtomicUsize| core::ptr::from_ref(word).addr();
        let addresses: Vec<usize> = (0..COUNT).map(|group| address(words.word(group))).collect();
        assert!(addresses.windows(2).all(|pair| pair[0] + size_of::<Bookkeeping>() == pair[1]));
        let summaries: Vec<usize> = (0..20).map(|index| address(words.summary(index))).collect();
        assert!(summaries.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(SUMMARIES * size_of::<usize>(), align_of::<OwnLine<usize>>(), "they fill one");
        for row in summaries.chunks(SUMMARIES) {
            assert!(row.windows(2).all(|pair| pair[0] + size_of::<usize>() == pair[1]));
            assert!(row.iter().all(|summary| !addresses.contains(summary)));
        }
    }

    #[test]
    fn a_set_over_bookkeeping_that_holds_anything_has_every_index_free() {
        for count in [1, GROUP, GROUP + 1, 40 * GROUP + 3] {
            let needed = Bookkeeping::elements_for(count);
            let mut bookkeeping: Vec<_> =
                core::iter::repeat_with(Bookkeeping::new).take(needed).collect();
            for _ in 0..2 {
                let set = IndexSet::over(&mut bookkeeping, count).unwrap();
                assert_eq!((set.capacity(), set.available()), (count, count));
                let mut all: Vec<u32> = core::iter::from_fn(|| set.take()).collect();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..count as u32));
            }
        }
    }

    #[test]
    fn a_set_that_cannot_be_is_refused() {
        let mut bookkeeping = [const { Bookkeeping::new() }; 2];
        for count in [0, 2 * GROUP + 1, MAX_COUNT + 1, usize::MAX] {
            assert!(IndexSet::over(&mut bookkeeping, count).is_none(), "{count}");
        }
        assert!(IndexSet::over(&mut bookkeeping, 2 * GROUP).is_some());
    }
}
