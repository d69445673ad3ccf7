//! What is interrupted: something that hands out numbers and takes them back.

/// The most numbers in one subject.
pub(super) const MOST: usize = 40;

pub(super) type Numbers = heapless::Vec<u32, MOST>;

/// A pool or a queue: all its numbers are in it at first. However an implementation represents buffers, to
/// the others each is a number.
pub(super) trait Subject: Sized + 'static {
    /// How many numbers, up to `MOST`.
    const CAPACITY: usize;

    /// Whether what went in first comes out first.
    const FIRST_IN_FIRST_OUT: bool = false;

    /// What the main loop holds.
    type Hand;

    /// Makes a subject with all numbers in it.
    ///
    /// # Safety
    ///
    /// `place` is aligned and valid for writes, and stays so, unmoved, until the next call.
    unsafe fn make(place: *mut Self);

    /// The position of a number among all of them, in `[0, CAPACITY)`.
    fn index(number: u32) -> usize {
        number as usize
    }

    /// `None`: there is none.
    fn get(&'static self) -> Option<u32>;

    /// Returns whether it was taken back; if not, it is lost.
    fn put(&'static self, number: u32) -> bool;

    /// A hand that has these numbers.
    fn hand(&'static self, numbers: &[u32]) -> Self::Hand;

    /// The numbers in a hand, which is consumed.
    fn numbers_of(hand: Self::Hand) -> Numbers;

    /// How often anything but [`get`](Self::get) found none, if that is counted.
    fn refused_elsewhere(&'static self) -> Option<usize> {
        None
    }
}

/// An operation that is interrupted.
pub(super) struct Operation<S: Subject> {
    pub(super) name: &'static str,
    /// How many numbers it is handed.
    pub(super) handed: usize,
    /// How many numbers others may miss while it is interrupted, and do miss at some instruction if half of
    /// all are there before.
    pub(super) may_hold: usize,
    /// Figures are given per block, for this many blocks.
    pub(super) blocks: usize,
    /// Runs before the operation.
    pub(super) prepare: fn(&mut S::Hand),
    /// What is interrupted at each instruction; everything it does is counted.
    pub(super) run: extern "C" fn(&mut S::Hand),
    /// Whether it got what it wanted: it must, if `wants` numbers were there before and nothing is missing
    /// after the interrupt.
    pub(super) got_all: fn(&S::Hand) -> bool,
    pub(super) wants: usize,
}

impl<S: Subject> Operation<S> {
    /// An operation that is handed nothing, holds at most one number, and wants nothing.
    pub(super) fn new(name: &'static str, run: extern "C" fn(&mut S::Hand)) -> Self {
        let (prepare, got_all) = (|_: &mut _| {}, |_: &_| true);
        Self { name, handed: 0, may_hold: 1, blocks: 1, prepare, run, got_all, wants: 0 }
    }
}

/// How much is in the subject before an operation.
pub(super) struct State {
    pub(super) name: &'static str,
    pub(super) numbers: usize,
    /// How many numbers passed through before, so that a queue begins elsewhere.
    pub(super) turns: usize,
}

impl State {
    pub(super) const HALF_FULL: &'static str = "half full";

    /// The usual one: half of the numbers are in the subject.
    pub(super) fn half_full(capacity: usize) -> Self {
        Self { name: Self::HALF_FULL, numbers: capacity / 2, turns: 0 }
    }

    /// For a pool.
    pub(super) fn all(capacity: usize) -> [Self; 4] {
        [
            Self::half_full(capacity),
            Self { name: "full", numbers: capacity, turns: 0 },
            Self { name: "one left", numbers: 1, turns: 0 },
            Self { name: "empty", numbers: 0, turns: 0 },
        ]
    }

    /// For a queue: where its head, or its tail, is about to wrap to the first slot.
    pub(super) fn at_the_wrap(capacity: usize) -> [Self; 2] {
        // One step was made when all numbers were put in together.
        let (numbers, to_the_last) = (capacity / 2, capacity - 2);
        [
            Self { name: "half full, head wraps", numbers, turns: to_the_last },
            Self { name: "half full, tail wraps", numbers, turns: to_the_last - numbers },
        ]
    }
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Faults(u8);

impl Faults {
    pub(super) const NONE: Self = Self(0);
    /// The others found nothing although something was there.
    pub(super) const FOUND_NONE: Self = Self(1);
    /// The others were refused.
    pub(super) const REFUSED: Self = Self(2);
    /// Numbers came out in a different order than they went in.
    pub(super) const DISORDERED: Self = Self(4);
    /// One number had two owners.
    pub(super) const TWO_OWNERS: Self = Self(8);
    /// Numbers were missing at the end.
    pub(super) const LOST: Self = Self(16);
    /// The interrupted operation found nothing although something was there.
    pub(super) const MAIN_FOUND_NONE: Self = Self(32);
    /// Operations that found nothing were counted wrongly.
    pub(super) const MISCOUNTED: Self = Self(64);

    const NAMES: [&'static str; 7] = [
        "found none",
        "refused",
        "disordered",
        "two owners",
        "lost",
        "main found none",
        "miscounted",
    ];

    pub(super) fn note_if(&mut self, condition: bool, fault: Self) {
        if condition {
            self.0 |= fault.0;
        }
    }

    pub(super) fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::fmt::Display for Faults {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut separator = "";
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.0 & 1 << bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        if *self == Self::NONE { f.write_str("no fault") } else { Ok(()) }
    }
}
