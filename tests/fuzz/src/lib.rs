//! What the fuzz targets do with their input bytes; `cargo test` does the same with the corpora.

#[path = "../../it/harness.rs"]
mod harness;
pub mod inputs;
#[path = "../../it/model"]
mod model {
    pub(crate) mod adapter;
    mod data_range;
    pub(crate) mod free_list;
    pub(crate) mod pool;
    pub(crate) mod region;
}
pub mod operations;
