//! What `cargo test` passes to every test program, for programs without the standard harness.

use clap::Args;

/// Which parts of a test program run.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only what has one of these in its name, ignoring case
    filters: Vec<String>,

    /// Not what has this in its name
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,

    /// Only what has exactly this name
    #[arg(long)]
    exact: bool,

    /// Only print the names
    #[arg(long)]
    list: bool,

    // For programs with the standard harness.
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true, alias = "no-capture")]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
}

impl Selection {
    /// Prints which of `names` would run, as the standard harness does, if that was requested.
    pub(crate) fn list(&self, names: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
        let names = names.into_iter().filter(|name| self.list && self.wants(name.as_ref()));
        names.for_each(|name| println!("{}: test", name.as_ref()));
        self.list
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let is_named = |filter: &String| {
            let filter = filter.to_lowercase();
            if self.exact { name == filter } else { name.contains(&filter) }
        };
        let is_asked_for = self.filters.is_empty() || self.filters.iter().any(is_named);
        !self.ignored && is_asked_for && !self.skip.iter().any(is_named)
    }
}
