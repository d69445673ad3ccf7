//! Runs the checks that were asked for and prints what became of them.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::cargo;
use crate::checks::{self, Check};
use crate::example::Example;
use crate::network::{self, Missing};
use crate::selection::Selection;

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
    match network::missing() {
        None => {}
        Some(Missing::Tool(what)) => {
            println!("skipped: {what}");
            return if cargo::is_ci() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
        Some(Missing::Ability(what)) => {
            println!("skipped: {what}");
            return ExitCode::SUCCESS;
        }
    }
    let example = match Example::build() {
        Ok(example) => example,
        Err(error) => {
            println!("failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let failed = checks.iter().filter(|check| !passes(check, &example)).count();
    println!("af_xdp: {} passed, {failed} failed", checks.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(check: &Check, example: &Example) -> bool {
    let begin = Instant::now();
    let result = (check.run)(example);
    let seconds = begin.elapsed().as_secs_f64();
    match &result {
        Ok(text) => println!("passed: {}: {text}; {seconds:.1} s", check.name),
        Err(error) => println!("failed: {}: {error}", check.name),
    }
    result.is_ok()
}
