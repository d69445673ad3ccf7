//! Command-line arguments of the benches that print tables.

use clap::Parser;

/// Prints its figures as a Markdown table. Timing never makes a run fail.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Measure only what has this in its name
    pub filter: Option<String>,

    /// Take fewer samples: for a quick look, not for figures to be quoted
    #[arg(long)]
    pub quick: bool,

    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Whether `name` is to be measured.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let wanted = self.filter.as_deref().unwrap_or_default().to_lowercase();
        name.to_lowercase().contains(&wanted)
    }

    /// Warns if none of `names` is wanted. That is not an error, since `cargo bench` passes a filter to every
    /// bench.
    pub fn warn_unless_any<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        if !names.into_iter().any(|name| self.wants(name)) {
            let filter = self.filter.as_deref().unwrap_or_default();
            println!("Nothing here has \"{filter}\" in its name.");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Arguments;

    #[test]
    fn a_filter_is_any_part_of_a_name() {
        let arguments = Arguments::parse_from(["bench", "TWO threads", "--quick", "--bench"]);
        assert!(arguments.quick);
        assert!(arguments.wants("two threads, one pool") && !arguments.wants("one thread"));
        assert!(Arguments::parse_from(["bench"]).wants("anything"));
    }
}
