//! Where threads run, and whether they did.

use std::hint::spin_loop;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::pipeline::RunError;

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
use linux::{allowed_cores, become_ordinary, restrict_to};
#[cfg(target_os = "linux")]
pub use linux::{real_time_priority, thread_time};
#[cfg(not(target_os = "linux"))]
use unknown::{allowed_cores, become_ordinary, restrict_to};
#[cfg(not(target_os = "linux"))]
pub use unknown::{real_time_priority, thread_time};

/// The cores that the program was started on.
static CORES: LazyLock<Vec<usize>> = LazyLock::new(allowed_cores);

/// The number of cores that this program may use.
pub fn cores() -> usize {
    CORES.len()
}

/// How many threads oversubscribe the cores of this machine: four per core, at least eight.
pub fn crowd() -> usize {
    (4 * cores()).max(8)
}

/// Pins the calling thread to the last core.
pub fn pin_to_last() {
    restrict_to(&CORES[CORES.len() - 1..]);
}

/// The times of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When the first thread began.
    pub begin: Instant,
    /// When the last thread was done.
    pub end: Instant,
    /// The share of its time that a thread spent on the processor; of several threads, the lowest.
    pub on_processor: f64,
}

impl Sample {
    /// How long it took until all work was done, including the time that threads waited for a core.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.end - self.begin
    }
}

/// Times `work` on the calling thread.
pub fn timed(work: impl FnOnce()) -> Sample {
    let (begin, cpu_begin) = (Instant::now(), thread_time());
    work();
    let (end, cpu) = (Instant::now(), thread_time() - cpu_begin);
    // Clocks have steps, so a very short piece of work may seem to take no time.
    let time = (end - begin).as_secs_f64().max(f64::MIN_POSITIVE);
    Sample { begin, end, on_processor: cpu.as_secs_f64() / time }
}

/// Where threads wait for each other, so that all begin at once.
#[derive(Debug)]
pub struct Start {
    threads: usize,
    arrived: AtomicUsize,
}

impl Start {
    /// Waits for the others, then times `work`.
    pub fn timed(&self, work: impl FnOnce()) -> Sample {
        // Threads exchange nothing here but the moment to begin.
        self.arrived.fetch_add(1, Ordering::Relaxed);
        while self.arrived.load(Ordering::Relaxed) < self.threads {
            spin_loop();
            // For a thread on the same core with the same real-time priority.
            thread::yield_now();
        }
        timed(work)
    }
}

/// Starts thread `number` of `of`. If it is refused or panics, the program ends, since the others would wait
/// for it forever.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    (number, of): (usize, usize),
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    /// Dropped while its thread panics or when the thread is done.
    struct EndIfPanicking;

    impl Drop for EndIfPanicking {
        fn drop(&mut self) {
            if thread::panicking() {
                // Like a panic of the main thread; what went wrong has been printed.
                process::exit(101);
            }
        }
    }

    let name = format!("job {number}");
    let thread = thread::Builder::new().name(name.clone()).spawn_scoped(scope, || {
        let _end = EndIfPanicking;
        work()
    });
    thread.unwrap_or_else(|error| {
        eprintln!("error: {}", RunError::thread(&name, number, of, error));
        process::exit(1)
    })
}

/// What a thread does: it prepares, then times its work with the `Start` that it is given.
pub type Job<'j> = Box<dyn FnOnce(&Start) -> Sample + Send + 'j>;

/// Runs each job on its own thread, all at once.
///
/// Each thread has its own core if there are enough. Otherwise the system decides where they run, without a
/// real-time priority, with which a waiting thread would keep out the one that it waits for; and no sample
/// counts as disturbed.
pub fn together(jobs: Vec<Job<'_>>) -> Sample {
    let start = &Start { threads: jobs.len(), arrived: AtomicUsize::new(0) };
    let crowded = jobs.len() > cores();
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.into_iter().enumerate() {
            threads.push(spawn(scope, (index + 1, start.threads), move || {
                if crowded {
                    restrict_to(&CORES);
                    become_ordinary();
                } else {
                    restrict_to(&CORES[index..=index]);
                }
                job(start)
            }));
        }
        let join = |thread: ScopedJoinHandle<'_, Sample>| thread.join().expect("no panic");
        let both = |one: Sample, other: Sample| Sample {
            begin: one.begin.min(other.begin),
            end: one.end.max(other.end),
            on_processor: one.on_processor.min(other.on_processor),
        };
        let mut sample = threads.into_iter().map(join).reduce(both).expect("a job at least");
        if crowded {
            sample.on_processor = 1.0;
        }
        sample
    })
}

/// A system that is not queried about where threads run.
#[cfg(not(target_os = "linux"))]
mod unknown {
    use std::time::{Duration, Instant};

    pub(super) fn allowed_cores() -> Vec<usize> {
        (0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).collect()
    }

    pub(super) fn restrict_to(_: &[usize]) {}

    pub(super) fn become_ordinary() {}

    /// The real-time priority of the calling thread: not known.
    pub fn real_time_priority() -> Option<i32> {
        None
    }

    /// As if every thread were always on a processor.
    pub fn thread_time() -> Duration {
        use std::sync::LazyLock;
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGIN.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::{Job, crowd, together};

    /// Set for the process in which jobs go wrong.
    const CHILD: &str = "BLOCKPOOL_JOBS_GO_WRONG";

    /// Does nothing except in that process, which it ends.
    #[test]
    fn jobs_that_go_wrong() {
        let Ok(how) = std::env::var(CHILD) else { return };
        #[cfg(target_os = "linux")]
        if how == "refused" {
            // No room for another stack.
            let limit = libc::rlimit { rlim_cur: 1, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: the limit is valid for reads.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        }
        let waits: Job<'_> = Box::new(|start| start.timed(|| ()));
        let panics: Job<'_> = Box::new(|start| match start.threads {
            2 => panic!("as the test wants"),
            _ => start.timed(|| ()),
        });
        together(vec![waits, panics]);
        unreachable!("{how}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_job_that_panics_or_is_refused_ends_the_program() {
        for (how, code, words) in [
            ("panics", 101, "as the test wants"),
            ("refused", 1, "error: cannot start thread `job 1`, number 1 of the 2 that are needed"),
        ] {
            let mut child = std::process::Command::new(std::env::current_exe().expect("this one"));
            child.args(["--exact", "schedule::tests::jobs_that_go_wrong", "--nocapture"]);
            let output = child.env(CHILD, how).output().expect("it starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{how}: {errors}");
            assert!(errors.contains(words), "{how}: {errors}");
        }
    }

    #[test]
    fn every_job_is_done_once_and_the_last_to_end_counts() {
        let done = AtomicUsize::new(0);
        let job = |index: usize| -> Job<'_> {
            let done = &done;
            Box::new(move |start| {
                start.timed(|| {
                    done.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(index as u64));
                })
            })
        };
        for threads in [2, crowd()] {
            let sample = together((0..threads).map(job).collect());
            assert!(sample.time() >= Duration::from_millis(threads as u64 - 1));
            assert_eq!(done.swap(0, Ordering::Relaxed), threads);
        }
    }
}
