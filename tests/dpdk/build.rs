//! The handler and the programs of this test, as a user builds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::cargo;

/// As it is loaded: EAL distrusts paths below a folder that all may write to, so it is looked for by name.
pub(crate) const LIBRARY: &str = "librte_mempool_blockpool.so";

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dpdk");
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/dpdk/Cargo.toml");

/// What is missing, and how to get it.
pub(crate) fn missing() -> Option<String> {
    let calls = [
        ("dpdk-testpmd", "--version", "dpdk-dev"),
        ("dpdk-test", "--version", "dpdk-dev"),
        ("cc", "--version", "gcc"),
        ("stdbuf", "--version", "coreutils"),
        ("pkg-config", "--exists libdpdk", "pkg-config and libdpdk-dev"),
    ];
    calls.into_iter().find_map(|(program, arguments, package)| {
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).stdin(Stdio::null());
        // Some of them do not know the option: that they can be started is enough.
        let is_there = match command.output() {
            Ok(output) => program != "pkg-config" || output.status.success(),
            Err(_) => false,
        };
        (!is_there)
            .then(|| format!("no `{program} {arguments}`; on Debian, apt-get install {package}"))
    })
}

/// Where the handler is and what needs it, and a folder for what it writes, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) libraries: PathBuf,
    pub(crate) folder: PathBuf,
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
        Ok(Self { libraries: target.join("release"), folder })
    }

    /// Compiles a program beside this file.
    pub(crate) fn compile(&self, name: &str) -> Result<PathBuf, String> {
        let program = self.folder.join(name);
        let mut compiler = Command::new("cc");
        compiler
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(&program)
            .args(dpdk("--cflags")?)
            .arg(Path::new(HERE).join(name).with_extension("c"))
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

/// What the compiler is told about DPDK.
fn dpdk(what: &str) -> Result<Vec<String>, String> {
    let output = Command::new("pkg-config").args([what, "libdpdk"]).output();
    let output = output.map_err(|error| format!("pkg-config: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
