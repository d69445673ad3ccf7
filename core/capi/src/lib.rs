//! The C library. What its functions do, and what they rely on, stands at them, for readers of the
//! header: `include/blockpool.h` is made of this by a test.
//!
//! - No function is called but from C: they are `unsafe`, and their contract is what the header says at
//!   its beginning. `SAFETY` comments refer to it as *the header's rules*.
//! - Nothing here panics, if the rules are kept. If it did, the program would end: a panic does not leave
//!   an `extern "C"` function.
//! - With the standard library, though nothing of it is called: without, a library in C needs
//!   `panic = "abort"`, which cargo takes from the workspace alone, and the other members unwind.

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
