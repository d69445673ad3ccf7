//! What the documents promise about themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of the workspace")
}

/// Every file of this kind that is not a build output.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["target", ".git", "corpus"].contains(&name) {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Turns a heading into its anchor.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|&c| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = Vec::new();
    files(root(), "md", &mut documents);
    let mut links = 0;
    for document in documents {
        let text = fs::read_to_string(&document).expect("text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().expect("a folder").join(path);
            let target = if path.is_empty() { document.clone() } else { target };
            assert!(target.exists(), "{}: {link}", document.display());
            if !section.is_empty() {
                let text = fs::read_to_string(&target).expect("text");
                let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
                let found = headings.map(|line| anchor(line.trim_start_matches('#')));
                assert!(found.into_iter().any(|found| found == section), "{link}: no such section");
            }
        }
    }
    assert!(links > 40, "only {links} links were found");
}

#[test]
fn the_readme_is_short_and_hides_nothing() {
    let text = fs::read_to_string(root().join("README.md")).expect("text");
    assert!(text.lines().count() <= 150, "{} lines", text.lines().count());
    assert!(!text.contains("<details>"));
}

/// The figures are those of one commit, which is part of this history.
#[test]
fn the_results_carry_the_commit_that_they_were_made_from() {
    let text = fs::read_to_string(root().join("benches/RESULTS.md")).expect("text");
    let commits: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once(", commit "))
        .filter_map(|(_, rest)| rest.split(',').next())
        .collect();
    let [commit] = commits.into_iter().collect::<Vec<_>>()[..] else {
        panic!("not one commit: run benches/results");
    };
    assert!(!commit.ends_with("-dirty"), "{commit}: made with uncommitted changes");
    let git = |arguments: &[&str]| Command::new("git").current_dir(root()).args(arguments).output();
    let shallow = git(&["rev-parse", "--is-shallow-repository"]);
    if !shallow.is_ok_and(|said| said.stdout == b"false\n") {
        return println!("skipped: there is no history here to look for {commit} in");
    }
    let is_ancestor =
        git(&["merge-base", "--is-ancestor", commit, "HEAD"]).expect("git ran before");
    assert!(is_ancestor.status.success(), "{commit} is not part of this history");
}

/// The core's crate docs draw its modules in an order; imports only go upwards, so there are no cycles.
#[test]
fn modules_of_the_core_import_only_what_is_drawn_above_them() {
    let sources = root().join("core/src");
    let docs = fs::read_to_string(sources.join("lib.rs")).expect("text");
    let (_, drawing) = docs.split_once("# How it is made").expect("the section");
    let drawing = drawing.split("```").nth(1).expect("the drawing");
    let names = drawing.lines().filter_map(|line| line.strip_prefix("//! ")?.split("  ").next());
    let lines: Vec<Vec<&str>> = names.map(|names| names.split(", ").collect()).collect();
    let line_of = |module: &str| lines.iter().position(|names| names.contains(&module));
    let mut files_found = Vec::new();
    files(&sources, "rs", &mut files_found);
    let mut imports = 0;
    for file in files_found {
        let path = file.strip_prefix(&sources).expect("it lies there");
        let name = path.iter().next().and_then(|name| name.to_str()).expect("a name");
        let Some(module) = line_of(name.trim_end_matches(".rs")) else { continue };
        let text = fs::read_to_string(&file).expect("text");
        let code = text.split("#[cfg(test)]").next().expect("the code");
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.split("crate::").skip(1) {
                let imported = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let imported = imported.expect("a name");
                let above = line_of(imported);
                assert!(above.is_some_and(|above| above <= module), "{}: {line}", path.display());
                imports += 1;
            }
        }
    }
    assert!(imports > 50, "only {imports} imports were found");
}
