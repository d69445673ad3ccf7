//! The corpora of the fuzz targets, by the functions that these call.

use std::fs;
use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz targets are programs of their own")]
#[path = "../../tests/fuzz/src/inputs.rs"]
mod inputs;

fn replay(target: &str, run: fn(&[u8])) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let files: Vec<_> = fs::read_dir(corpora.join(target)).expect("it is there").collect();
    assert!(files.len() > 10, "{} files", files.len());
    for file in files {
        let path = file.expect("it can be listed").path();
        eprintln!("{}", path.display());
        run(&fs::read(path).expect("it can be read"));
    }
}

#[test]
fn the_corpus_of_capture_breaks_nothing() {
    replay("capture", inputs::capture);
}

#[test]
fn the_corpus_of_transactions_breaks_nothing() {
    replay("transactions", inputs::transactions);
}
