//! Looks for a linearization.
//!
//! Source: the search of Wing and Gong, "Testing and verifying concurrent objects" (1993), which tries every
//! operation that may come next, and does not continue from the same configuration twice, as in Lowe,
//! "Testing for linearizability" (2017).

use std::collections::HashSet;
use std::fmt::{self, Debug, Formatter};
use std::hash::Hash;

/// The most steps of an operation.
pub(crate) const STEPS: usize = 4;

/// One change or observation of a sequential object, with what the operation said about it.
pub(crate) trait Step: Debug {
    type State: Clone + Eq + Hash + Debug;

    /// The state after this step, or `None` if it cannot happen in `before`.
    fn apply(&self, before: &Self::State) -> Option<Self::State>;
}

/// A call that returned. Its steps took effect in their order, each at one instant in between.
#[derive(Clone)]
pub(crate) struct Operation<S> {
    pub(crate) called: u64,
    pub(crate) returned: u64,
    /// At least one.
    pub(crate) steps: heapless::Vec<S, STEPS>,
}

impl<S: Debug> Debug for Operation<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} {:?}", self.called, self.returned, self.steps)
    }
}

/// The operations of each thread, in the order in which it made them.
pub(crate) type History<S> = Vec<Vec<Operation<S>>>;

/// Whether some order of all steps is one that the sequential object allows from `start`.
pub(crate) fn is_linearizable<S: Step>(start: &S::State, history: &History<S>) -> bool {
    let done = vec![Done::default(); history.len()];
    Search { history, seen: HashSet::new() }.can_end(&done, start)
}

/// How far a thread has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Done {
    operations: usize,
    /// Of the next operation.
    steps: usize,
}

struct Search<'h, S: Step> {
    history: &'h History<S>,
    /// Configurations that the search has visited without reaching the end.
    seen: HashSet<(Vec<Done>, S::State)>,
}

impl<S: Step> Search<'_, S> {
    fn can_end(&mut self, done: &[Done], state: &S::State) -> bool {
        if !self.seen.insert((done.to_vec(), state.clone())) {
            return false;
        }
        let history = self.history;
        let next = || {
            let both = history.iter().zip(done).enumerate();
            both.filter_map(|(thread, (all, done))| Some((thread, all.get(done.operations)?)))
        };
        let Some(first_return) = next().map(|(_, operation)| operation.returned).min() else {
            return true;
        };
        // An operation called after that return comes after that operation.
        next().filter(|(_, operation)| operation.called < first_return).any(
            |(thread, operation)| {
                let step = done[thread].steps;
                operation.steps[step].apply(state).is_some_and(|after| {
                    let mut done = done.to_vec();
                    done[thread] = match step + 1 {
                        steps if steps < operation.steps.len() => Done { steps, ..done[thread] },
                        _ => Done { operations: done[thread].operations + 1, steps: 0 },
                    };
                    self.can_end(&done, &after)
                })
            },
        )
    }
}
