//! One run of an operation, counted or interrupted.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use super::others::{Ending, Others};
use super::subject::{Faults, Numbers, Operation, State, Subject};
use super::{Call, HANDLER, Handler};
use crate::Machine;

/// Memory for one subject at a time, so that it suffices on small machines.
struct Arena(UnsafeCell<MaybeUninit<[u64; Arena::WORDS]>>);

impl Arena {
    const WORDS: usize = 560;
}

// SAFETY: only its address is used, and only the main loop makes subjects there.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new(MaybeUninit::uninit()));

/// A subject in a state, and an operation about to begin.
struct Prepared<S: Subject> {
    subject: &'static S,
    hand: S::Hand,
    /// Numbers that are neither in the subject nor in the hand.
    apart: Numbers,
}

/// What the interrupt needs.
struct Interruption<S: Subject> {
    subject: &'static S,
    others: Others,
    may_hold: usize,
    ending: Ending,
    address: usize,
}

/// The result of a run with an interrupt.
pub(super) struct Hit {
    /// Of the instruction that comes after the interrupt.
    pub(super) address: usize,
    /// What [`Machine::run_interrupted`] returned.
    pub(super) after: u32,
    /// The most numbers that the others missed.
    pub(super) missed: usize,
    pub(super) faults: Faults,
}

impl<S: Subject> Operation<S> {
    fn prepare_all(&self, state: &State) -> Prepared<S> {
        const { assert!(size_of::<S>() <= Arena::WORDS * 8 && align_of::<S>() <= 8) };
        let place: *mut S = ARENA.0.get().cast();
        // SAFETY: it fits, and what the last call made is no longer used.
        unsafe { S::make(place) };
        // SAFETY: just made.
        let subject: &'static S = unsafe { &*place };
        let mut apart: Numbers = core::iter::from_fn(|| subject.get()).take(S::CAPACITY).collect();
        assert_eq!(apart.len(), S::CAPACITY, "all numbers are there at first");
        apart.sort_unstable();
        for _ in 0..state.turns {
            assert!(subject.put(apart[0]) && subject.get() == Some(apart[0]));
        }
        for _ in 0..state.numbers.min(S::CAPACITY - self.handed) {
            let number = apart.pop().expect("not all numbers are in the subject");
            assert!(subject.put(number), "nobody else is at work");
        }
        let mut hand = subject.hand(&apart[apart.len() - self.handed..]);
        apart.truncate(apart.len() - self.handed);
        (self.prepare)(&mut hand);
        Prepared { subject, hand, apart }
    }

    fn call(&self, hand: &mut S::Hand) -> Call {
        Call { operation: self.run as usize, hand: core::ptr::from_mut(hand).cast() }
    }

    /// Runs it after `nops` no-operations and returns the counter's value.
    pub(super) fn count<M: Machine>(&self, state: &State, nops: usize) -> u32 {
        let Prepared { mut hand, .. } = self.prepare_all(state);
        M::run_counted(nops, &self.call(&mut hand))
    }

    /// Runs it after `nops` no-operations, interrupted.
    pub(super) fn interrupt<M: Machine>(&self, state: &State, nops: usize, ending: Ending) -> Hit {
        let Prepared { subject, mut hand, apart } = self.prepare_all(state);
        let refused_before = subject.refused_elsewhere();
        let (others, may_hold) = (Others::new(apart), self.may_hold);
        let interruption =
            UnsafeCell::new(Interruption { subject, others, may_hold, ending, address: 0 });
        let context = interruption.get().cast();
        HANDLER.with(|handler| *handler = Some(Handler { function: on_interrupt::<S>, context }));
        let after = M::run_interrupted(nops, &self.call(&mut hand));
        HANDLER.with(|handler| *handler = None);

        let Interruption { mut others, address, .. } = interruption.into_inner();
        let enough = state.numbers >= self.wants;
        let wanted = enough && matches!(ending, Ending::Return | Ending::OnlyGive);
        others.faults.note_if(wanted && !(self.got_all)(&hand), Faults::MAIN_FOUND_NONE);
        if ending == Ending::Return
            && let (Some(before), Some(after)) = (refused_before, subject.refused_elsewhere())
        {
            let miscounted = after.wrapping_sub(before) != usize::from(!enough);
            others.faults.note_if(miscounted, Faults::MISCOUNTED);
        }
        others.settle(subject, S::numbers_of(hand).into_iter());
        Hit { address, after, missed: others.missed, faults: others.faults }
    }
}

fn on_interrupt<S: Subject>(context: *mut (), address: usize) {
    // SAFETY: `Operation::interrupt` put it there, and leaves it alone until the interrupt is over.
    let this = unsafe { &mut *context.cast::<Interruption<S>>() };
    this.address = address;
    this.others.work(this.subject, this.may_hold, this.ending);
}
