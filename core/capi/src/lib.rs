//! The C library. Each function's doc says what it does and what it relies on, for readers of the
//! header: a test generates `include/blockpool.h` from these docs.
//!
//! - The functions are called only from C: they are `unsafe`, and their contract is what the header
//!   says at its beginning. `SAFETY` comments refer to it as *the header's rules*.
//! - Nothing here panics if the rules are kept. If it did, the program would abort: a panic cannot
//!   leave an `extern "C"` function.
//! - The library links the standard library, though it calls nothing in it: otherwise a library in C
//!   needs `panic = "abort"`, which cargo takes only from the workspace, whose other members unwind.

#![expect(non_camel_case_types, reason = "types have the names that they have in C")]

mod burst;
mod local_pool;
mod pool;
mod queue;
mod result;
mod storage;
mod version;

pub use storage::{
    BLOCKPOOL_ALIGNMENT, BLOCKPOOL_GROUP_SIZE, BLOCKPOOL_LOCAL_POOL_SIZE, BLOCKPOOL_MAX_STOCK,
    BLOCKPOOL_POOL_SIZE, BLOCKPOOL_RING_SIZE, BLOCKPOOL_SLOT_SIZE,
};
