//! What the others do while an operation is stopped.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::explore::Work;
use crate::step::count;
use crate::subject::{Fault, Subject};

/// How the last round ends; this matters only if the stopped thread relies on something that it read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything is given back.
    Return,
    /// The number taken as the `keep`-th is kept, and the one taken as the `last`-th is given back last: what
    /// was on top is gone, or lies beneath another.
    Keep { keep: usize, last: usize },
    /// Everything that can be taken is kept.
    KeepAll,
}

impl Ending {
    pub(crate) const ALL: [Self; 8] = [
        Self::Return,
        Self::Keep { keep: 0, last: 1 },
        Self::Keep { keep: 1, last: 0 },
        Self::Keep { keep: 0, last: 2 },
        Self::Keep { keep: 2, last: 0 },
        Self::Keep { keep: 1, last: 2 },
        Self::Keep { keep: 2, last: 1 },
        Self::KeepAll,
    ];
}

/// How far the others have got; shared with the thread that watches them.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) operations: AtomicUsize,
    /// The stopped operations were released in the meantime.
    pub(crate) disturbed: AtomicBool,
}

/// The numbers that the others hold, and what they saw.
pub(crate) struct Others<'s, S> {
    subject: &'s S,
    pub(crate) held: Vec<u32>,
    /// How many numbers stopped operations may hold.
    missing: usize,
    pub(crate) faults: BTreeSet<Fault>,
    /// The most instructions that one of their operations took.
    pub(crate) instructions: usize,
}

impl<'s, S: Subject> Others<'s, S> {
    pub(crate) fn new(subject: &'s S, held: Vec<u32>, missing: usize) -> Self {
        Self { subject, held, missing, faults: BTreeSet::new(), instructions: 0 }
    }

    fn note_if(&mut self, fault: Fault, condition: bool) {
        if condition {
            self.faults.insert(fault);
        }
    }

    /// Becomes the owner of a number.
    pub(crate) fn own(&mut self, number: u32) {
        self.note_if(Fault::TwoOwners, self.held.contains(&number));
        self.held.push(number);
    }

    /// Takes everything and gives it back, `rounds` times. Every operation is noted in `progress`.
    /// Instructions are counted for the first `counted` operations of each kind.
    pub(crate) fn work(&mut self, work: Work, progress: &Progress) {
        let Work { rounds, ending, counted, .. } = work;
        let mut given: Vec<u32> = Vec::new();
        for round in 0..rounds {
            let from = self.held.len();
            loop {
                let taken = if self.held.len() - from < counted && round == 0 {
                    self.counted(Subject::get)
                } else {
                    self.subject.get()
                };
                progress.operations.fetch_add(1, Ordering::Relaxed);
                let Some(number) = taken else { break };
                self.own(number);
                if self.held.len() > self.subject.capacity() {
                    break;
                }
            }
            let all = self.held.len() + self.missing;
            self.note_if(Fault::FoundNone, all < self.subject.capacity());
            let taken = &self.held[from..];
            // Stopped operations take nothing between rounds, so what was given back is there.
            let lacking = given.iter().any(|number| !taken.contains(number));
            let disordered = S::FIRST_IN_FIRST_OUT && round > 0 && *taken != given;
            if !progress.disturbed.load(Ordering::Relaxed) {
                self.note_if(Fault::FoundNone, lacking);
                self.note_if(Fault::OutOfOrder, disordered && !lacking);
            }

            given.clear();
            for (index, number) in self.choose_given(round, rounds, ending).into_iter().enumerate()
            {
                let accepted = if index < counted && round == 0 {
                    self.counted(|subject| subject.put(number))
                } else {
                    self.subject.put(number)
                };
                progress.operations.fetch_add(1, Ordering::Relaxed);
                if accepted {
                    given.push(number);
                } else {
                    self.faults.insert(Fault::Refused);
                    self.held.push(number);
                }
            }
        }
    }

    fn counted<R>(&mut self, operation: impl FnOnce(&S) -> R) -> R {
        let (result, instructions) = count(|| operation(self.subject));
        self.instructions = self.instructions.max(instructions);
        result
    }

    /// The held numbers to give back, in this order; the others stay.
    fn choose_given(&mut self, round: usize, rounds: usize, ending: Ending) -> Vec<u32> {
        let last_round = round + 1 == rounds;
        match ending {
            Ending::KeepAll if last_round => Vec::new(),
            Ending::Keep { keep, last } if last_round && keep.max(last) < self.held.len() => {
                let (kept, last) = (self.held[keep], self.held[last]);
                let mut given = std::mem::replace(&mut self.held, vec![kept]);
                given.retain(|&number| number != kept && number != last);
                given.push(last);
                given
            }
            _ => {
                let mut given = std::mem::take(&mut self.held);
                // In reverse order, a stack is as before; in the same order, a queue is, and a stack after
                // two rounds: so an operation that trusts an old top meets it again.
                if round.is_multiple_of(2) {
                    given.reverse();
                }
                given
            }
        }
    }

    /// All operations have ended: every number has to be there, once.
    pub(crate) fn settle(&mut self) {
        while let Some(number) = self.subject.get() {
            self.own(number);
            if self.held.len() > 2 * self.subject.capacity() {
                break;
            }
        }
        let mut numbers = self.held.clone();
        numbers.sort_unstable();
        numbers.dedup();
        self.note_if(Fault::Lost, numbers.len() < self.subject.capacity());
        // Some of them were never in it, and have an owner elsewhere.
        self.note_if(Fault::TwoOwners, numbers.len() > self.subject.capacity());
    }
}
