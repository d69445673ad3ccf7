//! Many indices of a bitmap at once: one atomic operation for those that share a word.

use core::ops::Range;

use super::words::{GROUP, Words, lowest_bits};
use super::{BitmapList, FreeList as _};
use crate::free_list::out_of_range;

/// Indices that were taken [together](BitmapList::take_neighbours), in ascending order. They are out
/// whether or not the iterator is run to its end.
#[derive(Debug)]
#[must_use = "the indices are out"]
pub struct Neighbours {
    first: u32,
    bits: usize,
}

impl Neighbours {
    /// Bit `i` of `bits` stands for the index `first + i`.
    #[inline]
    pub(super) fn new(first: u32, bits: usize) -> Self {
        Self { first, bits }
    }

    /// The indices as a range, if there is no gap between them: often the case, and easier to go
    /// through.
    #[inline]
    #[must_use]
    pub fn as_range(&self) -> Option<Range<u32>> {
        let lowest = self.bits.trailing_zeros();
        let from_lowest = self.bits.checked_shr(lowest)?;
        let start = self.first + lowest;
        (from_lowest & from_lowest.wrapping_add(1) == 0)
            .then(|| start..start + from_lowest.trailing_ones())
    }
}

impl Iterator for Neighbours {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.bits == 0 {
            return None;
        }
        let index = self.first + self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(index)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.bits.count_ones() as usize;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Neighbours {}

impl<W: Words> BitmapList<W> {
    /// For giving back many indices: with one atomic operation for those that share a word.
    ///
    /// ```
    /// use blockpool_core::storage::{Bookkeeping, FreeList, IndexSet};
    ///
    /// let mut bookkeeping = [const { Bookkeeping::new() }; Bookkeeping::elements_for(100)];
    /// let ports = IndexSet::over(&mut bookkeeping, 100).expect("enough for 100 indices");
    /// let taken = ports.take_neighbours(10, None).expect("all are free").as_range();
    ///
    /// let mut returning = ports.returning();
    /// returning.add(taken.expect("neighbours without a gap"));
    /// drop(returning);
    /// assert_eq!(ports.available(), 100);
    /// ```
    #[inline]
    #[must_use = "nothing is given back by it alone"]
    pub fn returning(&self) -> Returning<'_, W> {
        Returning { list: self, group: 0, bits: 0, others: None }
    }
}

/// Indices on their way back to their [`IndexSet`](crate::storage::IndexSet), with one atomic
/// read-modify-write for those that share a word, if they lie in few words or follow one another. All
/// are back when this is dropped, some earlier.
#[derive(Debug)]
pub struct Returning<'s, W: Words> {
    list: &'s BitmapList<W>,
    /// What was added last: a group, and bits of it. No bits: nothing yet.
    group: usize,
    bits: usize,
    /// Groups and bits added earlier, each group at its index modulo `GATHERED`. No bits: nothing there
    /// yet.
    others: Option<[(usize, usize); GATHERED]>,
}

/// How many words can be gathered.
const GATHERED: usize = 16;

impl<W: Words> Returning<'_, W> {
    /// Gives a range of indices back, nothing if it is empty, under the conditions of
    /// [`give_back`](crate::storage::FreeList::give_back).
    ///
    /// # Panics
    ///
    /// If an index is not below the capacity; then none of the range is given back.
    #[inline]
    pub fn add(&mut self, indices: Range<u32>) {
        let capacity = self.list.capacity();
        if indices.is_empty() {
            return;
        }
        if indices.end as usize > capacity {
            out_of_range(indices.end - 1, capacity);
        }
        let (mut start, end) = (indices.start as usize, indices.end as usize);
        while start < end {
            let (group, offset) = (start / GROUP, start % GROUP);
            let count = (end - start).min(GROUP - offset);
            self.add_bits(group, lowest_bits(count) << offset);
            start += count;
        }
    }

    #[inline]
    pub(super) fn add_bits(&mut self, group: usize, bits: usize) {
        if group != self.group {
            if self.bits != 0 {
                self.gather();
            }
            self.group = group;
            self.bits = 0;
        }
        self.bits |= bits;
    }

    /// Moves what was added last to the others.
    #[inline(never)]
    fn gather(&mut self) {
        let others = self.others.get_or_insert([(0, 0); GATHERED]);
        let (group, bits) = &mut others[self.group % GATHERED];
        if *group != self.group {
            if *bits != 0 {
                self.list.release(*group, *bits);
            }
            (*group, *bits) = (self.group, 0);
        }
        *bits |= self.bits;
    }

    #[cold]
    fn release_gathered(&mut self) {
        self.gather();
        for (group, bits) in self.others.into_iter().flatten() {
            if bits != 0 {
                self.list.release(group, bits);
            }
        }
    }
}

impl<W: Words> Drop for Returning<'_, W> {
    #[inline]
    fn drop(&mut self) {
        if self.others.is_some() {
            self.release_gathered();
        } else if self.bits != 0 {
            self.list.release(self.group, self.bits);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::string::String;
    use std::vec::Vec;

    use super::super::{AllFree, FreeList, InlineWords};
    use super::{BitmapList, GATHERED, GROUP, Neighbours};

    type List = BitmapList<InlineWords<{ 40 * GROUP + 3 }>>;

    /// A list with every index out.
    fn all_out() -> List {
        let list = List::ALL_FREE;
        while list.take_neighbours(GROUP, None).is_some() {}
        list
    }

    fn drain(list: &List) -> Vec<u32> {
        let mut all: Vec<u32> = core::iter::from_fn(|| list.take()).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn an_empty_range_gives_nothing_back_wherever_it_lies() {
        let list = all_out();
        let mut returning = list.returning();
        let beyond = list.capacity() as u32 + 1;
        for empty in [0..0, 7..7, beyond..beyond, u32::MAX..u32::MAX] {
            returning.add(empty);
        }
        drop(returning);
        assert_eq!(list.available(), 0);
    }

    #[test]
    fn neighbours_come_in_order_and_know_whether_there_are_gaps() {
        for (bits, indices, range) in [
            (0b0110_1000, &[103, 105, 106][..], None),
            (0b0011_1000, &[103, 104, 105], Some(103..106)),
            (1, &[100], Some(100..101)),
            (0, &[], None),
        ] {
            let neighbours = Neighbours::new(100, bits);
            assert_eq!((neighbours.len(), neighbours.as_range()), (indices.len(), range));
            assert!(neighbours.eq(indices.iter().copied()));
        }
        let all = Neighbours::new(0, usize::MAX);
        assert_eq!((all.len(), all.as_range()), (GROUP, Some(0..GROUP as u32)));
    }

    #[test]
    fn neighbours_are_taken_near_an_index_or_in_a_word_behind_it() {
        let list = List::ALL_FREE;
        let near = Some(5 * GROUP as u32 + 7);
        let mut first = list.take_neighbours(10, near).unwrap();
        let start = 5 * GROUP as u32;
        assert_eq!(first.as_range(), Some(start..start + 10));
        assert_eq!(first.next(), Some(start));
        let rest = list.take_neighbours(usize::MAX, near).unwrap().as_range();
        assert_eq!(rest, Some(start + 10..start + GROUP as u32));
        let behind = list.take_neighbours(1, near).unwrap().as_range();
        assert_eq!(behind, Some(start + GROUP as u32..start + GROUP as u32 + 1));
        let last = Some(40 * GROUP as u32 + 2);
        assert_eq!(list.take_neighbours(9, last).unwrap().len(), 3);
        assert_eq!(list.take_neighbours(1, last).unwrap().as_range(), Some(0..1), "round the end");
        assert!(list.take_neighbours(0, None).is_none());
        assert!(list.take_neighbours(1, Some(u32::MAX)).is_some(), "no such index: anywhere");
    }

    #[test]
    fn ranges_come_back_whichever_words_they_share() {
        let group = GROUP as u32;
        let in_turns =
            || (0..30).flat_map(|at| (0..40).map(move |n| n * group + at..n * group + at + 1));
        let ranges: [Vec<_>; 5] = [
            std::vec![0..1],
            std::vec![3..5, 1..2, 9..9],
            std::vec![group - 1..3 * group + 1, 0..2],
            std::vec![0..40 * group + 3],
            in_turns().collect(),
        ];
        for ranges in ranges {
            let list = all_out();
            let mut returning = list.returning();
            for range in ranges.iter().cloned() {
                returning.add(range);
            }
            drop(returning);
            let mut expected: Vec<u32> = ranges.into_iter().flatten().collect();
            expected.sort_unstable();
            assert_eq!(drain(&list), expected);
        }
    }

    #[test]
    fn more_words_than_can_be_gathered_for_come_back_before_the_end() {
        let list = all_out();
        let mut returning = list.returning();
        for word in 0..=GATHERED + 1 {
            let index = (word * GROUP) as u32;
            returning.add(index..index + 1);
        }
        assert_eq!(list.available(), 1, "the first, for whose word the 17th stands now");
        drop(returning);
        assert_eq!(list.available(), GATHERED + 2);
    }

    #[test]
    fn a_range_beyond_the_set_is_refused_and_what_came_before_it_comes_back() {
        let list = all_out();
        let end = list.capacity() as u32;
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let mut returning = list.returning();
            returning.add(7..9);
            returning.add(end - 1..end + 1);
        }));
        let said = refused.unwrap_err().downcast::<String>().unwrap();
        assert!(said.starts_with(&format!("index {end} is out of range")), "{said}");
        assert_eq!(drain(&list), [7, 8]);
    }
}
