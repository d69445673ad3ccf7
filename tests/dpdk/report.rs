//! Runs the checks that were asked for and prints what became of them.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::build::{self, Built};
use crate::network::Missing;
use crate::selection::Selection;
use crate::{cargo, flags, forwarding, pipeline, pools, preempted, suites};

/// Loads the mempool handler into programs of DPDK.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum Failure {
    Failed(String),
    Missing(Missing),
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

impl From<Missing> for Failure {
    fn from(what: Missing) -> Self {
        Self::Missing(what)
    }
}

/// What was found out.
pub(crate) type Outcome = Result<String, Failure>;

pub(crate) struct Check {
    name: String,
    run: Box<dyn Fn(&Built) -> Outcome>,
}

impl Check {
    pub(crate) fn new(name: impl Into<String>, run: impl Fn(&Built) -> Outcome + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

pub(crate) fn main() -> ExitCode {
    let Arguments { selection } = Arguments::parse();
    let groups = [
        forwarding::checks(),
        flags::checks(),
        suites::checks(),
        pools::checks(),
        pipeline::checks(),
        preempted::checks(),
    ];
    let mut checks: Vec<_> = groups.into_iter().flatten().collect();
    if selection.list(checks.iter().map(|check| &check.name)) {
        return ExitCode::SUCCESS;
    }
    let all = checks.len();
    checks.retain(|check| selection.wants(&check.name));
    if checks.is_empty() {
        // No failure: `cargo test NAME` hands the name to every test.
        println!("dpdk: 0 of {all} selected");
        return ExitCode::SUCCESS;
    }
    if let Some(what) = build::missing() {
        println!("skipped: {what}");
        return if cargo::is_ci() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let built = match Built::new() {
        Ok(built) => built,
        Err(error) => {
            println!("failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut counts = Counts::default();
    for check in &checks {
        counts.add(check, &built);
    }
    counts.end()
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    /// For want of something to be installed.
    uninstalled: usize,
    /// For want of something that this machine, or its user, cannot do.
    unable: usize,
}

impl Counts {
    fn add(&mut self, check: &Check, built: &Built) {
        let begin = Instant::now();
        let outcome = (check.run)(built);
        let seconds = begin.elapsed().as_secs_f64();
        let name = &check.name;
        match outcome {
            Ok(text) => {
                self.passed += 1;
                println!("passed: {name}: {text}; {seconds:.1} s");
            }
            Err(Failure::Failed(error)) => {
                self.failed += 1;
                println!("failed: {name}: {error}");
            }
            Err(Failure::Missing(Missing::Tool(what))) => {
                self.uninstalled += 1;
                println!("skipped: {name}: {what}");
            }
            Err(Failure::Missing(Missing::Ability(what))) => {
                self.unable += 1;
                println!("skipped: {name}: {what}");
            }
        }
    }

    fn end(self) -> ExitCode {
        let Self { passed, failed, uninstalled, unable } = self;
        println!("dpdk: {passed} passed, {failed} failed, {} skipped", uninstalled + unable);
        if failed > 0 || uninstalled > 0 && cargo::is_ci() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
