//! Compares mempools of DPDK, with its handlers and blockpool's, and blockpool's own calls, in turns. Prints
//! tables of nanoseconds for each object that is got and put back.

mod c_library;
mod contender;
mod dpdk;
mod own;
mod pointers;
mod targets;

use std::mem;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use blockpool_benches::interleave::{Group, Measure, Summary, run};
use blockpool_benches::markdown::{figure, heading, table};
use clap::Parser;
use libloading::Library;

use crate::contender::Contender;
use crate::dpdk::{Environment, Mempool, Ring};
use crate::own::{Handles, Lcore, Unchecked};
use crate::pointers::Made;

/// Objects: blocks of 2 KiB.
const COUNT: usize = 8192;
const SIZE: usize = 2048;

const HANDLERS: [&str; 5] = ["ring_mp_mc", "ring_mt_rts", "stack", "lf_stack", "blockpool"];
const CACHES: [u32; 3] = [0, 256, 512];

const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 2;

/// Compares mempools with several handlers, and blockpool's own calls, side by side.
///
/// Needs DPDK, 512 MiB in 2 MiB pages (as root: `echo 256 > /proc/sys/vm/nr_hugepages`), the handler and the
/// C library. Build these with `cargo build --release --manifest-path core/dpdk/Cargo.toml` and
/// `cargo build --release -p blockpool-capi`. For comparable figures, build this program first, then run it
/// with `chrt -f 1` in front.
#[derive(Parser)]
struct Arguments {
    /// Take only two rounds of short samples, to check that it works.
    #[arg(long)]
    quick: bool,
    /// Path of the handler.
    #[arg(long, default_value = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../core/dpdk/target/release/librte_mempool_blockpool.so"
    ))]
    handler: PathBuf,
    /// Path of the C library.
    #[arg(long, default_value = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/release/libblockpool.so"
    ))]
    c_library: PathBuf,
    /// Processors for one lcore or for two; with only one, nothing is measured between two lcores.
    #[arg(long, default_value = "0,1", value_delimiter = ',', value_parser = processor)]
    lcores: Vec<u32>,
    /// Run without huge pages: the figures are then like those of another machine.
    #[arg(long)]
    no_huge: bool,
}

/// Parses the number of a processor of this machine.
fn processor(text: &str) -> Result<u32, String> {
    let number = text.parse().map_err(|error| format!("{error}"))?;
    let folder = format!("/sys/devices/system/cpu/cpu{number}");
    if Path::new(&folder).exists() { Ok(number) } else { Err("there is no such processor".into()) }
}

/// What is done with the objects in a column.
#[derive(Clone, Copy)]
enum Work {
    /// One lcore gets `keep` objects and puts them back, in bursts of `burst`.
    One { keep: usize, burst: usize },
    /// The same on two lcores at once.
    Two { keep: usize, burst: usize },
    /// One lcore gets, another one puts.
    Across { burst: usize },
}

const COLUMNS: [(&str, Work); 10] = [
    (targets::SINGLE, Work::One { keep: 1, burst: 1 }),
    ("bursts of 4", Work::One { keep: 4, burst: 4 }),
    (targets::BURST, Work::One { keep: 32, burst: 32 }),
    ("bursts of 64", Work::One { keep: 64, burst: 64 }),
    (targets::KEPT_SINGLE, Work::One { keep: 128, burst: 1 }),
    ("128 kept, bursts of 32", Work::One { keep: 128, burst: 32 }),
    ("two lcores, one by one", Work::Two { keep: 1, burst: 1 }),
    ("two lcores, bursts of 32", Work::Two { keep: 32, burst: 32 }),
    ("A gets, B puts, one by one", Work::Across { burst: 1 }),
    (targets::ACROSS, Work::Across { burst: 32 }),
];

impl Work {
    /// Does it with `count` objects, or a few more, on each lcore that gets objects.
    fn run(self, environment: Environment, contender: &dyn Contender, ring: Ring, count: u64) {
        match self {
            Self::One { keep, burst } => contender.rounds(keep, burst, count / keep as u64),
            Self::Two { keep, burst } => {
                let work = || contender.rounds(keep, burst, count / keep as u64);
                environment.beside(work, work);
            }
            Self::Across { burst } => environment.beside(
                || contender.consume(ring, burst, count),
                || contender.produce(ring, burst, count),
            ),
        }
    }

    fn possible(self, environment: Environment, contender: &dyn Contender) -> bool {
        match self {
            Self::One { .. } => true,
            Self::Two { .. } => environment.has_second_lcore(),
            Self::Across { .. } => environment.has_second_lcore() && contender.crosses(),
        }
    }
}

/// Samples of about `seconds` each, in nanoseconds per object.
fn measure(
    environment: Environment,
    work: Work,
    contender: &'static dyn Contender,
    ring: Ring,
    seconds: f64,
) -> Measure {
    /// A multiple of every `burst` and every `keep`.
    const LEAST: u64 = 1 << 14;
    let mut count = 0;
    Box::new(move || {
        let time = |count| {
            let begin = Instant::now();
            work.run(environment, contender, ring, count);
            begin.elapsed().as_secs_f64()
        };
        if count == 0 {
            time(LEAST);
            let wanted = LEAST as f64 * seconds / time(LEAST);
            count = (wanted as u64).next_multiple_of(LEAST);
        }
        vec![time(count) * 1e9 / count as f64]
    })
}

/// The contenders with their names, or the mempool that cannot be created.
fn contenders(
    environment: Environment,
    c_library: &Path,
) -> Result<Vec<(&'static str, &'static dyn Contender)>, String> {
    let mut contenders: Vec<(&'static str, &'static dyn Contender)> = Vec::new();
    for cache in CACHES {
        for handler in HANDLERS {
            let mempool = Mempool::new(environment, handler, COUNT as u32 - 1, SIZE as u32, cache)
                .ok_or_else(|| format!("no mempool with the handler {handler}: see --handler"))?;
            let name = targets::mempool(handler, cache);
            contenders.push((name.leak(), Box::leak(Box::new(mempool))));
        }
    }
    let region = own::region(environment);
    contenders.push((targets::HANDLES, Box::leak(Box::new(Handles(region)))));
    let local = || Lcore::new(region);
    contenders.push((targets::POINTERS, Box::leak(Box::new(Made(local)))));
    let unchecked = || Unchecked(Lcore::new(region));
    contenders.push((targets::UNCHECKED, Box::leak(Box::new(Made(unchecked)))));
    let pool = c_library::Pool::new(c_library, environment)?;
    contenders.push((targets::C_LIBRARY, Box::leak(Box::new(Made(move || pool.local_pool())))));
    Ok(contenders)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    for (library, package) in [
        (&arguments.handler, "--manifest-path core/dpdk/Cargo.toml"),
        (&arguments.c_library, "-p blockpool-capi"),
    ] {
        if !library.exists() {
            eprintln!("there is no {}: cargo build --release {package}", library.display());
            return ExitCode::FAILURE;
        }
    }
    // SAFETY: loading it registers a mempool handler.
    match unsafe { Library::new(&arguments.handler) } {
        Ok(handler) => mem::forget(handler),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let lcores = match arguments.lcores[..] {
        [first] => first.to_string(),
        [first, second] if first != second => format!("{first},{second}"),
        _ => {
            eprintln!("--lcores takes the numbers of one processor, or of two different ones");
            return ExitCode::FAILURE;
        }
    };
    let mut options = vec![
        "bench".to_owned(),
        format!("--lcores={lcores}"),
        "--no-pci".to_owned(),
        "--no-telemetry".to_owned(),
        "--log-level=lib.eal:error".to_owned(),
        "--iova-mode=va".to_owned(),
        "-m512".to_owned(),
    ];
    options.push(if arguments.no_huge { "--no-huge" } else { "--in-memory" }.to_owned());
    // Before DPDK restricts this thread to one processor.
    let heading = heading();
    let Some(environment) = Environment::new(&options) else {
        eprintln!(
            "DPDK does not start, see above. If it is for want of huge pages: echo 256 > \
             /proc/sys/vm/nr_hugepages, or --no-huge; of threads: a control group or ulimit -u \
             may allow too few"
        );
        return ExitCode::FAILURE;
    };

    let (rounds, seconds) = if arguments.quick { (QUICK_ROUNDS, 2e-4) } else { (ROUNDS, 5e-3) };
    println!("{heading}\n");
    println!(
        "{rounds} rounds. In a cell: the median in ns for each object, got and put back, and (the \
         least to the greatest). 1 ns is {:.2} cycles of the time stamp counter.\n",
        environment.cycles()
    );
    let contenders = match contenders(environment, &arguments.c_library) {
        Ok(contenders) => contenders,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if !environment.has_second_lcore() {
        println!("One lcore: nothing is measured between two.\n");
    }
    let ring = Ring::new(environment);
    let mut groups: Vec<Group> = COLUMNS.iter().map(|(name, _)| Group::new(&[name])).collect();
    for (group, (_, work)) in groups.iter_mut().zip(COLUMNS) {
        for &(name, contender) in &contenders {
            if work.possible(environment, contender) {
                group.add(name, measure(environment, work, contender, ring, seconds));
            }
        }
    }
    run(&mut groups, rounds, |_| ());

    let cell = |name: &str, group: &Group| {
        let samples = group.samples(group.columns[0], name);
        samples.map_or_else(String::new, |samples| {
            let Summary { median, least, greatest } = Summary::of(&samples);
            format!("{} ({}-{})", figure(median), figure(least), figure(greatest))
        })
    };
    let rows = contenders.iter().map(|(name, _)| {
        let figures = groups.iter().map(|group| cell(name, group));
        std::iter::once((*name).to_owned()).chain(figures).collect()
    });
    let head: Vec<&str> = std::iter::once("").chain(COLUMNS.map(|(name, _)| name)).collect();
    println!("{}\n", table(&head, rows));
    println!("## Targets\n\n{}", targets::verdict(&groups));
    ExitCode::SUCCESS
}
