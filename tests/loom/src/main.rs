//! Models of the shipped atomics, run by loom: every interleaving of a few threads, and every value that a
//! load may see under the given orderings, within a bound that each model states.
//!
//! The modules of `blockpool-core` are compiled unchanged; only their `sync` is replaced.
//!
//! ```text
//! cargo run --release -p blockpool-loom
//! cargo run --release -p blockpool-loom -- NAME
//! cargo run --release -p blockpool-loom -- --weaken
//! ```
//!
//! With `--features parts-of-32-bits`, the parked state of a block is two words and has the data ranges of
//! blocks in a queue, as on 32-bit targets; that takes some minutes.
//!
//! Loom does not model spurious failures of compare-and-swap, nor the atomics of crates that these modules
//! use.

#[path = "../../support/shipped.rs"]
mod shipped;

mod harness;
mod models;
mod process;
mod report;
mod site;
mod sync;
mod weaken;

// Puts them where the shipped modules look for each other.
use shipped::*;

use core::time::Duration;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;

use clap::Parser;

use process::Weakening;
use site::Site;

/// Models of blockpool's atomics: every interleaving of a few threads, every value a load may see.
#[derive(Parser)]
struct Options {
    /// Only the models with this in their name.
    name: Option<String>,
    /// Weaken each ordering of the sources in turn: some model must fail. With a name, what only other models
    /// detect counts as not detected.
    #[arg(long)]
    weaken: bool,
    /// How many models run at the same time [default: one for each processor].
    #[arg(long)]
    jobs: Option<NonZeroUsize>,

    /// Run this one model in this process.
    #[arg(long, hide = true, value_name = "MODEL")]
    here: Option<String>,
    #[arg(long, hide = true, requires = "to")]
    site: Option<Site>,
    #[arg(long, hide = true, requires = "limit", value_parser = site::ordering_by_name)]
    to: Option<Ordering>,
    /// In seconds.
    #[arg(long, hide = true)]
    limit: Option<u64>,
}

fn main() -> ExitCode {
    let Options { name, weaken, jobs, here, site, to, limit } = Options::parse();
    let mut models = models::all();
    if let Some(here) = here {
        let model = models.into_iter().find(|model| model.name == here).expect("a model's name");
        let weakening = site.zip(to).zip(limit).map(|((site, to), limit)| Weakening {
            site,
            to,
            limit: Duration::from_secs(limit),
        });
        process::here(model, weakening);
    }
    let everything = name.is_none();
    if let Some(name) = name {
        models.retain(|model| model.name.contains(&name));
    }
    if models.is_empty() {
        eprintln!("no model has this in its name");
        return ExitCode::FAILURE;
    }
    let jobs = jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, usize::from);
    let held = report::run(&models, jobs);
    let right = match held {
        Some(outcomes) if weaken => weaken::run(&models, &outcomes, jobs, everything),
        held => held.is_some(),
    };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
