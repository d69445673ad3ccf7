//! Where the blocks of a pool lie: maps an address to an index.

use core::num::NonZero;
use core::ptr::NonNull;

use crate::block_state::MAX_BLOCK_SIZE;
use crate::error::RawError;

/// Bytes from one block's first byte to the next one's, in `[1, MAX_BLOCK_SIZE]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    bytes: NonZero<usize>,
    /// 2^63 divided by `bytes`, rounded up: a multiplication takes a tenth of a division's time.
    #[cfg(target_pointer_width = "64")]
    reciprocal: u64,
}

impl Stride {
    pub(crate) const fn new(bytes: NonZero<usize>) -> Self {
        debug_assert!(bytes.get() <= MAX_BLOCK_SIZE);
        Self {
            bytes,
            #[cfg(target_pointer_width = "64")]
            reciprocal: ((1 << 63) - 1) / bytes.get() as u64 + 1,
        }
    }

    pub(crate) fn bytes(self) -> NonZero<usize> {
        self.bytes
    }

    /// How many whole strides fit into an offset in the memory of a pool.
    ///
    /// The reciprocal makes an offset's quotient too large by at most `offset` ÷ 2^63. The exact
    /// quotient is at least 1 ÷ `bytes` below the next whole number, so it does not reach that number
    /// while `offset` × `bytes` is below 2^63.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn whole_in(self, offset: usize) -> usize {
        use crate::block_state::MAX_COUNT;
        const { assert!(MAX_COUNT * MAX_BLOCK_SIZE < (1 << 63) / MAX_BLOCK_SIZE) };
        debug_assert!(offset < MAX_COUNT * MAX_BLOCK_SIZE);
        ((u128::from(2 * offset as u64) * u128::from(self.reciprocal)) >> u64::BITS) as usize
    }

    /// How many whole strides fit into an offset in the memory of a pool.
    #[cfg(not(target_pointer_width = "64"))]
    pub(crate) fn whole_in(self, offset: usize) -> usize {
        offset / self.bytes
    }
}

/// Where the blocks of a pool lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) first: usize,
    pub(crate) bytes: usize,
    pub(crate) stride: Stride,
}

impl Extent {
    /// The index of the block that begins at `pointer`.
    #[inline]
    pub(crate) fn index_of(self, pointer: NonNull<u8>) -> Result<u32, RawError> {
        let offset = pointer.addr().get().wrapping_sub(self.first);
        if offset >= self.bytes {
            return Err(RawError::Foreign);
        }
        let index = self.stride.whole_in(offset);
        match offset - index * self.stride.bytes.get() {
            0 => Ok(index as u32),
            into_block => Err(RawError::Misaligned { into_block }),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZero;

    use super::{MAX_BLOCK_SIZE, Stride};
    use crate::block_state::MAX_COUNT;

    /// Offsets around the first, some, and the last of as many blocks as a pool or memory can hold.
    #[test]
    fn every_quotient_is_that_of_a_division() {
        for bytes in (1..200).chain((64..=MAX_BLOCK_SIZE).step_by(64)) {
            let stride = Stride::new(NonZero::new(bytes).unwrap());
            let most = MAX_COUNT.min(usize::MAX / bytes);
            for block in [0, 1, 2, 3, 63, 64, 65, 1000, most / 3, most / 2, most - 2, most - 1] {
                for into_block in [0, bytes / 3, bytes / 2, bytes - 1] {
                    let offset = block * bytes + into_block;
                    assert_eq!(stride.whole_in(offset), block, "{offset} by {bytes}");
                }
            }
        }
    }
}
