//! Pools behave like their models on the corpora of the fuzz targets.

#[allow(unreachable_pub, reason = "the fuzz targets are programs of their own")]
#[path = "../fuzz/src/operations.rs"]
mod operations;
#[path = "../support/corpora.rs"]
mod support;

#[test]
fn the_corpus_of_core_breaks_nothing() {
    support::replay("core", operations::core);
}

#[test]
fn the_corpus_of_adapter_breaks_nothing() {
    support::replay("adapter", operations::adapter);
}
