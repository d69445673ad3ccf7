//! The transaction pipeline: a sender, a receiving stage, workers, and the pool between them.

mod meter;
mod receive;
mod run;
mod sender;
mod stages;

pub use meter::{Summary, clock_facts};
pub use run::{Check, Outcome, Setup, run};
pub use sender::{Pattern, Schedule, Traffic};
pub use stages::{Allocated, Blocks, HEADROOM, Receive, Vectors, Work};
