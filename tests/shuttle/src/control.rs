//! Whether the scenarios find anything: each read-modify-write in turn is split into a load and a store.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::run;
use crate::scenarios::Scenario;
use crate::sync::Site;

/// Returns whether all were found.
pub(crate) fn run(sites: BTreeSet<Site>, seed: u64, iterations: usize) -> bool {
    let missed = AtomicUsize::new(0);
    let sites = Vec::from_iter(sites);
    run::each(&sites, |(file, line)| {
        match failing_scenario(file, *line, seed, iterations).expect("this program starts again") {
            Some(scenario) => println!("{file}:{line} in two steps: found by {scenario}"),
            None => {
                println!("{file}:{line} in two steps: NOT FOUND");
                missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    missed.into_inner() == 0
}

/// Runs a separate process: a fault may show in a destructor too, where a panic aborts.
fn failing_scenario(
    file: &str,
    line: u32,
    seed: u64,
    iterations: usize,
) -> io::Result<Option<String>> {
    let output = Command::new(env::current_exe()?)
        .args(["--broken-file", file, "--broken-line", &line.to_string()])
        .args(["--seed", &seed.to_string(), "--iterations", &iterations.to_string()])
        .stderr(Stdio::null())
        .output()?;
    let names = String::from_utf8_lossy(&output.stdout);
    Ok(names.lines().last().filter(|_| !output.status.success()).map(str::to_owned))
}

/// Runs in that process, and prints which scenarios it reaches.
pub(crate) fn here(scenarios: &[Scenario], site: &Site, seed: u64, iterations: usize) -> bool {
    scenarios.iter().all(|scenario| {
        println!("{}", scenario.name);
        run::one(*scenario, seed, iterations, Some(site.clone())).is_some()
    })
}
