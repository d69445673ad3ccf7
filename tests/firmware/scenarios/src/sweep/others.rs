//! What the interrupt does to the subject of the interrupted operation.

use core::{iter, mem};

use super::subject::{Faults, Numbers, Subject};

/// How the last round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All is given back.
    Return,
    /// The first number is kept.
    KeepFirst,
    /// All that can be had is kept.
    KeepAll,
}

impl Ending {
    pub(super) const ALL: [Self; 3] = [Self::Return, Self::KeepFirst, Self::KeepAll];
}

/// Numbers that the others hold, and what they saw.
pub(super) struct Others {
    pub(super) held: Numbers,
    pub(super) faults: Faults,
}

impl Others {
    const ROUNDS: usize = 2;

    pub(super) fn new() -> Self {
        Self { held: Numbers::new(), faults: Faults::NONE }
    }

    /// Takes all there is and gives it back, several times. `absent` numbers may be missing: those
    /// that the interrupted operation may hold, and those that were not in the subject before.
    pub(super) fn work<S: Subject>(&mut self, subject: &'static S, absent: usize, ending: Ending) {
        let mut given = Numbers::new();
        for round in 0..Self::ROUNDS {
            let owned = self.take_all(subject);
            self.faults.note_if(self.held.len() + absent < S::CAPACITY, Faults::FOUND_NONE);
            // What is interrupted takes nothing between rounds, so what was given is there.
            let lacking = given.iter().any(|&number| owned & 1 << S::index(number) == 0);
            let disordered = S::FIRST_IN_FIRST_OUT && round > 0 && self.held != given;
            self.faults.note_if(lacking, Faults::FOUND_NONE);
            self.faults.note_if(disordered && !lacking, Faults::DISORDERED);

            let last_round = round + 1 == Self::ROUNDS;
            let kept = match ending {
                Ending::KeepAll if last_round => self.held.len(),
                Ending::KeepFirst if last_round => self.held.len().min(1),
                _ => 0,
            };
            given.clear();
            // There is room for what was in a vector of the same size.
            let _ = given.extend_from_slice(&self.held[kept..]);
            self.held.truncate(kept);
            // In turns, so that a stack is as it was after two rounds.
            if round.is_multiple_of(2) {
                given.reverse();
            }
            for &number in &given {
                self.faults.note_if(!subject.put(number), Faults::REFUSED);
            }
        }
    }

    /// Takes all there is, and returns a bit for each number that is held.
    fn take_all<S: Subject>(&mut self, subject: &'static S) -> u64 {
        let mut owned = 0;
        while let Some(number) = subject.get()
            && self.own::<S>(number, &mut owned)
            && self.held.push(number).is_ok()
        {}
        owned
    }

    /// Becomes the owner of a number, unless it has one.
    fn own<S: Subject>(&mut self, number: u32, owned: &mut u64) -> bool {
        let bit = 1 << S::index(number);
        let free = *owned & bit == 0;
        self.faults.note_if(!free, Faults::TWO_OWNERS);
        *owned |= bit;
        free
    }

    /// All operations have ended. With the numbers that `main` has, every one is there, once.
    pub(super) fn settle<S: Subject>(
        &mut self,
        subject: &'static S,
        main: impl Iterator<Item = u32>,
    ) {
        let mut owned = 0;
        let there = iter::from_fn(|| subject.get()).take(S::CAPACITY + 1);
        for number in mem::take(&mut self.held).into_iter().chain(main).chain(there) {
            self.own::<S>(number, &mut owned);
        }
        self.faults.note_if((owned.count_ones() as usize) < S::CAPACITY, Faults::LOST);
    }
}
