//! The modules of `blockpool-core` as shipped, for programs whose root has a different `sync`.

#![allow(
    dead_code,
    clippy::wrong_self_convention,
    unused_imports,
    unfulfilled_lint_expectations,
    reason = "they are made for a library, and such a program uses a part of it"
)]

#[path = "../../core/src"]
mod modules {
    pub(crate) mod align;
    pub(crate) mod block;
    pub(crate) mod block_state;
    pub(crate) mod bug;
    pub(crate) mod burst;
    pub(crate) mod error;
    pub(crate) mod extent;
    pub(crate) mod free_list;
    pub(crate) mod local_pool;
    pub(crate) mod poison;
    pub(crate) mod pool;
    pub(crate) mod queue;
    pub(crate) mod region;
    pub(crate) mod ring;
    pub(crate) mod stock;
    pub(crate) mod storage;
}

pub(crate) use modules::*;

// What they expect in their crate's root.
pub(crate) use {
    block::Block,
    block_state::{MAX_BLOCK_SIZE, MAX_COUNT},
    error::RawError,
    local_pool::LocalPool,
    pool::BlockPool,
    region::Region,
};
