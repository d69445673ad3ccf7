//! The state of a block, packed into 64 bits: its index, and which of its bytes are data. It is kept in
//! the handle, or in the pool while there is no handle.

use crate::sync::{AtomicPart, Ordering, Part};

/// The largest block, in bytes.
pub const MAX_BLOCK_SIZE: usize = 64 * 1024;

/// The most blocks a pool can have.
pub const MAX_COUNT: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 29;
/// One bit between index and range is for [`StateCell`].
const RANGE_SHIFT: u32 = INDEX_BITS + 1;
const OFFSET_BITS: u32 = 17;

const _: () = assert!(RANGE_SHIFT + 2 * OFFSET_BITS == u64::BITS);
const _: () = assert!(MAX_BLOCK_SIZE < 1 << OFFSET_BITS);

/// The index of a block, in `[0, MAX_COUNT)`, and its data range `start..end`: offsets in
/// `[0, MAX_BLOCK_SIZE]`, with `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockState(u64);

impl BlockState {
    /// With an empty data range at the front of the block.
    pub(crate) fn empty(index: u32) -> Self {
        debug_assert!((index as usize) < MAX_COUNT);
        Self(u64::from(index))
    }

    pub(crate) fn with_range(self, start: usize, end: usize) -> Self {
        let offsets = (start as u64) | (end as u64) << OFFSET_BITS;
        Self(u64::from(self.index()) | offsets << RANGE_SHIFT)
    }

    pub(crate) fn with_end(self, end: usize) -> Self {
        const END_SHIFT: u32 = RANGE_SHIFT + OFFSET_BITS;
        Self(self.0 & !(u64::MAX << END_SHIFT) | (end as u64) << END_SHIFT)
    }

    fn with_index(self, index: u32) -> Self {
        Self(u64::from(index) | self.0 >> RANGE_SHIFT << RANGE_SHIFT)
    }

    pub(crate) fn index(self) -> u32 {
        (self.0 & ((1 << INDEX_BITS) - 1)) as u32
    }

    pub(crate) fn start(self) -> usize {
        (self.0 >> RANGE_SHIFT) as usize & ((1 << OFFSET_BITS) - 1)
    }

    pub(crate) fn end(self) -> usize {
        (self.0 >> (RANGE_SHIFT + OFFSET_BITS)) as usize
    }
}

/// The state of a block that has no handle, laid out as a [`BlockState`]: its data range; in place of
/// its index, the index of the block that follows it in a chain, or its own if none does; and, in the
/// bit between them, whether it may be claimed by index or address.
///
/// Initially all zero: it may not be claimed.
#[derive(Debug)]
pub(crate) struct StateCell([AtomicPart; PARTS]);

/// One with 64-bit words, otherwise two; index and bit are in the first.
const PARTS: usize = size_of::<u64>() / size_of::<Part>();

impl StateCell {
    const CLAIMABLE: Part = 1 << INDEX_BITS;

    pub(crate) const fn new() -> Self {
        Self([const { AtomicPart::new(0) }; PARTS])
    }

    #[inline]
    fn write(&self, bits: u64, first_part: Ordering) {
        // Indices up to a constant: when it optimises for size, a 32-bit compiler unrolls no iterator.
        let mut part = 1;
        while part < PARTS {
            // Relaxed: published with the first part, or by the queue.
            self.0[part].store((bits >> (part as u32 * Part::BITS)) as Part, Ordering::Relaxed);
            part += 1;
        }
        self.0[0].store(bits as Part, first_part);
    }

    /// Keeps the state of a block on its way through a queue, and the index of the one that follows it
    /// in its chain: its own if it is the last.
    #[inline]
    pub(crate) fn store(&self, state: BlockState, next: u32) {
        // Relaxed: only the block's owner changes anything here, and the queue's own release and
        // acquire pass the owner's writes on.
        self.write(state.with_index(next).0, Ordering::Relaxed);
    }

    /// The state of block `index` as [`store`](Self::store) left it, and the block that follows it.
    ///
    /// A caller that does not own the block may read any earlier or later state, the first one
    /// included, or a mixture of two; but the index that follows is always that of a block of this
    /// pool.
    #[inline]
    pub(crate) fn load(&self, index: u32) -> (BlockState, Option<u32>) {
        // Relaxed: as in `store`; after a claim, ordered by R2.
        let bits = self.with_rest(self.0[0].load(Ordering::Relaxed));
        let next = BlockState(bits).index();
        (BlockState(bits).with_index(index), (next != index).then_some(next))
    }

    /// All bits, given the first part.
    #[inline]
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

    /// Keeps the state of a block whose owner releases its handle, and lets it be claimed once.
    #[inline]
    pub(crate) fn release(&self, state: BlockState) {
        // R1: pairs with R2, R3 and R4, so that the thread that claims the block sees what its owner wrote.
        self.write(state.0 | Self::CLAIMABLE as u64, Ordering::Release);
    }

    /// Claims block `index` if it was [released](Self::release) and not claimed since.
    pub(crate) fn claim(&self, index: u32) -> Option<BlockState> {
        // R2: pairs with R1. A read-modify-write, so exactly one of several claims succeeds. It
        // changes nothing if the block may not be claimed. Using only the old value of this one bit
        // lets the compiler emit a single bit-test-and-reset.
        if self.0[0].fetch_and(!Self::CLAIMABLE, Ordering::Acquire) & Self::CLAIMABLE == 0 {
            return None;
        }
        Some(self.load(index).0)
    }

    /// As [`claim_unshared`](Self::claim_unshared), of a block that is given back: its range is of no use.
    #[inline]
    pub(crate) fn claim_and_forget(&self, index: u32) -> bool {
        // R4: pairs with R1, as R2 does.
        let claimable = self.0[0].load(Ordering::Acquire) & Self::CLAIMABLE != 0;
        if claimable {
            // Relaxed: as in `claim_unshared`.
            self.0[0].store(index as Part, Ordering::Relaxed);
        }
        claimable
    }

    /// As [`claim`](Self::claim), if no other thread claims the block meanwhile: a load and a store.
    #[inline]
    pub(crate) fn claim_unshared(&self, index: u32) -> Option<BlockState> {
        // R3: pairs with R1, as R2 does.
        let first_part = self.0[0].load(Ordering::Acquire);
        if first_part & Self::CLAIMABLE == 0 {
            return None;
        }
        // Relaxed: a later claim by this thread, or by one that has synchronised with it since,
        // reads this value or a newer one.
        self.0[0].store(first_part & !Self::CLAIMABLE, Ordering::Relaxed);
        Some(BlockState(self.with_rest(first_part)).with_index(index))
    }
}

#[cfg(test)]
mod tests {
    use super::{BlockState, MAX_BLOCK_SIZE, MAX_COUNT, StateCell};

    #[test]
    fn a_place_keeps_its_parts_apart() {
        let greatest = (MAX_COUNT - 1) as u32;
        for index in [0, 1, greatest] {
            for (start, end) in [(0, 0), (0, MAX_BLOCK_SIZE), (MAX_BLOCK_SIZE, MAX_BLOCK_SIZE)] {
                let state = BlockState::empty(index).with_range(1, 2).with_range(start, end);
                assert_eq!((state.index(), state.start(), state.end()), (index, start, end));
                assert_eq!(state.with_end(MAX_BLOCK_SIZE).with_end(end), state);
            }
        }
    }

    #[test]
    fn a_block_is_claimed_once_for_each_release() {
        let cell = StateCell::new();
        assert_eq!(cell.claim(7), None);
        let state = BlockState::empty(7).with_range(3, MAX_BLOCK_SIZE);
        cell.release(state);
        assert_eq!(cell.claim(7), Some(state));
        assert_eq!(cell.claim(7), None);
        cell.release(state);
        assert_eq!(cell.claim(7), Some(state));
    }

    #[test]
    fn both_ways_to_claim_are_one_claim() {
        let cell = StateCell::new();
        assert_eq!(cell.claim_unshared(7), None);
        let state = BlockState::empty(7).with_range(3, MAX_BLOCK_SIZE);
        cell.release(state);
        assert_eq!([(); 2].map(|()| cell.claim_and_forget(7)), [true, false]);
        for claims in [
            [StateCell::claim, StateCell::claim_unshared],
            [StateCell::claim_unshared, StateCell::claim],
        ] {
            cell.release(state);
            assert_eq!(claims.map(|claim| claim(&cell, 7)), [Some(state), None]);
        }
    }

    #[test]
    fn a_block_in_a_chain_cannot_be_claimed_and_knows_the_next() {
        let cell = StateCell::new();
        let state = BlockState::empty(7).with_range(3, 9);
        for (next, follows) in
            [(7, None), (0, Some(0)), ((MAX_COUNT - 1) as u32, Some((MAX_COUNT - 1) as u32))]
        {
            cell.release(state);
            cell.store(state, next);
            assert_eq!(cell.claim(7), None);
            assert_eq!(cell.load(7), (state, follows));
        }
    }
}
