//! A lock-free ring of chains of blocks: first in, first out, for any number of producers and
//! consumers.
//!
//! Positions are numbered by a *lap* and a slot. A slot is one word: the lap that will use it next, the
//! first block of a chain, and whether more blocks follow it. It changes as follows, each step with one
//! compare-and-swap:
//!
//! ```text
//! (lap 0) --push a, b, c--> (lap 1, a, more) --pop a--> (lap 1, b, more) --pop b--> (lap 1, c) --push in lap 1--> ...
//! ```
//!
//! - A push writes the first position that is not written yet. The *tail* is a hint where to look: a
//!   push stores the position after its own there, and the next one goes on from it past those that
//!   others have written meanwhile.
//! - A pop that leaves part of a chain changes the slot. A pop of the last block advances the head, and
//!   leaves the slot unchanged.
//!
//! No operation waits for another to be completed: a push costs one compare-and-swap, a pop one. The
//! slots with their laps are those of NCQ (Nikolaev, "A scalable, portable, and memory-efficient
//! lock-free FIFO queue", 2019), whose push advances the tail with a second compare-and-swap.
//!
//! Why a push leaves no gap: a position is written only by a thread that knows the one before it to be
//! written, because it has seen that or, at the hint, because whoever stored the hint had written it. A
//! position that was written stays so. So the positions written are all those before some position, the
//! next to write, and a slot whose lap says that it waits for a position whose predecessor is written
//! is that one. The push's compare-and-swap succeeds only if it still is.
//!
//! What was in the slot before is popped: the pusher's own blocks are not in the ring, so the ring has
//! fewer chains than slots.
//!
//! What a late store of the hint can do: a thread that is preempted before it moves the hint back by as
//! many positions as others have pushed meanwhile. It is still the position after a written one. The
//! next push finds the end again by doubling its steps and starting over where they went too far, in
//! O(log² slots) of them, and stores a new hint. A hint that is a lap or more behind is corrected by the
//! lap that its slot shows.
//!
//! Why a pop may trust the links of a chain, which it reads before it owns anything: it reads them only
//! if the slot says that more follow. The first block of such a chain is popped by changing the slot,
//! and is written to this slot only once in this lap. So if the slot is unchanged, no block of this
//! chain has been popped since, and nobody has changed a link. Otherwise the compare-and-swap fails,
//! and what was read is discarded.
//!
//! The data range of a block that is alone, or the last of its chain, lies in the slot too if it leaves
//! enough bits for laps: see [`Layout::of`].
//!
//! Reuse distance: a thread that is preempted between two of its reads, or between a read and its
//! compare-and-swap, is deceived only if a word wraps around meanwhile, to its old value or to the lap
//! before. That takes more pushes than the number of slots times (the number of laps minus two). Two
//! preemptions may share them: one before a late store of the hint, and one of the thread that reads that
//! hint. So a preemption is harmless while fewer pushes than half of it are made during it: at least 2^61
//! with 64-bit words, 2^35 with data ranges in the slots, 2^28 with 32-bit words.

use crate::align::OwnLine;
use crate::block_state::BlockState;
use crate::bug::cannot_happen;
use crate::sync::{self, AtomicUsize, Ordering};

/// One slot of a [`Queue`](crate::Queue) over memory given at run time. All-zero; see
/// [`Queue::with_slots`](crate::Queue::with_slots).
#[derive(Debug)]
pub struct QueueSlot(AtomicUsize);

impl QueueSlot {
    /// An empty slot.
    #[expect(clippy::new_without_default, reason = "only made in arrays, by a constant")]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }
}

/// The slots of a ring, in a row.
pub(crate) trait Slots: Send + Sync {
    /// All slots, at least one.
    fn slots(&self) -> &[QueueSlot];

    /// For that many slots.
    fn layout(&self) -> Layout;
}

/// Slots for blocks of at most `SIZE` bytes.
pub(crate) struct SlotsInPlace<const SIZE: usize, const COUNT: usize>([QueueSlot; COUNT]);

impl<const SIZE: usize, const COUNT: usize> SlotsInPlace<SIZE, COUNT> {
    pub(crate) const fn new() -> Self {
        Self([const { QueueSlot::new() }; COUNT])
    }
}

impl<const SIZE: usize, const COUNT: usize> Slots for SlotsInPlace<SIZE, COUNT> {
    fn slots(&self) -> &[QueueSlot] {
        &self.0
    }

    #[inline]
    fn layout(&self) -> Layout {
        const { Layout::of(COUNT, SIZE) }
    }
}

/// Slots that were given at run time.
pub(crate) struct BorrowedSlots<'m> {
    slots: &'m [QueueSlot],
    layout: Layout,
}

impl<'m> BorrowedSlots<'m> {
    /// Empties all slots, of which there is at least one, for blocks of at most `block_size` bytes.
    pub(crate) fn new(slots: &'m mut [QueueSlot], block_size: usize) -> Self {
        slots.fill_with(QueueSlot::new);
        Self { layout: Layout::of(slots.len(), block_size), slots }
    }
}

impl Slots for BorrowedSlots<'_> {
    fn slots(&self) -> &[QueueSlot] {
        self.slots
    }

    #[inline]
    fn layout(&self) -> Layout {
        self.layout
    }
}

/// How a word divides into a value (low bits) and a lap (all the others). In a position, the value is a
/// slot; in a slot, it is a chain: a bit that says whether more follows, the index of its first block,
/// and perhaps the data range of that block.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    slots: usize,
    value_bits: u32,
    /// For each end of a data range; 0 if slots have none.
    offset_bits: u32,
}

impl Layout {
    /// At most this many bits for each end of a data range: 2^36 pushes until a word wraps around, see above.
    const MOST_OFFSET_BITS: u32 = 13;
    /// At least this many bits for laps beside a data range.
    const LEAST_LAP_BITS: u32 = 20;

    /// For a number of slots, and blocks of at most `block_size` bytes.
    pub(crate) const fn of(slots: usize, block_size: usize) -> Self {
        let value_bits = 1 + bits_for(slots - 1);
        let offset_bits = bits_for(block_size);
        let with_range = value_bits + 2 * offset_bits;
        if cfg!(target_pointer_width = "64")
            && offset_bits <= Self::MOST_OFFSET_BITS
            && with_range + Self::LEAST_LAP_BITS <= usize::BITS
        {
            Self { slots, value_bits: with_range, offset_bits }
        } else {
            Self { slots, value_bits, offset_bits: 0 }
        }
    }

    /// Whether slots have the data range of a block that nothing follows.
    #[inline]
    pub(crate) fn has_ranges(self) -> bool {
        cfg!(target_pointer_width = "64") && self.offset_bits > 0
    }

    #[inline]
    pub(crate) fn word(self, lap: usize, value: usize) -> usize {
        lap << self.value_bits | value
    }

    #[inline]
    fn value(self, word: usize) -> usize {
        word & !(usize::MAX << self.value_bits)
    }

    #[inline]
    fn lap(self, word: usize) -> usize {
        word >> self.value_bits
    }

    #[inline]
    pub(crate) fn greatest_lap(self) -> usize {
        usize::MAX >> self.value_bits
    }

    #[inline]
    fn next_lap(self, lap: usize) -> usize {
        (lap + 1) & self.greatest_lap()
    }

    /// The position `steps` after `position`, at most one lap.
    #[inline]
    fn after(self, position: usize, steps: usize) -> usize {
        let left = self.slots - self.value(position);
        if steps < left {
            position + steps
        } else {
            self.word(self.next_lap(self.lap(position)), steps - left)
        }
    }

    #[inline]
    fn next(self, position: usize) -> usize {
        self.after(position, 1)
    }

    /// Where the data range begins; all bits of an index and the one that says whether more follows are
    /// below.
    #[inline]
    fn range_shift(self) -> u32 {
        self.value_bits - 2 * self.offset_bits
    }

    #[inline]
    fn chain(self, value: usize) -> Chain {
        let more = value & 1 == 1;
        if !self.has_ranges() {
            return Chain { first: BlockState::empty((value >> 1) as u32), more };
        }
        let index = (value & !(usize::MAX << self.range_shift())) >> 1;
        let range = value >> self.range_shift();
        let (start, end) = (range & !(usize::MAX << self.offset_bits), range >> self.offset_bits);
        Chain { first: BlockState::empty(index as u32).with_range(start, end), more }
    }

    #[inline]
    fn chain_value(self, Chain { first, more }: Chain) -> usize {
        let value = (first.index() as usize) << 1 | usize::from(more);
        if !self.has_ranges() {
            return value;
        }
        let range = first.start() | first.end() << self.offset_bits;
        value | range << self.range_shift()
    }
}

/// How many bits a number up to `greatest` has.
const fn bits_for(greatest: usize) -> u32 {
    usize::BITS - greatest.leading_zeros()
}

/// What is left of a chain.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    /// The data range counts only if slots have ranges and nothing follows.
    pub(crate) first: BlockState,
    pub(crate) more: bool,
}

/// What was popped.
pub(crate) enum Popped {
    /// This one, the last of its chain; with its data range if slots have ranges.
    Last(BlockState),
    /// All before the first index of what `cut` left.
    Cut,
}

/// What a push or pop found at its position.
enum Found {
    /// Nothing was pushed in this lap.
    Nothing,
    /// This was pushed in this lap.
    Chain(Chain),
    /// The position is out of date.
    Elsewhere,
}

/// Backs off a little longer after each failure, up to a bound, so that one of several threads at the
/// same end succeeds. No thread waits *for* another: after the pause each continues.
#[derive(Clone, Copy, Default)]
struct Contention {
    failures: u32,
}

impl Contention {
    /// The longest wait is 2^5 pauses: about a microsecond on current x86-64.
    const MOST: u32 = 5;

    // By value: in memory, it would be written before each compare-and-swap, which waits for that.
    #[cold]
    #[inline(never)]
    fn backed_off(self) -> Self {
        for _ in 0..1 << self.failures {
            sync::spin_loop();
        }
        Self { failures: (self.failures + 1).min(Self::MOST) }
    }
}

/// The ring. An all-zero ring is empty.
#[derive(Debug)]
pub(crate) struct Ring<P> {
    head: OwnLine<AtomicUsize>,
    tail: OwnLine<AtomicUsize>,
    slots: P,
}

/// Calling this makes the compiler keep the other branches straight.
#[cold]
#[inline(never)]
fn no_such_slot() {
    cannot_happen();
}

impl<P> Ring<P> {
    /// A ring over empty slots.
    pub(crate) const fn new(slots: P) -> Self {
        Self { head: OwnLine(AtomicUsize::new(0)), tail: OwnLine(AtomicUsize::new(0)), slots }
    }
}

impl<P: Slots> Ring<P> {
    #[inline]
    pub(crate) fn layout(&self) -> Layout {
        self.slots.layout()
    }

    /// The slot of a position; never `None`.
    #[inline]
    fn slot(&self, layout: Layout, position: usize) -> Option<&AtomicUsize> {
        let Some(slot) = self.slots.slots().get(layout.value(position)) else {
            no_such_slot();
            return None;
        };
        Some(&slot.0)
    }

    /// The word in the slot of a position, and what it says.
    #[inline]
    fn look(slot: &AtomicUsize, layout: Layout, position: usize) -> (usize, Found) {
        // L1: pairs with W1 and W2. A push needs it too: the thread that pops what is pushed here
        // then sees the head that passed this slot before.
        let word = slot.load(Ordering::Acquire);
        let (lap, seen) = (layout.lap(position), layout.lap(word));
        let found = if seen == lap {
            Found::Nothing
        } else if seen == layout.next_lap(lap) {
            Found::Chain(layout.chain(layout.value(word)))
        } else {
            Found::Elsewhere
        };
        (word, found)
    }

    /// Adds a chain. The caller guarantees that there is room: its blocks are not in the ring, and the
    /// ring has a slot for each block.
    #[cfg_attr(target_pointer_width = "64", inline)]
    pub(crate) fn push(&self, chain: Chain) {
        // T1: pairs with T2, so that this thread sees as written what the one that stored the hint did.
        let position = self.tail.load(Ordering::Acquire);
        // Where code is not scarce, the usual case is apart: it needs neither a loop nor the stack.
        if cfg!(target_pointer_width = "64") && self.push_at(position, chain) {
            return;
        }
        self.push_from(position, chain);
    }

    /// Adds a chain at a position, which is the end or before it; returns whether it was the end.
    #[inline]
    fn push_at(&self, position: usize, chain: Chain) -> bool {
        let layout = self.layout();
        let Some(slot) = self.slot(layout, position) else { return true };
        let (word, Found::Nothing) = Self::look(slot, layout, position) else { return false };
        let lap = layout.next_lap(layout.lap(position));
        let full = layout.word(lap, layout.chain_value(chain));
        // W1: pairs with L1: what the pusher wrote before, links included, goes with the chain. F1:
        // Acquire on failure, as L1: another push took the slot, and the search for the end goes on from
        // there. It must see the slots before as that push did.
        let pushed =
            slot.compare_exchange(word, full, Ordering::Release, Ordering::Acquire).is_ok();
        if pushed {
            // T2: pairs with T1.
            self.tail.store(layout.next(position), Ordering::Release);
        }
        pushed
    }

    /// Adds a chain at the end, found from a position that [`push`](Self::push) got from the hint.
    #[cfg_attr(target_pointer_width = "64", cold, inline(never))]
    fn push_from(&self, mut position: usize, chain: Chain) {
        let mut contention = Contention::default();
        let mut is_written = cfg!(target_pointer_width = "64");
        while is_written || !self.push_at(position, chain) {
            contention = contention.backed_off();
            position = self.end_after(position);
            is_written = false;
        }
    }

    /// The first position that is not written, after one that was.
    fn end_after(&self, mut written: usize) -> usize {
        let layout = self.layout();
        let mut steps = 1;
        loop {
            let position = layout.after(written, steps);
            let Some(slot) = self.slot(layout, position) else { return position };
            let (word, found) = Self::look(slot, layout, position);
            match found {
                Found::Nothing if steps == 1 => return position,
                // Too far.
                Found::Nothing => steps = 1,
                Found::Chain(_) => {
                    written = position;
                    steps = layout.slots.min(2 * steps);
                }
                // A lap or more behind: the slot shows in which lap it was written last.
                Found::Elsewhere => {
                    let lap = layout.lap(word).wrapping_sub(1) & layout.greatest_lap();
                    debug_assert!(
                        lap.wrapping_sub(layout.lap(position)) & layout.greatest_lap()
                            < layout.greatest_lap() - 1,
                        "a slot is seen as it was before positions that are known to be written"
                    );
                    written = layout.word(lap, layout.value(position));
                    steps = 1;
                }
            }
        }
    }

    /// Advances the head from `position`; returns whether no other thread has done so.
    #[inline]
    fn advance(&self, layout: Layout, position: usize) -> bool {
        let next = layout.next(position);
        // A1: pairs with A3 and A4. A thread that reads a position sees every slot as it was seen by
        // the threads that moved the head there, and (by W2) by those that popped parts of the chains
        // on the way. So if nothing was pushed to the slot at the head, nothing was pushed before the
        // pops that led there. Relaxed on failure: nothing is concluded from it.
        self.head.compare_exchange(position, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Removes the oldest block, or several of its chain; `None` if the ring was empty at one instant
    /// during the call.
    ///
    /// If more than one block is left of the oldest chain, `cut` is given the index of the first of them
    /// and returns the rest of the chain that is to stay: at least the last one. It may be called several
    /// times; the last call counts.
    #[cfg_attr(target_pointer_width = "64", inline)]
    pub(crate) fn pop(&self, mut cut: impl FnMut(u32) -> Chain) -> Option<Popped> {
        let layout = self.layout();
        let mut contention = Contention::default();
        loop {
            // A3: pairs with A1.
            let head = self.head.load(Ordering::Acquire);
            let slot = self.slot(layout, head)?;
            let (word, found) = Self::look(slot, layout, head);
            match found {
                Found::Nothing => return None,
                Found::Chain(Chain { first, more: false }) => {
                    if self.advance(layout, head) {
                        return Some(Popped::Last(first));
                    }
                    contention = contention.backed_off();
                }
                Found::Chain(Chain { first, more: true }) => {
                    let left = layout.chain_value(cut(first.index()));
                    let left = layout.word(layout.lap(word), left);
                    // W2: pairs with L1: the thread that pops the rest, and advances the head, passes
                    // on what this popper saw (A1), such as a push of its own. What the pusher of the
                    // chain wrote is visible by L1, and stays visible to the thread that pops the rest:
                    // a read-modify-write does not break the release sequence that W1 heads. Relaxed on
                    // failure: another pop came first and succeeded.
                    if slot
                        .compare_exchange(word, left, Ordering::Release, Ordering::Relaxed)
                        .is_ok()
                    {
                        return Some(Popped::Cut);
                    }
                    contention = contention.backed_off();
                }
                Found::Elsewhere => {}
            }
        }
    }

    /// How many blocks are in the ring, counted up to `most`; exact when nobody pushes or pops.
    ///
    /// `next` returns the index that follows another in its chain.
    pub(crate) fn count(&self, most: usize, next: impl Fn(u32) -> Option<u32>) -> usize {
        let layout = self.layout();
        'again: loop {
            let mut count = 0;
            // A4: pairs with A1.
            let mut position = self.head.load(Ordering::Acquire);
            for _ in 0..layout.slots {
                let Some(slot) = self.slot(layout, position) else { break };
                match Self::look(slot, layout, position).1 {
                    Found::Nothing => break,
                    Found::Chain(chain) => {
                        let mut index = Some(chain.first.index());
                        while let Some(this) = index {
                            count += 1;
                            if count >= most {
                                return most;
                            }
                            index = next(this).filter(|_| chain.more);
                        }
                    }
                    // A lap has passed meanwhile.
                    Found::Elsewhere => continue 'again,
                }
                position = layout.next(position);
            }
            return count;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{Chain, Layout, OwnLine, Popped, QueueSlot, Ring, Slots, SlotsInPlace, bits_for};
    use crate::block_state::{BlockState, MAX_BLOCK_SIZE};
    use crate::sync::{AtomicUsize, Ordering};

    /// Blocks that have their data ranges in the slots, and blocks that do not.
    const SMALL: usize = 2048;
    const LARGE: usize = MAX_BLOCK_SIZE;

    fn empty<const SIZE: usize, const COUNT: usize>() -> Ring<SlotsInPlace<SIZE, COUNT>> {
        Ring::new(SlotsInPlace::new())
    }

    /// A ring whose ends and slots are some laps before the words wrap.
    fn near_the_wrap<const SIZE: usize, const COUNT: usize>(
        laps_before: usize,
    ) -> Ring<SlotsInPlace<SIZE, COUNT>> {
        let layout = Layout::of(COUNT, SIZE);
        let word = layout.word(layout.greatest_lap() - laps_before, 0);
        Ring {
            head: OwnLine(AtomicUsize::new(word)),
            tail: OwnLine(AtomicUsize::new(word)),
            slots: SlotsInPlace(core::array::from_fn(|_| QueueSlot(AtomicUsize::new(word)))),
        }
    }

    /// With a data range that differs from block to block.
    fn state(index: u32) -> BlockState {
        BlockState::empty(index).with_range(index as usize % 2000, 2048 - index as usize % 40)
    }

    fn push<P: Slots>(ring: &Ring<P>, index: u32) {
        ring.push(Chain { first: state(index), more: false });
    }

    /// Every chain has one block.
    fn pop<P: Slots>(ring: &Ring<P>) -> Option<u32> {
        match ring.pop(|_| unreachable!("no chain has more"))? {
            Popped::Last(last) => {
                assert!(last == state(last.index()) || !ring.layout().has_ranges());
                Some(last.index())
            }
            Popped::Cut => unreachable!(),
        }
    }

    fn len<P: Slots>(ring: &Ring<P>) -> usize {
        ring.count(usize::MAX, |_| None)
    }

    fn first_in_first_out<P: Slots>(ring: &Ring<P>) {
        let count = ring.slots.slots().len() as u32;
        for round in 0..5 {
            assert_eq!((pop(ring), len(ring)), (None, 0), "round {round}");
            for index in 0..count {
                push(ring, index);
                assert_eq!(len(ring), index as usize + 1);
            }
            for index in 0..count {
                assert_eq!(pop(ring), Some(index));
            }
            // Shift the ends, so that each round starts at another slot.
            push(ring, 0);
            assert_eq!(pop(ring), Some(0));
        }
    }

    #[test]
    fn first_in_first_out_at_any_size_and_over_the_wrap_of_laps() {
        fn check<const COUNT: usize>() {
            first_in_first_out(&empty::<SMALL, COUNT>());
            first_in_first_out(&empty::<LARGE, COUNT>());
            for laps_before in 0..4 {
                first_in_first_out(&near_the_wrap::<SMALL, COUNT>(laps_before));
                first_in_first_out(&near_the_wrap::<LARGE, COUNT>(laps_before));
            }
        }
        check::<1>();
        check::<2>();
        check::<3>();
        check::<7>();
        check::<8>();
        check::<100>();
    }

    /// At least as many indices as threads, so a pop always finds one.
    #[test]
    fn threads_go_over_the_wrap_of_laps_and_find_every_index() {
        fn check<const SIZE: usize, const COUNT: usize>() {
            const THREADS: usize = 3;
            // So that it wraps early, in the middle, and late.
            for laps_before in [0, 1, 30, 300] {
                let ring = &near_the_wrap::<SIZE, COUNT>(laps_before);
                (0..COUNT as u32).for_each(|index| push(ring, index));
                std::thread::scope(|scope| {
                    let threads = [(); THREADS].map(|()| {
                        scope.spawn(|| {
                            for _ in 0..1_000 {
                                push(ring, pop(ring).expect("one is in for each thread"));
                            }
                        })
                    });
                    // For ThreadSanitizer, which does not see the end of the scope.
                    for thread in threads {
                        thread.join().expect("no thread panicked");
                    }
                });
                let lap = ring.layout().lap(ring.head.load(Ordering::Relaxed));
                assert!(lap < 3 * 1_000, "it did not wrap");
                let mut left: Vec<u32> = core::iter::from_fn(|| pop(ring)).collect();
                left.sort_unstable();
                assert!(left.into_iter().eq(0..COUNT as u32), "lost or doubled");
                assert_eq!(len(ring), 0);
            }
        }
        check::<SMALL, 3>();
        check::<SMALL, 5>();
        check::<SMALL, 7>();
        check::<LARGE, 5>();
    }

    #[test]
    fn the_reuse_distance_is_as_stated() {
        for slots in [1, 2, 3, 63, 64, 65, 4097, (1 << 27) + 1, (1 << 28) + 1, 1 << 29] {
            for block_size in [1, 64, 2048, 4096, 8191, 8192, MAX_BLOCK_SIZE] {
                let layout = Layout::of(slots, block_size);
                let laps = layout.greatest_lap() as u128 + 1;
                let stated = match (layout.has_ranges(), usize::BITS) {
                    (true, _) => 1 << 35,
                    (false, 64) => 1 << 61,
                    (false, _) => 1 << 28,
                };
                // Each of two preemptions.
                assert!((laps - 2) * slots as u128 / 2 >= stated, "{slots}, {block_size}");
                // All laps are used.
                let last = layout.greatest_lap();
                let next = (layout.next_lap(last - 1), layout.next_lap(last));
                assert_eq!(next, (last, 0), "{slots}");
            }
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_usual_blocks_have_their_ranges_in_the_slots() {
        for (slots, block_size) in [(1, 1), (1024, 2048), (65_536, 4096), (1 << 17, 8191)] {
            assert!(Layout::of(slots, block_size).has_ranges());
        }
        for (slots, block_size) in [(1, 8192), (1 << 20, 2048)] {
            assert!(!Layout::of(slots, block_size).has_ranges());
        }
    }

    #[test]
    fn a_value_has_as_many_bits_as_it_needs_and_laps_have_the_others() {
        for slots in [1, 2, 3, 63, 64, 65, 4097] {
            for block_size in [SMALL, LARGE] {
                let layout = Layout::of(slots, block_size);
                // The last block, full, with more to follow.
                let last = BlockState::empty(slots as u32 - 1).with_range(block_size, block_size);
                let chain = Chain { first: last, more: true };
                let greatest = layout.chain_value(chain);
                assert_eq!(bits_for(greatest), layout.value_bits, "{slots}");
                let back = layout.chain(greatest);
                assert_eq!((back.first.index(), back.more), (last.index(), true));
                assert!(back.first == last || !layout.has_ranges());
            }
        }
    }

    #[test]
    fn a_position_some_steps_on_is_that_many_times_the_next() {
        for slots in [1, 2, 5, 64] {
            let layout = Layout::of(slots, 2048);
            let mut position = layout.word(layout.greatest_lap(), slots / 2);
            let from = position;
            for steps in 0..=slots {
                assert_eq!(layout.after(from, steps), position, "{slots}");
                position = layout.next(position);
            }
        }
    }

    /// Five indices in chains of 3 and 2, taken out at most `most` at a time.
    fn chains(most: usize) {
        let next = |index| [Some(4), None, None, Some(1), Some(2)][index as usize];
        let chain = |first| Chain { first: state(first), more: next(first).is_some() };
        let ring = near_the_wrap::<SMALL, 5>(1);
        for round in 0..20 {
            ring.push(chain(0));
            ring.push(chain(3));
            assert_eq!(ring.count(usize::MAX, next), 5);
            let mut popped = Vec::new();
            loop {
                let mut some = Vec::new();
                match ring.pop(|first| {
                    some = Vec::from([first]);
                    let mut left = next(first).unwrap();
                    while let Some(after) = next(left)
                        && some.len() < most
                    {
                        some.push(left);
                        left = after;
                    }
                    chain(left)
                }) {
                    None => break,
                    Some(Popped::Last(last)) => popped.push(last.index()),
                    Some(Popped::Cut) => popped.extend(some),
                }
                assert_eq!(ring.count(usize::MAX, next), 5 - popped.len());
                assert_eq!(ring.count(1, next), usize::from(popped.len() < 5));
            }
            assert_eq!(popped, [0, 4, 2, 3, 1], "round {round}");
        }
    }

    #[test]
    fn a_chain_is_taken_whole_or_from_its_front() {
        (1..=5).for_each(chains);
    }

    /// 0, then 1, then 2.
    fn next_of_three(index: u32) -> Option<u32> {
        Some(index + 1).filter(|&next| next < 3)
    }

    /// What to leave of [`next_of_three`] after `index`.
    fn left_after(index: u32) -> Chain {
        let first = index + 1;
        Chain { first: state(first), more: next_of_three(first).is_some() }
    }

    /// 0, 1 and 2.
    fn three() -> Chain {
        Chain { first: state(0), more: true }
    }

    #[test]
    fn a_pop_that_another_overtakes_takes_what_that_one_left() {
        let ring = empty::<SMALL, 3>();
        ring.push(three());
        let mut told = Vec::new();
        let popped = ring.pop(|first| {
            told.push(first);
            if first == 0 {
                assert!(matches!(ring.pop(left_after), Some(Popped::Cut)));
            }
            left_after(first)
        });
        assert!(matches!(popped, Some(Popped::Cut)));
        assert_eq!(told, [0, 1]);
        assert_eq!((pop(&ring), pop(&ring)), (Some(2), None));
    }

    #[test]
    fn a_count_that_a_lap_overtakes_starts_over() {
        let ring = empty::<SMALL, 3>();
        ring.push(three());
        let mut overtaken = false;
        let overtaken = core::cell::Cell::from_mut(&mut overtaken);
        let count = ring.count(usize::MAX, |index| {
            if !overtaken.replace(true) {
                while ring.pop(left_after).is_some() {}
                // The second and third slot, and in the next lap the first and second.
                (0..2).for_each(|index| push(&ring, index));
                assert_eq!((pop(&ring), pop(&ring)), (Some(0), Some(1)));
                (0..2).for_each(|index| push(&ring, index));
            }
            next_of_three(index)
        });
        assert_eq!(count, 2);
    }

    /// Slots that run a function before they are looked at for the first time: by then an operation has
    /// read its end.
    struct Watched {
        slots: [QueueSlot; 2],
        looks: AtomicUsize,
        before_first: fn(),
    }

    impl Watched {
        const fn new(before_first: fn()) -> Self {
            let slots = [const { QueueSlot::new() }; 2];
            Self { slots, looks: AtomicUsize::new(usize::MAX / 2), before_first }
        }
    }

    impl Slots for Watched {
        fn slots(&self) -> &[QueueSlot] {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 0 {
                (self.before_first)();
            }
            &self.slots
        }

        fn layout(&self) -> Layout {
            Layout::of(2, SMALL)
        }
    }

    #[test]
    fn a_push_that_a_lap_overtakes_starts_over() {
        static RING: Ring<Watched> = Ring::new(Watched::new(|| {
            for _ in 0..2 {
                push(&RING, 1);
                assert_eq!(pop(&RING), Some(1));
            }
            push(&RING, 1);
        }));
        RING.slots.looks.store(0, Ordering::Relaxed);
        push(&RING, 0);
        assert_eq!((pop(&RING), pop(&RING), pop(&RING)), (Some(1), Some(0), None));
    }

    #[test]
    fn a_pop_that_a_lap_overtakes_starts_over() {
        static RING: Ring<Watched> = Ring::new(Watched::new(|| {
            for _ in 0..2 {
                assert_eq!(pop(&RING), Some(0));
                push(&RING, 0);
            }
        }));
        push(&RING, 0);
        RING.slots.looks.store(0, Ordering::Relaxed);
        assert_eq!((pop(&RING), pop(&RING)), (Some(0), None));
    }

    /// As if the last pusher had been preempted before it stored the hint, for any number of pushes.
    #[test]
    fn a_hint_left_behind_loses_nothing_and_hides_nothing() {
        const SLOTS: u32 = 70;
        for pushed in 0..250_u32 {
            for hint in [0, pushed / 3, pushed / 2, pushed.saturating_sub(1), pushed] {
                let ring = &empty::<SMALL, { SLOTS as usize }>();
                for index in 0..pushed {
                    push(ring, index % SLOTS);
                    if index >= SLOTS - 1 {
                        assert_eq!(pop(ring), Some((index + 1) % SLOTS));
                    }
                }
                let hint = ring.layout().word((hint / SLOTS) as usize, (hint % SLOTS) as usize);
                ring.tail.store(hint, Ordering::Relaxed);
                push(ring, pushed % SLOTS);
                let left = pushed.saturating_sub(SLOTS - 1)..=pushed;
                assert_eq!(len(ring), left.clone().count());
                for index in left {
                    assert_eq!(pop(ring), Some(index % SLOTS), "{pushed}");
                }
                assert_eq!(pop(ring), None);
            }
        }
    }
}
