//! C programs, compiled against the installed library.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// How a program is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    C,
    Cxx,
}

/// How it is linked.
#[derive(Clone, Copy)]
pub(crate) enum Linked {
    Static,
    Shared,
}

impl Language {
    pub(crate) fn compiler(self) -> OsString {
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

/// Says why a test cannot run, bypassing the harness, which hides the output of a test that passes. Fails
/// where everything has to run, as the variable `CI` says.
pub(crate) fn skip(why: &str) {
    let ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!ci, "skipped: {why}");
    writeln!(io::stderr(), "skipped: {why}").expect("it can be written to");
}

/// Whether the program exists; says so if not.
pub(crate) fn is_there(program: OsString) -> bool {
    let there = Command::new(&program).arg("--version").output().is_ok();
    if !there {
        skip(&format!("no {}", program.display()));
    }
    there
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("it can be started");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn folder() -> PathBuf {
    // Cargo creates this `tmp` folder for integration tests.
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi")
}

/// Where the library is installed; the first call installs it.
pub(crate) fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = folder().join("installed");
        run(install("exec \"$@\"").arg(&prefix));
        prefix
    })
}

/// The install script, started by this shell line.
pub(crate) fn install(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh"]).arg(Path::new(PACKAGE).join("install"));
    command
        .env("CARGO", env!("CARGO"))
        .env("CARGO_TARGET_DIR", folder().join("target"))
        .env_remove("DESTDIR")
        // Settings for the tests, such as sanitizers or coverage, do not apply to the library.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    command
}

/// One of the C programs.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(PACKAGE).join("tests/programs").join(name).with_extension("c")
}

/// Compiles a program, and returns its path.
pub(crate) fn compile<'a>(
    source: &Path,
    kind: &str,
    language: Language,
    flags: &[&str],
    link: impl IntoIterator<Item = &'a str>,
) -> PathBuf {
    let name = source.file_stem().expect("a file").display();
    let program = folder().join(format!("{name}-{kind}"));
    run(Command::new(language.compiler())
        .args(language.flags())
        .args(["-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(flags)
        .arg(source)
        .args(["-x", "none"])
        .args(link)
        .arg("-lpthread")
        .arg("-o")
        .arg(&program));
    program
}

/// Compiles a program with the library, runs it, and returns what it prints; `None` if there is no
/// compiler.
fn passes(
    source: &Path,
    kind: &str,
    language: Language,
    linked: Linked,
    flags: &[&str],
) -> Option<String> {
    if !is_there(language.compiler()) {
        return None;
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
    let program = compile(source, kind, language, &flags, link.iter().map(String::as_str));
    Some(run(&mut Command::new(program)))
}

/// Links statically, links to the shared library, and runs with sanitizers.
fn passes_in_every_way(source: &Path) {
    for (kind, linked) in [("static", Linked::Static), ("shared", Linked::Shared)] {
        passes(source, kind, Language::C, linked, &[]);
    }
    const SANITIZED: &str = "-fsanitize=address,undefined";
    let has_sanitizers = Command::new(Language::C.compiler())
        .args([SANITIZED, "-shared", "-x", "c", "/dev/null", "-o"])
        .arg(folder().join("nothing"))
        .output()
        .is_ok_and(|output| output.status.success());
    if has_sanitizers {
        let flags = [SANITIZED, "-fno-sanitize-recover=all"];
        passes(source, "sanitized", Language::C, Linked::Static, &flags);
    } else {
        skip("the C compiler has no sanitizers");
    }
}

#[test]
fn every_function_does_and_refuses_what_the_header_says() {
    passes_in_every_way(&source("functions"));
}

#[test]
fn the_header_is_cxx_too() {
    passes(
        &source("functions"),
        "cxx",
        Language::Cxx,
        Linked::Shared,
        &["-Wconversion", "-Wshadow"],
    );
}

#[test]
fn what_cannot_be_is_refused_by_the_compiler() {
    if !is_there(Language::C.compiler()) {
        return;
    }
    const USED: &str = "int main(void) { blockpool_get(0); return 0; }";
    for (standard, program, why) in [
        ("-std=c99", "", "blockpool.h needs C11 or newer"),
        (
            "-std=c11",
            "static BLOCKPOOL_STORAGE(96, 4) storage;",
            "the block size is not a multiple of 64",
        ),
        (
            "-std=c11",
            "static BLOCKPOOL_STORAGE(65600, 4) storage;",
            "the block size is not a multiple",
        ),
        (
            "-std=c11",
            "static BLOCKPOOL_STORAGE(64, 0) storage;",
            "a pool has 1 to 536870912 blocks",
        ),
        (
            "-std=c11",
            "static BLOCKPOOL_QUEUE_STORAGE(-1) storage;",
            "a pool has 1 to 536870912 blocks",
        ),
        ("-std=c11", USED, "warn_unused_result"),
    ] {
        let mut compiler = Command::new(Language::C.compiler())
            .args([standard, "-Werror", "-S", "-o", "/dev/null", "-x", "c", "-"])
            .arg("-I")
            .arg(prefix().join("include"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is there");
        let mut input = compiler.stdin.take().expect("it is piped");
        write!(input, "#include <blockpool.h>\n{program}\n").expect("it reads");
        drop(input);
        let output = compiler.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{program}: {said}");
    }
}

#[test]
fn the_example_of_the_readme_runs() {
    let readme = fs::read_to_string(Path::new(PACKAGE).join("README.md")).expect("there is one");
    let (_, example) = readme.split_once("```c\n").expect("an example");
    let (example, _) = example.split_once("```").expect("it ends");
    fs::create_dir_all(folder()).expect("it can be made");
    let source = folder().join("readme.c");
    fs::write(&source, example).expect("it can be written");
    passes(&source, "static", Language::C, Linked::Static, &[]);
}

#[test]
fn two_threads_hand_on_every_block_once() {
    passes_in_every_way(&source("hand_off"));
}

#[test]
fn what_measures_the_speed_runs() {
    let measured = passes(&source("speed"), "static", Language::C, Linked::Static, &["-O2"]);
    assert!(measured.is_none_or(|measured| measured.lines().count() == 4), "not all is measured");
}

#[test]
fn pkg_config_tells_how_to_compile() {
    if !is_there(Language::C.compiler()) || !is_there("pkg-config".into()) {
        return;
    }
    let told = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "blockpool"])
        .env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig")));
    let program =
        compile(&source("functions"), "pkg-config", Language::C, &[], told.split_whitespace());
    run(Command::new(program).env("LD_LIBRARY_PATH", prefix().join("lib")));
    let version = run(Command::new("pkg-config")
        .args(["--modversion", "blockpool"])
        .env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig")));
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
}
