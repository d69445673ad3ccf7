//! What can be refused, and why.

use core::error::Error;
use core::fmt;

/// The data range of a block was to change beyond its room; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoRoom {
    /// Bytes asked for.
    pub wanted: usize,
    /// Bytes there were.
    pub room: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes do not fit: there is room for {}", self.wanted, self.room)
    }
}

impl Error for NoRoom {}

/// A block was claimed by a number or pointer that names no block its claimant can own; the pool
/// is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RawError {
    /// The number is not below the pool's capacity.
    OutOfRange {
        /// The number given.
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
    /// The block is not out by `into_raw`: it is free, was claimed already, or has a handle.
    NotOut {
        /// The block's number.
        index: u32,
    },
}

impl fmt::Display for RawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { index, capacity } => {
                write!(f, "block {index} does not exist: the pool has {capacity} blocks")
            }
            Self::Foreign => write!(f, "the pointer does not point into this pool's blocks"),
            Self::Misaligned { into_block } => {
                write!(f, "the pointer points {into_block} bytes into a block, not to its start")
            }
            Self::NotOut { index } => {
                write!(f, "block {index} was not released by `into_raw`, or was claimed already")
            }
        }
    }
}

impl Error for RawError {}

/// The memory or bookkeeping given for a [`Region`](crate::Region) does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegionError {
    /// The memory does not begin at a multiple of [`Region::ALIGNMENT`](crate::Region::ALIGNMENT).
    Misaligned {
        /// Bytes past the last such multiple.
        by: usize,
    },
    /// The block size is zero, no multiple of
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
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALIGNMENT: usize = crate::Region::ALIGNMENT;
        match self {
            Self::Misaligned { by } => {
                write!(f, "the memory begins {by} bytes past a multiple of {ALIGNMENT}")
            }
            Self::BlockSize { block_size } => write!(
                f,
                "a block size of {block_size} bytes is no multiple of {ALIGNMENT} from \
                 {ALIGNMENT} to {}",
                crate::MAX_BLOCK_SIZE
            ),
            Self::TooSmall { length, block_size } => {
                write!(f, "{length} bytes of memory hold no block of {block_size} bytes")
            }
            Self::TooManyBlocks { blocks } => {
                write!(f, "{blocks} blocks are more than {}", crate::MAX_COUNT)
            }
            Self::TooLittleBookkeeping { needed, given } => write!(
                f,
                "{needed} elements of bookkeeping are needed for the blocks, {given} were given"
            ),
        }
    }
}

impl Error for RegionError {}

/// The places given for a [`Queue`](crate::Queue) are fewer than its pool's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooFewPlaces {
    /// Places needed: one for each block.
    pub needed: usize,
    /// Places given.
    pub given: usize,
}

impl fmt::Display for TooFewPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} places are needed, one for each block; {} were given",
            self.needed, self.given
        )
    }
}

impl Error for TooFewPlaces {}
