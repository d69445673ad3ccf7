//! The transaction pipeline: a sender, a receiving stage, workers, and the pool between them.

mod meter;
mod receive;
mod run;
mod sender;
mod stages;

pub use meter::{Meter, Summary, clock_facts};
pub use run::{Check, Outcome, ReceiveOutcome, Setup, WorkOutcome, run};
pub use sender::{Pattern, Schedule, Traffic};
pub use stages::{
    Allocated, AllocatedBuffer, Blocks, HEADROOM, Receive, VectorSource, Vectors, Work,
};
