//! The summary above many words: which of them were seen with every index out.
//!
//! This is the one hard proof of the bitmap: see [`BitmapList::mark_full`].

use super::BitmapList;
use super::words::{GROUP, Words, lowest_bits};
use crate::sync::{AtomicUsize, Ordering};

/// How many cleanings are under way (low half) and have ended (high half, wrapping).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cleanings(pub(super) usize);

impl Cleanings {
    pub(super) const BEGIN: usize = 1;
    pub(super) const END: usize = (1 << (usize::BITS / 2)) - Self::BEGIN;

    /// After `own` more that began and ended.
    pub(super) fn advanced_by(self, own: usize) -> Self {
        Self(self.0.wrapping_add(own.wrapping_mul(Self::BEGIN + Self::END)))
    }

    pub(super) fn none_under_way(self) -> bool {
        self.0 << (usize::BITS / 2) == 0
    }
}

impl<W: Words> BitmapList<W> {
    /// The bits of a summary that stand for groups: all of them, except in the last summary.
    fn bits_of_summary(&self, index: usize) -> usize {
        lowest_bits(self.groups() - index * GROUP)
    }

    pub(super) fn summary_of(&self, group: usize) -> (&AtomicUsize, usize) {
        (self.words.summary(group / GROUP), 1 << (group % GROUP))
    }

    /// Notes in the summary that a group was seen with every index out.
    ///
    /// The hazard: this thread sees the word full; another gives an index back and finds the summary
    /// bit still clear; then this thread sets the bit, and up to a word of free indices is hidden.
    /// The cure is to look at the word again after setting the bit, with a read-modify-write, because
    /// two of those on one word are ordered:
    ///
    /// - Give-back (G1) first: M1 reads its value or a later one, sees a free index and clears
    ///   the bit again.
    /// - M1 first: G1 reads from the release sequence that M1 heads, so the bit that was set before
    ///   M1 is visible to the load after G1, and the give-back clears it.
    ///
    /// In between, a search can miss the index; `cleanings` lets it detect that.
    #[cold]
    pub(super) fn mark_full(&self, group: usize) {
        let full = self.bits_of(group);
        let (summary, bit) = self.summary_of(group);
        // Relaxed: published by S2.
        self.cleanings.fetch_add(Cleanings::BEGIN, Ordering::Relaxed);
        // S2: pairs with S1: a search that reads the bit also sees that this cleaning began.
        summary.fetch_or(bit, Ordering::Release);
        // M1: pairs with G1: a give-back after it sees the bit. Relaxed on failure: that an index
        // is free is reason enough to clear the bit.
        let word = self.words.word(group);
        if word.compare_exchange(full, full, Ordering::Release, Ordering::Relaxed).is_err() {
            // Relaxed: published by C1.
            summary.fetch_and(!bit, Ordering::Relaxed);
        }
        // C1: pairs with C2: a search that counts this cleaning as ended before the search began
        // sees the summary as the cleaning left it.
        self.cleanings.fetch_add(Cleanings::END, Ordering::Release);
    }

    #[cold]
    pub(super) fn search_by_summary<T>(
        &self,
        home: usize,
        claim: impl Fn(usize) -> Option<T>,
    ) -> Option<T> {
        // C2: pairs with C1.
        let before = Cleanings(self.cleanings.load(Ordering::Acquire));
        let mut own = 0;
        let summaries = self.groups().div_ceil(GROUP);
        // S1: pairs with S2: a search misled by a bit sees the cleaning.
        let full = |index| {
            self.words.summary(index).load(Ordering::Acquire) | !self.bits_of_summary(index)
        };
        let mut look = |index, from| match !full(index) & from {
            0 => None,
            candidates => self.claim_among(index, candidates, &claim, &mut own),
        };
        // Without a branch for each, as in `every_index_is_out`.
        let found = if (0..summaries).fold(usize::MAX, |all, index| all & full(index)) == usize::MAX
        {
            None
        } else {
            // The summary that holds `home` comes first, from `home` on, and once more at the end.
            let start = home / GROUP;
            look(start, usize::MAX << (home % GROUP))
                .or_else(|| (start + 1..summaries).find_map(|index| look(index, usize::MAX)))
                .or_else(|| (0..=start).find_map(|index| look(index, usize::MAX)))
        };
        if found.is_some() {
            return found;
        }
        // Relaxed: a cleaning that mattered is visible by S1.
        let after = Cleanings(self.cleanings.load(Ordering::Relaxed));
        if after == before.advanced_by(own) && after.none_under_way() {
            None
        } else {
            // Another thread changed the summary meanwhile, or was preempted while doing so.
            (0..self.groups()).find_map(claim)
        }
    }

    /// Applies `claim` to the groups that `candidates` names in one summary, and notes those that
    /// have nothing.
    #[inline(never)]
    fn claim_among<T>(
        &self,
        summary: usize,
        mut candidates: usize,
        claim: impl Fn(usize) -> Option<T>,
        noted: &mut usize,
    ) -> Option<T> {
        while candidates != 0 {
            let group = summary * GROUP + candidates.trailing_zeros() as usize;
            if let Some(found) = claim(group) {
                return Some(found);
            }
            self.mark_full(group);
            *noted += 1;
            candidates &= candidates - 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use super::super::tests::{List, asked, take_behind_the_summary};
    use super::super::words::InlineWords;
    use super::{BitmapList, Cleanings, GROUP, Words};
    use crate::free_list::{AllFree, FreeList};
    use crate::sync::{AtomicUsize, Ordering};

    #[test]
    fn cleanings_under_way_and_ended() {
        let start = Cleanings(usize::MAX << (usize::BITS / 2));
        assert!(start.none_under_way());
        assert!(!Cleanings(start.0 + Cleanings::BEGIN).none_under_way());
        let ended = Cleanings(start.0.wrapping_add(Cleanings::BEGIN).wrapping_add(Cleanings::END));
        assert!(ended.none_under_way() && ended != start && ended == start.advanced_by(1));
    }

    #[test]
    fn a_summary_is_kept_from_the_33rd_word_on() {
        let without = List::<{ 32 * GROUP }>::ALL_FREE;
        let with = List::<{ 32 * GROUP + 1 }>::ALL_FREE;
        assert!(!without.has_summary() && with.has_summary());
    }

    #[test]
    fn a_search_by_summary_goes_round_from_its_home_and_asks_each_word_once() {
        const GROUPS: usize = 2 * GROUP + 20;
        for home in [0, 5, GROUP, GROUP + 5, GROUPS - 1] {
            let list = Box::new(List::<{ GROUPS * GROUP }>::ALL_FREE);
            take_behind_the_summary(&list);
            let asked_in_order = asked(&list, home);
            // The home itself first, before the summary is read.
            assert_eq!(asked_in_order[0], home);
            assert!(asked_in_order[1..].iter().copied().eq((home..GROUPS).chain(0..home)));
            assert_eq!(asked(&list, home), [home], "the summary says that no other has any");
        }
    }

    #[test]
    fn a_word_noted_as_full_that_is_not_leaves_no_trace() {
        let list = Box::new(List::<{ 40 * GROUP }>::ALL_FREE);
        let summary = || list.words.summary(0).load(Ordering::Relaxed);
        list.words.word(3).store(usize::MAX, Ordering::Relaxed);
        list.mark_full(3);
        assert_eq!(summary(), 1 << 3);
        // An index of it came back just before.
        list.mark_full(5);
        assert_eq!(summary(), 1 << 3);
        let cleanings = Cleanings(list.cleanings.load(Ordering::Relaxed));
        assert!(cleanings == Cleanings(0).advanced_by(2) && cleanings.none_under_way());
    }

    #[test]
    fn a_note_left_half_done_hides_nothing() {
        let list = Box::new(List::<{ 40 * GROUP }>::ALL_FREE);
        take_behind_the_summary(&list);
        assert_eq!(asked(&list, 0).len(), 1 + 40);
        // As if a thread had been preempted inside `mark_full`, after its first two steps, and
        // another had given back an index of the word between them.
        list.cleanings.fetch_add(Cleanings::BEGIN, Ordering::Relaxed);
        list.words.word(7).fetch_and(!1, Ordering::Relaxed);
        let taken = list.search(0, |group| list.claim_one(group));
        assert_eq!(taken, Some(7 * GROUP as u32));
    }

    /// Two summary words, and a function that runs when one is about to be read.
    struct Watched {
        words: InlineWords<{ 65 * GROUP }>,
        before_read: fn(usize),
    }

    impl Words for Watched {
        fn capacity(&self) -> usize {
            self.words.capacity()
        }

        fn word(&self, group: usize) -> &AtomicUsize {
            self.words.word(group)
        }

        fn summary(&self, index: usize) -> &AtomicUsize {
            (self.before_read)(index);
            self.words.summary(index)
        }
    }

    #[test]
    fn a_note_made_and_taken_back_during_a_search_hides_nothing() {
        const BIT: usize = 1 << 7;
        static SET: BitmapList<Watched> =
            BitmapList::with_words(Watched { words: InlineWords::new(), before_read });
        // What another thread does in `mark_full` meanwhile.
        fn before_read(index: usize) {
            let summary = SET.words.words.summary(0);
            match index {
                0 => {
                    SET.cleanings.fetch_add(Cleanings::BEGIN, Ordering::Relaxed);
                    summary.fetch_or(BIT, Ordering::Relaxed);
                }
                _ => {
                    summary.fetch_and(!BIT, Ordering::Relaxed);
                    SET.cleanings.fetch_add(Cleanings::END, Ordering::Relaxed);
                }
            }
        }
        take_behind_the_summary(&SET);
        SET.words.words.summary(0).store(!BIT, Ordering::Relaxed);
        SET.words.words.summary(1).store(1, Ordering::Relaxed);
        // It comes back before the other thread looks at the word.
        SET.words.word(7).fetch_and(!1, Ordering::Relaxed);
        let taken = SET.search(0, |group| SET.claim_one(group));
        assert_eq!(taken, Some(7 * GROUP as u32));
    }

    #[test]
    fn an_exhausted_search_fills_the_summary_and_a_give_back_clears_it() {
        const WHOLE: u32 = (GROUP * GROUP) as u32;
        let list = Box::new(List::<{ WHOLE as usize + 1 }>::ALL_FREE);
        while list.take().is_some() {}
        let summary = |index| list.words.summary(index).load(Ordering::Relaxed);
        assert_eq!(list.take(), None);
        assert_eq!((summary(0), summary(1)), (usize::MAX, 1));
        list.give_back(WHOLE);
        list.give_back(77);
        assert_eq!((summary(0), summary(1)), (usize::MAX & !(1 << (77 / GROUP)), 0));
        assert!(list.take().is_some() && list.take().is_some());
        assert_eq!(list.take(), None);
    }
}
