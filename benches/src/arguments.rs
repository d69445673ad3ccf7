//! What the benches that print tables can be told.

use clap::Parser;

/// Prints its figures as a Markdown table. Nothing fails because the clock says that it is slow.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Only what has this in its name
    pub filter: Option<String>,

    /// Fewer samples: for a look, not for figures to be quoted
    #[arg(long)]
    pub quick: bool,

    /// Given by `cargo bench`
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

    /// Says so if none of `names` is wanted: no error, since `cargo bench` hands a filter to every
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
