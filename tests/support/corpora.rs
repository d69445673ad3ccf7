//! The corpora of the fuzz targets, for the functions that these call.

use std::fs;
use std::path::Path;

/// Runs a function with each file of a target's corpus.
pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let tests = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests"));
    let corpus = tests.join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(corpus).expect("it is there").collect();
    assert!(files.len() > 10, "{} files", files.len());
    for file in files {
        let path = file.expect("it can be listed").path();
        eprintln!("{}", path.display());
        run(&fs::read(path).expect("it can be read"));
    }
}
