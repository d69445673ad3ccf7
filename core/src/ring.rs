//! A lock-free ring of chains of numbers: first in, first out, for any number of producers and
//! consumers.
//!
//! Head and tail are positions: a *lap* and the index of a place. A place is one word: the lap that
//! will use it next, the first number of a chain, and whether more numbers follow it. It goes, each
//! step by one compare-and-swap:
//!
//! ```text
//! (lap 0) --push a, b, c--> (lap 1, a, more) --pop a--> (lap 1, b, more) --pop b--> (lap 1, c) --push in lap 1--> ...
//! ```
//!
//! - A push writes the place at the tail and then moves the tail on. Whoever finds a tail whose
//!   place is written already moves it on himself.
//! - A pop of all but the last of a chain changes the place. A pop of the last one moves the head
//!   on, and leaves the place as it is.
//!
//! So no step is ever half done, and nobody waits. With chains of one this is the queue NCQ of
//! Nikolaev ("A scalable, portable, and memory-efficient lock-free FIFO queue", 2019): a push costs
//! two compare-and-swaps, a pop one.
//!
//! Why a push may trust its compare-and-swap although the tail moves under it: a place's laps only
//! go up, and the tail passes a position only after its place was seen written, so a place that
//! still waits for the lap of the tail read before is where the tail still stands. What was in it
//! before is popped: the pusher's own numbers are not in the ring, so fewer chains than places are.
//!
//! Why a pop may trust the links of a chain, which it reads before it owns anything: it reads them
//! only where the place says that more follow. The first number of such a chain is popped by
//! changing the place, and comes to this place in this lap only once. So if the place is still the
//! same, nothing of this chain was popped since, and nobody has changed a link. If it is not, the
//! compare-and-swap fails, and what was read is forgotten.
//!
//! Reuse distance: a thread that is stopped between two of its reads, or a read and its
//! compare-and-swap, is fooled only if a word has come round meanwhile to what it was, or nearly: to
//! the lap before. That takes more pushes during that one stop than the places, times two less than a
//! word has laps: at least 2^62 with 64-bit words, 2^29 with 32-bit words.

use crate::align::OwnLine;
use crate::sync::{self, AtomicUsize, Ordering};

/// One place of a [`Queue`](crate::Queue) over memory given at run time. All-zero; see
/// [`Queue::with_places`](crate::Queue::with_places).
#[derive(Debug)]
pub struct Place(AtomicUsize);

impl Place {
    /// An empty place.
    #[expect(clippy::new_without_default, reason = "only made in arrays, by a constant")]
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }
}

/// The places of a ring, in a row.
pub trait Places: Send + Sync {
    /// All places, at least one.
    fn places(&self) -> &[Place];
}

impl<const COUNT: usize> Places for [Place; COUNT] {
    fn places(&self) -> &[Place] {
        self
    }
}

impl Places for &mut [Place] {
    fn places(&self) -> &[Place] {
        self
    }
}

/// How a word divides into a value (low bits) and a lap (all the others) for a number of places.
#[derive(Clone, Copy)]
struct Layout {
    places: usize,
    value_bits: u32,
}

impl Layout {
    fn of(places: usize) -> Self {
        // An index, or a number and a bit.
        Self { places, value_bits: usize::BITS - (2 * places - 1).leading_zeros() }
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

    /// The position after `position`: a word whose value is an index.
    fn next(self, position: usize) -> usize {
        if self.value(position) + 1 < self.places {
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
    /// All before the first number of what `cut` left.
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

/// Waits a little longer after each failure, up to a bound, so that of several threads at one end
/// one comes through. Nobody waits *for* another: after the wait everyone goes on.
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

/// The ring. All-zero is empty.
#[derive(Debug)]
pub(crate) struct Ring<P> {
    head: OwnLine<AtomicUsize>,
    tail: OwnLine<AtomicUsize>,
    places: P,
}

/// For a branch that is never taken, and that the compiler would end in a panic otherwise: a call tells
/// it to keep the others straight.
#[cold]
#[inline(never)]
fn no_such_place() {}

impl<P> Ring<P> {
    /// A ring over empty places.
    pub(crate) const fn new(places: P) -> Self {
        Self { head: OwnLine(AtomicUsize::new(0)), tail: OwnLine(AtomicUsize::new(0)), places }
    }
}

impl<P: Places> Ring<P> {
    fn layout(&self) -> Layout {
        Layout::of(self.places.places().len())
    }

    /// The place of a position; `None` never is.
    fn place(&self, layout: Layout, position: usize) -> Option<&AtomicUsize> {
        let Some(place) = self.places.places().get(layout.value(position)) else {
            no_such_place();
            return None;
        };
        Some(&place.0)
    }

    /// The word of the place of a position, and what it says.
    fn look(place: &AtomicUsize, layout: Layout, position: usize) -> (usize, Found) {
        // L1: pairs with W1 and W2. A push needs it too: whoever pops what is pushed here then sees
        // the head that passed this place before.
        let word = place.load(Ordering::Acquire);
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

    /// Moves head or tail on from `position`, and says whether nobody else did.
    fn advance(end: &AtomicUsize, layout: Layout, position: usize) -> bool {
        let next = layout.next(position);
        // A1: pairs with A2, A3 and A4. Who reads a position sees every place as those saw it who
        // moved the end there, and (by W2) those who popped parts of the chains on the way: so a
        // place that nothing was pushed to, at the head, means that nothing was pushed before the
        // pops that led there. Relaxed on failure: nothing is concluded from it.
        end.compare_exchange(position, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Puts in a chain. The caller vouches that there is room: its numbers are not in the ring, and
    /// the ring has a place for each number.
    pub(crate) fn push(&self, chain: Chain) {
        let layout = self.layout();
        let mut contention = Contention::default();
        loop {
            // A2: pairs with A1.
            let tail = self.tail.load(Ordering::Acquire);
            let Some(place) = self.place(layout, tail) else { return };
            let (word, found) = Self::look(place, layout, tail);
            match found {
                Found::Nothing => {
                    let lap = layout.next_lap(layout.lap(tail));
                    let full = layout.word(lap, chain.to_value());
                    // W1: pairs with L1: what the pusher wrote before, links included, goes with
                    // the chain. Relaxed on failure: another push took the place, its success.
                    if place
                        .compare_exchange(word, full, Ordering::Release, Ordering::Relaxed)
                        .is_ok()
                    {
                        Self::advance(&self.tail, layout, tail);
                        return;
                    }
                    contention.back_off();
                }
                Found::Chain(_) => {
                    // Most likely the one who wrote it is about to move the tail on.
                    contention.back_off();
                    if self.tail.load(Ordering::Relaxed) == tail {
                        Self::advance(&self.tail, layout, tail);
                    }
                }
                // The tail moved on meanwhile, by others' success.
                Found::Elsewhere => {}
            }
        }
    }

    /// Takes out the oldest number, or several of its chain; `None` if there was none at one
    /// instant during the call.
    ///
    /// If more than one number is left of the oldest chain, `cut` is told the first of it, and
    /// returns what to leave in of it: at least the last one. It may be called several times, the
    /// last time counts.
    pub(crate) fn pop(&self, mut cut: impl FnMut(u32) -> Chain) -> Option<Popped> {
        let layout = self.layout();
        let mut contention = Contention::default();
        loop {
            // A3: pairs with A1.
            let head = self.head.load(Ordering::Acquire);
            let place = self.place(layout, head)?;
            let (word, found) = Self::look(place, layout, head);
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
                    // W2: pairs with L1: whoever pops the rest, and moves the head on, hands on what
                    // this popper saw (A1), such as a push of its own. What the pusher of the chain
                    // wrote is visible by L1, and stays so for who pops the rest: a
                    // read-modify-write does not break the sequence that W1 heads. Relaxed on
                    // failure: another pop was first, its success.
                    if place
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

    /// How many numbers are in the ring, counted up to `most`; exact when nobody pushes or pops.
    ///
    /// `next` tells the number that follows another in its chain.
    pub(crate) fn count(&self, most: usize, next: impl Fn(u32) -> Option<u32>) -> usize {
        let layout = self.layout();
        'again: loop {
            let mut count = 0;
            // A4: pairs with A1.
            let mut position = self.head.load(Ordering::Acquire);
            for _ in 0..layout.places {
                let Some(place) = self.place(layout, position) else { break };
                match Self::look(place, layout, position).1 {
                    Found::Nothing => break,
                    Found::Chain(chain) => {
                        let mut number = Some(chain.first);
                        while let Some(this) = number {
                            count += 1;
                            if count >= most {
                                return most;
                            }
                            number = next(this).filter(|_| chain.more);
                        }
                    }
                    // A lap went by meanwhile.
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

    use super::{Chain, Layout, OwnLine, Place, Places, Popped, Ring};
    use crate::sync::{AtomicUsize, Ordering};

    /// A ring whose ends and places stand some laps before the words wrap.
    fn near_the_wrap<const COUNT: usize>(laps_before: usize) -> Ring<[Place; COUNT]> {
        let layout = Layout::of(COUNT);
        let word = layout.word((usize::MAX >> layout.value_bits) - laps_before, 0);
        Ring {
            head: OwnLine(AtomicUsize::new(word)),
            tail: OwnLine(AtomicUsize::new(word)),
            places: core::array::from_fn(|_| Place(AtomicUsize::new(word))),
        }
    }

    /// Every chain is of one number.
    fn pop<P: Places>(ring: &Ring<P>) -> Option<u32> {
        match ring.pop(|_| unreachable!("no chain has more")) {
            Some(Popped::Last(number)) => Some(number),
            Some(Popped::Cut) => unreachable!(),
            None => None,
        }
    }

    fn push<P: Places>(ring: &Ring<P>, number: u32) {
        ring.push(Chain { first: number, more: false });
    }

    fn len<P: Places>(ring: &Ring<P>) -> usize {
        ring.count(usize::MAX, |_| None)
    }

    fn first_in_first_out<P: Places>(ring: &Ring<P>) {
        let count = ring.places.places().len() as u32;
        for round in 0..5 {
            assert_eq!((pop(ring), len(ring)), (None, 0), "round {round}");
            for number in 0..count {
                push(ring, number);
                assert_eq!(len(ring), number as usize + 1);
            }
            for number in 0..count {
                assert_eq!(pop(ring), Some(number));
            }
            // Shift the ends, so that a round starts at another place.
            push(ring, 0);
            assert_eq!(pop(ring), Some(0));
        }
    }

    #[test]
    fn first_in_first_out_at_any_size_and_over_the_wrap_of_laps() {
        fn check<const COUNT: usize>() {
            first_in_first_out(&Ring::new([const { Place::new() }; COUNT]));
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

    /// As many numbers as threads or more, so a pop always finds one.
    #[test]
    fn threads_go_over_the_wrap_of_laps_and_find_every_number() {
        fn check<const COUNT: usize>() {
            const THREADS: usize = 3;
            // So that it wraps early, in the middle, and late.
            for laps_before in [0, 1, 30, 300] {
                let ring = &near_the_wrap::<COUNT>(laps_before);
                (0..COUNT as u32).for_each(|number| push(ring, number));
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
        for places in [1, 2, 3, 63, 64, 65, 4097, (1 << 27) + 1, (1 << 28) + 1, 1 << 29] {
            let layout = Layout::of(places);
            for (word_bits, stated) in [(64, 1 << 62), (32, 1 << 29)] {
                let laps = 1_u128 << (word_bits - layout.value_bits);
                assert!((laps - 2) * places as u128 >= stated, "{places}, {word_bits}");
            }
            // They are all used.
            let last = usize::MAX >> layout.value_bits;
            assert_eq!((layout.next_lap(last - 1), layout.next_lap(last)), (last, 0), "{places}");
        }
    }

    #[test]
    fn a_value_has_as_many_bits_as_it_needs_and_laps_have_the_others() {
        for places in [1, 2, 3, 63, 64, 65, 4097] {
            // The last number, with more to follow.
            let greatest = Chain { first: places as u32 - 1, more: true }.to_value();
            let bits = Layout::of(places).value_bits;
            assert_eq!((greatest >> bits, greatest >> (bits - 1)), (0, 1), "{places}");
        }
    }

    /// Five numbers in chains of 3 and 2, taken out by at most `most` at a time.
    fn chains(most: usize) {
        let next = |number| [Some(4), None, None, Some(1), Some(2)][number as usize];
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
                    Some(Popped::Last(number)) => popped.push(number),
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
    fn next_of_three(number: u32) -> Option<u32> {
        Some(number + 1).filter(|&next| next < 3)
    }

    /// What to leave of [`next_of_three`] after `number`.
    fn left_after(number: u32) -> Chain {
        let first = number + 1;
        Chain { first, more: next_of_three(first).is_some() }
    }

    #[test]
    fn a_pop_that_another_overtakes_takes_what_that_one_left() {
        let ring = Ring::new([const { Place::new() }; 3]);
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
        let ring = Ring::new([const { Place::new() }; 3]);
        ring.push(Chain { first: 0, more: true });
        let mut overtaken = false;
        let overtaken = core::cell::Cell::from_mut(&mut overtaken);
        let count = ring.count(usize::MAX, |number| {
            if !overtaken.replace(true) {
                while ring.pop(left_after).is_some() {}
                // The second and third place, and in the next lap the first and second.
                (0..2).for_each(|number| push(&ring, number));
                assert_eq!((pop(&ring), pop(&ring)), (Some(0), Some(1)));
                (0..2).for_each(|number| push(&ring, number));
            }
            next_of_three(number)
        });
        assert_eq!(count, 2);
    }

    /// Places at which something happens before they are looked at for the second time: the first
    /// look is for their number, and between the two an operation reads its end.
    struct Watched {
        places: [Place; 2],
        looks: AtomicUsize,
        before_second: fn(),
    }

    impl Watched {
        const fn new(before_second: fn()) -> Self {
            let places = [const { Place::new() }; 2];
            Self { places, looks: AtomicUsize::new(usize::MAX / 2), before_second }
        }
    }

    impl Places for Watched {
        fn places(&self) -> &[Place] {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 1 {
                (self.before_second)();
            }
            &self.places
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
        RING.places.looks.store(0, Ordering::Relaxed);
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
        RING.places.looks.store(0, Ordering::Relaxed);
        assert_eq!((pop(&RING), pop(&RING)), (Some(0), None));
    }

    #[test]
    fn a_tail_left_behind_is_moved_on_by_others_and_hides_nothing() {
        let ring = Ring::new([const { Place::new() }; 3]);
        (0..3).for_each(|number| push(&ring, number));
        // As if the last pusher had been stopped before it moved the tail.
        ring.tail.store(2, Ordering::Relaxed);
        assert_eq!((len(&ring), pop(&ring)), (3, Some(0)));
        push(&ring, 0);
        assert_eq!(len(&ring), 3);
        assert_eq!((pop(&ring), pop(&ring), pop(&ring)), (Some(1), Some(2), Some(0)));
        assert_eq!((len(&ring), pop(&ring)), (0, None));
    }
}
