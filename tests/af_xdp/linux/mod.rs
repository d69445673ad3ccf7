//! Runs the selected checks and prints their results.

#[path = "../../support/cargo.rs"]
mod cargo;
mod checks;
#[path = "../../support/child.rs"]
mod child;
mod example;
mod listeners;
#[path = "../../support/network.rs"]
mod network;
mod pings;
mod refusals;
#[path = "../../support/selection.rs"]
mod selection;
mod streams;
#[path = "../../support/tally.rs"]
mod tally;

use std::process::ExitCode;

use clap::Parser;

use example::Example;
use selection::Selection;
use tally::Tally;

/// Runs the example `af_xdp` between two network namespaces.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

pub(crate) fn main() -> ExitCode {
    let Arguments { selection } = Arguments::parse();
    let mut checks = checks::all();
    if selection.list(checks.iter().map(|check| &check.name)) {
        return ExitCode::SUCCESS;
    }
    let all = checks.len();
    checks.retain(|check| selection.wants(&check.name));
    if checks.is_empty() {
        // No failure: `cargo test NAME` hands the name to every test.
        println!("af_xdp: 0 of {all} selected");
        return ExitCode::SUCCESS;
    }
    if let Some(what) = network::missing() {
        return tally::skip_all(what);
    }
    let example = match Example::build() {
        Ok(example) => example,
        Err(error) => {
            println!("failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut tally = Tally::default();
    for check in &checks {
        tally.run(&check.name, || Ok((check.run)(&example)?));
    }
    tally.end("af_xdp")
}
