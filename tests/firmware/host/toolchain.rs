//! Finds a compiler for each target: the one in use if it has the target's `core`; otherwise one that came
//! with the sources of its library, with a `core` built from them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::cargo;
use crate::tally::{Failure, Missing};

/// Debian's compiler, whose sources are available as a package too.
const OTHER_RUSTC: &str = "/usr/bin/rustc";
/// Increment this when the way `core` is built changes.
const RECIPE: u32 = 1;

/// What builds for a target.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    pub(crate) rustc: PathBuf,
    /// Where `core` is, if not where the compiler looks by default.
    pub(crate) sysroot: Option<PathBuf>,
    /// Set if the compiler has none of its own.
    pub(crate) linker: Option<PathBuf>,
    /// Its clippy, if there is one.
    pub(crate) clippy: Option<PathBuf>,
}

/// A compiler for each target, or why there is none.
pub(crate) struct Toolchains(BTreeMap<&'static str, Result<Compiler, Failure>>);

/// What a compiler prints for these arguments.
fn ask(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(rustc).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn in_use() -> PathBuf {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()).into()
}

/// Whether a folder has `core` for a target.
fn has_core(folder: &Path) -> bool {
    let is_core = |name: &OsStr| name.to_string_lossy().starts_with("libcore-");
    fs::read_dir(folder).is_ok_and(|files| files.flatten().any(|file| is_core(&file.file_name())))
}

/// The clippy that belongs to a compiler: the one beside it.
fn clippy(rustc: &Path) -> Option<PathBuf> {
    let sysroot = PathBuf::from(ask(rustc, &["--print", "sysroot"])?);
    let driver = sysroot.join("bin/clippy-driver");
    driver.is_file().then_some(driver)
}

/// The linker that comes with the compiler in use: Debian's compiler has none for other targets.
fn linker() -> Option<PathBuf> {
    let rustc = in_use();
    let host = ask(&rustc, &["--print", "host-tuple"])?;
    let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"])?);
    let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    linker.is_file().then_some(linker)
}

impl Toolchains {
    pub(crate) fn prepare(folder: &Path, targets: impl Iterator<Item = &'static str>) -> Self {
        let targets: BTreeSet<&'static str> = targets.collect();
        let rustc = in_use();
        let mut compilers = BTreeMap::new();
        let mut without = Vec::new();
        for target in targets {
            let libraries = ask(&rustc, &["--print", "target-libdir", "--target", target]);
            if libraries.is_some_and(|libraries| has_core(Path::new(&libraries))) {
                let compiler = Compiler {
                    rustc: rustc.clone(),
                    sysroot: None,
                    linker: None,
                    clippy: clippy(&rustc),
                };
                compilers.insert(target, Ok(compiler));
            } else {
                without.push(target);
            }
        }
        if !without.is_empty() {
            let made = from_sources(&folder.join("sysroot"), &without);
            compilers.extend(without.into_iter().map(|target| (target, made.clone())));
        }
        Self(compilers)
    }

    pub(crate) fn for_target(&self, target: &str) -> Result<&Compiler, Failure> {
        self.0[target].as_ref().map_err(Failure::clone)
    }
}

/// A compiler with sources, and `core` built from them for each of `targets`, unless that was done before.
fn from_sources(sysroot: &Path, targets: &[&str]) -> Result<Compiler, Failure> {
    let rustc = PathBuf::from(OTHER_RUSTC);
    let missing = |what: &str| {
        let targets = targets.join(" ");
        Failure::Missing(Missing::Tool(format!(
            "{what}: `rustup target add {targets}`, or `.ci/bare-metal` as root on Debian"
        )))
    };
    let version = ask(&rustc, &["-vV"]).ok_or_else(|| missing("no compiler for it"))?;
    let own = ask(&rustc, &["--print", "sysroot"]).ok_or_else(|| missing("no compiler for it"))?;
    let library = Path::new(&own).join("lib/rustlib/src/rust/library");
    if !library.join("Cargo.toml").is_file() {
        let what = format!("no compiler for it, and no sources of the library of {OTHER_RUSTC}");
        return Err(missing(&what));
    }
    let linker = linker().ok_or_else(|| {
        Failure::Missing(Missing::Tool(format!(
            "no `rust-lld` beside {}, the compiler in use: one of rustup's comes with it, Debian's does not",
            in_use().display()
        )))
    })?;

    let made_by = format!("{version}\nrecipe {RECIPE}\n");
    let stamp = |target: &str| sysroot.join("lib/rustlib").join(target).join("made-by");
    let stale: Vec<&str> = targets
        .iter()
        .copied()
        .filter(|target| fs::read_to_string(stamp(target)).ok().as_ref() != Some(&made_by))
        .collect();
    if !stale.is_empty() {
        let begin = Instant::now();
        println!(
            "core for {}, by {}: a minute each, once",
            stale.join(", "),
            version.lines().next().unwrap_or("?")
        );
        let made = make_core(&rustc, &library, sysroot, &stale).and_then(|()| {
            stale.iter().try_for_each(|target| {
                fs::write(stamp(target), &made_by).map_err(|error| format!("{target}: {error}"))
            })
        });
        made.map_err(|error| Failure::Failed(format!("no core for it: {error}")))?;
        println!("core for {} targets: {:.0} s", stale.len(), begin.elapsed().as_secs_f64());
    }
    let clippy = clippy(&rustc);
    Ok(Compiler { rustc, sysroot: Some(sysroot.to_owned()), linker: Some(linker), clippy })
}

/// Compiles `core` and what it needs to link. The only place that uses unstable features.
fn make_core(rustc: &Path, library: &Path, sysroot: &Path, targets: &[&str]) -> Result<(), String> {
    let folder = sysroot.join("core");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    // An empty package: cargo compiles `core` for it.
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(folder.join("lib.rs"), "#![no_std]\n").map_err(failed)?;
    let manifest = "[package]\nname = \"nothing\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
                    [profile.release]\npanic = \"abort\"\ncodegen-units = 1\n";
    fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;

    let mut command = cargo::cargo();
    command
        .args(["build", "--release", "--offline", "-Zbuild-std=core", "--target-dir", "target"])
        // Dependencies of the library, which cargo has to find although it builds none of them.
        .args(["--config", "source.crates-io.replace-with='library'", "--config"])
        .arg(format!("source.library.directory='{}'", library.join("vendor").display()))
        .current_dir(&folder)
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        // For link-time optimisation, which cargo does not know will follow.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    for target in targets {
        command.args(["--target", target]);
    }
    cargo::run(&mut command)?;

    for target in targets {
        let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
        if libraries.exists() {
            fs::remove_dir_all(&libraries).map_err(failed)?;
        }
        fs::create_dir_all(&libraries).map_err(failed)?;
        for file in
            fs::read_dir(folder.join("target").join(target).join("release/deps")).map_err(failed)?
        {
            let file = file.map_err(failed)?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rlib")
                && ["libcore-", "libcompiler_builtins-"].iter().any(|lib| name.starts_with(lib))
            {
                fs::copy(file.path(), libraries.join(name)).map_err(failed)?;
            }
        }
    }
    fs::remove_dir_all(folder.join("target")).map_err(failed)
}
