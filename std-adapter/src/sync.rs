//! What the models replace: `tests/shuttle` compiles this crate's sources with a `sync` of its own.

pub(crate) use crossbeam::queue::ArrayQueue;
pub(crate) use std::sync::atomic::AtomicUsize;
pub(crate) use std::thread_local;
