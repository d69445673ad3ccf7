//! What the interrupt does to the subject of the interrupted operation.

use core::{iter, mem};

use super::subject::{Faults, Numbers, Subject};

/// What the others do with the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All that was taken is given back.
    Return,
    /// Everything but the first number is given back.
    KeepFirst,
    /// Everything that can be taken is kept.
    KeepAll,
    /// Nothing is taken: what was not in the subject before is given back.
    OnlyGive,
}

impl Ending {
    pub(super) const ALL: [Self; 4] =
        [Self::Return, Self::KeepFirst, Self::KeepAll, Self::OnlyGive];
}

/// Numbers that the others hold, and what they saw.
pub(super) struct Others {
    /// Those that were not in the subject before.
    apart: Numbers,
    held: Numbers,
    /// The most numbers that were missing.
    pub(super) missed: usize,
    pub(super) faults: Faults,
}

impl Others {
    const ROUNDS: usize = 2;

    pub(super) fn new(apart: Numbers) -> Self {
        Self { apart, held: Numbers::new(), missed: 0, faults: Faults::NONE }
    }

    /// Takes everything and gives it back, several times, unless `ending` says otherwise. Up to `may_hold`
    /// numbers may be missing: those that the interrupted operation holds.
    pub(super) fn work<S: Subject>(
        &mut self,
        subject: &'static S,
        may_hold: usize,
        ending: Ending,
    ) {
        if ending == Ending::OnlyGive {
            let apart = mem::take(&mut self.apart);
            return self.give(subject, &apart);
        }
        let mut given = Numbers::new();
        for round in 0..Self::ROUNDS {
            let owned = self.take_all(subject);
            let missing = S::CAPACITY.saturating_sub(self.apart.len() + self.held.len());
            self.missed = self.missed.max(missing);
            self.faults.note_if(missing > may_hold, Faults::FOUND_NONE);
            // The interrupted operation takes nothing between rounds, so what was given back is there.
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
            // Alternates, so that a stack is back in its original order after two rounds.
            if round.is_multiple_of(2) {
                given.reverse();
            }
            self.give(subject, &given);
        }
    }

    fn give<S: Subject>(&mut self, subject: &'static S, numbers: &[u32]) {
        for &number in numbers {
            self.faults.note_if(!subject.put(number), Faults::REFUSED);
        }
    }

    /// Takes everything, and returns a bit for each number that is held.
    fn take_all<S: Subject>(&mut self, subject: &'static S) -> u64 {
        let mut owned = 0;
        while let Some(number) = subject.get()
            && self.own::<S>(number, &mut owned)
            && self.held.push(number).is_ok()
        {}
        owned
    }

    /// Becomes the owner of a number, unless it already has one.
    fn own<S: Subject>(&mut self, number: u32, owned: &mut u64) -> bool {
        let bit = 1 << S::index(number);
        let free = *owned & bit == 0;
        self.faults.note_if(!free, Faults::TWO_OWNERS);
        *owned |= bit;
        free
    }

    /// All operations have ended. With the numbers that `main` has, every number is there exactly once.
    pub(super) fn settle<S: Subject>(
        &mut self,
        subject: &'static S,
        main: impl Iterator<Item = u32>,
    ) {
        let mut owned = 0;
        let there = iter::from_fn(|| subject.get()).take(S::CAPACITY + 1);
        let own = mem::take(&mut self.held).into_iter().chain(mem::take(&mut self.apart));
        for number in own.chain(main).chain(there) {
            self.own::<S>(number, &mut owned);
        }
        self.faults.note_if((owned.count_ones() as usize) < S::CAPACITY, Faults::LOST);
    }
}
