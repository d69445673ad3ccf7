//! The figures as Markdown tables, with a column for each image.

use std::collections::{BTreeMap, BTreeSet};

use crate::operations::{Measured, OPERATIONS, POOLS};

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
    const WAYS: [&str; 2] = ["instructions/", "instructions-interrupted/"];
    let names: BTreeSet<&str> = figures
        .iter()
        .flat_map(|(_, figures)| figures.keys())
        .filter_map(|name| name.strip_prefix(WAYS[0]))
        .collect();
    if names.is_empty() {
        return;
    }
    let with_figures = || figures.iter().filter(|(_, figures)| !figures.is_empty());
    let images: Vec<&str> = with_figures().map(|(image, _)| *image).collect();
    let cell = |figures: &BTreeMap<String, u64>, name| {
        let figure = |way| figures.get(&format!("{way}{name}"));
        WAYS.map(|way| figure(way).map_or(String::new(), u64::to_string)).join(" / ")
    };
    let row = |name| with_figures().map(|(_, figures)| cell(figures, name)).collect();
    print(
        "instructions, alone / interrupted at the worst moment",
        &images,
        names.iter().map(|name| (*name, row(*name))),
    );
}

/// What the operations need.
pub(crate) fn print_operations(measured: &[(&'static str, Measured)]) {
    if measured.is_empty() {
        return;
    }
    let images: Vec<&str> = measured.iter().map(|(image, _)| *image).collect();
    let cell = |measured: &Measured, kind| {
        POOLS.map(|begin| measured.code[&format!("{begin}{kind}")].to_string()).join(" / ")
    };
    let code = |kind| measured.iter().map(|(_, measured)| cell(measured, kind)).collect();
    let kinds = OPERATIONS.map(|(kind, operations)| (kind, operations.len()));
    let names = kinds.map(|(kind, count)| {
        let kind = if kind == "local" { "local pool" } else { kind };
        format!("{count} operations of a {kind}")
    });
    print(
        "bytes of code, by itself, over a pool / over a region",
        &images,
        names.iter().map(String::as_str).zip(kinds.map(|(kind, _)| code(kind))),
    );
    let names = measured[0].1.memory.keys().map(String::as_str);
    let memory =
        |name: &str| measured.iter().map(|(_, measured)| number(measured.memory[name])).collect();
    print("bytes of memory", &images, names.map(|name| (name, memory(name))));
}

/// With one decimal if it has a fraction.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
