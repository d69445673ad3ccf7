//! What the fuzz targets do with the bytes that they are given; `cargo test` does the same with
//! those of the corpora.

#[path = "../../it/harness.rs"]
mod harness;
pub mod inputs;
#[path = "../../it/model"]
mod model {
    pub(crate) mod adapter;
    pub(crate) mod engine;
    pub(crate) mod pool;
    mod range;
    pub(crate) mod region;
}
pub mod operations;
