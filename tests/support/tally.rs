//! Runs the checks of a program that is not a standard test harness, one by one, and counts what became of them.

use std::process::ExitCode;
use std::time::Instant;

use super::cargo;

/// What keeps a check from running.
#[derive(Debug, Clone)]
pub(crate) enum Missing {
    /// Something to be installed.
    Tool(String),
    /// Something that this machine, or its user, cannot do.
    #[allow(dead_code, reason = "not every program has such checks")]
    Ability(String),
}

/// Why a check did not pass.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Failed(String),
    Missing(Missing),
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

impl From<Missing> for Failure {
    fn from(what: Missing) -> Self {
        Self::Missing(what)
    }
}

/// What a check found out.
pub(crate) type Outcome = Result<String, Failure>;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    uninstalled: usize,
    unable: usize,
}

impl Tally {
    /// Runs a check, and prints what became of it.
    pub(crate) fn run(&mut self, name: &str, check: impl FnOnce() -> Outcome) {
        let begin = Instant::now();
        let outcome = check();
        let seconds = begin.elapsed().as_secs_f64();
        match outcome {
            Ok(text) => {
                self.passed += 1;
                println!("passed: {name}: {text}; {seconds:.1} s");
            }
            Err(Failure::Failed(error)) => {
                self.failed += 1;
                println!("failed: {name}: {error}");
            }
            Err(Failure::Missing(Missing::Tool(what))) => {
                self.uninstalled += 1;
                println!("skipped: {name}: {what}");
            }
            Err(Failure::Missing(Missing::Ability(what))) => {
                self.unable += 1;
                println!("skipped: {name}: {what}");
            }
        }
    }

    /// Prints the counts. A check that was skipped for want of a tool fails where everything has to run, as
    /// the variable `CI` says.
    pub(crate) fn end(self, program: &str) -> ExitCode {
        let Self { passed, failed, uninstalled, unable } = self;
        println!("{program}: {passed} passed, {failed} failed, {} skipped", uninstalled + unable);
        if failed > 0 || uninstalled > 0 && cargo::is_ci() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Prints why nothing can run; fails as [`Tally::end`] does.
#[allow(dead_code, reason = "one program runs something everywhere")]
pub(crate) fn skip_all(missing: Missing) -> ExitCode {
    let (Missing::Tool(what) | Missing::Ability(what)) = &missing;
    println!("skipped: {what}");
    if matches!(missing, Missing::Tool(_)) && cargo::is_ci() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
