//! Which bytes of a block are data, packed small: in the handle, and beside the pool's blocks while
//! no handle exists.

use crate::sync::{AtomicU32, Ordering};

/// The largest block, in bytes.
pub const MAX_BLOCK_SIZE: usize = 64 * 1024;

/// The most blocks a pool can have.
pub const MAX_COUNT: usize = 1 << NUMBER_BITS;

const NUMBER_BITS: u32 = 30;
const OFFSET_BITS: u32 = 17;

const _: () = assert!(NUMBER_BITS + 2 * OFFSET_BITS == u64::BITS);
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

    pub(crate) fn new(number: u32, start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= MAX_BLOCK_SIZE);
        Self::empty(number).with_range(start, end)
    }

    pub(crate) fn with_range(self, start: usize, end: usize) -> Self {
        let offsets = (start as u64) | (end as u64) << OFFSET_BITS;
        Self(u64::from(self.number()) | offsets << NUMBER_BITS)
    }

    pub(crate) fn number(self) -> u32 {
        (self.0 & ((1 << NUMBER_BITS) - 1)) as u32
    }

    pub(crate) fn start(self) -> usize {
        (self.0 >> NUMBER_BITS) as usize & ((1 << OFFSET_BITS) - 1)
    }

    pub(crate) fn end(self) -> usize {
        (self.0 >> (NUMBER_BITS + OFFSET_BITS)) as usize
    }
}

/// What the pool remembers of a block while no handle exists: its data range, and whether it may
/// be claimed by number or pointer.
///
/// All zero, as in the beginning: may not be claimed.
#[derive(Debug)]
pub struct Parked {
    start: AtomicU32,
    /// The end of the range, and [`CLAIMABLE`](Self::CLAIMABLE).
    end: AtomicU32,
}

impl Parked {
    const CLAIMABLE: u32 = 1 << 31;

    pub(crate) const fn new() -> Self {
        Self { start: AtomicU32::new(0), end: AtomicU32::new(0) }
    }

    /// Remembers the range of a block on its way through a queue, which publishes it.
    pub(crate) fn store(&self, place: Place) {
        // Relaxed: only the block's owner writes here, and the queue's own release and acquire
        // hand the owner's writes on.
        self.start.store(place.start() as u32, Ordering::Relaxed);
        self.end.store(place.end() as u32, Ordering::Relaxed);
    }

    /// The block as [`store`](Self::store) left it.
    pub(crate) fn load(&self, number: u32) -> Place {
        // Relaxed: as in `store`; after a claim, ordered by R2.
        let start = self.start.load(Ordering::Relaxed);
        let end = self.end.load(Ordering::Relaxed);
        Place::new(number, start as usize, end as usize)
    }

    /// Remembers the range of a block whose owner gave up its handle, and lets it be claimed once.
    pub(crate) fn release(&self, place: Place) {
        // Relaxed: published by R1.
        self.start.store(place.start() as u32, Ordering::Relaxed);
        // R1: pairs with R2, so that whoever claims the block sees what its owner wrote.
        self.end.store(place.end() as u32 | Self::CLAIMABLE, Ordering::Release);
    }

    /// Claims a block that was [released](Self::release) and not claimed since.
    pub(crate) fn claim(&self, number: u32) -> Option<Place> {
        // R2: pairs with R1. A read-modify-write, so of several claims one succeeds. It changes
        // nothing if the block may not be claimed. Asking only for the old value of this one bit
        // lets the compiler use a single bit-test-and-reset.
        if self.end.fetch_and(!Self::CLAIMABLE, Ordering::Acquire) & Self::CLAIMABLE == 0 {
            return None;
        }
        Some(self.load(number))
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
            }
        }
    }

    #[test]
    fn a_block_is_claimed_once_for_each_release() {
        let parked = Parked::new();
        assert_eq!(parked.claim(7), None);
        let place = Place::new(7, 3, 9);
        parked.store(place);
        assert_eq!(parked.claim(7), None);
        assert_eq!(parked.load(7), place);
        parked.release(place);
        assert_eq!(parked.claim(7), Some(place));
        assert_eq!(parked.claim(7), None);
        parked.release(Place::new(7, 0, MAX_BLOCK_SIZE));
        assert_eq!(parked.claim(7), Some(Place::new(7, 0, MAX_BLOCK_SIZE)));
    }
}
