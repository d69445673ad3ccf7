//! Why a pool cannot be made.

use std::error::Error;
use std::fmt;

/// A [`TransactionMemoryPool`](crate::TransactionMemoryPool) cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The buffers and the pool's own table, or a single buffer, would be larger
    /// than `isize::MAX` bytes, which no allocation can be.
    TooLarge {
        /// The requested size of one buffer, in bytes.
        buffer_size: usize,
        /// The requested number of buffers.
        pool_capacity: usize,
    },
    /// The allocator refused the memory.
    OutOfMemory {
        /// The requested size of one buffer, in bytes.
        buffer_size: usize,
        /// The requested number of buffers.
        pool_capacity: usize,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (buffer_size, pool_capacity, why) = match *self {
            Self::TooLarge { buffer_size, pool_capacity } => {
                (buffer_size, pool_capacity, "exceeds isize::MAX bytes")
            }
            Self::OutOfMemory { buffer_size, pool_capacity } => {
                (buffer_size, pool_capacity, "was refused by the allocator")
            }
        };
        write!(f, "a pool of {pool_capacity} buffers of {buffer_size} bytes each {why}")
    }
}

impl Error for PoolError {}
