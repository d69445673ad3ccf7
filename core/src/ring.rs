//! A lock-free ring of numbers: first in, first out, for any number of producers and consumers.
//!
//! A place is one word that holds a *lap* and a number, or the lap and nothing. It goes, each step
//! by one compare-and-swap:
//!
//! ```text
//! (lap 0, nothing) --push--> (lap 0, number) --pop--> (lap 1, nothing) --push--> (lap 1, number) ...
//! ```
//!
//! Head and tail are positions: a lap and the index of a place. A push writes the place at the
//! tail and then moves the tail on; whoever finds a tail whose place is written already moves it
//! on himself. The same for pops and the head. So no step is ever half done, and nobody waits.
//!
//! Why a push or pop may trust its compare-and-swap although head and tail move under it: a place
//! only ever takes the states above, in that order. The tail passes a position only after its place
//! was seen written in that lap, so a place that is still empty in the lap of the tail read before
//! is where the tail still stands.
//!
//! Reuse distance: a thread that is stopped between reading a word and its compare-and-swap is
//! fooled only if the word has come round to the same value meanwhile, which takes as many pushes
//! during that one stop as a word has laps, times the places: at least 2^63 with 64-bit words,
//! 2^31 with 32-bit words.

use crate::sync::{AtomicUsize, Ordering, OwnLine};

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
        // Values go up to `places`: 0 for nothing, else number + 1.
        Self { places, value_bits: usize::BITS - places.leading_zeros() }
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

/// What a push or pop found at its position.
enum Found {
    /// The place has nothing in this lap.
    Empty,
    /// The place has this number in this lap.
    Number(u32),
    /// The place is a lap ahead: written and emptied again.
    Ahead,
    /// The place is another lap: the position is out of date.
    Elsewhere,
}

/// The ring. All-zero is empty.
#[derive(Debug)]
pub(crate) struct Ring<P> {
    head: OwnLine<AtomicUsize>,
    tail: OwnLine<AtomicUsize>,
    places: P,
}

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

    fn look(&self, layout: Layout, position: usize) -> (&AtomicUsize, usize, Found) {
        let place = &self.places.places()[layout.value(position)].0;
        // L1: pairs with W1 and W2.
        let word = place.load(Ordering::Acquire);
        let (lap, seen) = (layout.lap(position), layout.lap(word));
        let found = match layout.value(word) {
            0 if seen == lap => Found::Empty,
            value if seen == lap => Found::Number((value - 1) as u32),
            _ if seen == layout.next_lap(lap) => Found::Ahead,
            _ => Found::Elsewhere,
        };
        (place, word, found)
    }

    /// Moves head or tail on from `position`, unless someone else did.
    fn advance(end: &AtomicUsize, layout: Layout, position: usize) {
        let next = layout.next(position);
        // A1: pairs with A2 and A3. Who reads a position sees every place before it as whoever
        // moved the end saw it, so that an empty place at the head means that nothing was pushed
        // before. Relaxed on failure: nothing is concluded from it.
        let _ = end.compare_exchange(position, next, Ordering::Release, Ordering::Relaxed);
    }

    /// Puts a number in. The caller vouches that there is room: fewer numbers are in the ring than
    /// it has places.
    pub(crate) fn push(&self, number: u32) {
        let layout = self.layout();
        loop {
            // A2: pairs with A1.
            let tail = self.tail.load(Ordering::Acquire);
            let (place, word, found) = self.look(layout, tail);
            match found {
                Found::Empty => {
                    let full = layout.word(layout.lap(tail), number as usize + 1);
                    // W1: pairs with L1: what the pusher wrote before goes with the number.
                    // Relaxed on failure: another push took the place, its success.
                    if place
                        .compare_exchange(word, full, Ordering::Release, Ordering::Relaxed)
                        .is_ok()
                    {
                        Self::advance(&self.tail, layout, tail);
                        return;
                    }
                }
                Found::Number(_) | Found::Ahead => Self::advance(&self.tail, layout, tail),
                // The tail moved on meanwhile, by others' success.
                Found::Elsewhere => {}
            }
        }
    }

    /// Takes the oldest number out, or `None` if there was none at one instant during the call.
    pub(crate) fn pop(&self) -> Option<u32> {
        let layout = self.layout();
        loop {
            // A3: pairs with A1.
            let head = self.head.load(Ordering::Acquire);
            let (place, word, found) = self.look(layout, head);
            match found {
                Found::Empty => return None,
                Found::Number(number) => {
                    let empty = layout.word(layout.next_lap(layout.lap(head)), 0);
                    // W2: release pairs with L1: whoever pushes here next does so after this. What
                    // the pusher wrote is visible by L1 already.
                    if place
                        .compare_exchange(word, empty, Ordering::Release, Ordering::Relaxed)
                        .is_ok()
                    {
                        Self::advance(&self.head, layout, head);
                        return Some(number);
                    }
                }
                Found::Ahead => Self::advance(&self.head, layout, head),
                Found::Elsewhere => {}
            }
        }
    }

    /// How many numbers are in the ring; exact when nobody pushes or pops.
    pub(crate) fn len(&self) -> usize {
        let layout = self.layout();
        // Relaxed: a number for a person to read.
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        let (from, to) = (layout.value(head), layout.value(tail));
        let lap = layout.lap(head);
        if layout.lap(tail) == lap {
            to.saturating_sub(from)
        } else if layout.lap(tail) == layout.next_lap(lap) {
            (layout.places - from + to).min(layout.places)
        } else if layout.next_lap(layout.lap(tail)) == lap {
            // A pusher has not moved the tail yet, and what it pushed is popped already.
            0
        } else {
            // More than a lap went by between the two loads.
            layout.places
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, OwnLine, Place, Places, Ring};
    use crate::sync::AtomicUsize;

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

    fn first_in_first_out<P: Places>(ring: &Ring<P>) {
        let count = ring.places.places().len() as u32;
        for round in 0..5 {
            assert_eq!((ring.pop(), ring.len()), (None, 0), "round {round}");
            for number in 0..count {
                ring.push(number);
                assert_eq!(ring.len(), number as usize + 1);
            }
            for number in 0..count {
                assert_eq!(ring.pop(), Some(number));
            }
            // Shift the ends, so that a round starts at another place.
            ring.push(0);
            assert_eq!(ring.pop(), Some(0));
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

    #[test]
    fn the_reuse_distance_is_at_least_half_the_word() {
        for places in [1, 2, 3, 63, 64, 65, 4097] {
            let layout = Layout::of(places);
            let laps = 1_u128 << (usize::BITS - layout.value_bits);
            assert!(laps * places as u128 >= 1 << (usize::BITS - 1), "{places}");
        }
    }

    #[test]
    fn a_tail_left_behind_at_the_wrap_counts_nothing() {
        let ring = Ring::new([const { Place::new() }; 3]);
        (0..3).for_each(|number| ring.push(number));
        // As if the last pusher had been stopped before it moved the tail.
        ring.tail.store(2, crate::sync::Ordering::Relaxed);
        assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Some(0), Some(1), Some(2)));
        assert_eq!(ring.len(), 0);
    }

    #[test]
    fn an_end_left_behind_is_moved_on_by_others() {
        let ring = Ring::new([const { Place::new() }; 3]);
        ring.push(0);
        ring.push(1);
        // As if both pushers had been stopped before they moved the tail, and a popper before it
        // moved the head.
        ring.tail.store(0, crate::sync::Ordering::Relaxed);
        assert_eq!(ring.pop(), Some(0));
        ring.head.store(0, crate::sync::Ordering::Relaxed);
        ring.push(2);
        assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Some(1), Some(2), None));
    }
}
