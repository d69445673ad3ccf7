//! What can be refused, and why.

use core::error::Error;
use core::fmt;

use crate::align::REGION_ALIGNMENT;
use crate::block_state::{MAX_BLOCK_SIZE, MAX_COUNT};

/// There is not enough room in a block for the bytes to add, or not enough data to trim. The block is
/// unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoRoom {
    /// Bytes asked for.
    pub wanted: usize,
    /// Bytes of room, or of data.
    pub room: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes wanted, {} available", self.wanted, self.room)
    }
}

impl Error for NoRoom {}

/// A block cannot be claimed by this index or address. The pool is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RawError {
    /// The index is not below the pool's capacity.
    OutOfRange {
        /// The index given.
        index: u32,
        /// The pool's capacity.
        capacity: usize,
    },
    /// The pointer does not point into the pool's blocks.
    Foreign,
    /// The pointer points into a block, not to its first byte.
    Misaligned {
        /// Bytes from the block's first byte.
        into_block: usize,
    },
    /// The block was not released by `into_raw`: it is free, was claimed already, or has a handle.
    NotReleased {
        /// The block's index.
        index: u32,
    },
}

impl fmt::Display for RawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { index, capacity } => {
                write!(f, "index {index} is out of range: the pool has {capacity} blocks")
            }
            Self::Foreign => write!(f, "the pointer does not point into this pool's blocks"),
            Self::Misaligned { into_block } => {
                write!(
                    f,
                    "the pointer points {into_block} bytes into a block, not to its first byte"
                )
            }
            Self::NotReleased { index } => {
                write!(f, "block {index} was not released by `into_raw`, or was claimed already")
            }
        }
    }
}

impl Error for RawError {}

/// A burst by address ended early: a pointer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BurstError {
    /// How many blocks before that pointer were processed. It and those after it are unchanged.
    pub done: usize,
    /// Why the pointer was refused.
    pub reason: RawError,
}

impl fmt::Display for BurstError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the burst ended after {} blocks: {}", self.done, self.reason)
    }
}

impl Error for BurstError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

/// A [`Region`](crate::Region), or a [`Queue`](crate::Queue) of one, cannot be made from the memory given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegionError {
    /// The memory does not begin at a multiple of [`Region::ALIGNMENT`](crate::Region::ALIGNMENT).
    Misaligned {
        /// Bytes past the last such multiple.
        by: usize,
    },
    /// The block size is zero, not a multiple of
    /// [`Region::ALIGNMENT`](crate::Region::ALIGNMENT), or above
    /// [`MAX_BLOCK_SIZE`](crate::MAX_BLOCK_SIZE).
    BlockSize {
        /// Bytes asked for.
        block_size: usize,
    },
    /// The memory is smaller than one block.
    TooSmall {
        /// Bytes given.
        length: usize,
        /// Bytes in a block.
        block_size: usize,
    },
    /// The memory holds more than [`MAX_COUNT`](crate::MAX_COUNT) blocks.
    TooManyBlocks {
        /// Blocks it would hold.
        blocks: usize,
    },
    /// Not enough bookkeeping for the blocks in the memory.
    TooLittleBookkeeping {
        /// Elements needed.
        needed: usize,
        /// Elements given.
        given: usize,
    },
    /// Not enough slots for a queue of the region.
    TooFewSlots {
        /// Slots needed: one for each block.
        needed: usize,
        /// Slots given.
        given: usize,
    },
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALIGNMENT: usize = REGION_ALIGNMENT;
        match self {
            Self::Misaligned { by } => {
                write!(f, "the memory begins {by} bytes past a multiple of {ALIGNMENT}")
            }
            Self::BlockSize { block_size } => write!(
                f,
                "a block size of {block_size} bytes is not a multiple of {ALIGNMENT} from \
                 {ALIGNMENT} to {}",
                MAX_BLOCK_SIZE
            ),
            Self::TooSmall { length, block_size } => {
                write!(
                    f,
                    "{length} bytes of memory are too small for a block of {block_size} bytes"
                )
            }
            Self::TooManyBlocks { blocks } => {
                write!(f, "the memory holds {blocks} blocks; a region has at most {}", MAX_COUNT)
            }
            Self::TooLittleBookkeeping { needed, given } => {
                write!(f, "the blocks need {needed} elements of bookkeeping, {given} were given")
            }
            Self::TooFewSlots { needed, given } => {
                write!(f, "the queue needs {needed} slots, one for each block; {given} were given")
            }
        }
    }
}

impl Error for RegionError {}
