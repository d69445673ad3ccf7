//! A bit for each number, in words on cache lines of their own, with a summary above many words.

use core::fmt;

use super::sealed::Sealed;
use super::{FreeSet, InPlace, Neighbours, check_count};
use crate::align::OwnLine;
use crate::memory::Internal;
use crate::sync::{self, AtomicUsize, Ordering};

/// Numbers that share a word.
pub(crate) const GROUP: usize = usize::BITS as usize;

/// A lock-free set of numbers: one bit for each, 1 while the number is out.
///
/// - Taking and giving back are one atomic read-modify-write each when threads do not meet; with
///   more than 32 words a second one where the summary has to follow. A take is retried only because
///   another thread took or gave back a number of the same word meanwhile; a give-back never. An
///   interrupt may do anything at any moment. (Where an atomic operation is a pair of load-link and
///   store-conditional, as both are on Cortex-M3 and a take is on RISC-V, it is also retried when an
///   interrupt, or a write nearby, came between the two.)
/// - A bit does not move and carries no tag, so there is no ABA hazard and no reuse distance.
/// - Many neighbouring numbers are taken, or given back, by one atomic operation.
/// - `None` means that every number was seen out during the search, or was being given back by a call
///   that had not returned; each at some instant, not all at the same one. While others take and
///   give back, a number that comes back behind the search is missed. If there was no instant at
///   which all were out, another thread's take has succeeded for each number missed so.
/// - A thread starts at a word chosen by its stack's address, so that threads mostly work on
///   different cache lines; it goes on to the next word that has a free number. With up to 32
///   words a search reads them all, beyond that a summary of 1 bit for each word; noting a word
///   that ran empty there costs five atomic operations. The worst case is O(capacity ÷ word size).
/// - The summary's count of changes wraps: a search during which exactly a multiple of 2^32 (2^16
///   with 32-bit words) notes are made can answer `None` wrongly, once. Nothing else depends on it.
/// - A number that is given back although it is free stays free; with debug assertions, that panics.
/// - All-zero memory is the set with every number free, so a static lies in `.bss`.
///
/// Source: the two-level bitmap is folklore of operating systems' frame allocators; that a summary
/// bit can be set over a number that has just come back, and the cure, are argued in the source.
#[derive(Debug)]
#[repr(C)]
pub struct Bitmap<W> {
    /// Tells searches that lead to `None` whether the summary was being changed under them.
    ///
    /// First, so that no word lies in its page where a block of 512 bytes, or a multiple, lies in its
    /// own: x86-64 would take a store to the block's front, just done, for one to the word, and wait.
    cleanings: OwnLine<AtomicUsize>,
    words: W,
}

/// Where a [`Bitmap`] keeps its words.
pub trait Words: Send + Sync {
    /// Up to this many words a search reads every word; beyond, it reads the summary first. A
    /// summary costs more to keep right than it saves while all words can be read in a few dozen
    /// nanoseconds.
    const WITHOUT_SUMMARY: usize = 32;

    /// How many numbers, at least 1.
    fn capacity(&self) -> usize;
    /// The word of numbers `[group * GROUP, (group + 1) * GROUP)`.
    fn word(&self, group: usize) -> &AtomicUsize;
    /// The summary of groups `[index * GROUP, (index + 1) * GROUP)`: 1 where the group was seen
    /// with every number out. A hint, never the authority.
    fn summary(&self, index: usize) -> &AtomicUsize;
}

/// Words for `COUNT` numbers, held in place.
///
/// Stable Rust cannot compute an array's length from `COUNT`. It need not: this is one word for
/// each number, and the first of every `usize::BITS` is the word of that group; the words between
/// keep groups on cache lines of their own. Each group has its first element whatever `COUNT` is: so
/// none is out of bounds, and where the compiler does not see that, the first stands in, rather than a
/// panic.
pub struct Inline<const COUNT: usize>(OwnLine<[AtomicUsize; COUNT]>);

impl<const COUNT: usize> fmt::Debug for Inline<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").field("count", &COUNT).finish_non_exhaustive()
    }
}

impl<const COUNT: usize> Inline<COUNT> {
    /// Elements of a group's first line, where its word lies.
    const LINE: usize = 8;
    /// Summaries in the other lines of a group.
    const SUMMARIES: usize = GROUP / 2;

    pub(crate) const fn new() -> Self {
        Self(OwnLine([const { AtomicUsize::new(0) }; COUNT]))
    }

    fn element(&self, index: usize) -> &AtomicUsize {
        self.0.get(index).unwrap_or(&self.0[0])
    }
}

impl<const COUNT: usize> Words for Inline<COUNT> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        self.element(group * GROUP)
    }

    fn summary(&self, index: usize) -> &AtomicUsize {
        // Close together, since a search that finds nothing reads them all: in lines that the first
        // groups leave free. Each stands for a word's worth of groups, so these suffice; and a
        // group that has another behind it is complete.
        let (group, place) = (index / Self::SUMMARIES, index % Self::SUMMARIES);
        self.element(group * GROUP + Self::LINE + place)
    }
}

/// How many cleanings are under way (low half) and have ended (high half, wrapping).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cleanings(usize);

impl Cleanings {
    const BEGIN: usize = 1;
    const END: usize = (1 << (usize::BITS / 2)) - Self::BEGIN;

    /// After `own` more that began and ended.
    fn advanced_by(self, own: usize) -> Self {
        Self(self.0.wrapping_add(own.wrapping_mul(Self::BEGIN + Self::END)))
    }

    fn none_under_way(self) -> bool {
        self.0 << (usize::BITS / 2) == 0
    }
}

/// The `count` lowest bits of a word, or all of it.
pub(super) fn lowest_bits(count: usize) -> usize {
    if count < GROUP { (1 << count) - 1 } else { usize::MAX }
}

/// The `limit` lowest bits that are set in `bits`, or all of them if there are fewer. `bits` is not 0.
fn lowest(bits: usize, limit: usize) -> usize {
    // Mostly they lie side by side. Those that do not fit are shifted out: then it is all of `bits`.
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

impl<W: Words> Bitmap<W> {
    pub(crate) const fn with_words(words: W) -> Self {
        Self { cleanings: OwnLine(AtomicUsize::new(0)), words }
    }

    pub(crate) fn words(&self) -> &W {
        &self.words
    }

    fn groups(&self) -> usize {
        self.words.capacity().div_ceil(GROUP)
    }

    fn has_summary(&self) -> bool {
        self.groups() > W::WITHOUT_SUMMARY
    }

    /// The bits of a group's word that stand for numbers: all but in the last group.
    #[inline] // A constant in small pools; a compiler that optimises for size would miss it.
    fn bits_of(&self, group: usize) -> usize {
        lowest_bits(self.words.capacity() - group * GROUP)
    }

    /// The bits of a summary that stand for groups: all but in the last summary.
    fn bits_of_summary(&self, index: usize) -> usize {
        lowest_bits(self.groups() - index * GROUP)
    }

    fn first_number(group: usize) -> u32 {
        // Numbers fit u32.
        (group * GROUP) as u32
    }

    /// The group and the bit of a number.
    fn place(number: u32) -> (usize, usize) {
        let number = number as usize;
        (number / GROUP, 1 << (number % GROUP))
    }

    /// Takes one number of a group.
    #[inline] // For the same reason.
    fn claim_one(&self, group: usize) -> Option<u32> {
        let word = self.words.word(group);
        // Relaxed: only a guess, the read-modify-write decides.
        let mut out = word.load(Ordering::Relaxed);
        loop {
            let free = !out & self.bits_of(group);
            if free == 0 {
                return None;
            }
            let bit = free & free.wrapping_neg();
            // T1: pairs with G1. Not a bit-test-and-set, which cannot begin before it knows the
            // bit: on x86-64 it costs half as much again.
            match word.compare_exchange_weak(out, out | bit, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Self::first_number(group) + free.trailing_zeros()),
                // Another thread took or gave back a number of this group: its success. (Or the
                // processor's store-conditional failed by itself.)
                Err(now) => out = now,
            }
        }
    }

    /// Takes up to `limit` numbers of a group and returns their bits.
    fn claim_some(&self, group: usize, limit: usize) -> Option<usize> {
        let word = self.words.word(group);
        let mut out = word.load(Ordering::Relaxed);
        loop {
            let free = !out & self.bits_of(group);
            if free == 0 {
                return None;
            }
            let some = lowest(free, limit);
            // T2: pairs with G1, as T1.
            match word.compare_exchange_weak(out, out | some, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Some(some),
                Err(now) => out = now,
            }
        }
    }

    /// Gives back the numbers that `bits` names in `group`.
    pub(super) fn release(&self, group: usize, bits: usize) {
        // Asked before the atomic operation: a processor may let what follows wait for it.
        let summary = self.has_summary().then(|| self.summary_of(group));
        // G1: release pairs with T1 and T2: whoever takes one of these numbers next sees what its
        // last owner wrote. Every write to a word is a read-modify-write, so the release sequence
        // is not broken by other numbers' coming and going. Acquire pairs with M1: see `mark_full`.
        let before = self.words.word(group).fetch_and(!bits, Ordering::AcqRel);
        debug_assert_eq!(before & bits, bits, "a number that was not out was given back");
        // Relaxed: M1's happens-before through the word makes the bit visible if it matters; and a
        // cleared bit is only a hint, which orders nothing.
        if let Some((summary, bit)) = summary
            && summary.load(Ordering::Relaxed) & bit != 0
        {
            summary.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    fn summary_of(&self, group: usize) -> (&AtomicUsize, usize) {
        (self.words.summary(group / GROUP), 1 << (group % GROUP))
    }

    /// Notes in the summary that a group was seen with every number out.
    ///
    /// The hazard: this thread sees the word full; another gives a number back and finds the
    /// summary bit still clear; then this thread sets the bit, and up to a word of free numbers is
    /// hidden. The cure is to look at the word again after setting the bit, and by a
    /// read-modify-write, because two of those on one word are ordered:
    ///
    /// - Give-back (G1) first: M1 reads its value or a later one, sees a free number and clears
    ///   the bit again.
    /// - M1 first: G1 reads from the release sequence that M1 heads, so the bit that was set before
    ///   M1 is visible to the load after G1, and the give-back clears it.
    ///
    /// In between, a search can miss the number. That is what `cleanings` tells it.
    #[cold]
    fn mark_full(&self, group: usize) {
        let full = self.bits_of(group);
        let (summary, bit) = self.summary_of(group);
        // Relaxed: published by S2.
        self.cleanings.fetch_add(Cleanings::BEGIN, Ordering::Relaxed);
        // S2: pairs with S1: a search that reads the bit also sees that this cleaning began.
        summary.fetch_or(bit, Ordering::Release);
        // M1: pairs with G1: a give-back after it sees the bit. Relaxed on failure: that a number
        // is free is reason enough to clear the bit.
        let word = self.words.word(group);
        if word.compare_exchange(full, full, Ordering::Release, Ordering::Relaxed).is_err() {
            // Relaxed: published by C1.
            summary.fetch_and(!bit, Ordering::Relaxed);
        }
        // C1: pairs with C2: a search that counts this cleaning as ended before it began sees the
        // summary as it left it.
        self.cleanings.fetch_add(Cleanings::END, Ordering::Release);
    }

    /// The group where this thread looks first: threads have stacks of their own, so their
    /// addresses spread them over the groups. Only a hint.
    fn home(&self) -> usize {
        let groups = self.groups();
        if groups == 1 {
            return 0;
        }
        const HALF: u32 = usize::BITS / 2;
        // 2^BITS divided by the golden ratio: Knuth's multiplicative hashing.
        const GOLDEN: usize = (0x9E37_79B9_7F4A_7C15_u64 >> (64 - usize::BITS)) as usize;
        // Calls of one thread differ by less than 16 KiB, mostly.
        let hash = (sync::stack_address() >> 14).wrapping_mul(GOLDEN);
        // Both factors are below 2^32, so this does not overflow.
        (((hash >> HALF) as u64 * groups as u64) >> HALF) as usize
    }

    /// Applies `claim` to groups from `home` on until one has something; every group is asked before
    /// `None`.
    fn search<T>(&self, home: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        claim(home).or_else(|| self.search_others(home, claim))
    }

    /// The same after nothing was found at `home`.
    fn search_others<T>(&self, home: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        if self.has_summary() {
            self.search_by_summary(home, claim)
        } else if self.every_number_is_out() {
            None
        } else {
            (home + 1..self.groups()).chain(0..home).find_map(claim)
        }
    }

    /// Reads every word, without a branch for each: an exhausted pool is found out in a few
    /// nanoseconds, whatever the home. Relaxed: as in `claim_one`.
    fn every_number_is_out(&self) -> bool {
        let out = |group| self.words.word(group).load(Ordering::Relaxed) | !self.bits_of(group);
        (0..self.groups()).fold(usize::MAX, |all, group| all & out(group)) == usize::MAX
    }

    #[cold]
    fn search_by_summary<T>(&self, home: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        // C2: pairs with C1.
        let before = Cleanings(self.cleanings.load(Ordering::Acquire));
        let mut own = 0;
        let summaries = self.groups().div_ceil(GROUP);
        // S1: pairs with S2: a search led astray by a bit sees the cleaning.
        let full = |index| {
            self.words.summary(index).load(Ordering::Acquire) | !self.bits_of_summary(index)
        };
        let mut look = |index, from| match !full(index) & from {
            0 => None,
            candidates => self.claim_among(index, candidates, &claim, &mut own),
        };
        // Without a branch for each, as in `every_number_is_out`.
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
            // Someone changed the summary meanwhile, or was stopped while doing so.
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

impl<W: Words> Bitmap<W> {
    /// Takes up to `limit` free numbers that share a word, by one atomic read-modify-write: of the
    /// word of `near`, a number that the caller had to do with last, if it has free ones.
    ///
    /// `None` if all numbers are out, or `limit` is 0; fewer than `limit` does not mean that no more
    /// are free. Progress is that of [`take`](FreeSet::take).
    #[inline]
    pub fn take_neighbours(&self, limit: usize, near: Option<u32>) -> Option<Neighbours> {
        if limit == 0 {
            return None;
        }
        let near = near.filter(|&near| (near as usize) < self.words.capacity());
        let home = near.map_or_else(|| self.home(), |near| near as usize / GROUP);
        self.claim_neighbours(home, limit).or_else(|| self.search_neighbours(home, limit))
    }

    #[inline]
    fn claim_neighbours(&self, group: usize, limit: usize) -> Option<Neighbours> {
        let bits = self.claim_some(group, limit)?;
        Some(Neighbours::new(Self::first_number(group), bits))
    }

    #[inline(never)]
    fn search_neighbours(&self, home: usize, limit: usize) -> Option<Neighbours> {
        self.search_others(home, |group| self.claim_neighbours(group, limit))
    }
}

impl<W: Words> Sealed for Bitmap<W> {
    fn put(&self, number: u32, _: Internal) {
        let (group, bit) = Self::place(number);
        self.release(group, bit);
    }

    fn put_all(&self, numbers: &[u32], _: Internal) {
        if self.groups() == 1 {
            let bits = numbers.iter().fold(0, |bits, &number| bits | Self::place(number).1);
            if bits != 0 {
                self.release(0, bits);
            }
            return;
        }
        let mut returning = self.returning();
        for &number in numbers {
            let (group, bit) = Self::place(number);
            returning.add_bits(group, bit);
        }
    }
}

impl<W: Words> FreeSet for Bitmap<W> {
    fn capacity(&self) -> usize {
        self.words.capacity()
    }

    fn take(&self) -> Option<u32> {
        self.search(self.home(), |group| self.claim_one(group))
    }

    /// Those that [`take_neighbours`](Self::take_neighbours) takes.
    fn take_some(&self, numbers: &mut [u32], near: Option<u32>) -> usize {
        let Some(taken) = self.take_neighbours(numbers.len(), near) else {
            return 0;
        };
        let count = taken.len();
        // There is room for all of them.
        for (number, taken) in numbers.iter_mut().zip(taken) {
            *number = taken;
        }
        count
    }

    fn available(&self) -> usize {
        let free_in = |group| {
            let out = self.words.word(group).load(Ordering::Relaxed);
            (!out & self.bits_of(group)).count_ones() as usize
        };
        (0..self.groups()).map(free_in).sum()
    }
}

impl<const COUNT: usize> InPlace for Bitmap<Inline<COUNT>> {
    const COUNT: usize = COUNT;
    const ALL_FREE: Self = {
        check_count(COUNT);
        Self::with_words(Inline::new())
    };
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::vec::Vec;

    use super::{Bitmap, Cleanings, FreeSet, GROUP, InPlace, Inline, Words, lowest, lowest_bits};
    use crate::sync::{AtomicUsize, Ordering};

    /// As if every number had been taken, without a trace in the summary.
    fn take_behind_the_summary<W: Words>(set: &Bitmap<W>) {
        for group in 0..set.groups() {
            set.words.word(group).store(set.bits_of(group), Ordering::Relaxed);
        }
    }

    #[test]
    fn lowest_bits_of_a_word_and_of_those_set() {
        assert_eq!(lowest(0b1011_0100, 2), 0b0001_0100);
        assert_eq!(lowest(0b1011_0100, 4), 0b1011_0100);
        assert_eq!(lowest(0b1011_0100, 9), 0b1011_0100);
        assert_eq!(lowest(usize::MAX, 64), usize::MAX);
        assert_eq!((lowest_bits(3), lowest_bits(GROUP)), (0b111, usize::MAX));
    }

    #[test]
    fn cleanings_under_way_and_ended() {
        let start = Cleanings(usize::MAX << (usize::BITS / 2));
        assert!(start.none_under_way());
        assert!(!Cleanings(start.0 + Cleanings::BEGIN).none_under_way());
        let ended = Cleanings(start.0.wrapping_add(Cleanings::BEGIN).wrapping_add(Cleanings::END));
        assert!(ended.none_under_way() && ended != start && ended == start.advanced_by(1));
    }

    #[test]
    fn a_word_has_its_line_to_itself_and_a_summary_its_address() {
        fn check<const COUNT: usize>(words: &Inline<COUNT>) {
            // With 32-bit words it is one word: they are for processors without caches.
            let line = align_of::<Inline<COUNT>>();
            let groups = COUNT.div_ceil(GROUP);
            let summaries =
                if groups > Inline::<COUNT>::WITHOUT_SUMMARY { groups.div_ceil(GROUP) } else { 0 };
            let lines: Vec<usize> = (0..groups)
                .map(|group| core::ptr::from_ref(words.word(group)).addr() / line)
                .collect();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "{COUNT}");
            let addresses: Vec<usize> = (0..summaries)
                .map(|index| core::ptr::from_ref(words.summary(index)).addr())
                .collect();
            assert!(addresses.windows(2).all(|pair| pair[0] < pair[1]), "{COUNT}");
            let neighbours = addresses.chunks(Inline::<COUNT>::SUMMARIES);
            for row in neighbours {
                assert!(row.windows(2).all(|pair| pair[0] + size_of::<usize>() == pair[1]));
            }
            assert!(addresses.iter().all(|address| !lines.contains(&(address / line))), "{COUNT}");
        }
        macro_rules! check {
            ($($count:expr),+) => {$({
                static WORDS: Inline<{ $count }> = Inline::new();
                check(&WORDS);
            })+};
        }
        check!(1, 129, 2049, 4096, 4097, 4096 * 3 + 1, 4096 * 32, 4096 * 32 + 1, 4096 * 65);
    }

    #[test]
    fn a_summary_is_kept_from_the_33rd_word_on() {
        let without = Bitmap::<Inline<{ 32 * GROUP }>>::ALL_FREE;
        let with = Bitmap::<Inline<{ 32 * GROUP + 1 }>>::ALL_FREE;
        assert!(!without.has_summary() && with.has_summary());
    }

    #[test]
    fn threads_start_at_different_words() {
        const THREADS: usize = 16;
        let set = Bitmap::<Inline<{ 16 * GROUP }>>::ALL_FREE;
        // All at once, so that no two have the same stack.
        let all_live = Barrier::new(THREADS);
        let homes: BTreeSet<usize> = std::thread::scope(|scope| {
            let home = || {
                all_live.wait();
                let home = set.home();
                all_live.wait();
                home
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(home)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(homes.iter().all(|&home| home < 16));
        // About ten, were they chosen by dice.
        assert!(homes.len() >= 4, "{homes:?}");
    }

    /// The groups that a search from `home` asks, while none has what it wants.
    fn asked<W: Words>(set: &Bitmap<W>, home: usize) -> Vec<usize> {
        let asked = RefCell::new(Vec::new());
        let found: Option<()> = set.search(home, |group| {
            asked.borrow_mut().push(group);
            None
        });
        assert_eq!(found, None);
        asked.into_inner()
    }

    #[test]
    fn a_search_goes_round_from_its_home_and_asks_each_word_once() {
        let set = Bitmap::<Inline<{ 8 * GROUP }>>::ALL_FREE;
        for home in 0..8 {
            assert!(asked(&set, home).into_iter().eq((home..8).chain(0..home)));
        }
        take_behind_the_summary(&set);
        assert_eq!(asked(&set, 3), [3], "one look at all words says that none has any");
    }

    #[test]
    fn a_search_by_summary_goes_round_from_its_home_and_asks_each_word_once() {
        const GROUPS: usize = 2 * GROUP + 20;
        for home in [0, 5, GROUP, GROUP + 5, GROUPS - 1] {
            let set = Box::new(Bitmap::<Inline<{ GROUPS * GROUP }>>::ALL_FREE);
            take_behind_the_summary(&set);
            let asked_in_order = asked(&set, home);
            // The home itself first, before the summary is read.
            assert_eq!(asked_in_order[0], home);
            assert!(asked_in_order[1..].iter().copied().eq((home..GROUPS).chain(0..home)));
            assert_eq!(asked(&set, home), [home], "the summary says that no other has any");
        }
    }

    #[test]
    fn a_word_noted_as_full_that_is_not_leaves_no_trace() {
        let set = Box::new(Bitmap::<Inline<{ 40 * GROUP }>>::ALL_FREE);
        let summary = || set.words.summary(0).load(Ordering::Relaxed);
        set.words.word(3).store(usize::MAX, Ordering::Relaxed);
        set.mark_full(3);
        assert_eq!(summary(), 1 << 3);
        // A number of it came back just before.
        set.mark_full(5);
        assert_eq!(summary(), 1 << 3);
        let cleanings = Cleanings(set.cleanings.load(Ordering::Relaxed));
        assert!(cleanings == Cleanings(0).advanced_by(2) && cleanings.none_under_way());
    }

    #[test]
    fn a_note_left_half_done_hides_nothing() {
        let set = Box::new(Bitmap::<Inline<{ 40 * GROUP }>>::ALL_FREE);
        take_behind_the_summary(&set);
        assert_eq!(asked(&set, 0).len(), 1 + 40);
        // As if a thread had been stopped inside `mark_full`, after its first two steps, and
        // another had given back a number of the word between them.
        set.cleanings.fetch_add(Cleanings::BEGIN, Ordering::Relaxed);
        set.words.word(7).fetch_and(!1, Ordering::Relaxed);
        let taken = set.search(0, |group| set.claim_one(group));
        assert_eq!(taken, Some(7 * GROUP as u32));
    }

    /// Two words of summary, and something that happens when one is about to be read.
    struct Watched {
        words: Inline<{ 65 * GROUP }>,
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
        static SET: Bitmap<Watched> =
            Bitmap::with_words(Watched { words: Inline::new(), before_read });
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
        // It comes back before the other thread's look at the word.
        SET.words.word(7).fetch_and(!1, Ordering::Relaxed);
        let taken = SET.search(0, |group| SET.claim_one(group));
        assert_eq!(taken, Some(7 * GROUP as u32));
    }

    #[test]
    fn some_are_taken_near_the_number_named_if_there_is_such_a_number() {
        const COUNT: u32 = 8 * GROUP as u32;
        let set = Bitmap::<Inline<{ COUNT as usize }>>::ALL_FREE;
        for near in [0, GROUP as u32, 5 * GROUP as u32 + 9, COUNT - 1] {
            let mut some = [0; 3];
            assert_eq!(set.take_some(&mut some, Some(near)), 3);
            let group = near as usize / GROUP;
            assert!(some.iter().all(|&number| number as usize / GROUP == group), "{near}");
        }
        for beyond in [COUNT, u32::MAX] {
            assert_eq!(set.take_some(&mut [0; 3], Some(beyond)), 3);
        }
    }

    #[test]
    fn numbers_of_many_words_are_given_back_together() {
        let set = Box::new(Bitmap::<Inline<{ 300 * GROUP }>>::ALL_FREE);
        let numbers: Vec<u32> = core::iter::from_fn(|| set.take()).collect();
        assert_eq!(set.available(), 0);
        set.give_back_all(&numbers);
        assert_eq!(set.available(), 300 * GROUP);
    }

    #[test]
    fn an_exhausted_search_fills_the_summary_and_a_give_back_clears_it() {
        const WHOLE: u32 = (GROUP * GROUP) as u32;
        let set = Box::new(Bitmap::<Inline<{ WHOLE as usize + 1 }>>::ALL_FREE);
        while set.take().is_some() {}
        let summary = |index| set.words.summary(index).load(Ordering::Relaxed);
        assert_eq!(set.take(), None);
        assert_eq!((summary(0), summary(1)), (usize::MAX, 1));
        set.give_back(WHOLE);
        set.give_back(77);
        assert_eq!((summary(0), summary(1)), (usize::MAX & !(1 << (77 / GROUP)), 0));
        assert!(set.take().is_some() && set.take().is_some());
        assert_eq!(set.take(), None);
    }
}
