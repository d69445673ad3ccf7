//! Which contender is measured in which column.

use std::time::Duration;

use blockpool_benches::arguments::Arguments;
use blockpool_benches::interleave::{Group, Measure, calibrated};
use blockpool_benches::patterns::crowd::tail;
use blockpool_benches::patterns::{Work, occupied, pairs, producer_consumer};
use blockpool_benches::peers::{Contender, Threads, Visitor};

use crate::columns::*;

/// The duration of a sample.
const SAMPLE: Duration = Duration::from_millis(3);
/// The same where threads have to take turns: long enough for many turns.
const CROWDED_SAMPLE: Duration = Duration::from_millis(100);

/// The table that a group's columns belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Pools,
    ManyThreads,
    Occupied,
    Queues,
    EndToEnd,
}

/// A row of a table.
pub(crate) struct Row {
    pub(crate) topic: Topic,
    pub(crate) contender: &'static str,
    pub(crate) less: Box<dyn Fn() -> String>,
}

/// Everything to be measured.
pub(crate) struct Plan<'a> {
    arguments: &'a Arguments,
    pub(crate) groups: Vec<Group>,
    pub(crate) rows: Vec<Row>,
    /// Column, contender, and why there is no figure.
    pub(crate) refusals: Vec<(&'static str, &'static str, &'static str)>,
}

impl<'a> Plan<'a> {
    /// An empty plan.
    pub(crate) fn new(arguments: &'a Arguments) -> Self {
        Self { arguments, groups: Vec::new(), rows: Vec::new(), refusals: Vec::new() }
    }

    /// Plans a row of a table, unless it exists already.
    pub(crate) fn row(
        &mut self,
        topic: Topic,
        contender: &'static str,
        less: impl Fn() -> String + 'static,
    ) {
        if !self.rows.iter().any(|row| (row.topic, row.contender) == (topic, contender)) {
            self.rows.push(Row { topic, contender, less: Box::new(less) });
        }
    }

    /// Plans to measure a contender in a column.
    pub(crate) fn add(&mut self, column: &'static str, contender: &'static str, work: Work) {
        let crowded = [MANY, ROUND_TRIP_MANY].contains(&column);
        let time = if crowded { CROWDED_SAMPLE } else { SAMPLE };
        self.add_measure(&[column], contender, calibrated(work, time));
    }

    fn add_measure(&mut self, columns: &[&'static str], contender: &'static str, measure: Measure) {
        let mut names = columns.iter().chain([&contender]);
        if !names.any(|name| self.arguments.wants(name)) {
            return;
        }
        let group = self.groups.iter().position(|group| group.columns == columns);
        let group = group.unwrap_or_else(|| {
            self.groups.push(Group::new(columns));
            self.groups.len() - 1
        });
        self.groups[group].add(contender, measure);
    }

    /// Plans a column in which several threads use the contender, if they can.
    fn add_threads<C: Contender>(
        &mut self,
        column: &'static str,
        contender: &'static C,
        threads: Threads,
        work: fn(&'static C) -> Work,
    ) {
        match contender.refuses(threads) {
            None => self.add(column, contender.name(), work(contender)),
            Some(reason) => self.refusals.push((column, contender.name(), reason)),
        }
    }
}

pub(crate) fn for_ever<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Everything that a pool can do, except run out of blocks.
impl Visitor for Plan<'_> {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender = for_ever(contender);
        let name = contender.name();
        self.row(Topic::Pools, name, || contender.less());
        self.add(PAIR, name, pairs::one_thread(contender));
        self.add(BURST, name, pairs::burst(contender));
        self.add_threads(TWO_THREADS, contender, Threads::Alike, pairs::two_threads);
        self.add_threads(HAND_OVER, contender, Threads::HandOver, producer_consumer::one_by_one);
        self.add_threads(
            HAND_OVER_BATCHES,
            contender,
            Threads::HandOver,
            producer_consumer::in_batches,
        );
        if contender.refuses(Threads::Alike).is_some() {
            return;
        }
        self.row(Topic::ManyThreads, name, || contender.less());
        self.add(MANY, name, pairs::many_threads(contender));
        let measure = move || {
            let tail = tail(contender, CROWDED_SAMPLE);
            let p9999 = tail.times.value_at_quantile(0.9999) as f64;
            vec![p9999, tail.worst_on_processor as f64 / 1e3]
        };
        self.add_measure(&[MANY_P9999, MANY_WORST], name, Box::new(measure));
    }
}

/// Pools with most or all blocks taken.
pub(crate) struct Occupied<'p, 'a> {
    pub(crate) plan: &'p mut Plan<'a>,
    /// Half, nearly all, and all blocks taken.
    pub(crate) columns: [&'static str; 3],
}

impl Visitor for Occupied<'_, '_> {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender = for_ever(contender);
        let name = contender.name();
        let [half, nearly, all] = self.columns;
        self.plan.row(Topic::Occupied, name, || contender.less());
        self.plan.add(half, name, occupied::churn(contender, 50));
        self.plan.add(nearly, name, occupied::churn(contender, 99));
        self.plan.add(all, name, occupied::exhausted(contender));
    }
}
