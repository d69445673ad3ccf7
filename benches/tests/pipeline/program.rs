//! The program, as a user starts it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// The program without standard input.
pub(crate) fn pipeline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.stdin(Stdio::null());
    command
}

/// A file of this test run.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// An empty folder of this test run.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = file(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an old folder can be removed");
    }
    fs::create_dir(&folder).expect("a folder can be made");
    folder
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Runs the program and returns its output and the JSON it wrote.
pub(crate) fn run(name: &str, arguments: &[&str]) -> (Output, Value) {
    let json = file(name);
    let output = pipeline().args(arguments).arg("--json").arg(&json).output().expect("it starts");
    let written = fs::read(&json).unwrap_or_else(|error| {
        panic!("{}: {error}\n{}", json.display(), text(&output.stderr));
    });
    let report = serde_json::from_slice(&written);
    (output, report.unwrap_or(Value::Null))
}

pub(crate) fn report(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it writes the figures")).expect("JSON")
}

/// The error message of a command that fails.
pub(crate) fn error(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

/// So few transactions that even a machine that stalls for a second drops none.
pub(crate) const FEW: [&str; 4] = ["--rate", "500", "--duration", "0.3"];

/// The shortest possible run, without an input.
pub(crate) const SHORT: [&str; 8] =
    ["--duration", "0.1", "--pool", "core", "--pattern", "steady", "--work", "none"];

/// An input of three bytes to send, so that no transactions have to be made and signed.
pub(crate) fn tiny() -> PathBuf {
    // Each test has its own, as tests run at the same time.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Relaxed: no two are the same.
    let tiny = file(&format!("tiny {}.txs", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::write(&tiny, [3, 0, 1, 2, 3]).expect("a file can be written");
    tiny
}

pub(crate) fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number at {path}"))
}

/// Whether every transaction sent is accounted for.
pub(crate) fn accounted(run: &Value) -> bool {
    let invalid = run["invalid"].as_object().expect("reasons").values();
    let seen = number(run, "/valid") + invalid.filter_map(Value::as_u64).sum::<u64>();
    let dropped = ["/dropped/kernel", "/dropped/too_long", "/dropped/queue_full"];
    number(run, "/sent") == seen + dropped.iter().map(|path| number(run, path)).sum::<u64>()
}

/// Reports that a test is skipped, and why, past the harness, which hides what tests print. Where every test
/// has to run, that is a failure.
pub(crate) fn skipped(why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!is_ci, "skipped: {why}");
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
