//! The space of a block, known at run time, and how many such spaces an offset is.

use core::num::NonZero;

use crate::range::{MAX_BLOCK_SIZE, MAX_COUNT};

/// Bytes from one block's first byte to the next one's, in `[2, MAX_BLOCK_SIZE]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    bytes: NonZero<usize>,
    /// 2^64 divided by `bytes`, rounded up: a multiplication takes a tenth of a division's time.
    #[cfg(target_pointer_width = "64")]
    reciprocal: u64,
}

impl Stride {
    pub(crate) fn new(bytes: NonZero<usize>) -> Self {
        debug_assert!(bytes.get() >= 2 && bytes.get() <= MAX_BLOCK_SIZE);
        Self {
            bytes,
            #[cfg(target_pointer_width = "64")]
            reciprocal: u64::MAX / bytes.get() as u64 + 1,
        }
    }

    pub(crate) fn bytes(self) -> NonZero<usize> {
        self.bytes
    }

    /// How many whole strides an offset into the memory of a pool is; of a greater one, that many or
    /// more.
    ///
    /// The reciprocal is too large by less than 1, so what it makes of an offset by less than
    /// `offset` ÷ 2^64. That carries no quotient to the next whole number, which is at least
    /// 1 ÷ `bytes` above it, while `offset` × `bytes` is at most 2^64.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn whole_in(self, offset: usize) -> usize {
        const { assert!(MAX_COUNT * MAX_BLOCK_SIZE <= usize::MAX / MAX_BLOCK_SIZE) };
        ((offset as u128 * u128::from(self.reciprocal)) >> u64::BITS) as usize
    }

    /// How many whole strides an offset is.
    #[cfg(not(target_pointer_width = "64"))]
    pub(crate) fn whole_in(self, offset: usize) -> usize {
        offset / self.bytes
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZero;

    use super::{MAX_BLOCK_SIZE, MAX_COUNT, Stride};

    /// Around the first, some, and the last of as many blocks as a pool can have, or memory holds.
    #[test]
    fn every_quotient_is_that_of_a_division() {
        for bytes in (64..=MAX_BLOCK_SIZE).step_by(64) {
            let stride = Stride::new(NonZero::new(bytes).unwrap());
            let most = MAX_COUNT.min(usize::MAX / bytes);
            for block in [0, 1, 2, 3, 63, 64, 65, 1000, most / 3, most / 2, most - 2, most - 1] {
                for into_block in [0, 1, bytes / 2, bytes - 1] {
                    let offset = block * bytes + into_block;
                    assert_eq!(stride.whole_in(offset), block, "{offset} by {bytes}");
                }
            }
        }
    }

    #[test]
    fn no_quotient_is_less_than_that_of_a_division() {
        for bytes in (64..=MAX_BLOCK_SIZE).step_by(64) {
            let stride = Stride::new(NonZero::new(bytes).unwrap());
            for below in [0, 1, 4096, usize::MAX / 3, usize::MAX / 2] {
                let offset = usize::MAX - below;
                assert!(stride.whole_in(offset) >= offset / bytes, "{offset} by {bytes}");
            }
        }
    }
}
