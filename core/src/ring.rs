//! A lock-free ring of chains of indices: first in, first out, for any number of producers and
//! consumers.
//!
//! Head and tail are positions: a *lap* and a slot. A slot is one word: the lap that will use it next,
//! the first index of a chain, and whether more indices follow it. It changes as follows, each step
//! with one compare-and-swap:
//!
//! ```text
//! (lap 0) --push a, b, c--> (lap 1, a, more) --pop a--> (lap 1, b, more) --pop b--> (lap 1, c) --push in lap 1--> ...
//! ```
//!
//! - A push writes the slot at the tail and then advances the tail. A thread that finds the slot at the
//!   tail already written advances the tail itself.
//! - A pop that leaves part of a chain changes the slot. A pop of the last index advances the head, and
//!   leaves the slot unchanged.
//!
//! No operation waits for another to be completed. With chains of one this is the queue NCQ of
//! Nikolaev ("A scalable, portable, and memory-efficient lock-free FIFO queue", 2019): a push costs
//! two compare-and-swaps, a pop one.
//!
//! Why a push may trust its compare-and-swap although the tail may have moved: a slot's lap only
//! increases, and the tail passes a position only after its slot was seen written. So if a slot still
//! waits for the lap of the tail that was read, the tail is still there. What was in the slot before is
//! popped: the pusher's own indices are not in the ring, so the ring has fewer chains than slots.
//!
//! Why a pop may trust the links of a chain, which it reads before it owns anything: it reads them only
//! if the slot says that more follow. The first index of such a chain is popped by changing the slot,
//! and is written to this slot only once in this lap. So if the slot is unchanged, no index of this
//! chain has been popped since, and nobody has changed a link. Otherwise the compare-and-swap fails,
//! and what was read is discarded.
//!
//! Reuse distance: a thread that is preempted between two of its reads, or between a read and its
//! compare-and-swap, is deceived only if a word wraps around meanwhile, to its old value or to the lap
//! before. That takes more pushes during that one preemption than the number of slots times (the number
//! of laps minus two): at least 2^62 with 64-bit words, 2^29 with 32-bit words.

use crate::align::OwnLine;
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
}

impl<const COUNT: usize> Slots for [QueueSlot; COUNT] {
    fn slots(&self) -> &[QueueSlot] {
        self
    }
}

impl Slots for &mut [QueueSlot] {
    fn slots(&self) -> &[QueueSlot] {
        self
    }
}

/// How a word divides into a value (low bits) and a lap (all the others) for a given number of slots.
#[derive(Clone, Copy)]
struct Layout {
    slots: usize,
    value_bits: u32,
}

impl Layout {
    fn of(slots: usize) -> Self {
        // A slot, or an index and a bit.
        Self { slots, value_bits: usize::BITS - (2 * slots - 1).leading_zeros() }
    }

    fn word(self, lap: usize, value: usize) -> usize {
        lap << self.value_bits | value
    }

    fn value(self, word: usize) -> usize {
        word & !(usize::MAX << self.value_bits)
    }

    fn lap(self, word: usize) -> usize {
        word >> self.value_bits
    }

    fn next_lap(self, lap: usize) -> usize {
        (lap + 1) & (usize::MAX >> self.value_bits)
    }

    /// The position after `position`: a word whose value is a slot.
    fn next(self, position: usize) -> usize {
        if self.value(position) + 1 < self.slots {
            position + 1
        } else {
            self.word(self.next_lap(self.lap(position)), 0)
        }
    }
}

/// What is left of a chain.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) first: u32,
    pub(crate) more: bool,
}

impl Chain {
    fn to_value(self) -> usize {
        (self.first as usize) << 1 | usize::from(self.more)
    }

    fn from_value(value: usize) -> Self {
        Self { first: (value >> 1) as u32, more: value & 1 == 1 }
    }
}

/// What was popped.
pub(crate) enum Popped {
    /// This one, the last of its chain.
    Last(u32),
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
#[derive(Default)]
struct Contention {
    failures: u32,
}

impl Contention {
    /// The longest wait is 2^5 pauses: about a microsecond on current x86-64.
    const MOST: u32 = 5;

    #[cold]
    fn back_off(&mut self) {
        for _ in 0..1 << self.failures {
            sync::spin_loop();
        }
        self.failures = (self.failures + 1).min(Self::MOST);
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
    fn layout(&self) -> Layout {
        Layout::of(self.slots.slots().len())
    }

    /// The slot of a position; never `None`.
    fn slot(&self, layout: Layout, position: usize) -> Option<&AtomicUsize> {
        let Some(slot) = self.slots.slots().get(layout.value(position)) else {
            no_such_slot();
            return None;
        };
        Some(&slot.0)
    }

    /// The word in the slot of a position, and what it says.
    fn look(slot: &AtomicUsize, layout: Layout, position: usize) -> (usize, Found) {
        // L1: pairs with W1 and W2. A push needs it too: the thread that pops what is pushed here
        // then sees the head that passed this slot before.
        let word = slot.load(Ordering::Acquire);
        let (lap, seen) = (layout.lap(position), layout.lap(word));
        let found = if seen == lap {
            Found::Nothing
        } else if seen == layout.next_lap(lap) {
            Found::Chain(Chain::from_value(layout.value(word)))
        } else {
            Found::Elsewhere
        };
        (word, found)
    }

    /// Advances head or tail from `position`; returns whether no other thread has done so.
    fn advance(end: &AtomicUsize, layout: Layout, position: usize) -> bool {
        let next = layout.next(position);
        // A1: pairs with A2, A3 and A4. A thread that reads a position sees every slot as it was seen
        // by the threads that moved the end there, and (by W2) by those that popped parts of the
        // chains on the way. So if nothing was pushed to the slot at the head, nothing was pushed
        // before the pops that led there. Relaxed on failure: nothing is concluded from it.
        end.compare_exchange(position, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Adds a chain. The caller guarantees that there is room: its indices are not in the ring, and the
    /// ring has a slot for each index.
    pub(crate) fn push(&self, chain: Chain) {
        let layout = self.layout();
        let mut contention = Contention::default();
        loop {
            // A2: pairs with A1.
            let tail = self.tail.load(Ordering::Acquire);
            let Some(slot) = self.slot(layout, tail) else { return };
            let (word, found) = Self::look(slot, layout, tail);
            match found {
                Found::Nothing => {
                    let lap = layout.next_lap(layout.lap(tail));
                    let full = layout.word(lap, chain.to_value());
                    // W1: pairs with L1: what the pusher wrote before, links included, goes with the
                    // chain. Relaxed on failure: another push took the slot and succeeded.
                    if slot
                        .compare_exchange(word, full, Ordering::Release, Ordering::Relaxed)
                        .is_ok()
                    {
                        Self::advance(&self.tail, layout, tail);
                        return;
                    }
                    contention.back_off();
                }
                Found::Chain(_) => {
                    // Most likely the thread that wrote it is about to advance the tail.
                    contention.back_off();
                    if self.tail.load(Ordering::Relaxed) == tail {
                        Self::advance(&self.tail, layout, tail);
                    }
                }
                // The tail has moved: other pushes succeeded.
                Found::Elsewhere => {}
            }
        }
    }

    /// Removes the oldest index, or several of its chain; `None` if the ring was empty at one instant
    /// during the call.
    ///
    /// If more than one index is left of the oldest chain, `cut` is given the first of them and returns
    /// the rest of the chain that is to stay: at least the last one. It may be called several times; the
    /// last call counts.
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
                    if Self::advance(&self.head, layout, head) {
                        return Some(Popped::Last(first));
                    }
                    contention.back_off();
                }
                Found::Chain(Chain { first, more: true }) => {
                    let left = layout.word(layout.lap(word), cut(first).to_value());
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
                    contention.back_off();
                }
                Found::Elsewhere => {}
            }
        }
    }

    /// How many indices are in the ring, counted up to `most`; exact when nobody pushes or pops.
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
                        let mut index = Some(chain.first);
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

    use super::{Chain, Layout, OwnLine, Popped, QueueSlot, Ring, Slots};
    use crate::sync::{AtomicUsize, Ordering};

    /// A ring whose ends and slots are some laps before the words wrap.
    fn near_the_wrap<const COUNT: usize>(laps_before: usize) -> Ring<[QueueSlot; COUNT]> {
        let layout = Layout::of(COUNT);
        let word = layout.word((usize::MAX >> layout.value_bits) - laps_before, 0);
        Ring {
            head: OwnLine(AtomicUsize::new(word)),
            tail: OwnLine(AtomicUsize::new(word)),
            slots: core::array::from_fn(|_| QueueSlot(AtomicUsize::new(word))),
        }
    }

    /// Every chain has one index.
    fn pop<P: Slots>(ring: &Ring<P>) -> Option<u32> {
        match ring.pop(|_| unreachable!("no chain has more")) {
            Some(Popped::Last(index)) => Some(index),
            Some(Popped::Cut) => unreachable!(),
            None => None,
        }
    }

    fn push<P: Slots>(ring: &Ring<P>, index: u32) {
        ring.push(Chain { first: index, more: false });
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
            first_in_first_out(&Ring::new([const { QueueSlot::new() }; COUNT]));
            for laps_before in 0..4 {
                first_in_first_out(&near_the_wrap::<COUNT>(laps_before));
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
        fn check<const COUNT: usize>() {
            const THREADS: usize = 3;
            // So that it wraps early, in the middle, and late.
            for laps_before in [0, 1, 30, 300] {
                let ring = &near_the_wrap::<COUNT>(laps_before);
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
        check::<3>();
        check::<5>();
        check::<7>();
    }

    #[test]
    fn the_reuse_distance_is_as_stated() {
        for slots in [1, 2, 3, 63, 64, 65, 4097, (1 << 27) + 1, (1 << 28) + 1, 1 << 29] {
            let layout = Layout::of(slots);
            for (word_bits, stated) in [(64, 1 << 62), (32, 1 << 29)] {
                let laps = 1_u128 << (word_bits - layout.value_bits);
                assert!((laps - 2) * slots as u128 >= stated, "{slots}, {word_bits}");
            }
            // All laps are used.
            let last = usize::MAX >> layout.value_bits;
            assert_eq!((layout.next_lap(last - 1), layout.next_lap(last)), (last, 0), "{slots}");
        }
    }

    #[test]
    fn a_value_has_as_many_bits_as_it_needs_and_laps_have_the_others() {
        for slots in [1, 2, 3, 63, 64, 65, 4097] {
            // The last index, with more to follow.
            let greatest = Chain { first: slots as u32 - 1, more: true }.to_value();
            let bits = Layout::of(slots).value_bits;
            assert_eq!((greatest >> bits, greatest >> (bits - 1)), (0, 1), "{slots}");
        }
    }

    /// Five indices in chains of 3 and 2, taken out at most `most` at a time.
    fn chains(most: usize) {
        let next = |index| [Some(4), None, None, Some(1), Some(2)][index as usize];
        let ring = near_the_wrap::<5>(1);
        for round in 0..20 {
            ring.push(Chain { first: 0, more: true });
            ring.push(Chain { first: 3, more: true });
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
                    Chain { first: left, more: next(left).is_some() }
                }) {
                    None => break,
                    Some(Popped::Last(index)) => popped.push(index),
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
        Chain { first, more: next_of_three(first).is_some() }
    }

    #[test]
    fn a_pop_that_another_overtakes_takes_what_that_one_left() {
        let ring = Ring::new([const { QueueSlot::new() }; 3]);
        ring.push(Chain { first: 0, more: true });
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
        let ring = Ring::new([const { QueueSlot::new() }; 3]);
        ring.push(Chain { first: 0, more: true });
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

    /// Slots that run a function before they are looked at for the second time: the first look counts
    /// them, and between the two an operation reads its end.
    struct Watched {
        slots: [QueueSlot; 2],
        looks: AtomicUsize,
        before_second: fn(),
    }

    impl Watched {
        const fn new(before_second: fn()) -> Self {
            let slots = [const { QueueSlot::new() }; 2];
            Self { slots, looks: AtomicUsize::new(usize::MAX / 2), before_second }
        }
    }

    impl Slots for Watched {
        fn slots(&self) -> &[QueueSlot] {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 1 {
                (self.before_second)();
            }
            &self.slots
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

    #[test]
    fn a_tail_left_behind_is_moved_on_by_others_and_hides_nothing() {
        let ring = Ring::new([const { QueueSlot::new() }; 3]);
        (0..3).for_each(|index| push(&ring, index));
        // As if the last pusher had been preempted before it moved the tail.
        ring.tail.store(2, Ordering::Relaxed);
        assert_eq!((len(&ring), pop(&ring)), (3, Some(0)));
        push(&ring, 0);
        assert_eq!(len(&ring), 3);
        assert_eq!((pop(&ring), pop(&ring), pop(&ring)), (Some(1), Some(2), Some(0)));
        assert_eq!((len(&ring), pop(&ring)), (0, None));
    }
}
