//! A bit for each index, in words on cache lines of their own, with a summary above many words.

mod bulk;
mod summary;
mod words;

pub use bulk::{Neighbours, Returning};
pub(crate) use words::{GROUP, Words};

use super::{AllFree, FreeList, FreeListKind, InitInPlace, Kind, Put, check_count};
use crate::align::OwnLine;
use crate::sync::{self, AtomicUsize, Ordering};
use words::{InlineWords, lowest, lowest_bits};

/// The lock-free free list, which every pool has unless told otherwise: one bit for each block, 1
/// while the block is out.
///
/// - Taking and giving back each cost one atomic read-modify-write when uncontended; with more than
///   32 words, a second one if the summary has to change. A take is retried only because another
///   thread took or gave back a block of the same word meanwhile; a give-back is never retried. An
///   interrupt handler may use the list at any moment. (Where an atomic operation is a pair of
///   load-link and store-conditional, as both are on Cortex-M3 and a take is on RISC-V, it is also
///   retried when an interrupt or a nearby write comes between the two.)
/// - A bit does not move and carries no tag, so there is no ABA hazard and no reuse distance.
/// - Many neighbouring blocks are taken, or given back, with one atomic operation.
/// - `None` means that every block was seen out during the search, or was being given back by a call
///   that had not returned; each at some instant, but not all at the same one. While other threads
///   take and give back, a search misses a block that comes back after it has passed. If there was no
///   instant at which all were out, another thread's take has succeeded for each block missed this
///   way.
/// - A thread starts at a word chosen by the address of its stack. Threads that the standard library
///   started one after the other, at most two fifths as many as words, have different ones; others
///   may share one by chance, and then slow each other down. If that word has no free block, the search goes on from the word where it
///   ended last time (with 32-bit words, from the first one) to the next that has. With up to 32 words
///   (2,048 blocks; 1,024 with 32-bit words) a search reads them all, beyond that a summary of 1 bit
///   for each word. Noting in it that a word has no free block costs up to five atomic operations. The
///   worst case is O(capacity ÷ word size).
/// - The summary's count of changes wraps: a search during which exactly a multiple of 2^32 (2^16
///   with 32-bit words) notes are made may wrongly return `None`, once. Nothing else depends on the
///   count.
/// - An index that is given back although it is free stays free; with debug assertions, that panics.
/// - All-zero memory is a free list with every block free, so a static lies in `.bss`.
///
/// Source: the two-level bitmap is folklore from the frame allocators of operating systems. A summary
/// bit can be set over a block that has just come back; the source code explains that hazard and its
/// cure.
#[derive(Debug, Clone, Copy)]
pub struct Bitmap;

impl Kind for Bitmap {}

impl FreeListKind for Bitmap {
    type List<const COUNT: usize> = BitmapList<InlineWords<COUNT>>;
}

/// The free list of [`Bitmap`].
#[derive(Debug)]
#[repr(C)]
pub struct BitmapList<W> {
    /// Tells a search that would return `None` whether the summary changed while it ran.
    ///
    /// First, so that no word has the offset in its page that a block of 512 bytes, or a multiple,
    /// has in its own: x86-64 would mistake a store just made to the block's front for one to the
    /// word, and wait.
    cleanings: OwnLine<AtomicUsize>,
    words: W,
}

impl<W: Words> BitmapList<W> {
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

    /// The bits of a group's word that stand for indices: all of them, except in the last group.
    #[inline] // A constant in small pools; a compiler that optimises for size would miss it.
    fn bits_of(&self, group: usize) -> usize {
        lowest_bits(self.words.capacity() - group * GROUP)
    }

    fn first_index(group: usize) -> u32 {
        // Indices fit u32.
        (group * GROUP) as u32
    }

    /// The group and the bit of an index.
    fn group_and_bit(index: u32) -> (usize, usize) {
        let index = index as usize;
        (index / GROUP, 1 << (index % GROUP))
    }

    /// Takes one index of a group.
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
                Ok(_) => return Some(Self::first_index(group) + free.trailing_zeros()),
                // Another thread took or gave back an index of this group: it made progress. (Or
                // the processor's store-conditional failed spuriously.)
                Err(now) => out = now,
            }
        }
    }

    /// Takes up to `limit` indices of a group and returns their bits.
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

    /// Gives back the indices that `bits` names in `group`.
    pub(super) fn release(&self, group: usize, bits: usize) {
        // Looked up before the atomic operation: a processor may make what follows wait for it.
        let summary = self.has_summary().then(|| self.summary_of(group));
        // G1: release pairs with T1 and T2: the thread that takes one of these indices next sees
        // what its last owner wrote. Every write to a word is a read-modify-write, so takes and
        // give-backs of other indices do not break the release sequence. Acquire pairs with M1: see
        // `mark_full`.
        let before = self.words.word(group).fetch_and(!bits, Ordering::AcqRel);
        debug_assert_eq!(before & bits, bits, "an index that was not out was given back");
        // Relaxed: M1's happens-before through the word makes the bit visible if it matters; and a
        // cleared bit is only a hint, which orders nothing.
        if let Some((summary, bit)) = summary
            && summary.load(Ordering::Relaxed) & bit != 0
        {
            summary.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// The group where this thread looks first: threads have separate stacks, whose addresses spread
    /// the threads over the groups. Only a hint.
    fn home(&self) -> usize {
        let groups = self.groups();
        if groups == 1 { 0 } else { home_at(sync::stack_address(), groups) }
    }

    /// Applies `claim` to groups from `home` on until one has something; every group is asked before
    /// it returns `None`.
    fn search<T>(&self, home: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        claim(home).or_else(|| self.search_others(home, claim))
    }

    /// The same, after nothing was found at `home`: from the group on where such a search found something
    /// last, since what comes back is scattered, and close behind `home` little has come back yet.
    #[cfg_attr(target_pointer_width = "64", inline(never))]
    fn search_others<T>(&self, home: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        let Some(hint) = self.words.hint(home) else { return self.search_behind(home, claim) };
        // Relaxed: only a hint. Zero, as at first, is `home` itself.
        let last = home ^ hint.load(Ordering::Relaxed);
        if last != home
            && let found @ Some(_) = claim(last)
        {
            return found;
        }
        self.search_behind(last, |group| {
            claim(group).inspect(|_| hint.store(home ^ group, Ordering::Relaxed))
        })
    }

    /// Asks every group after `start`, and those before it, in a circle.
    fn search_behind<T>(&self, start: usize, claim: impl Fn(usize) -> Option<T>) -> Option<T> {
        if self.has_summary() {
            self.search_by_summary(start, claim)
        } else if self.every_index_is_out() {
            None
        } else {
            (start + 1..self.groups()).chain(0..start).find_map(claim)
        }
    }

    /// Reads every word, without a branch for each: detects an exhausted pool in a few nanoseconds,
    /// whatever the home. Relaxed: as in `claim_one`.
    fn every_index_is_out(&self) -> bool {
        let out = |group| self.words.word(group).load(Ordering::Relaxed) | !self.bits_of(group);
        (0..self.groups()).fold(usize::MAX, |all, group| all & out(group)) == usize::MAX
    }
}

impl<W: Words> BitmapList<W> {
    /// Takes up to `limit` free indices that share a word, with one atomic read-modify-write: from
    /// the word of `near`, an index that the caller used last, if that word has free ones.
    ///
    /// `None` if all indices are out, or `limit` is 0; fewer than `limit` does not mean that no more
    /// are free. Progress is that of [`take`](FreeList::take).
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
        Some(Neighbours::new(Self::first_index(group), bits))
    }

    #[inline(never)]
    fn search_neighbours(&self, home: usize, limit: usize) -> Option<Neighbours> {
        self.search_others(home, |group| self.claim_neighbours(group, limit))
    }
}

impl<W: Words> Put for BitmapList<W> {
    fn put(&self, index: u32) {
        let (group, bit) = Self::group_and_bit(index);
        self.release(group, bit);
    }

    fn put_all(&self, indices: &[u32]) {
        if self.groups() == 1 {
            let bits = indices.iter().fold(0, |bits, &index| bits | Self::group_and_bit(index).1);
            if bits != 0 {
                self.release(0, bits);
            }
            return;
        }
        let mut returning = self.returning();
        for &index in indices {
            let (group, bit) = Self::group_and_bit(index);
            returning.add_bits(group, bit);
        }
    }
}

impl<W: Words> FreeList for BitmapList<W> {
    fn capacity(&self) -> usize {
        self.words.capacity()
    }

    fn take(&self) -> Option<u32> {
        self.search(self.home(), |group| self.claim_one(group))
    }

    /// Takes what [`take_neighbours`](Self::take_neighbours) takes.
    fn take_some(&self, indices: &mut [u32], near: Option<u32>) -> usize {
        let Some(taken) = self.take_neighbours(indices.len(), near) else {
            return 0;
        };
        let count = taken.len();
        // There is room for all of them.
        for (index, taken) in indices.iter_mut().zip(taken) {
            *index = taken;
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

impl<const COUNT: usize> AllFree for BitmapList<InlineWords<COUNT>> {
    const ALL_FREE: Self = {
        check_count(COUNT);
        Self::with_words(InlineWords::new())
    };
}

impl<const COUNT: usize> InitInPlace for BitmapList<InlineWords<COUNT>> {
    unsafe fn init(list: *mut Self) {
        const { check_count(COUNT) };
        // SAFETY: 1. the caller's promise; 2. a list consists of integers, all of them zero in
        // `ALL_FREE`.
        unsafe { list.write_bytes(0, 1) };
    }
}

/// The home of a thread whose stack has this address.
///
/// Addresses are wound around a circle that the groups divide: those of one stack stay together, and stacks one
/// after the other, as threads of the standard library have them (2 MiB and a guard page), lie a golden ratio of
/// the circle apart. That spreads any number of them evenly (Knuth, volume 3, section 6.4): while there are at
/// most two fifths as many as groups, no two share one.
#[inline]
fn home_at(address: usize, groups: usize) -> usize {
    const HALF: u32 = usize::BITS / 2;
    /// 2^64 divided by the golden ratio, and by the distance of two such stacks.
    const STEP: usize = (0x0000_04EF_442B_B61F_u64 >> (64 - usize::BITS)) as usize;
    let position = address.wrapping_mul(STEP);
    // Both factors are below 2^32, so this does not overflow.
    (((position >> HALF) as u64 * groups as u64) >> HALF) as usize
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::vec::Vec;

    use super::{AllFree, BitmapList, FreeList, GROUP, InlineWords, Words, home_at};
    use crate::sync::Ordering;

    pub(super) type List<const COUNT: usize> = BitmapList<InlineWords<COUNT>>;

    /// As if every index had been taken, without being noted in the summary.
    pub(super) fn take_behind_the_summary<W: Words>(list: &BitmapList<W>) {
        for group in 0..list.groups() {
            list.words.word(group).store(list.bits_of(group), Ordering::Relaxed);
        }
    }

    #[test]
    fn threads_in_a_row_have_homes_of_their_own() {
        /// From one stack to the next: 2 MiB and a guard page.
        const DISTANCE: usize = 0x0020_1000;
        let most = if usize::BITS == 64 { 1 << 10 } else { 64 };
        for groups in [3, 5, 8, 16, 17, 28, 32, 36, 57, 64, 92, 150, 1 << 10] {
            // The factor has 11 bits on 32-bit targets.
            if groups > most {
                continue;
            }
            let threads = groups * 2 / 5;
            for lowest in
                (1..200).map(|start: usize| start.wrapping_mul(0x1234_5678_9ABC_DEF0_u64 as usize))
            {
                let stacks = (0..threads).map(|thread| lowest.wrapping_add(thread * DISTANCE));
                let homes: BTreeSet<_> = stacks.map(|stack| home_at(stack, groups)).collect();
                assert_eq!(homes.len(), threads, "{threads} threads, {groups} groups");
                assert!(homes.last() < Some(&groups));
            }
        }
    }

    #[test]
    fn threads_start_at_different_words() {
        const THREADS: usize = 16;
        let list = List::<{ 16 * GROUP }>::ALL_FREE;
        // All at once, so that no two have the same stack.
        let all_live = Barrier::new(THREADS);
        let homes: BTreeSet<usize> = std::thread::scope(|scope| {
            let home = || {
                all_live.wait();
                let home = list.home();
                all_live.wait();
                home
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(home)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(homes.iter().all(|&home| home < 16));
        // About ten, if they were random.
        assert!(homes.len() >= 4, "{homes:?}");
    }

    /// The groups that a search from `home` asks, while none has what it wants.
    pub(super) fn asked<W: Words>(list: &BitmapList<W>, home: usize) -> Vec<usize> {
        let asked = RefCell::new(Vec::new());
        let found: Option<()> = list.search(home, |group| {
            asked.borrow_mut().push(group);
            None
        });
        assert_eq!(found, None);
        asked.into_inner()
    }

    #[test]
    fn a_search_goes_round_from_its_home_and_asks_each_word_once() {
        let list = List::<{ 8 * GROUP }>::ALL_FREE;
        for home in 0..8 {
            assert!(asked(&list, home).into_iter().eq((home..8).chain(0..home)));
        }
        take_behind_the_summary(&list);
        assert_eq!(asked(&list, 3), [3], "one look at all words says that none has any");
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_search_goes_on_from_where_it_found_something_last() {
        let list = List::<{ 8 * GROUP }>::ALL_FREE;
        let take =
            || list.search(2, |group| list.claim_one(group)).map(|index| index as usize / GROUP);
        (0..GROUP).for_each(|_| assert_eq!(take(), Some(2)));
        (0..GROUP).for_each(|_| assert_eq!(take(), Some(3)));
        assert_eq!(take(), Some(4));
        list.give_back(3 * GROUP as u32);
        assert_eq!(take(), Some(4), "not one that came back close behind the home");
        list.give_back(2 * GROUP as u32);
        assert_eq!(take(), Some(2), "but what came back to the home");
        take_behind_the_summary(&list);
        assert_eq!(asked(&list, 2), [2, 4]);
    }

    #[test]
    fn some_are_taken_near_the_index_named_if_there_is_one() {
        const COUNT: u32 = 8 * GROUP as u32;
        let list = List::<{ COUNT as usize }>::ALL_FREE;
        for near in [0, GROUP as u32, 5 * GROUP as u32 + 9, COUNT - 1] {
            let mut some = [0; 3];
            assert_eq!(list.take_some(&mut some, Some(near)), 3);
            let group = near as usize / GROUP;
            assert!(some.iter().all(|&index| index as usize / GROUP == group), "{near}");
        }
        for beyond in [COUNT, u32::MAX] {
            assert_eq!(list.take_some(&mut [0; 3], Some(beyond)), 3);
        }
    }

    #[test]
    fn indices_of_many_words_are_given_back_together() {
        let list = Box::new(List::<{ 300 * GROUP }>::ALL_FREE);
        let indices: Vec<u32> = core::iter::from_fn(|| list.take()).collect();
        assert_eq!(list.available(), 0);
        list.give_back_all(&indices);
        assert_eq!(list.available(), 300 * GROUP);
    }
}
