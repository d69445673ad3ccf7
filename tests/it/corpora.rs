//! The corpora of the fuzz targets, by the functions that these call.

use std::fs;
use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz targets are programs of their own")]
#[path = "../fuzz/src/operations.rs"]
mod operations;

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(corpus).expect("it is there").collect();
    assert!(files.len() > 10, "{} files", files.len());
    for file in files {
        let path = file.expect("it can be listed").path();
        eprintln!("{}", path.display());
        run(&fs::read(path).expect("it can be read"));
    }
}

#[test]
fn the_corpus_of_core_breaks_nothing() {
    replay("core", operations::core);
}

#[test]
fn the_corpus_of_adapter_breaks_nothing() {
    replay("adapter", operations::adapter);
}
