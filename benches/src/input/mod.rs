//! What goes into the pipeline: transactions generated here or read from a recording, and how a worker checks
//! them.

pub mod capture;
mod content;
pub mod transactions;
pub mod verify;
