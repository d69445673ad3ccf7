//! The blocks that a local pool keeps: indices, last in, first out.

use core::mem;

use crate::bug::cannot_happen;

/// Up to `N` indices, of which the caller may use fewer: see [`set_room`](Self::set_room).
#[derive(Debug)]
pub(crate) struct Stock<const N: usize> {
    /// The index given back last, if it is kept. Separate from the others, so that alternating gets and
    /// puts go through one word of memory, not through a length and then an element.
    newest: MaybeIndex,
    /// The others, oldest first.
    older: heapless::Vec<u32, N, usize>,
    /// The most older ones that are kept.
    room: usize,
}

/// An index or none, in the space of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaybeIndex(u32);

impl MaybeIndex {
    /// Greater than any index.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn some(index: u32) -> Self {
        Self(index)
    }

    #[inline]
    pub(crate) fn get(self) -> Option<u32> {
        (self.0 != Self::NONE.0).then_some(self.0)
    }
}

impl<const N: usize> Stock<N> {
    /// Empty, without room.
    pub(crate) const fn new() -> Self {
        Self { newest: MaybeIndex::NONE, older: heapless::Vec::new(), room: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.older.len() + usize::from(self.newest.get().is_some())
    }

    /// How many indices are kept besides the newest.
    pub(crate) fn older(&self) -> usize {
        self.older.len()
    }

    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// Keeps at most `room` indices besides the newest; `room` is less than `N`.
    pub(crate) fn set_room(&mut self, room: usize) {
        debug_assert!(room < N);
        self.room = room;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        self.take_newest().or_else(|| self.pop_older())
    }

    /// The last of the older ones.
    #[inline]
    pub(crate) fn pop_older(&mut self) -> Option<u32> {
        self.older.pop()
    }

    /// The index that was set apart, if one is.
    #[inline]
    pub(crate) fn take_newest(&mut self) -> Option<u32> {
        mem::replace(&mut self.newest, MaybeIndex::NONE).get()
    }

    /// Makes `index` the newest, and returns the previous one, which is no longer kept.
    #[inline]
    pub(crate) fn replace_newest(&mut self, index: u32) -> Option<u32> {
        mem::replace(&mut self.newest, MaybeIndex::some(index)).get()
    }

    /// Adds an index after the older ones; returns it if there is no room.
    #[inline]
    pub(crate) fn push_older(&mut self, index: u32) -> Result<(), u32> {
        if self.older.len() >= self.room {
            return Err(index);
        }
        self.older.push(index)
    }

    /// Lets `take` write up to `count` indices to an empty stock and return how many. Returns the last
    /// one.
    pub(crate) fn refill(
        &mut self,
        count: usize,
        take: impl FnOnce(&mut [u32]) -> usize,
    ) -> Option<u32> {
        if self.older.resize(count, 0).is_err() {
            cannot_happen();
        }
        let taken = take(&mut self.older);
        self.older.truncate(taken);
        self.older.last().copied()
    }

    /// The `count` oldest.
    pub(crate) fn oldest(&self, count: usize) -> &[u32] {
        self.older.get(..count).unwrap_or_else(|| {
            cannot_happen();
            &[]
        })
    }

    pub(crate) fn remove_oldest(&mut self, count: usize) {
        // Checked again, so that the compiler sees that nothing can panic.
        if let Some(kept) = self.older.len().checked_sub(count) {
            self.older.copy_within(count.., 0);
            self.older.truncate(kept);
        } else {
            cannot_happen();
        }
    }

    /// Up to `most` of the older ones, the newest of them last.
    #[inline]
    pub(crate) fn last(&self, most: usize) -> &[u32] {
        let kept = self.older.len().saturating_sub(most);
        // The compiler sees that it is within the vector.
        self.older.get(kept..).unwrap_or_default()
    }

    pub(crate) fn remove_last(&mut self, count: usize) {
        self.older.truncate(self.older.len().saturating_sub(count));
    }

    /// Adds `count` indices after the older ones, for which there is room if the one added last becomes the
    /// newest: call [`set_newest`](Self::set_newest). `write` gets their places, and returns how many of the
    /// last ones it has written, and a result; if these are not all, they are moved to the front.
    #[inline]
    pub(crate) fn append<R>(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut [u32]) -> (usize, R),
    ) -> R {
        let kept = self.older.len();
        debug_assert!(self.newest.get().is_none() && kept + count <= self.room + 1);
        if self.older.resize(kept + count, 0).is_err() {
            cannot_happen();
        }
        let added = self.older.get_mut(kept..).unwrap_or_default();
        let (done, result) = write(added);
        if done < count {
            added.copy_within(added.len().saturating_sub(done).., 0);
            self.older.truncate(kept + done);
        }
        result
    }

    /// Makes the newest the last of the older ones, of which there may then be one more than there is room for:
    /// take one.
    #[inline]
    pub(crate) fn join_newest(&mut self) {
        if let Some(newest) = self.take_newest()
            && self.older.push(newest).is_err()
        {
            cannot_happen();
        }
    }

    /// Makes the last of the older ones the newest, if there is none.
    pub(crate) fn set_newest(&mut self) {
        debug_assert!(self.newest.get().is_none());
        self.newest = self.pop_older().map_or(MaybeIndex::NONE, MaybeIndex::some);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::Stock;

    /// A stock with this room and these indices, given back in this order.
    fn stock<const N: usize>(room: usize, indices: &[u32]) -> Stock<N> {
        let mut stock = Stock::new();
        stock.set_room(room);
        for &index in indices {
            if let Some(older) = stock.replace_newest(index) {
                stock.push_older(older).unwrap();
            }
        }
        stock
    }

    fn drain<const N: usize>(mut stock: Stock<N>) -> Vec<u32> {
        core::iter::from_fn(|| stock.pop()).collect()
    }

    #[test]
    fn the_last_in_is_the_first_out() {
        let stock = stock::<4>(3, &[7, 0, 9]);
        assert_eq!((stock.len(), stock.older(), stock.last(1)), (3, 2, &[0][..]));
        assert_eq!(drain(stock), [9, 0, 7]);
    }

    #[test]
    fn without_room_only_the_newest_is_kept() {
        let mut stock = stock::<4>(0, &[7]);
        assert_eq!(stock.replace_newest(8), Some(7));
        assert_eq!(stock.push_older(7), Err(7));
        assert_eq!(drain(stock), [8]);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut stock = stock::<8>(7, &[1, 2, 3, 4, 5]);
        assert_eq!(stock.oldest(3), [1, 2, 3]);
        stock.remove_oldest(3);
        assert_eq!(drain(stock), [5, 4]);
    }

    #[test]
    fn the_last_are_removed_from_the_newest_on() {
        let mut stock = stock::<8>(7, &[1, 2, 3, 4, 5]);
        assert_eq!(stock.last(2), [3, 4]);
        stock.remove_last(2);
        assert_eq!(stock.last(9), [1, 2]);
        assert_eq!(drain(stock), [5, 2, 1]);
    }

    #[test]
    fn a_refill_keeps_what_was_taken() {
        let mut stock = stock::<8>(7, &[]);
        let take = |some: &mut [u32]| {
            assert_eq!(some.len(), 4);
            some[..2].copy_from_slice(&[3, 4]);
            2
        };
        assert_eq!(stock.refill(4, take), Some(4));
        assert_eq!(drain(stock), [4, 3]);
    }

    #[test]
    fn what_is_appended_comes_out_from_the_last_on() {
        for written in 0..=5 {
            let mut stock = stock::<8>(7, &[1, 2]);
            let newest = stock.take_newest().unwrap();
            stock.push_older(newest).unwrap();
            let result = stock.append(5, |slots| {
                assert_eq!(slots.len(), 5);
                for (slot, index) in slots.iter_mut().rev().zip(10..10 + written) {
                    *slot = index;
                }
                (written as usize, "as it was")
            });
            assert_eq!(result, "as it was");
            stock.set_newest();
            assert_eq!(stock.len(), 2 + written as usize);
            assert!(drain(stock).into_iter().eq((10..10 + written).chain([2, 1])));
        }
    }
}
