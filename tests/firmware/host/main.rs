//! Firmware on emulated processors, without an operating system: built with a stable compiler, booted with a
//! time limit, and judged by its exit status and its output. Then the operations alone: how much code they
//! need, and whether they can panic.
//!
//! The firmware itself is the workspace around this folder. Where a compiler for a target, or its emulator,
//! is missing, this says what is missing and how to get it, and continues; where everything has to run, as
//! the variable `CI` says, that is a failure.
//!
//! Limitations: an emulator counts instructions, not cycles, and its memory is more strongly ordered than
//! that of most processors.

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
#[path = "../../support/tally.rs"]
mod tally;
mod toolchain;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::image::{EXAMPLES, Image, MACHINES};
use crate::selection::Selection;
use crate::tally::{Outcome, Tally};
use crate::toolchain::Toolchains;

/// Builds firmware for each target, boots it in an emulator, and prints the results. A name that ends with
/// `/operations` selects the operations alone.
#[derive(Debug, Parser)]
#[command(after_help = format!("Names:\n  {}", names().join("\n  ")))]
struct Arguments {
    #[command(flatten)]
    selection: Selection,

    /// Print everything that the firmware prints
    #[arg(long)]
    verbose: bool,

    /// Only run clippy on the firmware
    #[arg(long)]
    lint: bool,
}

fn names() -> Vec<String> {
    let booted = MACHINES.iter().chain(&EXAMPLES).map(|image| image.name.to_owned());
    booted.chain(MACHINES.iter().map(operations::name)).collect()
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
        // Not a failure: `cargo test NAME` passes the name to every test target.
        println!("firmware: 0 of {} selected", names.len());
        return ExitCode::SUCCESS;
    }

    // Below the target folder of the current build, wherever that is.
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

    let mut tally = Tally::default();
    if arguments.lint {
        for image in booted {
            let features = [image.machine_features, image.atomics].concat();
            tally.run(image.name, || {
                lint(image.package, image.program, &features, image.target, &toolchains, &folder)
            });
        }
        for image in measured {
            tally.run(&operations::name(image), || {
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
        return tally.end("firmware");
    }
    let mut figures = Vec::new();
    for image in booted {
        tally.run(image.name, || {
            let run = boot::run(image, &toolchains, &folder, arguments.verbose)?;
            figures.push((image.name, run.figures));
            Ok(run.summary)
        });
    }
    let mut operations = Vec::new();
    for image in measured {
        tally.run(&operations::name(image), || {
            let measured = operations::run(image, &toolchains, &folder)?;
            let summary = measured.summary();
            operations.push((image.name, measured));
            Ok(summary)
        });
    }
    table::print_figures(&figures);
    table::print_operations(&operations);
    tally.end("firmware")
}

fn lint(
    package: &str,
    program: &str,
    features: &[&str],
    target: &str,
    toolchains: &Toolchains,
    folder: &Path,
) -> Outcome {
    let compiler = toolchains.for_target(target)?;
    build::lint(package, program, features, target, compiler, folder)?;
    Ok("linted".to_owned())
}
