//! The words of a bitmap: where they lie, and which bits of one are asked for.

use core::fmt;

use crate::align::OwnLine;
use crate::bug::cannot_happen;
use crate::sync::AtomicUsize;

/// Indices that share a word.
pub(crate) const GROUP: usize = usize::BITS as usize;

/// Where a bitmap keeps its words.
pub trait Words: Send + Sync {
    /// Up to this many words a search reads every word; beyond that, it reads the summary first. A
    /// summary costs more to maintain than it saves while all words can be read in a few dozen
    /// nanoseconds.
    const WITHOUT_SUMMARY: usize = 32;

    /// How many indices, at least 1.
    fn capacity(&self) -> usize;
    /// The word of indices `[group * GROUP, (group + 1) * GROUP)`.
    fn word(&self, group: usize) -> &AtomicUsize;
    /// The summary of groups `[index * GROUP, (index + 1) * GROUP)`: 1 where the group was seen
    /// with every index out. A hint, never the authority.
    fn summary(&self, index: usize) -> &AtomicUsize;
    /// The group where a search that began at `group` found something last, exclusive-or `group`. A hint;
    /// not every group has one.
    fn hint(&self, _group: usize) -> Option<&AtomicUsize> {
        None
    }
}

/// Words for `COUNT` indices, held in place.
///
/// Stable Rust cannot compute an array's length from `COUNT`. It need not: this is one word for
/// each index, and the first of every `usize::BITS` is the word of that group; the words between
/// keep groups on cache lines of their own. Each group has its first element whatever `COUNT` is.
pub struct InlineWords<const COUNT: usize>(OwnLine<[AtomicUsize; COUNT]>);

impl<const COUNT: usize> fmt::Debug for InlineWords<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineWords").field("count", &COUNT).finish_non_exhaustive()
    }
}

impl<const COUNT: usize> InlineWords<COUNT> {
    /// Elements of a group's first line, where its word lies.
    const LINE: usize = 8;
    /// Summaries in the other lines of a group.
    const SUMMARIES: usize = GROUP / 2;

    pub(super) const fn new() -> Self {
        Self(OwnLine([const { AtomicUsize::new(0) }; COUNT]))
    }

    fn element(&self, index: usize) -> &AtomicUsize {
        self.0.get(index).unwrap_or_else(|| {
            // Not a panic in release builds: it would be linked into every operation.
            cannot_happen();
            &self.0[0]
        })
    }
}

impl<const COUNT: usize> Words for InlineWords<COUNT> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        self.element(group * GROUP)
    }

    fn summary(&self, index: usize) -> &AtomicUsize {
        // Close together, since a search that finds nothing reads them all: in lines that the first
        // groups leave unused. Each stands for a word's worth of groups, so these suffice; and a group
        // that another one follows is complete.
        let (group, offset) = (index / Self::SUMMARIES, index % Self::SUMMARIES);
        self.element(group * GROUP + Self::LINE + offset)
    }

    #[inline]
    fn hint(&self, group: usize) -> Option<&AtomicUsize> {
        // In the line of the group's word, which the search has just read.
        if cfg!(target_pointer_width = "64") { self.0.get(group * GROUP + 1) } else { None }
    }
}

/// The `count` lowest bits of a word, or all of it.
pub(super) fn lowest_bits(count: usize) -> usize {
    if count < GROUP { (1 << count) - 1 } else { usize::MAX }
}

/// The `limit` lowest bits that are set in `bits`, or all of them if there are fewer. `bits` is not 0.
pub(super) fn lowest(bits: usize, limit: usize) -> usize {
    // They are mostly adjacent. Those that do not fit are shifted out: then it is all of `bits`.
    let side_by_side = lowest_bits(limit) << bits.trailing_zeros();
    if bits & side_by_side == side_by_side {
        return side_by_side;
    }
    let mut rest = bits;
    for _ in 0..limit {
        rest &= rest.wrapping_sub(1);
        if rest == 0 {
            return bits;
        }
    }
    bits & !rest
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{GROUP, InlineWords, Words, lowest, lowest_bits};

    #[test]
    fn lowest_bits_of_a_word_and_of_those_set() {
        assert_eq!(lowest(0b1011_0100, 2), 0b0001_0100);
        assert_eq!(lowest(0b1011_0100, 4), 0b1011_0100);
        assert_eq!(lowest(0b1011_0100, 9), 0b1011_0100);
        assert_eq!(lowest(usize::MAX, 64), usize::MAX);
        assert_eq!((lowest_bits(3), lowest_bits(GROUP)), (0b111, usize::MAX));
    }

    #[test]
    fn a_word_has_its_line_to_itself_and_a_summary_its_address() {
        fn check<const COUNT: usize>(words: &InlineWords<COUNT>) {
            // With 32-bit words a line is one word: such targets have no caches.
            let line = align_of::<InlineWords<COUNT>>();
            let groups = COUNT.div_ceil(GROUP);
            let summaries = if groups > InlineWords::<COUNT>::WITHOUT_SUMMARY {
                groups.div_ceil(GROUP)
            } else {
                0
            };
            let lines: Vec<usize> = (0..groups)
                .map(|group| core::ptr::from_ref(words.word(group)).addr() / line)
                .collect();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "{COUNT}");
            let addresses: Vec<usize> = (0..summaries)
                .map(|index| core::ptr::from_ref(words.summary(index)).addr())
                .collect();
            assert!(addresses.windows(2).all(|pair| pair[0] < pair[1]), "{COUNT}");
            let neighbours = addresses.chunks(InlineWords::<COUNT>::SUMMARIES);
            for row in neighbours {
                assert!(row.windows(2).all(|pair| pair[0] + size_of::<usize>() == pair[1]));
            }
            assert!(addresses.iter().all(|address| !lines.contains(&(address / line))), "{COUNT}");
        }
        macro_rules! check {
            ($($count:expr),+) => {$({
                static WORDS: InlineWords<{ $count }> = InlineWords::new();
                check(&WORDS);
            })+};
        }
        check!(1, 129, 2049, 4096, 4097, 4096 * 3 + 1, 4096 * 32, 4096 * 32 + 1, 4096 * 65);
    }
}
