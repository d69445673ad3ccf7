//! What is promised, as sequential objects.
//!
//! A queue is first in, first out. A burst is pushed at one instant. It is popped in several steps, so that
//! other consumers' pops may come between: as pops one after another, the last of which finds none unless the
//! vector is full.
//!
//! A pool, or its free list, is a set of free indices.
//! - A bitmap of one word, or a stack behind a lock: `None` means that all were out at one instant.
//! - A bitmap of several words: `None` means that each was out at some instant. Linearizability is local
//!   (Herlihy and Wing), so this means that the history of each index by itself has a linearization. And
//!   all were out at one instant unless another thread's take succeeded in the meantime.

use super::linearize::{History, Operation, STEPS, Step, is_linearizable};

/// The longest burst. One more step says that there were no more.
pub(crate) const BURST: usize = STEPS - 1;

pub(crate) type Numbers = heapless::Vec<u32, BURST>;

#[derive(Debug, Clone)]
pub(crate) enum QueueStep {
    Push(Numbers),
    Pop(u32),
    Empty,
    NotEmpty,
}

impl Step for QueueStep {
    type State = Vec<u32>;

    fn apply(&self, before: &Vec<u32>) -> Option<Vec<u32>> {
        match self {
            Self::Push(numbers) => Some([before, &numbers[..]].concat()),
            Self::Pop(number) => before
                .split_first()
                .filter(|(first, _)| *first == number)
                .map(|(_, rest)| rest.into()),
            Self::Empty => before.is_empty().then(Vec::new),
            Self::NotEmpty => (!before.is_empty()).then(|| before.clone()),
        }
    }
}

/// What a pop reports.
pub(crate) fn popped(number: Option<u32>) -> heapless::Vec<QueueStep, STEPS> {
    [number.map_or(QueueStep::Empty, QueueStep::Pop)].into_iter().collect()
}

/// What a pop of up to `most` reports.
pub(crate) fn popped_burst(numbers: &[u32], most: usize) -> heapless::Vec<QueueStep, STEPS> {
    let end = (numbers.len() < most).then_some(QueueStep::Empty);
    numbers.iter().copied().map(QueueStep::Pop).chain(end).collect()
}

/// A set of numbers, as bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SetStep {
    Take(u64),
    Give(u64),
    AllOut,
}

impl Step for SetStep {
    /// Those that are free.
    type State = u64;

    fn apply(&self, &free: &u64) -> Option<u64> {
        match *self {
            Self::Take(some) => (free & some == some).then_some(free & !some),
            Self::Give(some) => (free & some == 0).then_some(free | some),
            Self::AllOut => (free == 0).then_some(0),
        }
    }
}

impl SetStep {
    /// The part of it that concerns some of the numbers.
    fn only(self, numbers: u64) -> Option<Self> {
        match self {
            Self::Take(some) => (some & numbers != 0).then_some(Self::Take(some & numbers)),
            Self::Give(some) => (some & numbers != 0).then_some(Self::Give(some & numbers)),
            Self::AllOut => Some(Self::AllOut),
        }
    }
}

type SetOperation = Operation<SetStep>;

fn filtered(
    history: &History<SetStep>,
    keep: impl Fn(usize, &SetOperation) -> Option<SetStep>,
) -> History<SetStep> {
    let operation = |thread, of: &SetOperation| {
        let steps = [keep(thread, of)?].into_iter().collect();
        Some(Operation { steps, ..*of })
    };
    let all = history.iter().enumerate();
    all.map(|(thread, all)| all.iter().filter_map(|of| operation(thread, of)).collect()).collect()
}

/// Checks what a bitmap of several words promises.
pub(crate) fn is_linearizable_by_number(free: u64, history: &History<SetStep>) -> bool {
    // A number can be missed only if another thread took one in the meantime.
    let excused = |thread: usize, none: &SetOperation| {
        let others = history.iter().enumerate().filter(|&(other, _)| other != thread);
        others.flat_map(|(_, all)| all).any(|of| {
            matches!(of.steps[0], SetStep::Take(_))
                && of.called < none.returned
                && none.called < of.returned
        })
    };
    let strictly = filtered(history, |thread, of| {
        let step = of.steps[0];
        (step != SetStep::AllOut || !excused(thread, of)).then_some(step)
    });
    let each = (0..u64::BITS).map(|bit| free & 1 << bit).filter(|&number| number != 0);
    is_linearizable(&free, &strictly)
        && each.into_iter().all(|number| {
            is_linearizable(&number, &filtered(history, |_, of| of.steps[0].only(number)))
        })
}
