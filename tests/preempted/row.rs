//! All stops of one subject.

use std::collections::BTreeMap;

use crate::explore::{
    Seen, State, Work, accesses, asleep, crowd, instructions, interrupted, killed,
};
use crate::others::Ending;
use crate::step::At;
use crate::subject::{Fault, Operation, Subject};

/// What a subject is expected to show.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    /// Each of these must be found.
    pub(crate) must: &'static [Fault],
    /// Nothing else may be found.
    pub(crate) may: &'static [Fault],
}

impl Expected {
    /// Lock-free, nothing lost, one owner.
    pub(crate) const NOTHING: Self = Self { must: &[], may: &[] };

    pub(crate) const fn these(faults: &'static [Fault]) -> Self {
        Self { must: faults, may: faults }
    }

    pub(crate) const fn at_least(must: &'static [Fault]) -> Self {
        Self { must, may: &Fault::ALL }
    }
}

/// Where one operation is stopped, for each state and ending.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stops {
    EveryInstruction,
    EveryAccess,
    /// About this many, evenly spread.
    Instructions(usize),
}

/// How an operation is stopped.
#[derive(Clone, Copy)]
enum Kind {
    Asleep,
    InPairs,
    Interrupted,
    Killed,
    InACrowd,
}

pub(crate) const KINDS: [&str; 5] = ["asleep", "in pairs", "interrupted", "killed", "in a crowd"];

/// What was found.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) expected: Expected,
    /// Of each kind.
    pub(crate) stops: [usize; 5],
    /// Whether there were faults.
    faulty: [bool; 5],
    /// How often, and where first.
    pub(crate) faults: BTreeMap<Fault, (usize, String)>,
    /// The most instructions that one of the others' operations took; 0 if not counted.
    pub(crate) instructions: usize,
    pub(crate) at_most_instructions: usize,
    chosen: Stops,
    /// The most numbers that were lost with a killed process.
    pub(crate) gone: Option<usize>,
}

impl Row {
    pub(crate) fn new(
        name: &'static str,
        expected: Expected,
        at_most_instructions: usize,
        chosen: Stops,
    ) -> Self {
        Self {
            name,
            expected,
            stops: [0; 5],
            faulty: [false; 5],
            faults: BTreeMap::new(),
            instructions: 0,
            at_most_instructions,
            chosen,
            gone: None,
        }
    }

    /// Returns whether the operation has more instructions to be stopped at, and that is worthwhile.
    fn add(&mut self, kind: Kind, place: impl Fn() -> String, seen: Seen) -> bool {
        let kind = kind as usize;
        self.stops[kind] += usize::from(seen.stopped);
        self.faulty[kind] |= !seen.faults.is_empty();
        self.instructions = self.instructions.max(seen.instructions);
        if seen.stopped {
            self.gone = self.gone.max(seen.gone);
        }
        for fault in seen.faults {
            let first = || format!("{}: {}", place(), source(seen.address));
            self.faults.entry(fault).or_insert_with(|| (0, first())).0 += 1;
        }
        seen.stopped && !self.is_given_up()
    }

    /// Whether something that must not wait did: every other stop may take as long.
    fn is_given_up(&self) -> bool {
        self.faults.contains_key(&Fault::Waited) && !self.expected.may.contains(&Fault::Waited)
    }

    /// What is not as expected.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let missing = self.expected.must.iter().filter(|fault| !self.faults.contains_key(fault));
        let missing = missing.map(|fault| format!("`{fault}` was to be found"));
        let unexpected = self.faults.iter().filter(|(fault, _)| !self.expected.may.contains(fault));
        let unexpected =
            unexpected.map(|(fault, (count, first))| format!("{count} × {fault}, first {first}"));
        let slow = (self.instructions > self.at_most_instructions).then(|| {
            format!("{} instructions, at most {}", self.instructions, self.at_most_instructions)
        });
        let stops = self.stops.into_iter().sum::<usize>();
        let few = (stops < 10).then(|| format!("only {stops} stops"));
        // A kind of stop that finds nothing in broken subjects proves nothing about the others; a sample may.
        let every = !matches!(self.chosen, Stops::Instructions(_));
        let blind =
            KINDS.iter().zip(self.stops).zip(self.faulty).filter_map(|((kind, stops), faulty)| {
                let blind = every && stops > 0 && !faulty && !self.expected.must.is_empty();
                blind.then(|| format!("nothing was found {kind}"))
            });
        missing.chain(unexpected).chain(slow).chain(few).chain(blind).collect()
    }

    /// Where to stop an operation; the last is beyond its end.
    fn instants<S: Subject>(
        &self,
        state: State,
        operation: &Operation<S>,
    ) -> impl Iterator<Item = At> + use<S> {
        let (apart, at): (_, fn(usize) -> At) = match self.chosen {
            Stops::EveryInstruction => (1, At::Instruction),
            Stops::EveryAccess => (1, At::Access),
            Stops::Instructions(most) => {
                (instructions(state, operation).div_ceil(most).max(1), At::Instruction)
            }
        };
        // A different remainder in each state.
        (state as usize % apart..).step_by(apart).map(at)
    }

    /// Stops one operation, at each chosen place.
    fn each<S: Subject>(
        mut self,
        kind: Kind,
        (operations, states, works): (&[&Operation<S>], &[State], &[Work]),
        stop: impl Fn(State, &Operation<S>, At, Work) -> Seen,
    ) -> Self {
        for operation in operations {
            for &state in states {
                for &work in works {
                    for at in self.instants(state, operation) {
                        let seen = stop(state, operation, at, work);
                        if !self.add(kind, || place(operation, at, state, work.ending), seen) {
                            break;
                        }
                    }
                    if self.is_given_up() {
                        return self;
                    }
                }
            }
        }
        self
    }

    /// One thread asleep.
    pub(crate) fn asleep<S: Subject>(
        self,
        operations: &[&Operation<S>],
        states: &[State],
        works: &[Work],
    ) -> Self {
        self.each(Kind::Asleep, (operations, states, works), |state, operation, at, work| {
            asleep(state, &[(operation, at)], &[0], work)
        })
    }

    /// The others' work done by an interrupt.
    pub(crate) fn interrupted<S: Subject>(
        self,
        operations: &[&Operation<S>],
        states: &[State],
        works: &[Work],
    ) -> Self {
        self.each(Kind::Interrupted, (operations, states, works), interrupted)
    }

    /// Processes killed.
    pub(crate) fn killed<S: Subject>(
        self,
        operations: &[&Operation<S>],
        states: &[State],
        work: Work,
    ) -> Self {
        self.each(Kind::Killed, (operations, states, &[work]), killed)
    }

    /// A crowd asleep in a get that finds nothing.
    pub(crate) fn crowd<S: Subject>(self, get: &Operation<S>, work: Work) -> Self {
        self.each(Kind::InACrowd, (&[get], &[State::Empty], &[work]), |_, get, at, _| {
            crowd(get, at)
        })
    }

    /// Two threads asleep, at every pair of accesses, or about `most` of them, evenly spread, for each pair
    /// of operations. They continue after the others' `work`; then again without any work, where one runs to
    /// its end before the other, for which it could be waiting, wakes.
    pub(crate) fn pairs<S: Subject>(
        mut self,
        pairs: &[[&Operation<S>; 2]],
        states: &[State],
        work: Work,
        most: usize,
    ) -> Self {
        let idle = Work { rounds: 0, ..work };
        for &[first, second] in pairs {
            for &state in states {
                let counts = [first, second].map(|operation| accesses(state, operation));
                let apart = (counts[0] * counts[1]).div_ceil(most).isqrt().max(1);
                // In the other order each time.
                let mut ends = [0, 1];
                for at_first in (0..counts[0]).step_by(apart) {
                    // A different remainder each time. An operation with more accesses than `most` does not
                    // end.
                    let most = 10 * counts[1] + 1000;
                    for at_second in (at_first / apart % apart..most).step_by(apart) {
                        let at = [at_first, at_second].map(At::Access);
                        ends.reverse();
                        let mut more = true;
                        for (work, ends) in [(work, ends), (idle, [0, 1]), (idle, [1, 0])] {
                            let seen =
                                asleep(state, &[(first, at[0]), (second, at[1])], &ends, work);
                            let place = || {
                                let one = place(first, at[0], state, work.ending);
                                format!("{one}, {} at {:?}", second.name, at[1])
                            };
                            more &= self.add(Kind::InPairs, place, seen);
                        }
                        if !more {
                            break;
                        }
                    }
                    if self.is_given_up() {
                        return self;
                    }
                }
            }
        }
        self
    }
}

fn place<S>(operation: &Operation<S>, at: At, state: State, ending: Ending) -> String {
    format!("{} at {at:?}, {state:?}, {ending:?}", operation.name)
}

/// The function and line of an instruction.
fn source(address: usize) -> String {
    let mut text = String::from("place unknown");
    let mut found = false;
    // From the innermost inlined function outwards; those of the standard library say little.
    backtrace::resolve(address as *mut _, |symbol| {
        if let (Some(name), Some(file)) = (symbol.name(), symbol.filename())
            && !found
        {
            found = !file.starts_with("/rustc");
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            text = format!("{name:#} ({file}:{})", symbol.lineno().unwrap_or_default());
        }
    });
    text
}
