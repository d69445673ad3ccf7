//! The pipeline: see `--help`.

use std::alloc::System;
use std::error::Error;
use std::fs::{self, Metadata};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use blockpool_benches::allocations::Counting;
use blockpool_benches::input::capture::is_standard_input;
use blockpool_benches::limits;
use blockpool_benches::load::Load;
use blockpool_benches::machine;
use blockpool_benches::memory::{self, Needed};
use blockpool_benches::options::Options;
use blockpool_benches::output::{self, Output};
use blockpool_benches::pipeline::{Pattern, Schedule, Setup, clock_facts};
use blockpool_benches::report::{Memory, Report, Run};
use blockpool_benches::signals;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use quanta::Clock;

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// The code with which a shell reports a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line on standard error, if that can be written to.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // Whether there is anything to end in an orderly way.
    let running = Arc::new(AtomicBool::new(false));
    let (to_interrupt, is_running) = (Arc::clone(&interrupted), Arc::clone(&running));
    let handle = move || {
        if to_interrupt.swap(true, Ordering::Relaxed) || !is_running.load(Ordering::Relaxed) {
            // On a second signal, or before or after the runs: exits at once.
            output::settle();
            std::process::exit(INTERRUPTED.into());
        }
    };
    signals::keeping_ignored(|| ctrlc::set_handler(handle)).map_err(|error| {
        let limit = limits::of_threads().map_or_else(String::new, |limit| format!("; {limit}"));
        format!("cannot start the thread that waits for Ctrl-C: {error}{limit}")
    })?;
    #[cfg(unix)]
    if let Some(path) = &options.json
        && fs::metadata(path).is_ok_and(|found| FileTypeExt::is_fifo(&found.file_type()))
    {
        tell(&format!("waiting until a program reads {}", path.display()));
    }
    // Opened now rather than after everything is measured, to find out whether it can be written.
    let figures = match &options.json {
        Some(path) => Some(Output::open(path, input_file(options).as_ref())?),
        None => None,
    };
    let print = |text: &str| print(text, figures.as_ref().is_some_and(Output::is_stdout));

    let mut load = Load::new(options)?;
    if let Some(cut) = load.recording.as_ref().and_then(|recording| recording.cut.as_ref()) {
        tell(&format!("warning: the input is truncated and used up to there: {cut}"));
    }
    if load.recording.as_ref().is_some_and(|recording| recording.trailing) {
        tell("warning: data after the end of the input's compressed data is ignored");
    }
    let needed = Needed::of(options);
    needed.fits(options)?;
    let clock = Clock::new();
    let (clock_step_ns, clock_read_ns) = clock_facts(&clock);
    let mut report = Report {
        machine: machine::facts(),
        clock_step_ns,
        clock_read_ns,
        input: load.input.clone(),
        recording: load.recording.take(),
        buffer_size: options.buffer_size(),
        capacity: options.capacity as usize,
        workers: options.workers.into(),
        memory: Memory {
            // Reading a large input may temporarily have taken more.
            estimated_bytes: (limits::resident().unwrap_or(0) + needed.at_start)
                .max(limits::peak_resident().unwrap_or(0)),
            peak_bytes: None,
        },
        work: name_of(&options.work),
        runs: Vec::new(),
        interrupted: false,
    };
    running.store(true, Ordering::Relaxed);
    let told = print(&report.facts());
    if figures.is_none() {
        told.clone()?;
    }

    let patterns: Vec<Option<Pattern>> = if load.is_timed() {
        vec![None]
    } else {
        options.patterns().into_iter().map(Some).collect()
    };
    let pools = options.pools();
    let runs = patterns.len() * pools.len();
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{prefix:>7} {msg:24} {wide_bar} {percent:>3} %  {eta} left",
    )?);
    bar.set_length(
        (options.duration + Duration::from_millis(200)).as_millis() as u64 * runs as u64,
    );
    for pattern in patterns {
        if let (Some(wanted), Schedule::Rate { pattern, .. }) =
            (pattern, &mut load.traffic.schedule)
        {
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
                traffic: &load.traffic,
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
            memory::give_back();
            bar.set_position(before + setup.sending().as_millis() as u64);
            report.runs.push(Run::new(*pool, &pattern, &outcome, fallbacks, report.capacity));
        }
    }
    running.store(false, Ordering::Relaxed);
    bar.finish_and_clear();
    report.memory.peak_bytes = limits::peak_resident();
    report.interrupted = interrupted.load(Ordering::Relaxed);

    let text = if report.runs.is_empty() {
        "Interrupted before anything was measured.".to_owned()
    } else if report.interrupted {
        let cut =
            format!("Interrupted in run {} of {runs}, which is incomplete.", report.runs.len());
        format!("{}\n{cut}\n\n{}", report.results(), report.verdict())
    } else {
        format!("{}\n{}", report.results(), report.verdict())
    };
    let printed = told.and(print(&text));
    // Written whether or not the text could be printed.
    if let Some(figures) = figures {
        figures.write((serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
    }
    printed?;
    let received = report.runs.iter().all(|run| run.received > 0);
    Ok(if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if received {
        ExitCode::SUCCESS
    } else {
        tell("error: a run received nothing");
        ExitCode::FAILURE
    })
}

/// Prints a text and ends the line. A reader that has gone away is not an error.
fn print(text: &str, to_stderr: bool) -> Result<(), String> {
    let (printed, stream) = match to_stderr {
        true => (writeln!(io::stderr(), "{text}"), "standard error"),
        false => (writeln!(io::stdout(), "{text}"), "standard output"),
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to {stream}: {error}"))
        }
        _ => Ok(()),
    }
}

/// The file that `--input` reads, if it exists.
fn input_file(options: &Options) -> Option<Metadata> {
    let path = options.input.as_ref()?;
    #[cfg(unix)]
    if is_standard_input(path) {
        return output::behind(io::stdin()).ok();
    }
    fs::metadata(path).ok()
}

/// The name of an option's value.
fn name_of<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}
