//! The transaction pipeline: a sender, a receiving stage, workers, and the pool between them.

mod error;
mod meter;
mod receive;
mod run;
mod sender;
mod sockets;
mod stages;

pub use error::RunError;
pub use meter::{Summary, bytes_of_thread, clock_facts};
pub use run::{Check, Outcome, Setup, run};
pub use sender::{Ended, Pattern, Schedule, Sent, Traffic};
pub use stages::{Allocated, AllocatedBuffer, Blocks, HEADROOM, Receive, Vectors, Work};
