//! What is remembered of blocks, or of bare numbers, in memory given at run time.

use crate::align::OwnLine;
use crate::free::{Bitmap, GROUP, Words};
use crate::range::{MAX_COUNT, Parked};
use crate::sync::AtomicUsize;

/// Summary words in one element of [`Bookkeeping`]: those of a cache line, close together because a
/// search that finds nothing reads all that there are. One where nothing is padded.
const SUMMARIES: usize = if usize::BITS == 64 { 8 } else { 1 };

/// What a [`Region`](crate::Region), or a [`Bitmap`] [over](Bitmap::over) such elements, must remember
/// of a word's worth of blocks or numbers: `usize::BITS` of them.
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

    /// How many elements `count` blocks or numbers need: one for every `usize::BITS`.
    #[must_use]
    pub const fn elements_for(count: usize) -> usize {
        count.div_ceil(GROUP)
    }
}

/// The words of a [`Bitmap`] in [`Bookkeeping`] that it borrows: see [`Bitmap::over`].
#[derive(Debug)]
pub struct Borrowed<'m> {
    first: &'m Bookkeeping,
    /// With the first one.
    all: &'m [Bookkeeping],
    capacity: usize,
}

impl<'m> Borrowed<'m> {
    /// What is remembered of a group. Of one that does not exist, which never is, the first one's: a
    /// panic, which the compiler would link in its stead, is larger.
    fn of(&self, group: usize) -> &'m Bookkeeping {
        self.all.get(group).unwrap_or(self.first)
    }

    /// What is remembered of a block.
    ///
    /// # Safety
    ///
    /// The number is below the capacity.
    pub(crate) unsafe fn parked(&self, number: u32) -> &'m Parked {
        let number = number as usize;
        debug_assert!(number < self.capacity);
        // SAFETY: the caller's promise; there is an element for every group of numbers.
        let group = unsafe { self.all.get_unchecked(number / GROUP) };
        &group.parked[number % GROUP]
    }
}

impl Words for Borrowed<'_> {
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

impl<'m> Bitmap<Borrowed<'m>> {
    /// A set of `count` numbers, all of them free, for who keeps something else than blocks by number:
    /// in memory given at run time, whatever it holds.
    ///
    /// `None` if `count` is 0 or more than [`MAX_COUNT`](crate::MAX_COUNT), or if `bookkeeping` has
    /// less than [`elements_for`](Bookkeeping::elements_for) that many. O(`count`).
    ///
    /// ```
    /// use blockpool_core::{Bitmap, Bookkeeping, FreeSet};
    ///
    /// let mut bookkeeping = [const { Bookkeeping::new() }; Bookkeeping::elements_for(100)];
    /// let ports = Bitmap::over(&mut bookkeeping, 100).expect("enough for 100 numbers");
    /// let port = ports.take().expect("one is free");
    /// assert_eq!(ports.available(), 99);
    /// ports.give_back(port);
    /// ```
    #[must_use]
    pub fn over(bookkeeping: &'m mut [Bookkeeping], count: usize) -> Option<Self> {
        let needed = Some(Bookkeeping::elements_for(count)).filter(|_| count <= MAX_COUNT)?;
        let all = bookkeeping.get_mut(..needed)?;
        all.fill_with(Bookkeeping::new);
        Some(Self::with_words(Borrowed { first: all.first()?, all, capacity: count }))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{Bookkeeping, Borrowed, GROUP, OwnLine, SUMMARIES, Words};
    use crate::free::Bitmap;
    use crate::sync::AtomicUsize;
    use crate::{FreeSet, MAX_COUNT};

    #[test]
    fn words_have_lines_of_their_own_and_summaries_share_some() {
        const COUNT: usize = 20 * GROUP;
        let bookkeeping: Vec<_> = core::iter::repeat_with(Bookkeeping::new).take(COUNT).collect();
        let words = Borrowed { first: &bookkeeping[0], all: &bookkeeping, capacity: COUNT * GROUP };
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
    fn a_set_over_bookkeeping_that_holds_anything_has_every_number_free() {
        for count in [1, GROUP, GROUP + 1, 40 * GROUP + 3] {
            let needed = Bookkeeping::elements_for(count);
            let mut bookkeeping: Vec<_> =
                core::iter::repeat_with(Bookkeeping::new).take(needed).collect();
            for _ in 0..2 {
                let set = Bitmap::over(&mut bookkeeping, count).unwrap();
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
            assert!(Bitmap::over(&mut bookkeeping, count).is_none(), "{count}");
        }
        assert!(Bitmap::over(&mut bookkeeping, 2 * GROUP).is_some());
    }
}
