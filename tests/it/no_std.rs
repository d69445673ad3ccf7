//! The core needs no standard library, no allocator and no C library.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSymbol};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/no_std/bare.rs");
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A folder for this test, in the folder that the build uses.
fn folder() -> PathBuf {
    // Cargo creates this `tmp` folder for integration tests.
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std")
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Builds the core by itself, without features that other members enable; returns where it was built.
fn built() -> PathBuf {
    let folder = folder();
    run(Command::new(env!("CARGO"))
        .args(["build", "--offline", "--locked", "--package", "blockpool-core"])
        .args(["--config", "profile.dev.panic='abort'"])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(WORKSPACE)
        // Settings for the tests, such as sanitizers or coverage, do not apply to this program.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER"));
    folder.join("debug")
}

/// The compiler, for a program that uses the core built there.
fn compiler(built: &Path) -> Command {
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler
        .args(["--edition", "2024", "--crate-type", "bin", "-C", "panic=abort"])
        .arg("-L")
        .arg(format!("dependency={}", built.join("deps").display()))
        .arg("--extern")
        .arg(format!("blockpool_core={}", built.join("libblockpool_core.rlib").display()));
    compiler
}

/// The error for a wrong size speaks of what the user wrote, not of what that is made of.
#[test]
fn sizes_that_do_not_serve_are_refused_in_words_about_them() {
    let built = built();
    for (pool, why) in [
        ("Pool::<64, 0>", "a pool has 1 to 2^29 blocks"),
        ("Pool::<0, 64>", "a block has 1 to 65,536 bytes"),
    ] {
        let source = folder().join("refused.rs");
        let text = format!("use blockpool_core::Pool; fn main() {{ {pool}::new().available(); }}");
        fs::write(&source, text).expect("it can be written");
        let mut compiler = compiler(&built);
        let output = compiler.arg("-o").args([&folder().join("refused"), &source]).output();
        let output = output.expect("it can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        let first = errors.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        assert!(!output.status.success() && first.contains(why), "{pool}: {errors}");
    }
}

/// Links a program with the core and nothing else: std, an allocator or libc could not come from anywhere.
#[test]
fn a_program_of_the_core_alone_links_and_runs() {
    let program = folder().join("bare");
    run(compiler(&built())
        .args(["-C", "link-arg=-nostdlib", "-C", "link-arg=-nostartfiles"])
        .args(["-C", "link-arg=-static", "-C", "relocation-model=static"])
        .arg("-o")
        .args([program.as_path(), Path::new(SOURCE)]));

    let bytes = fs::read(&program).expect("it was linked");
    let symbols: Vec<String> = object::File::parse(&bytes[..])
        .expect("it is an executable")
        .symbols()
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .collect();
    assert!(symbols.iter().any(|name| name.contains("blockpool_core")));
    // Crates std and alloc, in both mangling schemes, and the allocator's entry points.
    for absent in ["_ZN3std", "_3std", "_ZN5alloc", "_5alloc", "__rust_alloc", "__rg_alloc"] {
        let found = symbols.iter().find(|name| name.contains(absent));
        assert_eq!(found, None, "{absent}");
    }

    run(&mut Command::new(&program));
}
