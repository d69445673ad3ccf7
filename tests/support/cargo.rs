//! Cargo calls for tests that build something themselves.

use std::env;
use std::process::Command;

/// Cargo variables that say where things are and how they are fetched, not what is built or how.
const HARMLESS: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_BUILD_JOBS",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_TERM_",
];

/// Cargo, without what was set for the tests, such as sanitizers or coverage.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        let of_cargo = name.starts_with("CARGO")
            && !HARMLESS.iter().any(|harmless| name.starts_with(harmless));
        if of_cargo || ["RUSTC", "RUSTFLAGS", "RUSTDOC"].iter().any(|other| name.starts_with(other))
        {
            command.env_remove(&variable);
        }
    }
    // Cargo points it to the libraries of the compiler in use, which another compiler must not load. An empty
    // wrapper means none, whatever a configuration file says.
    command
        .env_remove("LD_LIBRARY_PATH")
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "");
    command
}

/// Runs it; if it fails, the error is what it printed.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let line = format!("cargo {}", arguments.join(" "));
    let output = command.output().map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Whether everything has to run, and to pass, here.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
