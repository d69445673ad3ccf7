//! What the pipeline and the benches of blockpool are made of.

#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "not published")]

pub mod allocations;
pub mod contenders;
pub mod input;
pub mod machine;
pub mod options;
pub mod original;
pub mod pipeline;
pub mod report;
pub mod two_threads;
mod verdict;
