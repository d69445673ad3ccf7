//! Firmware on emulated processors, without an operating system: built by a stable compiler, booted with a time limit, judged by
//! its exit status and by what it prints. Then the operations alone: how much code they are, whether they can panic.
//!
//! The firmware itself is the workspace around this folder. Where a compiler for a target, or its emulator, is missing, this says
//! what is missing and how to get it, and goes on; but not where everything has to run, which the variable `CI` tells.
//!
//! Its limits: an emulator counts instructions, not cycles, and its memory is more orderly than that of most processors.

mod boot;
mod build;
#[path = "../../support/cargo.rs"]
mod cargo;
mod image;
mod operations;
#[path = "../../support/selection.rs"]
mod selection;
mod symbols;
mod table;
mod toolchain;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::image::{EXAMPLES, Image, MACHINES};
use crate::selection::Selection;
use crate::toolchain::Toolchains;

/// Builds firmware for each target, boots it in an emulator, and prints what it found out. With
/// `/operations`, a name is that of the operations alone.
#[derive(Debug, Parser)]
#[command(after_help = format!("Names:\n  {}", names().join("\n  ")))]
struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// All that the firmware prints
    #[arg(long)]
    verbose: bool,

    /// Only asks clippy what it thinks of the firmware
    #[arg(long)]
    lint: bool,
}

fn names() -> Vec<String> {
    let booted = MACHINES.iter().chain(&EXAMPLES).map(|image| image.name.to_owned());
    booted.chain(MACHINES.iter().map(operations::name)).collect()
}

/// What became of one image.
#[derive(Debug, Clone)]
enum Outcome {
    Passed(String),
    Failed(String),
    /// What is missing, and how to get it.
    Skipped(String),
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self::Passed(text),
            Err(text) => Self::Failed(text),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let names = names();
    if arguments.selection.list(&names) {
        return ExitCode::SUCCESS;
    }
    let wanted = |name: &str| arguments.selection.wants(name);
    let booted: Vec<&Image> =
        MACHINES.iter().chain(&EXAMPLES).filter(|image| wanted(image.name)).collect();
    let measured: Vec<&Image> =
        MACHINES.iter().filter(|image| wanted(&operations::name(image))).collect();
    if measured.is_empty() && booted.is_empty() {
        // No failure: `cargo test NAME` hands the name to every test.
        println!("firmware: 0 of {} selected", names.len());
        return ExitCode::SUCCESS;
    }

    // Below the folder of the build in progress, wherever that is.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware");
    let _alone = match build::lock(&folder) {
        Ok(lock) => lock,
        Err(error) => {
            println!("failed: {}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    };
    let toolchains =
        Toolchains::prepare(&folder, booted.iter().chain(&measured).map(|image| image.target));

    let mut report = Report::default();
    if arguments.lint {
        for image in booted {
            let features = [image.machine_features, image.atomics].concat();
            report.add(image.name, || {
                lint(image.package, image.program, &features, image.target, &toolchains, &folder)
            });
        }
        for image in measured {
            report.add(&operations::name(image), || {
                lint(
                    operations::PACKAGE,
                    operations::PACKAGE,
                    image.atomics,
                    image.target,
                    &toolchains,
                    &folder,
                )
            });
        }
        return report.end();
    }
    let mut figures = Vec::new();
    for image in booted {
        report.add(image.name, || {
            match boot::run(image, &toolchains, &folder, arguments.verbose) {
                Ok(run) => {
                    figures.push((image.name, run.figures));
                    Outcome::Passed(run.summary)
                }
                Err(outcome) => outcome,
            }
        });
    }
    let mut operations = Vec::new();
    for image in measured {
        report.add(&operations::name(image), || {
            match operations::run(image, &toolchains, &folder) {
                Ok(measured) => {
                    let summary = measured.summary();
                    operations.push((image.name, measured));
                    Outcome::Passed(summary)
                }
                Err(outcome) => outcome,
            }
        });
    }
    table::print_figures(&figures);
    table::print_operations(&operations);
    report.end()
}

fn lint(
    package: &str,
    program: &str,
    features: &[&str],
    target: &str,
    toolchains: &Toolchains,
    folder: &Path,
) -> Outcome {
    let compiler = match toolchains.for_target(target) {
        Ok(compiler) => compiler,
        Err(outcome) => return outcome,
    };
    let result = build::lint(package, program, features, target, compiler, folder);
    result.map(|()| "linted".to_owned()).into()
}

#[derive(Default)]
struct Report {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    fn add(&mut self, name: &str, run: impl FnOnce() -> Outcome) {
        let begin = Instant::now();
        let outcome = run();
        let seconds = begin.elapsed().as_secs_f64();
        match outcome {
            Outcome::Passed(text) => {
                self.passed += 1;
                println!("passed: {name}: {text}; {seconds:.1} s");
            }
            Outcome::Failed(text) => {
                self.failed += 1;
                println!("failed: {name}: {text}");
            }
            Outcome::Skipped(text) => {
                self.skipped += 1;
                println!("skipped: {name}: {text}");
            }
        }
    }

    fn end(self) -> ExitCode {
        let Self { passed, failed, skipped } = self;
        println!("firmware: {passed} passed, {failed} failed, {skipped} skipped");
        if failed > 0 || skipped > 0 && cargo::is_ci() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
