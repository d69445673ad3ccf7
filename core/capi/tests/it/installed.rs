//! Programs in C, compiled against the library as it is installed.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// How a program is compiled.
#[derive(Clone, Copy)]
enum Language {
    C,
    Cxx,
}

/// How it is linked.
#[derive(Clone, Copy)]
enum Linked {
    Static,
    Shared,
}

impl Language {
    fn compiler(self) -> OsString {
        let (variable, usual) = match self {
            Self::C => ("CC", "cc"),
            Self::Cxx => ("CXX", "c++"),
        };
        env::var_os(variable).unwrap_or_else(|| usual.into())
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::C => &["-std=c11"],
            Self::Cxx => &["-std=c++11", "-x", "c++"],
        }
    }
}

/// A test that cannot be run says why, past the harness, which shows nothing of a test that passes. Where
/// everything has to run, which the variable `CI` tells, it fails.
fn skip(why: &str) {
    let ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!ci, "skipped: {why}");
    writeln!(io::stderr(), "skipped: {why}").expect("it can be written to");
}

/// Whether there is such a program; says so if not.
fn is_there(program: OsString) -> bool {
    let there = Command::new(&program).arg("--version").output().is_ok();
    if !there {
        skip(&format!("no {}", program.display()));
    }
    there
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

fn folder() -> PathBuf {
    // Cargo makes `tmp` there for integration tests.
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi")
}

/// Where the library is installed, which the first that asks does.
fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = folder().join("installed");
        run(Command::new(Path::new(PACKAGE).join("install"))
            .arg(&prefix)
            .env("CARGO", env!("CARGO"))
            .env("CARGO_TARGET_DIR", folder().join("target"))
            .env_remove("DESTDIR")
            // What was set for the tests, such as sanitizers or coverage, is not for the library.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER"));
        prefix
    })
}

/// Compiles one of the programs, and returns its path.
fn compile<'a>(
    name: &str,
    kind: &str,
    language: Language,
    flags: &[&str],
    link: impl IntoIterator<Item = &'a str>,
) -> PathBuf {
    let program = folder().join(format!("{name}-{kind}"));
    run(Command::new(language.compiler())
        .args(language.flags())
        .args(["-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(flags)
        .arg(Path::new(PACKAGE).join("tests/programs").join(name).with_extension("c"))
        .args(["-x", "none"])
        .args(link)
        .arg("-lpthread")
        .arg("-o")
        .arg(&program));
    program
}

/// Compiles one of the programs with the library, and runs it.
fn passes(name: &str, kind: &str, language: Language, linked: Linked, flags: &[&str]) -> String {
    if !is_there(language.compiler()) {
        return String::new();
    }
    let text = |path: PathBuf| path.into_os_string().into_string().expect("text");
    let include = format!("-I{}", text(prefix().join("include")));
    let lib = text(prefix().join("lib"));
    let link = match linked {
        Linked::Static => vec![format!("{lib}/libblockpool.a"), "-ldl".into(), "-lm".into()],
        Linked::Shared => {
            vec![format!("-L{lib}"), "-lblockpool".into(), format!("-Wl,-rpath,{lib}")]
        }
    };
    let flags = [flags, &[include.as_str()]].concat();
    let program = compile(name, kind, language, &flags, link.iter().map(String::as_str));
    run(&mut Command::new(program))
}

/// Statically, to the shared library, and with what finds mistakes.
fn passes_in_every_way(name: &str) {
    for (kind, linked) in [("static", Linked::Static), ("shared", Linked::Shared)] {
        passes(name, kind, Language::C, linked, &[]);
    }
    const SANITIZED: &str = "-fsanitize=address,undefined";
    let has_sanitizers = Command::new(Language::C.compiler())
        .args([SANITIZED, "-shared", "-x", "c", "/dev/null", "-o"])
        .arg(folder().join("nothing"))
        .output()
        .is_ok_and(|output| output.status.success());
    if has_sanitizers {
        let flags = [SANITIZED, "-fno-sanitize-recover=all"];
        passes(name, "sanitized", Language::C, Linked::Static, &flags);
    } else {
        skip("the C compiler has no sanitizers");
    }
}

#[test]
fn every_function_does_and_refuses_what_the_header_says() {
    passes_in_every_way("functions");
}

#[test]
fn the_header_is_cxx_too() {
    passes("functions", "cxx", Language::Cxx, Linked::Shared, &[]);
}

#[test]
fn two_threads_hand_on_every_block_once() {
    passes_in_every_way("hand_off");
}

#[test]
fn what_measures_the_speed_runs() {
    let measured = passes("speed", "static", Language::C, Linked::Static, &["-O2"]);
    assert_eq!(measured.lines().count(), 4, "{measured}");
}

#[test]
fn pkg_config_tells_how_to_compile() {
    if !is_there(Language::C.compiler()) || !is_there("pkg-config".into()) {
        return;
    }
    let told = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "blockpool"])
        .env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig")));
    let program = compile("functions", "pkg-config", Language::C, &[], told.split_whitespace());
    run(Command::new(program).env("LD_LIBRARY_PATH", prefix().join("lib")));
    let version = run(Command::new("pkg-config")
        .args(["--modversion", "blockpool"])
        .env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig")));
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
}
