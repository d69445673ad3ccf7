//! Builds the handler and the programs of this test as a user would.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::linux::cargo;

/// Loaded by name: EAL does not trust paths below a world-writable folder.
pub(crate) const LIBRARY: &str = "librte_mempool_blockpool.so";

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dpdk/linux");
const CAPI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/capi");
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/dpdk/Cargo.toml");

/// What is missing, and how to get it.
pub(crate) fn missing() -> Option<String> {
    let packages = [
        ("dpdk-testpmd", "dpdk-dev"),
        ("dpdk-test", "dpdk-dev"),
        ("cc", "gcc"),
        ("pkg-config", "pkg-config"),
        ("stdbuf", "coreutils"),
    ];
    let paths = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&paths).collect();
    let is_missing = |program| !folders.iter().any(|folder| folder.join(program).is_file());
    for (program, package) in packages {
        if is_missing(program) {
            return Some(format!("no `{program}`; on Debian, apt-get install {package}"));
        }
    }
    let error = dpdk("--libs").err()?;
    Some(format!("{error}; on Debian, apt-get install libdpdk-dev"))
}

/// Where the handler is, and a folder for the programs that need it and their output, removed on drop.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) libraries: PathBuf,
    pub(crate) folder: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
}

impl Built {
    pub(crate) fn new() -> Result<Self, String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dpdk");
        let mut build = cargo::cargo();
        build.args(["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
        build.arg(&target);
        cargo::run(&mut build)?;

        let folder = target.join(format!("run-{}", process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { libraries: target.join("release"), folder, target })
    }

    /// Builds the handler again with other flags for its C code; returns the folder that it is in.
    pub(crate) fn with_flags(&self, flags: &str) -> Result<PathBuf, String> {
        let target = self.target.join("flags");
        let mut build = cargo::cargo();
        build.args(["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
        cargo::run(build.arg(&target).env("CFLAGS", flags))?;
        Ok(target.join("release"))
    }

    /// Compiles the program whose source is next to this file, once.
    pub(crate) fn compile(&self, name: &str) -> Result<PathBuf, String> {
        self.compile_from(name, &Path::new(HERE).join(name).with_extension("c"), [])
    }

    /// Compiles an example of the C library and links it with the library.
    pub(crate) fn compile_example(&self, name: &str) -> Result<PathBuf, String> {
        let mut build = cargo::cargo();
        build.args(["build", "--release", "--locked", "--package", "blockpool-capi"]);
        cargo::run(build.arg("--target-dir").arg(&self.target))?;
        let source = Path::new(CAPI).join("examples").join(name).with_extension("c");
        let header = format!("-I{CAPI}/include");
        let library = self.target.join("release/libblockpool.a");
        self.compile_from(name, &source, [header, library.display().to_string()])
    }

    fn compile_from<const N: usize>(
        &self,
        name: &str,
        source: &Path,
        arguments: [String; N],
    ) -> Result<PathBuf, String> {
        let program = self.folder.join(name);
        if program.exists() {
            return Ok(program);
        }
        let mut compiler = Command::new("cc");
        compiler
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(&program)
            .args(dpdk("--cflags")?)
            .arg(source)
            .args(arguments)
            .args(dpdk("--libs")?);
        let output = compiler.output().map_err(|error| format!("cc: {error}"))?;
        if output.status.success() {
            Ok(program)
        } else {
            Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            println!("{}: {error}", self.folder.display());
        }
    }
}

/// The compiler's arguments for DPDK.
fn dpdk(what: &str) -> Result<Vec<String>, String> {
    let output = Command::new("pkg-config").args([what, "libdpdk"]).output();
    let output = output.map_err(|error| format!("pkg-config: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
