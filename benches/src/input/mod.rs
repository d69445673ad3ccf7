//! What goes into the pipeline: transactions made here or read from a recording, and how a worker
//! checks them.

pub mod capture;
mod content;
pub mod transactions;
pub mod verify;
