//! What is stopped: something that hands out numbers and takes them back.

use std::fmt;

/// The most numbers that one operation takes or gives.
pub(crate) const MOST: usize = 8;

/// What one thread holds, without a heap, whose locks are not under test.
pub(crate) type Numbers = heapless::Vec<u32, MOST>;

/// A pool or a queue of the numbers in `[0, capacity)`: all of them are in it at first.
///
/// However an implementation represents buffers, here each is a number. Any thread may call `get` and `put`
/// at any time.
pub(crate) trait Subject: Sync + Sized + 'static {
    /// Makes a subject with all numbers in it, at a place where it will stay.
    ///
    /// # Safety
    ///
    /// `place` is aligned, valid for writes, and stays so, unmoved, until this is dropped there.
    unsafe fn make(place: *mut Self);

    fn capacity(&self) -> usize;

    /// `None`: there is none.
    fn get(&self) -> Option<u32>;

    /// Returns whether it was taken back.
    fn put(&self, number: u32) -> bool;

    /// Whether what went in first comes out first.
    const FIRST_IN_FIRST_OUT: bool = false;
}

/// An operation that is stopped.
pub(crate) struct Operation<S> {
    pub(crate) name: &'static str,
    /// How many numbers it is handed.
    pub(crate) handed: usize,
    /// How many numbers others may miss while it is stopped, those handed to it included.
    pub(crate) may_hold: usize,
    /// Changes what the thread holds; returns whether nothing was refused.
    pub(crate) run: fn(&S, &mut Numbers) -> bool,
}

/// Takes a number.
pub(crate) fn get<S: Subject>() -> Operation<S> {
    Operation {
        name: "get",
        handed: 0,
        may_hold: 1,
        run: |subject, numbers| {
            numbers.extend(subject.get());
            true
        },
    }
}

/// Gives a number back.
pub(crate) fn put<S: Subject>() -> Operation<S> {
    Operation {
        name: "put",
        handed: 1,
        may_hold: 1,
        run: |subject, numbers| {
            let accepted = numbers.last().is_none_or(|&number| subject.put(number));
            if accepted {
                numbers.clear();
            }
            accepted
        },
    }
}

/// Takes a number and gives the same one back, which makes `heapless::mpmc` refuse although it can never be
/// full.
pub(crate) fn get_and_put<S: Subject>() -> Operation<S> {
    Operation {
        name: "get and put",
        handed: 0,
        may_hold: 1,
        run: |subject, numbers| {
            let number = subject.get();
            let accepted = number.is_none_or(|number| subject.put(number));
            numbers.extend(number.filter(|_| !accepted));
            accepted
        },
    }
}

/// What others see go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A get found nothing although something was free.
    FoundNone,
    /// A put was refused.
    Refused,
    /// Numbers of one thread came out in a different order than they went in.
    OutOfOrder,
    /// An operation did not return while another was stopped.
    Waited,
    /// Numbers were missing at the end.
    Lost,
    /// One number had two owners.
    TwoOwners,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::FoundNone,
        Self::Refused,
        Self::OutOfOrder,
        Self::Waited,
        Self::Lost,
        Self::TwoOwners,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FoundNone => "found none",
            Self::Refused => "refused",
            Self::OutOfOrder => "out of order",
            Self::Waited => "waited",
            Self::Lost => "lost",
            Self::TwoOwners => "two owners",
        })
    }
}
