//! Compares every pool and queue, in turns, and prints tables for the README: `--help` lists the options.

mod columns;
mod plan;
mod queues;
mod targets;

use std::io::{IsTerminal, stderr};

use blockpool_benches::arguments::Arguments;
use blockpool_benches::interleave::{Summary, run};
use blockpool_benches::markdown::{figure, heading, table};
use blockpool_benches::peers::{BASELINE, all};
use blockpool_benches::schedule::{cores, crowd, pin_to_last};
use clap::Parser;
use indicatif::ProgressBar;

use crate::columns::*;
use crate::plan::{Occupied, Plan, Row, Topic};
use crate::targets::{samples, verdict};

/// Turns per contender.
const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 2;

fn main() {
    let arguments = Arguments::parse();
    println!("{}\n", heading());
    pin_to_last();
    let mut plan = Plan::new(&arguments);
    all::all(&mut plan);
    let columns = [CHURN_50, CHURN_99, EXHAUSTED];
    all::of_1_024(&mut Occupied { plan: &mut plan, columns });
    let columns = [LARGE_CHURN_50, LARGE_CHURN_99, LARGE_EXHAUSTED];
    all::of_65_536(&mut Occupied { plan: &mut plan, columns });
    queues::add(&mut plan);
    if plan.groups.is_empty() {
        return arguments.warn_unless_any([]);
    }

    let rounds = if arguments.quick { QUICK_ROUNDS } else { ROUNDS };
    println!(
        "{rounds} rounds. In a cell: the median in ns, (the least to the greatest), and the median \
         of its ratio to {BASELINE}, or to that of its table, in the same round.\n"
    );
    let progress =
        if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    run(&mut plan.groups, rounds, |text| {
        progress.set_message(text.to_owned());
        progress.tick();
    });
    progress.finish_and_clear();

    let print = |title: &str, topic, columns: &[&'static str], baseline| {
        if let Some(table) = topic_table(&plan, topic, columns, baseline) {
            println!("## {title}\n\n{table}\n");
        }
    };
    print(
        "A buffer taken, written to, given back",
        Topic::Pools,
        &[PAIR, BURST, TWO_THREADS, HAND_OVER, HAND_OVER_BATCHES],
        BASELINE,
    );
    print(
        &format!("The same by {} threads on {} cores", crowd(), cores()),
        Topic::ManyThreads,
        &[MANY, MANY_P9999, MANY_WORST],
        BASELINE,
    );
    print(
        "With most blocks out: one given back and another taken; with all out: a get that fails",
        Topic::Occupied,
        &[CHURN_50, CHURN_99, EXHAUSTED, LARGE_CHURN_50, LARGE_CHURN_99, LARGE_EXHAUSTED],
        BASELINE,
    );
    print(
        "A block through a queue",
        Topic::Queues,
        &[
            ROUND_TRIP,
            ROUND_TRIP_BACKLOG,
            THERE_AND_BACK,
            THERE_AND_BACK_BURSTS,
            ROUND_TRIP_TWO,
            ROUND_TRIP_MANY,
        ],
        queues::QUEUE_BASELINE,
    );
    print(
        "Pool and queue together, from thread to thread",
        Topic::EndToEnd,
        &[WHOLE, WHOLE_BATCHES],
        queues::END_TO_END_BASELINE,
    );
    if let Some(verdict) = verdict(&plan.groups) {
        println!("## Targets\n\n{verdict}");
    }
}

/// The rows of a topic, with the columns that were measured; `None` if none were.
fn topic_table(
    plan: &Plan<'_>,
    topic: Topic,
    columns: &[&'static str],
    baseline: &str,
) -> Option<String> {
    let measured = |column: &str| plan.groups.iter().any(|group| group.columns.contains(&column));
    let columns: Vec<_> = columns.iter().copied().filter(|column| measured(column)).collect();
    if columns.is_empty() {
        return None;
    }
    let rows = plan.rows.iter().filter(|row| {
        row.topic == topic
            && columns.iter().any(|column| samples(&plan.groups, column, row.contender).is_some())
    });
    let row = |row: &Row| {
        let figures = columns.iter().map(|column| cell(plan, column, row.contender, baseline));
        let name = std::iter::once(row.contender.to_owned());
        name.chain(figures).chain(std::iter::once((row.less)())).collect()
    };
    let mut head = vec![""];
    head.extend(&columns);
    head.push("limitations");
    Some(table(&head, rows.map(row)))
}

fn cell(plan: &Plan<'_>, column: &str, contender: &str, baseline: &str) -> String {
    let Some(values) = samples(&plan.groups, column, contender) else {
        let mut refusals = plan.refusals.iter();
        let refusal = refusals.find(|refusal| (refusal.0, refusal.1) == (column, contender));
        return refusal.map_or(String::new(), |refusal| refusal.2.to_owned());
    };
    let Summary { median, least, greatest } = Summary::of(&values);
    let [median, least, greatest] = [median, least, greatest].map(figure);
    let text = format!("{median} ({least}-{greatest})");
    match samples(&plan.groups, column, baseline) {
        Some(_) if contender == baseline => text,
        Some(base) => format!("{text} {}×", figure(Summary::of_ratios(&values, &base).median)),
        None => text,
    }
}
