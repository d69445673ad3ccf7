//! The pipeline: see `--help`.

use std::alloc::System;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use blockpool_benches::allocations::Counting;
use blockpool_benches::input::{capture, transactions};
use blockpool_benches::machine;
use blockpool_benches::options::Options;
use blockpool_benches::pipeline::{Pattern, Schedule, Setup, Traffic, clock_facts};
use blockpool_benches::report::{Report, Run};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use quanta::Clock;

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// Transactions made at start, then sent over and over.
const TRANSACTIONS: usize = 4096;

const DEFAULT_RATE: u64 = 20_000;

/// As a shell reports a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            // A second time: at once.
            std::process::exit(INTERRUPTED.into());
        }
    })?;
    let needed = u64::from(options.capacity) * options.buffer_size() as u64;
    if let Some(available) = machine::available_memory().filter(|available| needed > available / 2)
    {
        return Err(format!(
            "{} buffers of {} bytes are {} MiB, more than half of the {} MiB that this machine has \
             to spare",
            options.capacity,
            options.buffer_size(),
            needed >> 20,
            available >> 20,
        )
        .into());
    }
    // Now rather than when all is measured: whether it can be written.
    let figures = options.json.as_deref().map(Figures::create).transpose()?;

    let (mut traffic, recorded, input) = match &options.input {
        Some(path) => from_file(path, options)?,
        None => generated(options),
    };
    let clock = Clock::new();
    let (clock_step_ns, clock_read_ns) = clock_facts(&clock);
    let mut report = Report {
        machine: machine::facts(),
        clock_step_ns,
        clock_read_ns,
        input,
        buffer_size: options.buffer_size(),
        capacity: options.capacity as usize,
        workers: options.workers.into(),
        work: name_of(&options.work),
        runs: Vec::new(),
        interrupted: false,
    };
    print(&report.facts())?;

    let patterns: Vec<Option<Pattern>> =
        if recorded { vec![None] } else { options.patterns().into_iter().map(Some).collect() };
    let pools = options.pools();
    let runs = patterns.len() * pools.len();
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{prefix:>7} {msg:24} {wide_bar} {percent:>3} %  {eta} left",
    )?);
    bar.set_length(
        (options.duration + Duration::from_millis(200)).as_millis() as u64 * runs as u64,
    );
    for pattern in patterns {
        if let (Some(wanted), Schedule::Rate { pattern, .. }) = (pattern, &mut traffic.schedule) {
            *pattern = wanted;
        }
        let pattern = pattern.map_or("as recorded".into(), |pattern| name_of(&pattern));
        for pool in &pools {
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
            let before = bar.position();
            bar.set_prefix(format!("{}/{runs}", report.runs.len() + 1));
            bar.set_message(format!("{}, {pattern}", pool.name()));
            let setup = Setup {
                traffic: &traffic,
                duration: options.duration,
                check: options.work,
                buffer_size: options.buffer_size(),
                clock: &clock,
                interrupted: &interrupted,
                progress: &|elapsed| {
                    bar.set_position(before + elapsed.as_millis() as u64);
                },
            };
            let (outcome, fallbacks) = pool.run(
                &setup,
                options.buffer_size(),
                options.capacity as usize,
                options.workers.into(),
            )?;
            bar.set_position(before + setup.sending().as_millis() as u64);
            report.runs.push(Run::new(*pool, &pattern, &outcome, fallbacks, report.capacity));
        }
    }
    bar.finish_and_clear();
    report.interrupted = interrupted.load(Ordering::Relaxed);

    if report.runs.is_empty() {
        print("Interrupted before anything was measured.")?;
    } else {
        print(&report.results())?;
        if report.interrupted {
            print("Interrupted: the last run is shorter than the others.\n")?;
        }
        print(&report.verdict())?;
    }
    if let Some(figures) = figures {
        figures.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    let received = report.runs.iter().all(|run| run.received > 0);
    Ok(if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if received {
        ExitCode::SUCCESS
    } else {
        eprintln!("error: a run received nothing");
        ExitCode::FAILURE
    })
}

/// Prints a text and ends the line. A reader that has gone away is no error.
fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The file for the figures: complete or not there, and not written over before they are.
struct Figures<'a> {
    path: &'a Path,
    part: PathBuf,
}

impl<'a> Figures<'a> {
    fn create(path: &'a Path) -> Result<Self, String> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let figures = Self { path, part: part.into() };
        fs::write(&figures.part, "").map_err(|error| figures.failed(&error))?;
        Ok(figures)
    }

    fn write(&self, text: &str) -> Result<(), String> {
        let written = fs::write(&self.part, text);
        written
            .and_then(|()| fs::rename(&self.part, self.path))
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> String {
        format!("cannot write {}: {error}", self.path.display())
    }
}

impl Drop for Figures<'_> {
    fn drop(&mut self) {
        // Gone already if the figures were written.
        let _ = fs::remove_file(&self.part);
    }
}

/// The name of an option's value.
fn name_of<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

/// Transactions made from the seed, and what they are in words.
fn generated(options: &Options) -> (Traffic, bool, String) {
    let packets = transactions::generate(options.seed, TRANSACTIONS, options.v1);
    let rate = options.rate.unwrap_or(DEFAULT_RATE);
    let lengths = || packets.iter().map(Vec::len);
    let input = format!(
        "{TRANSACTIONS} signed transactions of {} to {} bytes ({} on average), over and over, {rate} per second",
        lengths().min().unwrap_or(0),
        lengths().max().unwrap_or(0),
        lengths().sum::<usize>() / TRANSACTIONS,
    );
    let schedule = Schedule::Rate { rate, pattern: Pattern::Steady };
    (Traffic { packets, schedule }, false, input)
}

/// The packets of a file, whether they are sent as recorded, and what they are in words.
fn from_file(path: &Path, options: &Options) -> Result<(Traffic, bool, String), Box<dyn Error>> {
    let size = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    if let Some((size, available)) = size.zip(machine::available_memory())
        && size > available / 4
    {
        return Err(format!(
            "{} has {} MiB, more than a quarter of the {} MiB of memory that are free; it is read \
             whole, so cut it into pieces",
            path.display(),
            size >> 20,
            available >> 20
        )
        .into());
    }
    let capture = capture::read(path)?;
    let mut input = match capture.packets.len() {
        1 => format!("1 packet of {}", path.display()),
        count => format!("{count} packets of {}", path.display()),
    };
    if capture.skipped + capture.cut_short > 0 {
        input += &format!(
            " (left out: {} without a UDP payload, {} cut short)",
            capture.skipped, capture.cut_short
        );
    }
    let recorded = capture.has_timing() && options.rate.is_none() && options.pattern.is_empty();
    let (offsets, packets): (Vec<_>, Vec<_>) =
        capture.packets.into_iter().map(|packet| (packet.offset, packet.data)).unzip();
    let schedule = if recorded {
        input += ", over and over, as recorded";
        Schedule::Recorded(offsets)
    } else {
        let rate = options.rate.unwrap_or(DEFAULT_RATE);
        input += &format!(", over and over, {rate} per second");
        Schedule::Rate { rate, pattern: Pattern::Steady }
    };
    Ok((Traffic { packets, schedule }, recorded, input))
}
