//! How long single gets and give-backs take, in different rhythms and while a thread is stopped inside one:
//! `--help` lists the options.

use std::time::Duration;

use blockpool_benches::arguments::Arguments;
use blockpool_benches::markdown::{heading, table};
use blockpool_benches::patterns::latency::{self, Rhythm, Times};
#[cfg(unix)]
use blockpool_benches::patterns::pause;
use blockpool_benches::peers::{Contender, Visitor, all};
use blockpool_benches::schedule::{cores, crowd, pin_to_last};
use clap::Parser;
use hdrhistogram::Histogram;

/// Turns per contender, and the duration of a turn.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(250);
const QUICK_ROUNDS: usize = 1;

/// From here on, a person or a deadline notices.
const NOTICEABLE_NS: u64 = 1_000_000;

/// What happens while operations are timed.
#[derive(Clone, Copy)]
enum Situation {
    Rhythm(Rhythm),
    #[cfg(unix)]
    Paused,
}

/// A contender's times in one situation.
struct Row {
    contender: &'static str,
    turn: Box<dyn FnMut() -> (Times, u64)>,
    times: Times,
    pauses: u64,
}

/// Every contender in one situation.
struct Rows {
    situation: Situation,
    rows: Vec<Row>,
}

impl Visitor for Rows {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender: &'static C = Box::leak(Box::new(contender));
        let situation = self.situation;
        let turn = Box::new(move || match situation {
            Situation::Rhythm(rhythm) => (latency::times(contender, rhythm, TURN), 0),
            #[cfg(unix)]
            Situation::Paused => pause::times(contender, TURN),
        });
        let contender = contender.name();
        self.rows.push(Row { contender, turn, times: Times::default(), pauses: 0 });
    }
}

fn main() {
    let arguments = Arguments::parse();
    println!("{}\n", heading());
    pin_to_last();
    let rounds = if arguments.quick { QUICK_ROUNDS } else { ROUNDS };
    println!(
        "Times in ns, {rounds} turns of {} ms for each. The clock is read before and after each \
         operation: the first rows show what that costs, and it is in all others too.\n",
        TURN.as_millis()
    );
    let oversubscribed =
        format!("oversubscribed: {} threads on {} cores, without a pause", crowd(), cores());
    let situations = [
        ("steady: two threads, a pair every 1 µs", Situation::Rhythm(Rhythm::Steady)),
        ("bursty: two threads, 32 pairs every 50 µs", Situation::Rhythm(Rhythm::Bursty)),
        (&oversubscribed, Situation::Rhythm(Rhythm::Oversubscribed)),
        #[cfg(unix)]
        ("paused: what a thread sees while another one is stopped for 5 ms", Situation::Paused),
    ];
    arguments.warn_unless_any(situations.iter().map(|(title, _)| *title));
    for (title, situation) in situations {
        if arguments.wants(title) {
            let mut rows = Rows { situation, rows: Vec::new() };
            all::timed(&mut rows);
            measure(&mut rows.rows, rounds);
            println!("## {title}\n\n{}\n", report(&rows.rows));
        }
    }
    if cfg!(not(unix)) {
        println!("A thread cannot be stopped by a signal on this system.");
    }
}

fn measure(rows: &mut [Row], rounds: usize) {
    let count = rows.len();
    for round in 0..rounds {
        for turn in 0..count {
            let row = &mut rows[(turn + round) % count];
            let (times, pauses) = (row.turn)();
            row.times.add(&times);
            row.pauses += pauses;
        }
    }
}

fn report(rows: &[Row]) -> String {
    let head = [
        "",
        "operation",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "p99.99",
        "max",
        "operations",
        "over 1 ms",
        "pauses",
    ];
    let lines = rows.iter().flat_map(|row| {
        let line = |operation: &str, times: &Histogram<u64>| {
            let quantiles = [0.5, 0.9, 0.99, 0.999, 0.9999].map(|q| times.value_at_quantile(q));
            let noticeable = times.count_between(NOTICEABLE_NS, times.high());
            let figures = [times.max(), times.len(), noticeable, row.pauses];
            let figures = quantiles.into_iter().chain(figures).map(|figure| figure.to_string());
            let names = [row.contender.to_owned(), operation.to_owned()];
            names.into_iter().chain(figures).collect()
        };
        [line("get", &row.times.get), line("give back", &row.times.give_back)]
    });
    table(&head, lines)
}
