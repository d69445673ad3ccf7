//! All runs of an operation in a state.

use super::others::Ending;
use super::run::Hit;
use super::subject::{Faults, Numbers, Operation, State, Subject};
use crate::{Counter, Machine, Sled};

/// An operation that does nothing, to find out what the machine itself adds.
struct Nothing;

impl Subject for Nothing {
    const CAPACITY: usize = 0;

    type Hand = ();

    unsafe fn make(_: *mut Self) {}

    fn get(&'static self) -> Option<u32> {
        None
    }

    fn put(&'static self, _: u32) -> bool {
        true
    }

    fn hand(&'static self, _: &[u32]) {}

    fn numbers_of((): ()) -> Numbers {
        Numbers::new()
    }
}

extern "C" fn nothing(_: &mut ()) {}

const EMPTY: State = State { name: "empty", numbers: 0, turns: 0 };

/// What a sweep found.
pub(super) struct Swept {
    /// Of the operation when nothing interrupts it, by the machine's counter.
    pub(super) instructions: usize,
    /// The most instructions of its own that it ran when interrupted.
    pub(super) interrupted: usize,
    /// Instructions before which an interrupt came.
    pub(super) hit: usize,
    /// Instructions after which the interrupt came although it was due before.
    pub(super) delayed: usize,
    /// Whether the interrupt was due at every instruction that was counted, in turn.
    pub(super) complete: bool,
    /// The most numbers that the others missed.
    pub(super) missed: usize,
    pub(super) faults: Faults,
    /// Instructions with faults, all endings together.
    pub(super) faulty: usize,
    /// Instructions into the operation, address and ending of the first fault.
    pub(super) first_fault: Option<(usize, usize, Ending)>,
}

/// What the machine adds to all counts.
pub(super) struct Sweeper {
    sled: Sled,
    /// After this many no-operations, the interrupt comes just before the call.
    nops: usize,
    /// What `counted` returns for no instructions.
    constant: usize,
    /// What is reported as `after` when nothing is left of an operation.
    after: u32,
}

impl Sweeper {
    pub(super) fn new<M: Machine>() -> Self {
        let operation = Operation::<Nothing>::new("nothing", nothing);
        let sled = M::sled();
        let hit = |nops| operation.interrupt::<M>(&EMPTY, nops, Ending::Return);
        let nops = sled.nops() - (sled.call - hit(sled.nops()).address) / 2;
        assert_eq!(hit(nops).address, sled.call, "the timer runs exactly");
        // It ends after the call and a few instructions.
        let ends = (1..20).map(|at| (at, hit(nops - at))).find(|(_, hit)| hit.address == sled.back);
        let (at, end) = ends.expect("nothing takes a few instructions");
        let constant = Self::counted::<M, _>(&operation, &EMPTY) - (at - 1);
        Self { sled, nops, constant, after: end.after }
    }

    /// Instructions of an operation, by the counter, up to a constant.
    ///
    /// The counter is coarser than an instruction, so this looks for the number of no-operations
    /// before the operation that brings its end to the next period of the counter.
    fn counted<M: Machine, S: Subject>(operation: &Operation<S>, state: &State) -> usize {
        let Counter { ticks, instructions } = M::COUNTER;
        let periods = |nops| operation.count::<M>(state, nops) / ticks;
        let before = periods(0);
        let (mut too_few, mut enough) = (0, instructions as usize);
        while enough - too_few > 1 {
            let nops = too_few.midpoint(enough);
            *(if periods(nops) == before { &mut too_few } else { &mut enough }) = nops;
        }
        (before + 1) as usize * instructions as usize - enough
    }

    /// Instructions of an operation, its return included.
    fn count<M: Machine, S: Subject>(&self, operation: &Operation<S>, state: &State) -> usize {
        Self::counted::<M, _>(operation, state) - self.constant
    }

    /// Interrupts an operation at every instruction, once for each ending.
    pub(super) fn sweep<M: Machine, S: Subject>(
        &self,
        operation: &Operation<S>,
        state: &State,
    ) -> Swept {
        let mut swept = Swept {
            instructions: self.count::<M, _>(operation, state),
            interrupted: 0,
            hit: 0,
            delayed: 0,
            complete: true,
            missed: 0,
            faults: Faults::NONE,
            faulty: 0,
            first_fault: None,
        };
        for ending in Ending::ALL {
            self.sweep_with::<M, S>(operation, state, ending, &mut swept);
        }
        swept
    }

    fn sweep_with<M: Machine, S: Subject>(
        &self,
        operation: &Operation<S>,
        state: &State,
        ending: Ending,
        swept: &mut Swept,
    ) {
        let mut last: Option<Hit> = None;
        // The call itself is instruction 0.
        for at in 0..=self.nops {
            let hit = operation.interrupt::<M>(state, self.nops - at, ending);
            swept.missed = swept.missed.max(hit.missed);
            if hit.faults != Faults::NONE {
                swept.faults = swept.faults.and(hit.faults);
                swept.faulty += 1;
                swept.first_fault.get_or_insert((at, hit.address, ending));
            }
            if let Some(last) = last {
                if last.address == hit.address {
                    swept.delayed += 1;
                } else {
                    swept.hit += 1;
                    // It came before this instruction, which was the last one not to be run.
                    let own = at - 1 + hit_after(&last, self) - 1;
                    swept.interrupted = swept.interrupted.max(own);
                }
            }
            let in_sled = (self.sled.start..self.sled.end).contains(&hit.address);
            let expected_in_sled = at == 0 || hit.address == self.sled.back;
            swept.complete &= in_sled == expected_in_sled;
            swept.complete &= (at == 0) == (hit.address == self.sled.call);
            if hit.address == self.sled.back || !swept.complete {
                // After the last instruction, that is, after the call and all of the operation.
                swept.complete &= at == swept.instructions + 1;
                return;
            }
            last = Some(hit);
        }
        swept.complete = false;
    }
}

/// Instructions of the interrupted code after the interrupt, up to the operation's end.
fn hit_after(hit: &Hit, sweeper: &Sweeper) -> usize {
    hit.after.wrapping_sub(sweeper.after) as usize
}
