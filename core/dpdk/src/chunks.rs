//! Where objects lie: one after the other in chunks of memory, with indices that run across chunks.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ops::Range;

/// Bytes from one object to the next.
#[derive(Clone, Copy)]
pub(crate) struct Stride {
    bytes: usize,
    /// 2^64 ÷ `bytes`, rounded up: a multiplication takes a tenth of a division's time.
    reciprocal: u64,
}

impl Stride {
    /// `None` for less than 2 bytes.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        Some(Self { bytes, reciprocal: u64::MAX.checked_div(bytes as u64)?.checked_add(1)? })
    }

    /// How many strides fit into `offset` bytes.
    ///
    /// The reciprocal is at most 1 too large, so the quotient is too large by at most `offset` ÷ 2^64.
    /// That is less than 1 ÷ `bytes`, the smallest distance from an exact quotient to the next whole
    /// number, if `offset` × `bytes` is below 2^64, which [`Chunk::new`] ensures.
    fn divide(self, offset: usize) -> u32 {
        ((u128::from(self.reciprocal) * offset as u128) >> 64) as u32
    }
}

/// Objects one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    first: *mut u8,
    bytes: usize,
    /// Indices in `[start, end)`.
    start: u32,
    end: u32,
    /// With all chunks in order of their addresses, the index of the one at this position.
    by_address: u32,
}

impl Chunk {
    /// `count` objects from `first` on, with indices from `start` on. `None` if no such indices, or no
    /// such memory, can exist.
    pub(crate) fn new(first: *mut u8, count: u32, start: u32, stride: Stride) -> Option<Self> {
        let bytes = stride.bytes.checked_mul(count as usize)?;
        bytes.checked_mul(stride.bytes)?;
        first.addr().checked_add(bytes)?;
        Some(Self { first, bytes, start, end: start.checked_add(count)?, by_address: 0 })
    }

    /// A chunk without objects.
    pub(crate) fn none() -> Self {
        Self { first: core::ptr::null_mut(), bytes: 0, start: 0, end: 0, by_address: 0 }
    }

    /// The index of the object at `address`, or around it.
    #[inline]
    pub(crate) fn number(&self, address: usize, stride: Stride) -> Option<u32> {
        let offset = address.wrapping_sub(self.first.addr());
        (offset < self.bytes).then(|| self.start + stride.divide(offset))
    }

    /// Where an object lies.
    #[inline]
    pub(crate) fn object(&self, number: u32, stride: Stride) -> Option<*mut u8> {
        let index = number.checked_sub(self.start)?;
        (number < self.end).then(|| self.first.wrapping_add(index as usize * stride.bytes))
    }

    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// The indices of the objects at the front of `table` that lie one after the other, in ascending or
    /// descending order; `number` is the index of the first.
    #[inline]
    pub(crate) fn run(&self, number: u32, table: &[*mut c_void], stride: Stride) -> Range<u32> {
        let [first, second, ..] = table else { return number..number + 1 };
        let step = second.addr().wrapping_sub(first.addr());
        if step == stride.bytes {
            number..number + in_steps(table, step, self.end - number)
        } else if step == stride.bytes.wrapping_neg() {
            let end = number + 1;
            end - in_steps(table, step, end - self.start)..end
        } else {
            number..number + 1
        }
    }

    /// Writes the addresses of the objects of a range, if all are of this chunk, and returns whether
    /// they are.
    #[inline]
    pub(crate) fn fill(
        &self,
        table: &mut [MaybeUninit<*mut c_void>],
        numbers: &Range<u32>,
        stride: Stride,
    ) -> bool {
        let start = self.object(numbers.start, stride).filter(|_| numbers.end <= self.end);
        let (Some(mut object), Some(table)) = (start, table.get_mut(..numbers.len())) else {
            return false;
        };
        for slot in table {
            slot.write(object.cast());
            object = object.wrapping_add(stride.bytes);
        }
        true
    }
}

/// How many of the first `most` addresses of `table` follow one another by `step`. The first one always
/// does.
#[inline]
fn in_steps(table: &[*mut c_void], step: usize, most: u32) -> u32 {
    let most = table.get(..most as usize).unwrap_or(table);
    let goes_on = |pair: &&[*mut c_void]| pair[1].addr().wrapping_sub(pair[0].addr()) == step;
    1 + most.windows(2).take_while(goes_on).count() as u32
}

/// Moves the last of `chunks`, whose indices follow all others, to its position by address.
pub(crate) fn sort_in(chunks: &mut [Chunk]) {
    let Some((last, others)) = chunks.split_last() else { return };
    let (index, address) = (others.len(), last.first.addr());
    let place = others.partition_point(|place| at(others, place).first.addr() < address);
    for later in (place..index).rev() {
        chunks[later + 1].by_address = chunks[later].by_address;
    }
    chunks[place].by_address = index as u32;
}

fn at<'c>(chunks: &'c [Chunk], place: &Chunk) -> &'c Chunk {
    &chunks[place.by_address as usize]
}

/// The chunk in which `address` lies.
#[cold]
pub(crate) fn with_address(chunks: &[Chunk], address: usize) -> Option<&Chunk> {
    let behind = chunks.partition_point(|place| at(chunks, place).first.addr() <= address);
    let chunk = at(chunks, chunks.get(behind.checked_sub(1)?)?);
    (address - chunk.first.addr() < chunk.bytes).then_some(chunk)
}

/// The chunk of an object.
#[cold]
pub(crate) fn with_number(chunks: &[Chunk], number: u32) -> Option<&Chunk> {
    chunks.get(chunks.partition_point(|chunk| chunk.end <= number))
}

#[cfg(test)]
mod tests {
    use core::ffi::c_void;
    use core::mem::MaybeUninit;

    use super::{Chunk, Stride, sort_in, with_address, with_number};

    fn pointer(address: usize) -> *mut u8 {
        core::ptr::without_provenance_mut(address)
    }

    #[test]
    fn a_quotient_is_exact_up_to_the_largest_chunk() {
        for bytes in [2, 3, 64, 65, 2112, 2368, 2432, 4096, 65_599, (1 << 20) + 64] {
            let stride = Stride::new(bytes).unwrap();
            let most = u32::try_from(usize::MAX / bytes / bytes).unwrap_or(u32::MAX - 1);
            // With 32-bit words, some of these sizes allow not even one object.
            let one = Chunk::new(pointer(64), most.max(1), 0, stride);
            assert_eq!(one.is_some(), most > 0, "{bytes}");
            let quotients = [0, 1, 2, 1000, most / 2, most.saturating_sub(1)];
            for quotient in quotients.into_iter().filter(|&quotient| quotient < most) {
                let offset = quotient as usize * bytes;
                assert_eq!(stride.divide(offset), quotient, "{offset} / {bytes}");
                assert_eq!(stride.divide(offset + bytes - 1), quotient, "{offset} / {bytes}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Stride::new(0).is_none() && Stride::new(1).is_none());
        let stride = Stride::new(1 << 20).unwrap();
        assert!(Chunk::new(pointer(64), 1 << 24, 0, stride).is_none(), "2^64 bytes squared");
        assert!(Chunk::new(pointer(usize::MAX - (1 << 20)), 2, 0, stride).is_none());
        assert!(Chunk::new(pointer(64), 2, u32::MAX - 1, stride).is_none());
    }

    #[test]
    fn objects_are_found_by_address_and_by_number_whatever_the_order_of_chunks() {
        let stride = Stride::new(2368).unwrap();
        for addresses in [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3], [3, 1, 4, 2]] {
            let mut chunks = Vec::new();
            for (index, address) in (0..).zip(addresses) {
                let first = pointer(address * 1_000_000);
                chunks.push(Chunk::new(first, 100, index * 100, stride).unwrap());
                sort_in(&mut chunks);
            }
            for number in 0..400 {
                let by_number = with_number(&chunks, number).unwrap();
                let object = by_number.object(number, stride).unwrap().addr();
                for address in [object, object + 2367] {
                    let by_address = with_address(&chunks, address).unwrap();
                    assert_eq!(by_address.number(address, stride), Some(number));
                }
            }
            assert!(with_number(&chunks, 400).is_none());
            for chunk in &chunks {
                let (start, end) = (chunk.first.addr(), chunk.first.addr() + 100 * 2368);
                for outside in [start - 1, end] {
                    assert!(with_address(&chunks, outside).is_none());
                    assert_eq!(chunk.number(outside, stride), None);
                }
                assert_eq!(chunk.object(chunk.end(), stride), None);
            }
        }
        assert!(with_address(&[], 7).is_none() && with_number(&[], 0).is_none());
        let none = Chunk::none();
        assert!(none.number(0, stride).is_none() && none.object(0, stride).is_none());
    }

    #[test]
    fn objects_in_a_row_are_a_run_up_to_the_end_of_their_chunk() {
        let stride = Stride::new(2368).unwrap();
        let chunk = Chunk::new(pointer(64_000), 10, 100, stride).unwrap();
        let table = |indices: &[usize]| -> Vec<*mut c_void> {
            indices.iter().map(|index| pointer(64_000 + index * 2368).cast()).collect()
        };
        for (indices, run) in [
            (&[3][..], 103..104),
            (&[3, 4, 5, 6], 103..107),
            (&[3, 4, 5, 7], 103..106),
            (&[6, 5, 4, 3], 103..107),
            (&[6, 5, 4, 4], 104..107),
            (&[3, 3, 4], 103..104),
            (&[3, 5, 7], 103..104),
            (&[8, 9, 10, 11], 108..110),
        ] {
            let table = table(indices);
            let number = chunk.number(table[0].addr(), stride).unwrap();
            assert_eq!(chunk.run(number, &table, stride), run, "{indices:?}");
        }
        let before =
            [pointer(64_000 + 2368).cast(), pointer(64_000).cast(), pointer(64_000 - 2368).cast()];
        assert_eq!(chunk.run(101, &before, stride), 100..102);
    }

    /// The addresses in a table that was all null at first.
    fn addresses(table: [MaybeUninit<*mut c_void>; 4]) -> [usize; 4] {
        // SAFETY: every element is initialised.
        table.map(|object| unsafe { object.assume_init() }.addr())
    }

    #[test]
    fn a_table_is_filled_with_a_range_of_one_chunk_only() {
        let stride = Stride::new(2368).unwrap();
        let chunk = Chunk::new(pointer(64_000), 10, 100, stride).unwrap();
        let mut table = [MaybeUninit::new(core::ptr::null_mut()); 4];
        for outside in [99..101, 109..111, 110..111] {
            assert!(!chunk.fill(&mut table, &outside, stride));
            assert_eq!(addresses(table), [0; 4]);
        }
        assert!(chunk.fill(&mut table, &(107..110), stride));
        assert_eq!(addresses(table), [80_576, 82_944, 85_312, 0]);
    }
}
