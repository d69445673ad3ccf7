//! The figures, as tables in Markdown: a column for each image.

use std::collections::{BTreeMap, BTreeSet};

use crate::hot::{Measured, OPERATIONS, POOLS};

/// Prints `title`, and a row for each of `rows`.
fn print<'n>(title: &str, images: &[&str], rows: impl IntoIterator<Item = (&'n str, Vec<String>)>) {
    println!("\n| {title} | {} |", images.join(" | "));
    println!("|---|{}", "---:|".repeat(images.len()));
    for (name, cells) in rows {
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// What the firmware printed.
pub(crate) fn print_figures(figures: &[(&str, BTreeMap<String, u64>)]) {
    let names: BTreeSet<&str> =
        figures.iter().flat_map(|(_, figures)| figures.keys().map(String::as_str)).collect();
    if names.is_empty() {
        return;
    }
    let with_figures = || figures.iter().filter(|(_, figures)| !figures.is_empty());
    let images: Vec<&str> = with_figures().map(|(image, _)| *image).collect();
    let cell = |figures: &BTreeMap<String, u64>, name| {
        figures.get(name).map_or(String::new(), u64::to_string)
    };
    let row = |name| with_figures().map(|(_, figures)| cell(figures, name)).collect();
    print("figure", &images, names.iter().map(|name| (*name, row(*name))));
}

/// What the hot operations need.
pub(crate) fn print_operations(measured: &[(&'static str, Measured)]) {
    if measured.is_empty() {
        return;
    }
    let images: Vec<&str> = measured.iter().map(|(image, _)| *image).collect();
    let names = OPERATIONS.into_iter().flat_map(|(kind, operations)| {
        let of_kind = operations.iter().map(move |operation| format!("{kind}_{operation}"));
        of_kind.chain([kind.to_owned()])
    });
    let names: Vec<String> = names.collect();
    let cell = |measured: &Measured, name| {
        POOLS.map(|begin| measured.code[&format!("{begin}{name}")].to_string()).join(" / ")
    };
    let code = |name| measured.iter().map(|(_, measured)| cell(measured, name)).collect();
    print(
        "bytes of code for a pool / for a region, with what it calls, but for panics and memcpy; all of a kind, what they share once",
        &images,
        names.iter().map(|name| (name.as_str(), code(name))),
    );
    let names = measured[0].1.memory.keys().map(String::as_str);
    let memory =
        |name: &str| measured.iter().map(|(_, measured)| number(measured.memory[name])).collect();
    print("bytes of memory", &images, names.map(|name| (name, memory(name))));
}

/// With a decimal where there is one.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
