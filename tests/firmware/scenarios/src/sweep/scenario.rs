//! Which operations are interrupted, in which states, and what must result.

use blockpool_core::storage::{Bitmap, HeaplessQueue};

use super::numbers::{self, Bare, Claimed, GivesUp, ManyWords, Set, Torn};
use super::pooled::Pooled;
use super::queued::Queued;
use super::subject::{Faults, Operation, State, Subject};
use super::sweeper::{Sweeper, Swept};
use crate::{Machine, verdict};

/// Whether interrupts wait for sections of atomic operations.
const DELAYS: bool = !cfg!(target_has_atomic = "ptr");

/// Sums over many operations.
struct Totals {
    sweeper: Sweeper,
    sweeps: usize,
    hit: usize,
    delayed: usize,
    incomplete: usize,
    /// Operations that were allowed to hold more than they do.
    lax: usize,
    faulty: usize,
    faults: Faults,
}

/// Runs the scenario, prints its verdicts and returns whether all pass.
pub fn run<M: Machine>() -> bool {
    ours::<M>()
        & wrong::<M, Torn>("bits in two steps", Faults::TWO_OWNERS)
        & wrong::<M, GivesUp>(
            "a queue that gives up",
            Faults::MAIN_FOUND_NONE.and(Faults::DISORDERED),
        )
        & heapless::<M>()
}

/// Our own types have no fault, wherever they are interrupted.
fn ours<M: Machine>() -> bool {
    type OneWord = Pooled<Bitmap, 16>;
    type TwoWords = Pooled<Bitmap, 40>;
    let mut totals = Totals::new::<M>();
    for state in State::all(16) {
        for operation in OneWord::pool_operations().iter().chain(&OneWord::local_operations()) {
            totals.figures::<M, _>(operation, &state);
        }
    }
    for operation in &OneWord::round_trips() {
        totals.figures::<M, _>(operation, &State::half_full(16));
    }
    for state in State::all(16).iter().chain(&State::at_the_wrap(16)) {
        for operation in &Queued::<16>::operations() {
            totals.figures::<M, _>(operation, state);
        }
    }
    for operation in &Queued::<16>::burst_operations() {
        totals.figures::<M, _>(operation, &State::half_full(16));
    }
    let [half_full, _, one_left, empty] = State::all(40);
    for operation in &TwoWords::pool_operations() {
        totals.sweep::<M, _>("pool of 40", operation, &one_left);
        totals.sweep::<M, _>("pool of 40", operation, &empty);
    }
    for operation in &TwoWords::local_operations() {
        totals.sweep::<M, _>("pool of 40", operation, &half_full);
    }
    let [_, _, one_left, empty] = State::all(ManyWords::CAPACITY);
    for operation in &numbers::operations::<ManyWords>() {
        totals.sweep::<M, _>("set of 1,056", operation, &one_left);
        totals.sweep::<M, _>("set of 1,056", operation, &empty);
    }
    for operation in &numbers::operations::<Claimed>() {
        totals.sweep::<M, _>("claims", operation, &State::half_full(8));
    }
    let Totals { sweeps, hit, delayed, incomplete, lax, faulty, faults, .. } = totals;
    let exact = incomplete == 0 && lax == 0 && (DELAYS || delayed == 0);
    let passed = exact && faulty == 0 && hit > 0;
    verdict::<M>(
        "sweep",
        passed,
        format_args!(
            "{sweeps} operations in a state, {hit} instructions hit, {delayed} where the interrupt \
             had to wait, {incomplete} incomplete, {lax} held less than allowed, {faulty} with \
             faults ({faults})"
        ),
    )
}

/// A deliberately wrong set is detected.
fn wrong<M: Machine, S: Set>(name: &str, expected: Faults) -> bool {
    let mut totals = Totals::new::<M>();
    for operation in &numbers::operations::<S>() {
        totals.sweep::<M, _>(name, operation, &State::half_full(8));
    }
    let seen = totals.faults.includes(expected) && totals.incomplete == 0;
    let (faulty, faults) = (totals.faulty, totals.faults);
    verdict::<M>(
        "sweep",
        seen,
        format_args!("{name}, wrong on purpose: {faulty} faulty ({faults})"),
    )
}

/// The `heapless` queue as a free list: what its documentation says, and our remedy.
fn heapless<M: Machine>() -> bool {
    let mut free_list = Totals::new::<M>();
    type List = Pooled<HeaplessQueue<8>, 8>;
    for operation in List::pool_operations().iter().chain(&List::round_trips()) {
        free_list.sweep::<M, _>("HeaplessQueue", operation, &State::half_full(8));
    }
    let lost = Faults::LOST.and(Faults::REFUSED).and(Faults::TWO_OWNERS);
    let cured = free_list.faults.includes(Faults::FOUND_NONE) && !free_list.faults.intersects(lost);
    let free_list_passed = verdict::<M>(
        "heapless",
        cured,
        format_args!("the free list HeaplessQueue, as documented: {}", free_list.faults),
    );
    let mut bare = Totals::new::<M>();
    for operation in &numbers::operations::<Bare>() {
        bare.sweep::<M, _>("heapless::mpmc", operation, &State::half_full(8));
    }
    let lost = Faults::LOST.and(Faults::REFUSED);
    let bare_passed = verdict::<M>(
        "heapless",
        bare.faults.includes(lost),
        format_args!("bare, as its documentation warns: {}", bare.faults),
    );
    free_list_passed & bare_passed
}

impl Totals {
    fn new<M: Machine>() -> Self {
        Self {
            sweeper: Sweeper::new::<M>(),
            sweeps: 0,
            hit: 0,
            delayed: 0,
            incomplete: 0,
            lax: 0,
            faulty: 0,
            faults: Faults::NONE,
        }
    }

    /// Sweeps, and prints figures for the usual state: instructions per block.
    fn figures<M: Machine, S: Subject>(&mut self, operation: &Operation<S>, state: &State) {
        let swept = self.sweep::<M, S>("16 blocks", operation, state);
        if state.name == State::HALF_FULL {
            let Operation { name, blocks, .. } = *operation;
            let each = if blocks > 1 { "/per-block" } else { "" };
            let [alone, interrupted] =
                [swept.instructions, swept.interrupted].map(|all| (all + blocks / 2) / blocks);
            M::print(format_args!("figure instructions/{name}{each} {alone}"));
            M::print(format_args!("figure instructions-interrupted/{name}{each} {interrupted}"));
        }
    }

    fn sweep<M: Machine, S: Subject>(
        &mut self,
        subject: &str,
        operation: &Operation<S>,
        state: &State,
    ) -> Swept {
        let swept = self.sweeper.sweep::<M, S>(operation, state);
        self.sweeps += 1;
        self.hit += swept.hit;
        self.delayed += swept.delayed;
        self.incomplete += usize::from(!swept.complete);
        let half_full = state.name == State::HALF_FULL;
        self.lax += usize::from(half_full && swept.missed < operation.may_hold);
        self.faulty += swept.faulty;
        self.faults = self.faults.and(swept.faults);
        let Swept {
            instructions, interrupted, hit, delayed, complete, missed, faulty, faults, ..
        } = swept;
        let name = operation.name;
        M::print(format_args!(
            "  {subject}, {name}, {}: {instructions} instructions, {interrupted} if interrupted; \
             {hit} hit, {delayed} delayed{}; {missed} missed, {faulty} faulty",
            state.name,
            if complete { "" } else { ", INCOMPLETE" },
        ));
        if let Some((at, address, ending)) = swept.first_fault {
            M::print(format_args!(
                "    {faults}; first before instruction {at}, address {address:#x}, {ending:?}"
            ));
        }
        swept
    }
}
