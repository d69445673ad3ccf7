//! Which bytes of a block are data, packed small: in the handle, and beside the pool's blocks while
//! no handle exists.

use crate::sync::{AtomicPart, Ordering, Part};

/// The largest block, in bytes.
pub const MAX_BLOCK_SIZE: usize = 64 * 1024;

/// The most blocks a pool can have.
pub const MAX_COUNT: usize = 1 << NUMBER_BITS;

const NUMBER_BITS: u32 = 29;
/// Between number and range one bit, for [`Parked`].
const RANGE_SHIFT: u32 = NUMBER_BITS + 1;
const OFFSET_BITS: u32 = 17;

const _: () = assert!(RANGE_SHIFT + 2 * OFFSET_BITS == u64::BITS);
const _: () = assert!(MAX_BLOCK_SIZE < 1 << OFFSET_BITS);

/// A block number in `[0, MAX_COUNT)` and its data range `start..end`, offsets in
/// `[0, MAX_BLOCK_SIZE]` with `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(u64);

impl Place {
    /// With an empty data range at the front of the block.
    pub(crate) fn empty(number: u32) -> Self {
        debug_assert!((number as usize) < MAX_COUNT);
        Self(u64::from(number))
    }

    pub(crate) fn with_range(self, start: usize, end: usize) -> Self {
        let offsets = (start as u64) | (end as u64) << OFFSET_BITS;
        Self(u64::from(self.number()) | offsets << RANGE_SHIFT)
    }

    pub(crate) fn with_end(self, end: usize) -> Self {
        const END_SHIFT: u32 = RANGE_SHIFT + OFFSET_BITS;
        Self(self.0 & !(u64::MAX << END_SHIFT) | (end as u64) << END_SHIFT)
    }

    fn with_number(self, number: u32) -> Self {
        Self(u64::from(number) | self.0 >> RANGE_SHIFT << RANGE_SHIFT)
    }

    pub(crate) fn number(self) -> u32 {
        (self.0 & ((1 << NUMBER_BITS) - 1)) as u32
    }

    pub(crate) fn start(self) -> usize {
        (self.0 >> RANGE_SHIFT) as usize & ((1 << OFFSET_BITS) - 1)
    }

    pub(crate) fn end(self) -> usize {
        (self.0 >> (RANGE_SHIFT + OFFSET_BITS)) as usize
    }
}

/// What the pool remembers of a block while no handle exists, laid out as a [`Place`]: its data
/// range; in the number's stead the block that follows it in a chain, itself if none does; and, in
/// the bit between, whether it may be claimed by number or pointer.
///
/// All zero, as in the beginning: may not be claimed.
#[derive(Debug)]
pub struct Parked([AtomicPart; PARTS]);

/// One with 64-bit words. Else two; the number and the bit are in the first.
const PARTS: usize = size_of::<u64>() / size_of::<Part>();

impl Parked {
    const CLAIMABLE: Part = 1 << NUMBER_BITS;

    pub(crate) const fn new() -> Self {
        Self([const { AtomicPart::new(0) }; PARTS])
    }

    #[inline]
    fn write(&self, bits: u64, first_part: Ordering) {
        // By index, up to a constant: a 32-bit compiler that optimises for size unrolls no iterator.
        let mut part = 1;
        while part < PARTS {
            // Relaxed: published with the first part, or by the queue.
            self.0[part].store((bits >> (part as u32 * Part::BITS)) as Part, Ordering::Relaxed);
            part += 1;
        }
        self.0[0].store(bits as Part, first_part);
    }

    /// Remembers a block on its way through a queue, and the number of the one that follows it in
    /// its chain: its own if it is the last.
    pub(crate) fn store(&self, place: Place, next: u32) {
        // Relaxed: only the block's owner changes anything here, and the queue's own release and
        // acquire hand the owner's writes on.
        self.write(place.with_number(next).0, Ordering::Relaxed);
    }

    /// Block `number` as [`store`](Self::store) left it, and the one that follows it.
    ///
    /// For who does not own the block: of any earlier or later state, the one of the beginning
    /// included, or mixed of two; but what follows is the number of a block of this pool.
    pub(crate) fn load(&self, number: u32) -> (Place, Option<u32>) {
        // Relaxed: as in `store`; after a claim, ordered by R2.
        let bits = self.with_rest(self.0[0].load(Ordering::Relaxed));
        let next = Place(bits).number();
        (Place(bits).with_number(number), (next != number).then_some(next))
    }

    /// All bits, of which the first part is read already.
    fn with_rest(&self, first_part: Part) -> u64 {
        let mut bits = first_part as u64;
        let mut part = 1;
        while part < PARTS {
            // Relaxed: as in `store`; after a claim, ordered by R2 or R3.
            bits |= (self.0[part].load(Ordering::Relaxed) as u64) << (part as u32 * Part::BITS);
            part += 1;
        }
        bits
    }

    /// Remembers a block whose owner gave up its handle, and lets it be claimed once.
    pub(crate) fn release(&self, place: Place) {
        // R1: pairs with R2 and R3, so that whoever claims the block sees what its owner wrote.
        self.write(place.0 | Self::CLAIMABLE as u64, Ordering::Release);
    }

    /// Claims block `number` if it was [released](Self::release) and not claimed since.
    pub(crate) fn claim(&self, number: u32) -> Option<Place> {
        // R2: pairs with R1. A read-modify-write, so of several claims one succeeds. It changes
        // nothing if the block may not be claimed. Asking only for the old value of this one bit
        // lets the compiler use a single bit-test-and-reset.
        if self.0[0].fetch_and(!Self::CLAIMABLE, Ordering::Acquire) & Self::CLAIMABLE == 0 {
            return None;
        }
        Some(self.load(number).0)
    }

    /// As [`claim`](Self::claim), for who knows that nobody else claims the block meanwhile: a load
    /// and a store.
    pub(crate) fn claim_alone(&self, number: u32) -> Option<Place> {
        // R3: pairs with R1, as R2 does.
        let first_part = self.0[0].load(Ordering::Acquire);
        if first_part & Self::CLAIMABLE == 0 {
            return None;
        }
        // Relaxed: a later claim by this thread, or by one that has heard of it since, reads this or
        // something newer.
        self.0[0].store(first_part & !Self::CLAIMABLE, Ordering::Relaxed);
        Some(Place(self.with_rest(first_part)).with_number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BLOCK_SIZE, MAX_COUNT, Parked, Place};

    #[test]
    fn a_place_keeps_its_parts_apart() {
        let greatest = (MAX_COUNT - 1) as u32;
        for number in [0, 1, greatest] {
            for (start, end) in [(0, 0), (0, MAX_BLOCK_SIZE), (MAX_BLOCK_SIZE, MAX_BLOCK_SIZE)] {
                let place = Place::empty(number).with_range(1, 2).with_range(start, end);
                assert_eq!((place.number(), place.start(), place.end()), (number, start, end));
                assert_eq!(place.with_end(MAX_BLOCK_SIZE).with_end(end), place);
            }
        }
    }

    #[test]
    fn a_block_is_claimed_once_for_each_release() {
        let parked = Parked::new();
        assert_eq!(parked.claim(7), None);
        let place = Place::empty(7).with_range(3, MAX_BLOCK_SIZE);
        parked.release(place);
        assert_eq!(parked.claim(7), Some(place));
        assert_eq!(parked.claim(7), None);
        parked.release(place);
        assert_eq!(parked.claim(7), Some(place));
    }

    #[test]
    fn both_ways_to_claim_are_one_claim() {
        let parked = Parked::new();
        assert_eq!(parked.claim_alone(7), None);
        let place = Place::empty(7).with_range(3, MAX_BLOCK_SIZE);
        for claims in [[Parked::claim, Parked::claim_alone], [Parked::claim_alone, Parked::claim]] {
            parked.release(place);
            assert_eq!(claims.map(|claim| claim(&parked, 7)), [Some(place), None]);
        }
    }

    #[test]
    fn a_block_in_a_chain_cannot_be_claimed_and_knows_the_next() {
        let parked = Parked::new();
        let place = Place::empty(7).with_range(3, 9);
        for (next, follows) in
            [(7, None), (0, Some(0)), ((MAX_COUNT - 1) as u32, Some((MAX_COUNT - 1) as u32))]
        {
            parked.release(place);
            parked.store(place, next);
            assert_eq!(parked.claim(7), None);
            assert_eq!(parked.load(7), (place, follows));
        }
    }
}
