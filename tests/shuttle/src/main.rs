//! Random schedules of the shipped operations, run by shuttle: three or four threads, more operations than
//! `tests/loom` can try in every order, one memory order.
//!
//! The modules of `blockpool-core` and `blockpool` are compiled unchanged; only their `sync` is replaced.
//!
//! ```text
//! cargo run --release -p blockpool-shuttle
//! cargo run --release -p blockpool-shuttle -- NAME --iterations 1000000
//! ```
//!
//! As a control, each read-modify-write of the sources is then split into two steps, a load and a store: some
//! scenario must fail.

#[path = "../../support/shipped.rs"]
mod shipped;

#[allow(dead_code, reason = "they are made for a library, of which scenarios use a part")]
#[path = "../../../std-adapter/src"]
mod adapter {
    pub(crate) mod fit;
    pub(crate) mod local_pool;
    pub(crate) mod pool_error;
    pub(crate) mod pooled_buffer;
    pub(crate) mod shared;
    pub(crate) mod transaction_pool;
}

#[path = "../../it/histories/linearize.rs"]
mod linearize;
#[path = "../../it/histories/model.rs"]
mod model;

mod control;
mod harness;
mod run;
mod scenarios;
mod sync;

// Puts them where the shipped modules look for each other.
use adapter::{fit, shared};
use adapter::{
    local_pool::LocalPool, pool_error::PoolError, pooled_buffer::PooledBuffer,
    transaction_pool::TransactionMemoryPool,
};
use shipped::*;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Parser;

/// Random schedules of blockpool's operations.
#[derive(Parser)]
struct Options {
    /// Only the scenarios with this in their name, and no control.
    name: Option<String>,
    /// Executions of each scenario by each of the two schedulers.
    #[arg(long, default_value_t = NonZeroUsize::new(3_000).expect("not zero"))]
    iterations: NonZeroUsize,
    #[arg(long, default_value_t = 0xB10C)]
    seed: u64,

    /// Run in this process, with the read-modify-write of this line in two steps.
    #[arg(long, hide = true, requires = "broken_line")]
    broken_file: Option<String>,
    #[arg(long, hide = true)]
    broken_line: Option<u32>,
}

fn main() -> ExitCode {
    let Options { name, iterations, seed, broken_file, broken_line } = Options::parse();
    let iterations = iterations.get();
    let mut scenarios = scenarios::all().to_vec();
    if let Some(name) = &name {
        scenarios.retain(|scenario| scenario.name.contains(name));
    }
    if scenarios.is_empty() {
        eprintln!("no scenario has this in its name");
        return ExitCode::FAILURE;
    }
    if let Some(site) = broken_file.zip(broken_line) {
        let held = control::here(&scenarios, &site, seed, iterations);
        return if held { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let Some(sites) = run::all(&scenarios, seed, iterations) else {
        return ExitCode::FAILURE;
    };
    let right = name.is_some() || control::run(sites, seed, iterations);
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
