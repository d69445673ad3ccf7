//! Runs scenarios, as many at a time as there are processors.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::scenarios::Scenario;
use crate::sync::{self, Site};

/// How often a schedule of probabilistic concurrency testing lets another thread run first (Burckhardt and
/// others, "A randomized scheduler with probabilistic guarantees of finding bugs", 2010).
const DEPTH: usize = 4;

/// Runs `scenario` in `iterations` executions with each scheduler, with one site `broken` or none. Returns
/// the sites that it reached, or `None` if it failed.
pub(crate) fn one(
    scenario: Scenario,
    seed: u64,
    iterations: usize,
    broken: Option<Site>,
) -> Option<BTreeSet<Site>> {
    let mut config = Config::new();
    config.stack_size = 1 << 17;
    // A separate thread: a failure ends it, and what a scenario sets is local to the thread.
    let run = move || {
        if let Some(broken) = broken {
            sync::break_site(broken);
        }
        let random = RandomScheduler::new_from_seed(seed, iterations);
        Runner::new(random, config.clone()).run(scenario.run);
        let by_priority = PctScheduler::new_from_seed(seed, DEPTH, iterations);
        Runner::new(by_priority, config).run(scenario.run);
        sync::sites()
    };
    thread::Builder::new().spawn(run).expect("a thread").join().ok()
}

/// Applies `act` to each of `items`, several at a time.
pub(crate) fn each<T: Sync>(items: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(item);
                }
            });
        }
    });
}

/// Runs all scenarios. Returns the sites that they reached, or `None` if one failed.
pub(crate) fn all(scenarios: &[Scenario], seed: u64, iterations: usize) -> Option<BTreeSet<Site>> {
    let reached = Mutex::new(Some(BTreeSet::new()));
    each(scenarios, |scenario| {
        let begin = Instant::now();
        let sites = one(*scenario, seed, iterations, None);
        let (name, seconds) = (scenario.name, begin.elapsed().as_secs_f64());
        let outcome = if sites.is_some() { "held" } else { "FAILED" };
        println!("{name:32} {outcome:6} {:>9} executions {seconds:6.1} s", 2 * iterations);
        let mut reached = reached.lock().expect("nobody panics with it");
        match (reached.as_mut(), sites) {
            (Some(reached), Some(sites)) => reached.extend(sites),
            _ => *reached = None,
        }
    });
    reached.into_inner().expect("nobody panics with it")
}
