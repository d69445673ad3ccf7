//! What was refused, and why.

use std::ffi::{c_char, c_int};

use blockpool_core::{RawError, RegionError};

/// What became of a call. A call that is refused changes nothing; but bursts say how far they got, and
/// create functions may have written to the bookkeeping.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum blockpool_result {
    /// Done.
    BLOCKPOOL_OK = 0,
    /// A pointer that must not be `NULL` is `NULL`.
    BLOCKPOOL_ERROR_NULL = 1,
    /// The pointer does not point into this pool's blocks.
    BLOCKPOOL_ERROR_FOREIGN = 2,
    /// The pointer points into a block, not to its first byte.
    BLOCKPOOL_ERROR_MISALIGNED = 3,
    /// The block is not out: it was given back already, or is in a queue.
    BLOCKPOOL_ERROR_NOT_OUT = 4,
    /// The block size is not a multiple of 64 from 64 to 65,536.
    BLOCKPOOL_ERROR_BLOCK_SIZE = 5,
    /// The memory for the blocks does not begin at a multiple of `BLOCKPOOL_ALIGNMENT`.
    BLOCKPOOL_ERROR_MEMORY_MISALIGNED = 6,
    /// The memory for the blocks is smaller than one block.
    BLOCKPOOL_ERROR_MEMORY_TOO_SMALL = 7,
    /// The memory holds more than 536,870,912 blocks.
    BLOCKPOOL_ERROR_TOO_MANY_BLOCKS = 8,
    /// The memory for bookkeeping does not begin at a multiple of `BLOCKPOOL_ALIGNMENT`.
    BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED = 9,
    /// The memory for bookkeeping is smaller than needed.
    BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL = 10,
    /// A local pool was to keep no block, or more than `BLOCKPOOL_MAX_STOCK`.
    BLOCKPOOL_ERROR_STOCK = 11,
    /// A local pool or a queue of the pool has not been destroyed.
    BLOCKPOOL_ERROR_IN_USE = 12,
    /// A block of the pool is out.
    BLOCKPOOL_ERROR_BLOCKS_OUT = 13,
}

use blockpool_result::*;

/// A result as text, for a message. `result` may be any number.
#[unsafe(no_mangle)]
extern "C" fn blockpool_result_text(result: c_int) -> *const c_char {
    const TEXTS: [(blockpool_result, &std::ffi::CStr); 14] = [
        (BLOCKPOOL_OK, c"done"),
        (BLOCKPOOL_ERROR_NULL, c"a pointer that must not be is null"),
        (BLOCKPOOL_ERROR_FOREIGN, c"the pointer does not point into this pool's blocks"),
        (BLOCKPOOL_ERROR_MISALIGNED, c"the pointer points into a block, not to its first byte"),
        (BLOCKPOOL_ERROR_NOT_OUT, c"the block is not out: given back already, or in a queue"),
        (BLOCKPOOL_ERROR_BLOCK_SIZE, c"the block size is not a multiple of 64 from 64 to 65536"),
        (BLOCKPOOL_ERROR_MEMORY_MISALIGNED, c"the memory does not begin at a multiple of 64"),
        (BLOCKPOOL_ERROR_MEMORY_TOO_SMALL, c"the memory is smaller than one block"),
        (BLOCKPOOL_ERROR_TOO_MANY_BLOCKS, c"the memory holds more than 536870912 blocks"),
        (
            BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED,
            c"the bookkeeping does not begin at a multiple of 64",
        ),
        (BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL, c"the bookkeeping is smaller than needed"),
        (BLOCKPOOL_ERROR_STOCK, c"a local pool keeps 1 to 256 blocks"),
        (BLOCKPOOL_ERROR_IN_USE, c"a local pool or a queue of the pool was not destroyed"),
        (BLOCKPOOL_ERROR_BLOCKS_OUT, c"a block of the pool is out"),
    ];
    let known = TEXTS.iter().find(|(known, _)| *known as c_int == result);
    known.map_or(c"unknown result", |(_, text)| text).as_ptr()
}

impl From<RegionError> for blockpool_result {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::BlockSize { .. } => BLOCKPOOL_ERROR_BLOCK_SIZE,
            RegionError::Misaligned { .. } => BLOCKPOOL_ERROR_MEMORY_MISALIGNED,
            RegionError::TooSmall { .. } => BLOCKPOOL_ERROR_MEMORY_TOO_SMALL,
            RegionError::TooManyBlocks { .. } => BLOCKPOOL_ERROR_TOO_MANY_BLOCKS,
            // The only one left.
            _ => BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL,
        }
    }
}

impl From<RawError> for blockpool_result {
    fn from(error: RawError) -> Self {
        match error {
            RawError::Misaligned { .. } => BLOCKPOOL_ERROR_MISALIGNED,
            RawError::NotReleased { .. } => BLOCKPOOL_ERROR_NOT_OUT,
            _ => BLOCKPOOL_ERROR_FOREIGN,
        }
    }
}

/// The result of giving one block back or away.
pub(crate) fn of(result: Result<(), RawError>) -> blockpool_result {
    result.map_or_else(blockpool_result::from, |()| BLOCKPOOL_OK)
}
