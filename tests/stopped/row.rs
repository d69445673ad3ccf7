//! All stops of one subject.

use std::collections::BTreeMap;

use crate::explore::{Seen, State, Work, asleep, crowd, instructions, interrupted, killed};
use crate::others::Ending;
use crate::subject::{Fault, Operation, Subject};

/// What a subject is expected to show.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    /// Each of these is found.
    pub(crate) must: &'static [Fault],
    /// Nothing but these.
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
    /// The most instructions of an operation of the others; 0: not counted.
    pub(crate) instructions: usize,
    pub(crate) at_most_instructions: usize,
    /// For each operation, state and ending.
    most_stops: usize,
    /// The most numbers that went with a killed process.
    pub(crate) gone: Option<usize>,
}

impl Row {
    pub(crate) fn new(
        name: &'static str,
        expected: Expected,
        at_most_instructions: usize,
        most_stops: usize,
    ) -> Self {
        Self {
            name,
            expected,
            stops: [0; 5],
            faulty: [false; 5],
            faults: BTreeMap::new(),
            instructions: 0,
            at_most_instructions,
            most_stops,
            gone: None,
        }
    }

    /// Whether the operation has more instructions to be stopped at, and that is worth while.
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

    /// Whether what must not wait did: every other stop may take as long.
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
        let few = (stops < self.most_stops.min(10)).then(|| format!("only {stops} stops"));
        // What finds nothing in those that are broken proves nothing about the others; a sample may.
        let every = self.most_stops == usize::MAX;
        let blind =
            KINDS.iter().zip(self.stops).zip(self.faulty).filter_map(|((kind, stops), faulty)| {
                let blind = every && stops > 0 && !faulty && !self.expected.must.is_empty();
                blind.then(|| format!("nothing was found {kind}"))
            });
        missing.chain(unexpected).chain(slow).chain(few).chain(blind).collect()
    }

    /// Every instruction of an operation, or about `most_stops` of them, evenly spread.
    fn instants<S: Subject>(
        &self,
        state: State,
        operation: &Operation<S>,
    ) -> impl Iterator<Item = usize> + use<S> {
        let apart = instructions(state, operation).div_ceil(self.most_stops).max(1);
        // Another remainder in each state.
        (state as usize % apart..).step_by(apart)
    }

    /// One operation stopped, at every instruction of each.
    fn each<S: Subject>(
        mut self,
        kind: Kind,
        (operations, states, works): (&[&Operation<S>], &[State], &[Work]),
        stop: impl Fn(State, &Operation<S>, usize, Work) -> Seen,
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

    /// Two threads asleep, at every pair of instructions, or about `most` of them, evenly spread, for
    /// each pair of operations.
    pub(crate) fn pairs<S: Subject>(
        mut self,
        pairs: &[[&Operation<S>; 2]],
        states: &[State],
        work: Work,
        most: usize,
    ) -> Self {
        for &[first, second] in pairs {
            for &state in states {
                let counts = [first, second].map(|operation| instructions(state, operation));
                let apart = (counts[0] * counts[1]).div_ceil(most).isqrt().max(1);
                // In the other order each time.
                let mut ends = [0, 1];
                for at_first in (0..counts[0]).step_by(apart) {
                    // Another remainder each time. More than that many is no operation that ends.
                    let most = 10 * counts[1] + 1000;
                    for at_second in (at_first / apart % apart..most).step_by(apart) {
                        let operations = [(first, at_first), (second, at_second)];
                        ends.reverse();
                        let seen = asleep(state, &operations, &ends, work);
                        let place = || {
                            let one = place(first, at_first, state, work.ending);
                            format!("{one}, {} at {at_second}", second.name)
                        };
                        if !self.add(Kind::InPairs, place, seen) {
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

fn place<S>(operation: &Operation<S>, at: usize, state: State, ending: Ending) -> String {
    format!("{} at {at}, {state:?}, {ending:?}", operation.name)
}

/// The function and line of an instruction.
fn source(address: usize) -> String {
    let mut text = String::from("place unknown");
    let mut found = false;
    // From the innermost inlined function outwards; the language's own say little.
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
