//! The parsers survive the corpora of their fuzz targets.

#[path = "../../tests/support/corpora.rs"]
mod corpora;
#[allow(unreachable_pub, reason = "the fuzz targets are programs of their own")]
#[path = "../../tests/fuzz/src/inputs.rs"]
mod inputs;

#[test]
fn the_corpus_of_capture_breaks_nothing() {
    corpora::replay("capture", inputs::capture);
}

#[test]
fn the_corpus_of_transactions_breaks_nothing() {
    corpora::replay("transactions", inputs::transactions);
}
