//! One model per process: a model that fails ends its process at once, whatever state its threads are in, and
//! no model leaves anything to the next.

use std::env;
use std::panic;
use std::process::{Command, Stdio, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::models::Model;
use crate::site::{self, Site};

/// The result of a model.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The most at a time, not counting the main thread.
    pub(crate) threads: usize,
    pub(crate) executions: usize,
    pub(crate) time: Duration,
    pub(crate) end: End,
    /// Every ordering that the model used.
    pub(crate) sites: Vec<Site>,
}

#[derive(Debug)]
pub(crate) enum End {
    /// Every execution within the bound was right.
    Held,
    /// It took too long.
    Cut,
    /// Loom could not continue, which says nothing about the sources.
    Limit(String),
    /// An execution panicked.
    Failed(String),
}

/// One ordering to weaken, and for how long to try.
#[derive(Clone, Debug)]
pub(crate) struct Weakening {
    pub(crate) site: Site,
    pub(crate) to: Ordering,
    pub(crate) limit: Duration,
}

static THREADS: AtomicUsize = AtomicUsize::new(0);
static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);

/// Records that a model has this many threads.
pub(crate) fn note_threads(threads: usize) {
    THREADS.fetch_max(threads, Ordering::Relaxed);
}

/// Runs `model` in this process, which ends, and reports the result to [`in_a_process`].
pub(crate) fn here(model: Model, weakening: Option<Weakening>) -> ! {
    let start = Instant::now();
    panic::set_hook(Box::new(|panic| {
        println!("{}", told(panic));
        println!("ran {} {} 0", counted(&THREADS), counted(&EXECUTIONS));
        exit(1);
    }));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = model.bound;
    builder.max_branches = STEPS;
    // Overrides the environment, so that nothing is cut silently.
    builder.max_permutations = None;
    builder.checkpoint_file = None;
    builder.max_duration = weakening.as_ref().map(|weakening| weakening.limit);
    if let Some(Weakening { site, to, .. }) = weakening {
        site::weaken(site, to);
    }
    builder.check(move || {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        (model.run)();
    });
    let time = start.elapsed();
    if builder.max_duration.is_some_and(|limit| time >= limit) {
        println!("cut");
    }
    println!("ran {} {} {}", counted(&THREADS), counted(&EXECUTIONS), time.as_micros());
    site::reached().iter().for_each(|site| println!("site {site}"));
    exit(0);
}

/// More than an execution of any model has: one that has more goes on for ever, most likely by reading the same
/// old values again and again.
const STEPS: usize = 3000;

/// The kind of a panic and its message on one line, with the location if that is among these or the shipped
/// sources.
fn told(panic: &panic::PanicHookInfo<'_>) -> String {
    let (payload, none) = (panic.payload(), "a panic without a message");
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or(payload.downcast_ref().map(String::as_str)).unwrap_or(none);
    let message = message.trim().replace('\n', ";");
    match panic.location() {
        // Of this package, or of the sources: a path within the workspace.
        Some(location) if location.file().starts_with("tests/loom/src/") => {
            let file = location.file().rsplit("src/").next().expect("one piece at least");
            format!("failed {message} ({file}:{})", location.line())
        }
        _ => {
            let first_sentence = message.split_inclusive(". ").next().unwrap_or("");
            if first_sentence.starts_with("Model exceeded maximum number of branches") {
                return format!("failed an operation does not end, not within {STEPS} steps");
            }
            // Of loom's other panics, only this one is about the sources: the others are limits of its own,
            // such as that on threads.
            let kind = if message.starts_with("Causality violation") { "failed" } else { "limit" };
            format!("{kind} {first_sentence}")
        }
    }
}

fn counted(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// Runs `model` in its own process.
pub(crate) fn in_a_process(model: &Model, weakening: Option<&Weakening>) -> Outcome {
    let program = env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["--here", &model.name]);
    if let Some(Weakening { site, to, limit }) = weakening {
        command.args(["--site", &site.to_string(), "--to", &format!("{to:?}")]);
        command.args(["--limit", &limit.as_secs().to_string()]);
    }
    let output = command.stderr(Stdio::inherit()).output().expect("this program can be run");
    let mut outcome = Outcome {
        threads: 0,
        executions: 0,
        time: Duration::ZERO,
        end: End::Held,
        sites: Vec::new(),
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "ran" => {
                let mut numbers = rest.split(' ').map(|number| number.parse().unwrap_or(0));
                outcome.threads = numbers.next().unwrap_or(0) as usize;
                outcome.executions = numbers.next().unwrap_or(0) as usize;
                outcome.time = Duration::from_micros(numbers.next().unwrap_or(0));
            }
            "cut" => outcome.end = End::Cut,
            "limit" => outcome.end = End::Limit(format!("reached a limit: {rest}")),
            "failed" => outcome.end = End::Failed(rest.to_owned()),
            "site" => outcome.sites.push(rest.parse().expect("a site was written")),
            _ => {}
        }
    }
    let panicked = matches!(outcome.end, End::Limit(_) | End::Failed(_));
    assert!(output.status.success() || panicked, "{} died: {}", model.name, output.status);
    outcome
}
