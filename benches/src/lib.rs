//! What the pipeline and the benches of blockpool are made of.

#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "not published")]

pub mod allocations;
pub mod arguments;
pub mod cache_line;
pub mod input;
pub mod interleave;
pub mod limits;
pub mod load;
pub mod machine;
pub mod markdown;
pub mod memory;
pub mod options;
pub mod original;
pub mod output;
pub mod patterns;
pub mod peers;
pub mod pipeline;
pub mod pipeline_pools;
pub mod queues;
pub mod report;
pub mod schedule;
pub mod signals;
pub mod stopwatch;
mod verdict;
