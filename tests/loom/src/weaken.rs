//! Whether the models need the orderings: each is weakened in turn, and some model must fail.

use core::time::Duration;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::models::Model;
use crate::process::{End, Outcome, Weakening, in_a_process};
use crate::report::in_parallel;
use crate::site::{Role, Site};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/src");

/// The sources that are not compiled into the models: the root, what the models replace, and optional traits.
const NOT_COMPILED: [&str; 5] = ["lib.rs", "sync.rs", "defmt.rs", "embedded_io.rs", "std_io.rs"];

/// How long a model may take with a weaker ordering, which can have more executions.
const LIMIT: Duration = Duration::from_secs(60);

/// A weakening, and the models that use its site, those with the fewest executions first.
struct Trial<'m> {
    weakening: Weakening,
    models: Vec<&'m Model>,
}

/// Weakens each ordering that the models used, and prints a table; returns whether every weakening was
/// noticed. If `all`, every ordering of the sources must be among them.
pub(crate) fn run(models: &[Model], outcomes: &[Outcome], jobs: usize, all: bool) -> bool {
    let trials = trials(models, outcomes);
    let mut missed = 0;
    println!();
    let (site, ordering, to) = ("site", "ordering", "weakened to");
    println!("{site:19}  {ordering:18}  {to}  executions  noticed by");
    in_parallel(&trials, jobs, first_end, |trial, end| {
        let Weakening { site, to, .. } = &trial.weakening;
        let role = match site.role {
            Role::Only => "",
            Role::Success => " on success",
            Role::Failure => " on failure",
        };
        let place = format!("{}:{}", site.file, site.line);
        let ordering = format!("{:?}{role}", site.ordering);
        let (by, executions, message) = match end {
            Some((model, Outcome { executions, end: End::Failed(message), .. })) => {
                (&*model.name, executions, message)
            }
            Some((model, Outcome { executions, end: End::Limit(message), .. })) => {
                missed += 1;
                ("FAILED", executions, format!("{} {message}", model.name))
            }
            _ => {
                missed += 1;
                ("FAILED: none", 0, format!("{} models use it", trial.models.len()))
            }
        };
        let to = format!("{to:?}");
        println!("{place:19}  {ordering:18}  {to:11}  {executions:10}  {by}");
        println!("{:21}{}", "", code_at(site));
        println!("{:21}{message}", "");
    });
    let complete = !all || every_ordering_was_used(outcomes);
    println!("{} weaker orderings, {missed} not noticed", trials.len());
    complete && missed == 0
}

fn trials<'m>(models: &'m [Model], outcomes: &[Outcome]) -> Vec<Trial<'m>> {
    let mut users = HashMap::<&Site, Vec<(usize, &Model)>>::new();
    for (model, outcome) in models.iter().zip(outcomes) {
        for site in &outcome.sites {
            users.entry(site).or_default().push((outcome.executions, model));
        }
    }
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_by_key(|(site, _)| site.key());
    let mut trials = Vec::new();
    for (site, mut models) in users {
        models.sort_by_key(|(executions, _)| *executions);
        for &to in site.weaker() {
            let weakening = Weakening { site: site.clone(), to, limit: LIMIT };
            let models = models.iter().map(|(_, model)| *model).collect();
            trials.push(Trial { weakening, models });
        }
    }
    trials
}

/// The first model that does not hold, and its outcome.
fn first_end<'m>(trial: &Trial<'m>) -> Option<(&'m Model, Outcome)> {
    let models = trial.models.iter();
    let mut ends = models.map(|&model| (model, in_a_process(model, Some(&trial.weakening))));
    ends.find(|(_, outcome)| !matches!(outcome.end, End::Held | End::Cut))
}

fn source(file: &str) -> String {
    let path = Path::new(SOURCES).join(file);
    fs::read_to_string(path).expect("the sources that were compiled are there")
}

fn code_at(site: &Site) -> String {
    let line = site.line as usize - 1;
    source(&site.file).lines().nth(line).unwrap_or("").trim().to_owned()
}

/// The files in `folder` and below it.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources that were compiled are there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

fn orderings_above_relaxed(source: &str) -> usize {
    let shipped = source.lines().take_while(|line| *line != "#[cfg(test)]");
    let code = shipped.filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("Ordering::").skip(1));
    names.filter(|name| !name.starts_with("Relaxed")).count()
}

/// Compares how many orderings above relaxed each source file names with how many the models used.
fn every_ordering_was_used(outcomes: &[Outcome]) -> bool {
    let mut used: Vec<&Site> = outcomes.iter().flat_map(|outcome| &outcome.sites).collect();
    used.retain(|site| site.ordering != Ordering::Relaxed);
    used.sort_by_key(|site| site.key());
    used.dedup();
    // The files that the compiler has read.
    let compiled = env::current_exe().expect("this program has a path").with_extension("d");
    let compiled = fs::read_to_string(compiled).expect("cargo has put it beside the program");
    let mut complete = true;
    for path in files_in(Path::new(SOURCES)) {
        let file = path.strip_prefix(SOURCES).expect("it is below").to_str().expect("a plain name");
        if NOT_COMPILED.contains(&file) {
            continue;
        }
        if !compiled.contains(&format!("core/src/{file}")) {
            complete = false;
            println!("FAILED: {file} is not compiled into the models");
        }
        let named = orderings_above_relaxed(&source(file));
        let used = used.iter().filter(|site| site.file == file).count();
        if named != used {
            complete = false;
            println!("FAILED: {file} names {named} orderings above relaxed, models use {used}");
        }
    }
    complete
}
