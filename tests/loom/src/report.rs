//! Runs models, several at a time, and prints the tables.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::models::Model;
use crate::process::{End, Outcome, in_a_process};

/// Runs every model and prints a table; returns the outcomes if all hold.
pub(crate) fn run(models: &[Model], jobs: usize) -> Option<Vec<Outcome>> {
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or(0);
    println!("{:width$}  threads  bound  executions     time", "model");
    let mut outcomes = Vec::new();
    let mut failures = 0;
    in_parallel(
        models,
        jobs,
        |model| in_a_process(model, None),
        |model, outcome| {
            let bound = model.bound.map_or("none".to_owned(), |bound| bound.to_string());
            let (threads, executions) = (outcome.threads, outcome.executions);
            let seconds = outcome.time.as_secs_f64();
            println!(
                "{:width$}  {threads:7}  {bound:>5}  {executions:10}  {seconds:5.1} s",
                model.name
            );
            let wrong = match &outcome.end {
                End::Limit(message) | End::Failed(message) => Some(message.as_str()),
                End::Cut => Some("it was cut short"),
                End::Held if executions < 2 => Some("one execution proves nothing"),
                End::Held => None,
            };
            if let Some(wrong) = wrong {
                println!("  FAILED: {wrong}");
                failures += 1;
            }
            outcomes.push(outcome);
        },
    );
    let executions: usize = outcomes.iter().map(|outcome| outcome.executions).sum();
    println!("{} models, {executions} executions, {failures} failed", models.len());
    (failures == 0).then_some(outcomes)
}

/// Applies `work` to all items, `jobs` at a time, and hands the results to `done` in the items' order, each
/// as soon as it and all before it are available.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(&T, R),
) {
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (results, next, work) = (results.clone(), &next, &work);
            scope.spawn(move || {
                while let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(item) = items.get(index)
                {
                    results.send((index, work(item))).expect("it is received below");
                }
            });
        }
        drop(results);
        let mut early: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut first = 0;
        for (index, result) in received {
            early[index] = Some(result);
            while let Some(result) = early.get_mut(first).and_then(Option::take) {
                done(&items[first], result);
                first += 1;
            }
        }
    });
}
