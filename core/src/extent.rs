//! Where the blocks of a pool lie: maps an address to an index.

use core::num::NonZero;
use core::ptr::NonNull;

use crate::block_state::MAX_BLOCK_SIZE;
use crate::error::RawError;

/// Bytes from one block's first byte to the next one's, in `[1, MAX_BLOCK_SIZE]`.
///
/// They are `odd` × 2^`shift`. Modulo 2^64 (2^32 on 32-bit targets), an odd number has an inverse: a
/// multiplication by it undoes one by the number. (Granlund and Montgomery, 1994, section 9.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stride {
    bytes: NonZero<usize>,
    /// The inverse of `odd`.
    inverse: usize,
    shift: u32,
}

impl Stride {
    pub(crate) const fn new(bytes: NonZero<usize>) -> Self {
        debug_assert!(bytes.get() <= MAX_BLOCK_SIZE);
        let shift = bytes.trailing_zeros();
        let odd = bytes.get() >> shift;
        // An odd number is its own inverse modulo 8; each of Newton's steps doubles the bits that are right.
        let mut inverse = odd;
        let mut right = 3;
        while right < usize::BITS {
            inverse = inverse.wrapping_mul(2_usize.wrapping_sub(odd.wrapping_mul(inverse)));
            right *= 2;
        }
        Self { bytes, inverse, shift }
    }

    pub(crate) fn bytes(self) -> NonZero<usize> {
        self.bytes
    }

    /// `i` for the offset `i` × `bytes`, and for any other offset a number greater than all of these.
    ///
    /// For such an offset, the multiplication leaves `i` × 2^`shift`, since `i` × `bytes` is less than 2^64, and
    /// the rotation `i`. Multiplication and rotation are both one-to-one, so any other offset gives another
    /// number, and those up to the greatest `i` are all taken.
    #[inline]
    fn quotient(self, offset: usize) -> usize {
        offset.wrapping_mul(self.inverse).rotate_right(self.shift)
    }
}

/// Where the blocks of a pool lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) first: NonNull<u8>,
    /// How many blocks there are.
    pub(crate) count: usize,
    pub(crate) stride: Stride,
}

impl Extent {
    /// The index of the block that begins at an address, if one does.
    #[inline]
    pub(crate) fn find(self, address: NonNull<u8>) -> Option<u32> {
        let index = self.stride.quotient(self.offset_of(address));
        (index < self.count).then_some(index as u32)
    }

    /// As [`find`](Self::find), or why none does.
    #[inline]
    pub(crate) fn index_of(self, address: NonNull<u8>) -> Result<u32, RawError> {
        self.find(address).ok_or_else(|| self.refused(address))
    }

    fn offset_of(self, address: NonNull<u8>) -> usize {
        address.addr().get().wrapping_sub(self.first.addr().get())
    }

    /// The index of the block that begins at an address.
    ///
    /// # Safety
    ///
    /// One does.
    #[inline]
    pub(crate) unsafe fn index_unchecked(self, address: NonNull<u8>) -> u32 {
        debug_assert!(self.find(address).is_some(), "no block begins at {address:?}");
        // The product's lower half is enough for an index, and for many at once.
        ((self.offset_of(address) >> self.stride.shift) as u32)
            .wrapping_mul(self.stride.inverse as u32)
    }

    /// The address of the block with an index.
    ///
    /// # Safety
    ///
    /// The index is below `count`, and as many blocks lie from `first` on.
    #[inline]
    pub(crate) unsafe fn block(self, index: u32) -> NonNull<u8> {
        // Two factors of 32 bits, so that compilers multiply several at once.
        let offset = index as usize * self.stride.bytes.get() as u32 as usize;
        // SAFETY: the caller's promise: the block lies in the same memory as the first.
        unsafe { self.first.add(offset) }
    }

    /// Why no block begins at an address.
    #[cold]
    fn refused(self, address: NonNull<u8>) -> RawError {
        let offset = self.offset_of(address);
        match (offset / self.stride.bytes, offset % self.stride.bytes) {
            (index, into_block) if index < self.count => RawError::Misaligned { into_block },
            _ => RawError::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZero;
    use core::ptr::NonNull;

    use super::{Extent, MAX_BLOCK_SIZE, Stride};
    use crate::block_state::MAX_COUNT;
    use crate::error::RawError;

    /// Addresses around the first, some, and the last of as many blocks as a pool or memory can hold, and around
    /// both ends.
    #[test]
    fn a_block_begins_where_a_division_says_so() {
        for bytes in (1..200).chain((64..=MAX_BLOCK_SIZE).step_by(64)) {
            let stride = Stride::new(NonZero::new(bytes).unwrap());
            let most = MAX_COUNT.min((usize::MAX >> 1) / bytes);
            for (first, count) in [(1, most), (1 << 20, 1), (1 << 20, 3), (1 << 20, most / 3)] {
                let begin = NonNull::without_provenance(NonZero::new(first).unwrap());
                let extent = Extent { first: begin, count, stride };
                let blocks = [0, 1, 2, 63, 64, 1000, count / 2, count - 1, count, most];
                let into = [0, 1, bytes / 3, bytes / 2, bytes - 1];
                let inside =
                    blocks.iter().flat_map(|block| into.map(|into| block * bytes + into % bytes));
                let outside = [0, 1, bytes, first, usize::MAX >> 1].map(usize::wrapping_neg);
                for offset in inside.chain(outside) {
                    let Some(address) = NonZero::new(first.wrapping_add(offset)) else { continue };
                    let expected = match (offset / bytes, offset % bytes) {
                        (index, _) if index >= count => Err(RawError::Foreign),
                        (index, 0) => Ok(index as u32),
                        (_, into_block) => Err(RawError::Misaligned { into_block }),
                    };
                    let pointer = NonNull::without_provenance(address);
                    assert_eq!(
                        extent.index_of(pointer),
                        expected,
                        "{offset} by {bytes} of {count}"
                    );
                }
            }
        }
    }
}
