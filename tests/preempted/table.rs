//! What is stopped, and the table of the results.

use std::process::{self, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use blockpool_core::storage::{Bitmap, Counted, HeaplessQueue, SpinStack};
use clap::Parser;
use crossbeam::queue::{ArrayQueue, SegQueue};

use crate::explore::{PATIENCE, STOPS, State, Work, instructions as instructions_of};
use crate::others::Ending;
use crate::ours::{Pooled, Queued};
use crate::peers::{COUNT, CountedFirst, Heapless, Heapless8, TornBits, Transactions, Untagged};
use crate::row::{Expected, Row, Stops};
use crate::selection::Selection;
use crate::subject::{Fault, Operation, Subject, get, get_and_put, put};

/// Stops operations before each of their instructions, lets others work in the meantime, and prints what they
/// saw. Fails if that is not what was expected.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// Every pair of accesses, in every state: half an hour; hours without optimisation
    #[arg(long)]
    full: bool,
}

/// For subjects that are expected to wait: what they show is only reported.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

fn work(ending: Ending, patience: Duration) -> Work {
    // If everything is kept in the end: 256 gets, 8 in each round, which defeat an 8-bit counter.
    let rounds = if ending == Ending::KeepAll { 32 } else { 6 };
    Work { rounds, ending, counted: 0, patience }
}

/// How much is tried.
#[derive(Clone, Copy)]
struct Extent {
    endings: &'static [Ending],
    /// For operations that are not short.
    states: &'static [State],
    pair_states: &'static [State],
    /// Pairs of accesses for each pair of operations.
    pairs: usize,
    /// An operation with at most this many instructions is stopped in every state, with every ending.
    short: usize,
    stops: Stops,
    /// For broken subjects, whose memory does not all lie in one place.
    stops_of_broken: Stops,
    /// Whether the number of instructions is as low as it should be.
    optimised: bool,
}

impl Extent {
    fn new(full: bool) -> Self {
        let optimised = !cfg!(debug_assertions);
        let every_pair = Self {
            endings: &Ending::ALL,
            states: &State::ALL,
            pair_states: &State::ALL,
            pairs: usize::MAX,
            short: usize::MAX,
            stops: Stops::EveryInstruction,
            stops_of_broken: Stops::EveryInstruction,
            optimised,
        };
        let every_instruction = Self {
            endings: &[
                Ending::Return,
                Ending::Keep { keep: 0, last: 1 },
                Ending::Keep { keep: 1, last: 0 },
                Ending::KeepAll,
            ],
            pair_states: &[State::Half, State::One],
            pairs: 80,
            short: 150,
            states: &[State::Half, State::One],
            ..every_pair
        };
        // Up to a hundred times as many instructions, and each costs a signal: about 10 µs on a virtual
        // machine.
        let sample = Self {
            endings: &[Ending::Return, Ending::Keep { keep: 1, last: 0 }],
            states: &[State::One],
            pair_states: &[State::One],
            pairs: 1,
            short: 0,
            stops: Stops::EveryAccess,
            stops_of_broken: Stops::Instructions(50),
            ..every_instruction
        };
        let every_access = Self {
            pairs: usize::MAX,
            states: &State::ALL,
            stops_of_broken: Stops::EveryInstruction,
            ..sample
        };
        match (full, optimised) {
            (true, true) => every_pair,
            (false, true) => every_instruction,
            (true, false) => every_access,
            (false, false) => sample,
        }
    }
}

/// A lock-free subject: stopped in every way.
fn lock_free<S: Subject>(
    name: &'static str,
    instructions: usize,
    operations: &[Operation<S>],
    extent: Extent,
) -> Row {
    let works: Vec<_> = extent.endings.iter().map(|&ending| work(ending, PATIENCE)).collect();
    let pairs: Vec<_> =
        operations.iter().flat_map(|one| operations.iter().map(move |two| [one, two])).collect();
    let counting = Work { counted: if extent.optimised { 2 } else { 0 }, ..works[0] };
    let most = if extent.optimised { instructions } else { usize::MAX };
    let (short, long): (Vec<_>, Vec<_>) = operations
        .iter()
        .partition(|operation| instructions_of(State::Half, operation) <= extent.short);
    let few = extent.states;
    let states = if S::FIRST_IN_FIRST_OUT { &State::ALL[..] } else { &State::UNORDERED };
    Row::new(name, Expected::NOTHING, most, extent.stops)
        .asleep(&short, states, &[&[counting], &works[1..]].concat())
        .asleep(&long, few, &[counting])
        .pairs(&pairs, extent.pair_states, works[0], extent.pairs)
        .interrupted(&short, states, &works)
        .interrupted(&long, few, &works[..1])
        .killed(&short, &[State::Full, State::One, State::Empty], works[0])
        .killed(&long, few, works[0])
        .crowd(&get::<S>(), works[0])
}

/// Any other subject: one thread asleep, to see what the others see.
fn other<S: Subject>(name: &'static str, expected: Expected, extent: Extent) -> Row {
    // With a single sleeper, that is.
    let waits = expected.must.first() == Some(&Fault::Waited);
    let (states, endings, patience): (&[_], &[_], _) = if waits {
        // Each wait takes its time.
        (&[State::Half], &[Ending::Return], SHORT_PATIENCE)
    } else {
        (&[State::Full, State::One], extent.endings, PATIENCE)
    };
    let works: Vec<_> = endings.iter().map(|&ending| work(ending, patience)).collect();
    let operations = [get(), put(), get_and_put()];
    let row = Row::new(name, expected, usize::MAX, extent.stops_of_broken);
    let row = row.asleep::<S>(&operations.each_ref(), states, &works);
    if waits {
        return row;
    }
    let [get, put, _] = &operations;
    // What was on top is there again, on top of another.
    // Some wait only in a pair.
    let restored = work(Ending::Keep { keep: 1, last: 0 }, Duration::from_secs(1));
    row.pairs(
        &[[get, put], [put, get], [get, get], [put, put]],
        &[State::Full],
        restored,
        extent.pairs.saturating_mul(10),
    )
    .interrupted(&operations.each_ref(), states, &works)
}

/// A broken subject, in a killed process as well.
fn other_killed<S: Subject>(name: &'static str, expected: Expected, extent: Extent) -> Row {
    let operations = [&get(), &put()];
    let work = work(Ending::Return, PATIENCE);
    other::<S>(name, expected, extent).killed::<S>(&operations, &[State::One], work)
}

type Set<const COUNT: usize> = Bitmap;

/// A pool of which all but 8 blocks stay out forever.
type Few<const COUNT: usize> = Pooled<Set<COUNT>, COUNT, 8>;

fn local() -> Vec<Operation<Pooled<Set<16>, 16>>> {
    vec![Pooled::local_gets(), Pooled::local_puts(), Pooled::local_bursts()]
}

fn queue<const CHAIN: usize>() -> Vec<Operation<Queued<COUNT, CHAIN>>> {
    let there_and_back = Queued::bursts_there_and_back();
    vec![get(), put(), get_and_put(), Queued::pops_burst(), Queued::pushes_burst(), there_and_back]
}

type Subjects = Vec<(&'static str, fn(&'static str, Extent) -> Row)>;

fn subjects() -> Subjects {
    use Fault::{FoundNone, Lost, Refused, TwoOwners, Waited};
    vec![
        ("`Pool`, 8 blocks", |name, extent| {
            lock_free::<Few<8>>(name, 80, &[get(), put(), get_and_put()], extent)
        }),
        ("`Pool`, 130 blocks: 3 words", |name, extent| {
            lock_free::<Few<130>>(name, 120, &[get(), put()], extent)
        }),
        ("`Pool`, 2,112 blocks: a summary", |name, extent| {
            lock_free::<Few<2112>>(name, 1000, &[get(), put()], extent)
        }),
        ("`Pool`, `Counted`", |name, extent| {
            lock_free::<Pooled<Counted<Set<COUNT>>, COUNT>>(name, 100, &[get(), put()], extent)
        }),
        ("`LocalPool`", |name, extent| lock_free(name, 80, &local(), extent)),
        // A push preempted before it stores its hint makes the next one search for the end.
        ("`Queue`", |name, extent| lock_free(name, 160, &queue::<1>(), extent)),
        ("`Queue`, in chains of 3", |name, extent| lock_free(name, 160, &queue::<3>(), extent)),
        ("`Pool`, `HeaplessQueue`", |name, extent| {
            // A killed process takes everything in its queue with it.
            let expected = Expected { must: &[FoundNone, Waited], may: &[FoundNone, Waited, Lost] };
            other_killed::<Pooled<HeaplessQueue<COUNT>, COUNT>>(name, expected, extent)
        }),
        ("`Pool`, `SpinStack`", |name, extent| {
            other::<Pooled<SpinStack, COUNT>>(name, Expected::these(&[Waited]), extent)
        }),
        ("`TransactionMemoryPool`", |name, extent| {
            other::<Transactions>(name, Expected::these(&[Waited]), extent)
        }),
        ("crossbeam `ArrayQueue`", |name, extent| {
            other::<ArrayQueue<u32>>(name, Expected::these(&[Waited]), extent)
        }),
        ("crossbeam `SegQueue`", |name, extent| {
            other::<SegQueue<u32>>(name, Expected::at_least(&[Waited]), extent)
        }),
        ("`heapless::mpmc`", |name, extent| {
            other_killed::<Heapless>(name, Expected::at_least(&[FoundNone, Refused]), extent)
        }),
        ("`heapless::mpmc`, 8-bit", |name, extent| {
            let work = work(Ending::KeepAll, SHORT_PATIENCE);
            Row::new(name, Expected::at_least(&[TwoOwners]), usize::MAX, extent.stops_of_broken)
                .asleep::<Heapless8>(&[&get()], &[State::Full], &[work])
        }),
        ("`Mutex` and `Vec`", |name, extent| {
            other::<Mutex<Vec<u32>>>(name, Expected::at_least(&[Waited]), extent)
        }),
        ("a Treiber stack without tags", |name, extent| {
            other::<Untagged>(name, Expected::at_least(&[TwoOwners]), extent)
        }),
        ("bits read and written in two steps", |name, extent| {
            other::<TornBits>(name, Expected::at_least(&[TwoOwners]), extent)
        }),
        ("bits counted before they are taken", |name, extent| {
            Row::new(name, Expected::at_least(&[FoundNone]), usize::MAX, extent.stops_of_broken)
                .crowd::<CountedFirst>(&get(), work(Ending::Return, PATIENCE))
        }),
    ]
}

/// The subject whose turn it is.
static TURN: Mutex<&str> = Mutex::new("");

/// Ends the program if there are no more stops: then an operation waits where it must not.
fn watch() {
    thread::spawn(|| {
        let mut last = usize::MAX;
        loop {
            thread::sleep(4 * PATIENCE);
            let stops = STOPS.load(Ordering::Relaxed);
            if stops == last {
                let name = TURN.lock().expect("it is only set");
                eprintln!(
                    "{name}: no progress for {} s, after {stops} stops",
                    (4 * PATIENCE).as_secs()
                );
                process::abort();
            }
            last = stops;
        }
    });
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.selection.list(subjects().into_iter().map(|(name, _)| name)) {
        return ExitCode::SUCCESS;
    }
    let extent = Extent::new(arguments.full);
    watch();
    println!(
        "| stopped before each instruction | stops | asleep, in pairs, interrupted, killed, in a crowd \
         | what others saw | instructions of theirs, at most | gone with a killed process |\n\
         |---|---|---|---|---|---|"
    );
    let mut notes = Vec::new();
    let mut complaints = Vec::new();
    let mut found = false;
    for (name, explore) in subjects() {
        if !arguments.selection.wants(name) {
            continue;
        }
        found = true;
        *TURN.lock().expect("it is only read") = name;
        let begun = Instant::now();
        let row = explore(name, extent);
        print_row(&row);
        eprintln!("({name}: {:.1} s)", begun.elapsed().as_secs_f64());
        let first =
            |(fault, (_, first)): (&Fault, &(usize, String))| format!("{name}: {fault}: {first}");
        notes.extend(row.faults.iter().map(first));
        complaints.extend(row.complaints().into_iter().map(|text| format!("{name}: {text}")));
    }
    if !found {
        // Not a failure: `cargo test NAME` passes the name to every test target.
        println!("Nothing here has such a name.");
    }
    println!();
    for note in notes {
        println!("First seen: {note}");
    }
    for complaint in &complaints {
        println!("NOT AS EXPECTED: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_row(row: &Row) {
    let stops: usize = row.stops.iter().sum();
    let kinds = row.stops.map(|count| count.to_string()).join(", ");
    let faults: Vec<String> =
        row.faults.iter().map(|(fault, (count, _))| format!("{fault} {count}×")).collect();
    let faults = if faults.is_empty() { "nothing".to_owned() } else { faults.join(", ") };
    let gone = row.gone.map_or(String::new(), |gone| gone.to_string());
    println!("| {} | {stops} | {kinds} | {faults} | {} | {gone} |", row.name, row.instructions);
}
