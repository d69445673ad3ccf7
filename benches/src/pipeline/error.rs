//! Why a run ends without figures.

use std::io;

use crate::limits;

/// Why a run ends without figures.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A thread was refused.
    #[error("cannot start thread `{name}`, {}: {source}{}", position(*number, *of), because(limit))]
    Thread {
        /// The thread's name.
        name: String,
        /// Which one it would have been, counted from 1.
        number: usize,
        /// How many the run needs.
        of: usize,
        /// The operating system's error.
        source: io::Error,
        /// What keeps this process from starting more, where that is known.
        limit: Option<String>,
    },
    /// A stage ended unexpectedly.
    #[error("thread `{name}` panicked, so the run was ended")]
    Panicked {
        /// The thread's name.
        name: String,
    },
    /// The operating system refused something.
    #[error("cannot {attempt}: {source}{}", because(remedy))]
    System {
        /// What was attempted, on what.
        attempt: String,
        /// The operating system's error.
        source: io::Error,
        /// What may help.
        remedy: Option<String>,
    },
    /// The pool, or what belongs to it, cannot be created.
    #[error("{0}")]
    Pool(Box<dyn std::error::Error + Send + Sync>),
}

impl RunError {
    /// Thread `number` of `of` was refused.
    pub(crate) fn thread(name: &str, number: usize, of: usize, source: io::Error) -> Self {
        let limit = limits::of_threads();
        Self::Thread { name: name.to_owned(), number, of, source, limit }
    }

    pub(super) fn panicked(name: &str) -> Self {
        Self::Panicked { name: name.to_owned() }
    }

    pub(crate) fn pool(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Pool(Box::new(error))
    }

    /// For `map_err`, where `attempt` is what was tried.
    pub(super) fn system(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let attempt = attempt.into();
        |source| Self::System { attempt, source, remedy: None }
    }
}

fn position(number: usize, of: usize) -> String {
    format!("number {number} of the {of} that are needed")
}

/// A remark after an error, if there is one.
fn because(remark: &Option<String>) -> String {
    remark.as_ref().map_or_else(String::new, |remark| format!("; {remark}"))
}
