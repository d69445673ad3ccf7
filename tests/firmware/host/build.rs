//! Cargo calls for targets other than the one this program was built for.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo::{cargo, is_ci, run};
use crate::operations;
use crate::toolchain::Compiler;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/Cargo.toml");

/// Booted firmware has overflow checks; measured firmware is built as usual.
fn profile(package: &str) -> &'static str {
    if package == operations::PACKAGE { "operations" } else { "release" }
}

/// A cargo call for one package of the firmware.
fn call(
    command: &str,
    package: &str,
    program: &str,
    features: &[&str],
    target: &str,
    compiler: &Compiler,
    folder: &Path,
) -> Command {
    let mut call = cargo();
    call.args([
        command,
        "--profile",
        profile(package),
        "--locked",
        "--manifest-path",
        WORKSPACE,
        "--package",
        package,
    ])
    .args(["--bin", program])
    .args(["--no-default-features", "--features", &features.join(","), "--target", target])
    .arg("--target-dir")
    .arg(folder)
    .env("RUSTC", &compiler.rustc);
    let mut flags = Vec::new();
    if let Some(sysroot) = &compiler.sysroot {
        flags.push(format!("--sysroot={}", sysroot.display()));
    }
    if is_ci() {
        flags.push("-Dwarnings".to_owned());
    }
    // In the encoded form, with its own separator: a path may have spaces.
    call.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if let Some(linker) = &compiler.linker {
        let target = target.to_uppercase().replace('-', "_");
        call.env(format!("CARGO_TARGET_{target}_LINKER"), linker);
    }
    call
}

/// Builds one program of the firmware, and returns the path of its own copy: packages built in several ways
/// for one target share a folder.
pub(crate) fn package(
    package: &str,
    program: &str,
    features: &[&str],
    target: &str,
    name: &str,
    compiler: &Compiler,
    folder: &Path,
) -> Result<PathBuf, String> {
    let built = folder.join("build");
    run(&mut call("build", package, program, features, target, compiler, &built))?;

    let image = folder.join("images").join(name);
    let copied = fs::create_dir_all(folder.join("images"))
        .and_then(|()| fs::copy(built.join(target).join(profile(package)).join(program), &image));
    copied.map(|_| image).map_err(|error| format!("{name}: {error}"))
}

/// Runs clippy on one program of the firmware, and on the packages of this workspace that it needs. Clippy
/// has to be the compiler's own, or it does not understand the compiled `core`.
pub(crate) fn lint(
    package: &str,
    program: &str,
    features: &[&str],
    target: &str,
    compiler: &Compiler,
    folder: &Path,
) -> Result<(), String> {
    let driver = compiler.clippy.as_ref().ok_or("no clippy of its compiler")?;
    let mut command =
        call("check", package, program, features, target, compiler, &folder.join("lint"));
    // As `cargo clippy` does, which knows only the clippy beside itself.
    command
        .env("RUSTC_WORKSPACE_WRAPPER", driver)
        .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    run(&mut command)
}

/// Keeps other runs of this program out of the folder for as long as the file is open.
pub(crate) fn lock(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let file = File::create(folder.join("lock"))?;
    let begin = Instant::now();
    let mut waits = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if !waits => {
                println!("another run uses {}, waiting", folder.display());
                waits = true;
            }
            Err(TryLockError::WouldBlock) if begin.elapsed() < Duration::from_secs(900) => {
                thread::sleep(Duration::from_millis(200));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another run has been using it for 15 minutes",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
