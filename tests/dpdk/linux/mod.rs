//! Runs the selected checks and prints their results.

mod build;
mod capture;
#[path = "../../support/cargo.rs"]
mod cargo;
#[path = "../../support/child.rs"]
mod child;
mod eal;
mod flags;
mod forwarding;
mod hugepages;
#[path = "../../support/network.rs"]
mod network;
mod pipeline;
mod pools;
mod preempted;
#[path = "../../support/selection.rs"]
mod selection;
mod suites;
#[path = "../../support/tally.rs"]
mod tally;
mod testpmd;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use build::Built;
use selection::Selection;
use tally::{Missing, Outcome, Tally};

/// Loads the mempool handler into programs of DPDK.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

struct Check {
    name: String,
    run: Box<dyn Fn(&Built) -> Outcome>,
}

impl Check {
    fn new(name: impl Into<String>, run: impl Fn(&Built) -> Outcome + 'static) -> Self {
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
        return tally::skip_all(Missing::Tool(what));
    }
    let built = match Built::new() {
        Ok(built) => built,
        Err(error) => {
            println!("failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tally = Tally::default();
    for check in &checks {
        tally.run(&check.name, || (check.run)(&built));
    }
    tally.end("dpdk")
}
