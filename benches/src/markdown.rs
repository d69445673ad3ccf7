//! Tables for a README, and the heading that belongs above them.

use std::process::Command;

use comfy_table::{Table, presets};

use crate::machine;
use crate::schedule::real_time_priority;

/// A table in Markdown.
#[must_use]
pub fn table<S: AsRef<str>>(head: &[S], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(head.iter().map(AsRef::as_ref));
    table.add_rows(rows);
    table.to_string()
}

/// Machine, compiler, commit and date, and whether other programs may disturb the threads.
#[must_use]
pub fn heading() -> String {
    let facts = machine::facts();
    let fact = |name: &str| {
        let fact = facts.iter().find(|fact| fact.name == name);
        fact.map_or("n/a", |fact| &fact.value)
    };
    let priority = match real_time_priority() {
        Some(priority) => format!("real-time priority {priority}"),
        None => "no real-time priority: other programs may disturb it".into(),
    };
    format!(
        "{}, {} cores, a cache line from one to another: {}; virtual machine: {}, kernel {}, {}, commit {}, {}; \
         {priority}.",
        fact("processor"),
        fact("cores"),
        fact("core-to-core transfer"),
        fact("virtual machine"),
        fact("kernel"),
        said_by("rustc", &["--version"]),
        said_by("git", &["describe", "--always", "--dirty"]),
        said_by("date", &["+%Y-%m-%d"]),
    )
}

/// The output of a program, if it is installed.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program).args(arguments).output();
    let said = said.ok().filter(|output| output.status.success());
    let text = said.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "n/a".into(), |text| text.trim().to_owned())
}

/// A number with as many digits as people compare.
#[must_use]
pub fn figure(value: f64) -> String {
    match value {
        ..0.005 => "<0.01".into(),
        ..0.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{figure, heading, table};

    #[test]
    fn a_table_is_markdown() {
        let text = table(&["a", "b"], [vec!["one".into(), "2".into()]]);
        assert_eq!(text, "| a   | b |\n|-----|---|\n| one | 2 |");
    }

    #[test]
    fn the_heading_says_what_the_figures_depend_on() {
        let heading = heading();
        assert!(heading.contains("cores") && heading.contains("rustc 1."), "{heading}");
    }

    #[test]
    fn figures_have_about_three_digits() {
        assert_eq!(
            [0.001, 0.123, 3.26, 99.96, 4321.4].map(figure),
            ["<0.01", "0.12", "3.3", "100", "4321"]
        );
    }
}
