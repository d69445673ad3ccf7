//! Every instruction of an operation, one stop after another.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::memory::Made;
use crate::others::{Ending, Others, Progress};
use crate::step::{At, Step, Stop, install};
use crate::subject::{Fault, Numbers, Operation, Subject};

/// How many numbers are in the subject when the operation begins, besides those that it is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Full,
    /// As full, but taken and given back in another order before.
    Shuffled,
    Half,
    One,
    Empty,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Full, Self::Shuffled, Self::Half, Self::One, Self::Empty];

    /// For subjects that keep no order.
    pub(crate) const UNORDERED: [Self; 4] = [Self::Full, Self::Half, Self::One, Self::Empty];
}

/// What was seen at one stop.
pub(crate) struct Seen {
    /// Whether the operation was stopped at all, or ended before.
    pub(crate) stopped: bool,
    /// The address of the next instruction.
    pub(crate) address: usize,
    pub(crate) faults: BTreeSet<Fault>,
    /// The most that one of the others' operations took.
    pub(crate) instructions: usize,
    /// How many numbers were lost with a killed process.
    pub(crate) gone: Option<usize>,
}

/// What others do at a stop.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) rounds: usize,
    pub(crate) ending: Ending,
    /// For how many operations to count instructions, which is slow.
    pub(crate) counted: usize,
    /// How long without progress means that one of the others' operations waits.
    pub(crate) patience: Duration,
}

/// How long without progress means that an operation waits. An operation that does not wait never takes that
/// long, whatever else the machine does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How many stops there were in all, for the thread that watches for progress.
pub(crate) static STOPS: AtomicUsize = AtomicUsize::new(0);

/// Brings a fresh subject into a state. Returns what is held, and what the operations are handed.
fn prepare<S: Subject>(
    subject: &S,
    state: State,
    operations: &[&Operation<S>],
) -> (Vec<u32>, Vec<Numbers>) {
    let mut held = Vec::new();
    let mut take = |count: usize| {
        held.extend((0..count).map(|_| subject.get().expect("there were enough")));
    };
    let handed: usize = operations.iter().map(|operation| operation.handed).sum();
    match state {
        State::Full => take(handed),
        State::Shuffled => {
            let back = (subject.capacity() - handed).min(3);
            take(handed + back);
            let mut back: Vec<u32> = held.drain(..back).collect();
            back.reverse();
            assert!(back.into_iter().all(|number| subject.put(number)));
        }
        State::Half => take(handed.max(subject.capacity() / 2)),
        State::One => take(handed.max(subject.capacity() - 1)),
        State::Empty => take(subject.capacity()),
    }
    let handed = operations
        .iter()
        .map(|operation| held.drain(held.len() - operation.handed..).collect())
        .collect();
    (held, handed)
}

/// Lets all threads continue in the end, during a panic too, which would otherwise wait for them.
struct Awaken<'step>(&'step [Step<'step>]);

impl Drop for Awaken<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(Step::go_on);
    }
}

/// A thread in the middle of an operation.
struct Sleeper<'scope, 'step> {
    step: &'step Step<'step>,
    thread: thread::ScopedJoinHandle<'scope, (Numbers, bool)>,
}

impl<'scope, 'step: 'scope> Sleeper<'scope, 'step> {
    /// Begins an operation and waits until it was stopped or has ended; but not forever, because it may
    /// itself wait for another one.
    fn begin<'env, S: Subject>(
        scope: &'scope thread::Scope<'scope, 'env>,
        step: &'step Step<'step>,
        subject: &'scope S,
        operation: &Operation<S>,
        mut numbers: Numbers,
        patience: Duration,
    ) -> Self {
        let run = operation.run;
        let thread = scope.spawn(move || {
            let accepted = step.run(|| run(subject, &mut numbers));
            (numbers, accepted)
        });
        step.wait(patience);
        Self { step, thread }
    }

    /// Lets it end, and takes over what it holds.
    fn end<S: Subject>(self, others: &mut Others<'_, S>) {
        self.step.go_on();
        let (numbers, accepted) = self.thread.join().expect("no operation panics");
        if !accepted {
            others.faults.insert(Fault::Refused);
        }
        numbers.into_iter().for_each(|number| others.own(number));
    }
}

/// Stops each of `operations` before the instruction given with it, lets others work, lets the operations
/// continue in the order `ends`, and checks whether all numbers are there.
pub(crate) fn asleep<S: Subject>(
    state: State,
    operations: &[(&Operation<S>, At)],
    ends: &[usize],
    work: Work,
) -> Seen {
    let subject = &*Made::<S>::new();
    let names: Vec<_> = operations.iter().map(|&(operation, _)| operation).collect();
    let missing = names.iter().map(|operation| operation.may_hold).sum();
    let (held, handed) = prepare(subject, state, &names);
    let steps: Vec<_> =
        operations.iter().map(|&(_, at)| Step::new(subject, at, Stop::Sleep)).collect();
    let progress = &Progress::default();

    thread::scope(|scope| {
        let _awaken = Awaken(&steps);
        let mut sleepers: Vec<_> = names
            .iter()
            .zip(&steps)
            .zip(handed)
            .map(|((operation, step), numbers)| {
                Some(Sleeper::begin(scope, step, subject, operation, numbers, work.patience))
            })
            .collect();
        let mut others = Others::new(subject, held, missing);
        let stopped = steps.iter().all(Step::stopped);
        // An operation that has neither been stopped nor ended waits for another one.
        let mut waited = steps.iter().any(|step| !step.stopped() && !step.ended());
        if stopped {
            let mut working = others;
            let (finished, finish) = mpsc::channel::<()>();
            let thread = scope.spawn(move || {
                working.work(work, progress);
                drop(finished);
                working
            });
            waited = !finishes(&finish, progress, work.patience);
            if waited {
                progress.disturbed.store(true, Ordering::Relaxed);
                steps.iter().for_each(Step::go_on);
            }
            others = thread.join().expect("others do not panic");
        } else {
            // An operation that waits for another one continues only if both do.
            steps.iter().for_each(Step::go_on);
        }
        if waited {
            others.faults.insert(Fault::Waited);
        }
        for &index in ends {
            steps[index].go_on();
            steps[index].wait_for_the_end(work.patience);
            if !steps[index].ended() {
                // It waits for one that still sleeps.
                others.faults.insert(Fault::Waited);
                steps.iter().for_each(Step::go_on);
            }
            sleepers[index].take().expect("each once").end(&mut others);
        }
        others.settle();
        seen(stopped, &steps[0], &others)
    })
}

/// Whether a thread closes its channel without being blocked.
fn finishes(finish: &Receiver<()>, progress: &Progress, patience: Duration) -> bool {
    let mut last = progress.operations.load(Ordering::Relaxed);
    while finish.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        let now = progress.operations.load(Ordering::Relaxed);
        if now == last {
            return false;
        }
        last = now;
    }
    true
}

fn seen<S: Subject>(stopped: bool, step: &Step<'_>, others: &Others<'_, S>) -> Seen {
    STOPS.fetch_add(1, Ordering::Relaxed);
    Seen {
        stopped,
        address: step.address(),
        faults: others.faults.clone(),
        instructions: others.instructions,
        gone: None,
    }
}

/// An undisturbed operation, counted up to `at`.
fn undisturbed<S: Subject>(state: State, operation: &Operation<S>, at: At) -> Step<'static> {
    let subject = &*Made::<S>::new();
    let (_, mut handed) = prepare(subject, state, &[operation]);
    let mut numbers = handed.remove(0);
    let step = Step::new(subject, at, Stop::Interrupt(&|| ()));
    step.run(|| (operation.run)(subject, &mut numbers));
    step
}

/// How many instructions an undisturbed operation has.
pub(crate) fn instructions<S: Subject>(state: State, operation: &Operation<S>) -> usize {
    undisturbed(state, operation, At::Instruction(usize::MAX)).instructions()
}

/// How many of them read or write the subject.
pub(crate) fn accesses<S: Subject>(state: State, operation: &Operation<S>) -> usize {
    undisturbed(state, operation, At::Access(usize::MAX)).accesses()
}

/// Like [`asleep`] with one operation, but the others' work is done on top of it, on the same thread, as by
/// an interrupt or a signal handler.
pub(crate) fn interrupted<S: Subject>(
    state: State,
    operation: &Operation<S>,
    at: At,
    work: Work,
) -> Seen {
    let subject = &*Made::<S>::new();
    let (held, mut handed) = prepare(subject, state, &[operation]);
    let mut numbers = handed.remove(0);
    let others = RefCell::new(Others::new(subject, held, operation.may_hold));
    let handler = || others.borrow_mut().work(work, &Progress::default());
    let step = Step::new(subject, at, Stop::Interrupt(&handler));
    let accepted = step.run(|| (operation.run)(subject, &mut numbers));
    let mut others = others.borrow_mut();
    if !accepted {
        others.faults.insert(Fault::Refused);
    }
    numbers.into_iter().for_each(|number| others.own(number));
    others.settle();
    seen(step.stopped(), &step, &others)
}

/// Like [`asleep`] with one operation, in a process that ends there.
pub(crate) fn killed<S: Subject>(
    state: State,
    operation: &Operation<S>,
    at: At,
    work: Work,
) -> Seen {
    let subject = &*Made::<S>::shared();
    let (held, mut handed) = prepare(subject, state, &[operation]);
    let mut numbers = handed.remove(0);
    let step = Step::new(subject, at, Stop::Exit);
    install();
    // SAFETY: the child only runs the operation, which neither allocates nor locks, and ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process can be made");
    if child == 0 {
        // A child in the middle of an operation does not outlive this process.
        // SAFETY: sets an attribute of the child.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        step.run(|| (operation.run)(subject, &mut numbers));
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(1) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "the child died otherwise");
    let stopped = match libc::WEXITSTATUS(status) {
        0 => true,
        1 => false,
        other => panic!("the child ended with {other}"),
    };
    let mut others = Others::new(subject, held, operation.may_hold);
    if stopped {
        others.work(work, &Progress::default());
    }
    others.settle();
    let gone = subject.capacity().saturating_sub(others.held.len());
    // Without a stop, what the child held at its end is gone.
    if gone <= operation.may_hold {
        others.faults.remove(&Fault::Lost);
    }
    let seen = seen(stopped, &step, &others);
    // The child's step is not visible here.
    let address =
        if seen.faults.is_empty() { 0 } else { undisturbed(state, operation, at).address() };
    Seen { address, gone: Some(gone), ..seen }
}

/// Stops many threads in the same operation on an empty subject, more than three for each number. Then one
/// number is given back, and the next get has to find it.
pub(crate) fn crowd<S: Subject>(operation: &Operation<S>, at: At) -> Seen {
    let subject = &*Made::<S>::new();
    let many = 3 * subject.capacity() + 1;
    let (held, _) = prepare(subject, State::Empty, &[operation]);
    let steps: Vec<_> = (0..many).map(|_| Step::new(subject, at, Stop::Sleep)).collect();
    thread::scope(|scope| {
        let _awaken = Awaken(&steps);
        let sleepers: Vec<_> = steps
            .iter()
            .map(|step| Sleeper::begin(scope, step, subject, operation, Numbers::new(), PATIENCE))
            .collect();
        let stopped = steps.iter().all(Step::stopped);
        let mut others = Others::new(subject, held, 0);
        if stopped {
            let number = others.held.pop().expect("all are held");
            if !subject.put(number) {
                others.faults.insert(Fault::Refused);
            }
            match subject.get() {
                Some(number) => others.own(number),
                None => {
                    others.faults.insert(Fault::FoundNone);
                }
            }
        }
        sleepers.into_iter().for_each(|sleeper| sleeper.end(&mut others));
        others.settle();
        seen(stopped, &steps[0], &others)
    })
}
