//! Handles in bulk: all code that sets the length of a vector of blocks.

use core::mem::MaybeUninit;

use crate::block::Block;
use crate::block_state::BlockState;
use crate::bug::cannot_happen;
use crate::error::{BurstError, RawError};
use crate::storage::PoolType;

/// Handles written after the elements of a vector before it is certain that their blocks can be taken:
/// they are forgotten, not dropped, unless they are kept.
pub(crate) struct Claims<'v, 'p, P: PoolType, const N: usize> {
    blocks: &'v mut heapless::Vec<Block<'p, P>, N>,
    /// How many are written, in `[0, spare capacity]`.
    count: usize,
}

impl<'v, 'p, P: PoolType, const N: usize> Claims<'v, 'p, P, N> {
    pub(crate) fn behind(blocks: &'v mut heapless::Vec<Block<'p, P>, N>) -> Self {
        Self { blocks, count: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    pub(crate) fn has_room(&self) -> bool {
        // Written this way so that the compiler sees that `spare_capacity_mut` cannot panic.
        N.checked_sub(self.blocks.len()).is_some_and(|spare| self.count < spare)
    }

    /// There must be room.
    pub(crate) fn push(&mut self, pool: &'p P, state: BlockState) {
        if self.has_room()
            && let Some(spare) = self.blocks.spare_capacity_mut().get_mut(self.count)
        {
            spare.write(Block::new(pool, state));
            self.count += 1;
        } else {
            cannot_happen();
        }
    }

    /// Makes the handles real: the caller has become the owner of their blocks.
    pub(crate) fn keep(self) {
        let len = self.blocks.len() + self.count;
        // SAFETY: the elements up to `len` were there before or are written.
        unsafe { self.blocks.set_len(len) };
    }
}

/// Adds handles for blocks that the caller comes to own, one by one, until the vector is full, there
/// are no more, or one is refused. Returns how many.
pub(crate) fn adopt_each<'p, P: PoolType, const N: usize>(
    pool: &'p P,
    states: impl Iterator<Item = Result<BlockState, RawError>>,
    blocks: &mut heapless::Vec<Block<'p, P>, N>,
) -> Result<usize, BurstError> {
    let before = blocks.len();
    let mut count = 0;
    let mut result = Ok(());
    // Room first, so that no block is claimed without room for it.
    for (spare, state) in spare_capacity(blocks).iter_mut().zip(states) {
        match state {
            Ok(state) => spare.write(Block::new(pool, state)),
            Err(reason) => {
                result = Err(BurstError { done: count, reason });
                break;
            }
        };
        count += 1;
    }
    let len = before + count;
    // SAFETY: the elements up to `len` were there before or are written.
    unsafe { blocks.set_len(len) };
    result.map(|()| count)
}

/// Adds handles for free blocks, which the caller now owns, to a vector that has room for them.
pub(crate) fn adopt_all<'p, P: PoolType, const N: usize>(
    pool: &'p P,
    indices: impl Iterator<Item = u32>,
    blocks: &mut heapless::Vec<Block<'p, P>, N>,
) {
    let before = blocks.len();
    let spare = spare_capacity(blocks);
    let mut count = 0;
    indices.zip(spare).for_each(|(index, spare)| {
        spare.write(Block::of_free(pool, index));
        count += 1;
    });
    let len = before + count;
    // SAFETY: the elements up to `len` were there before or are written.
    unsafe { blocks.set_len(len) };
}

/// The vector's own function, in a form that lets the compiler see that it cannot panic.
fn spare_capacity<T, const N: usize>(vector: &mut heapless::Vec<T, N>) -> &mut [MaybeUninit<T>] {
    if vector.len() > N { &mut [] } else { vector.spare_capacity_mut() }
}

/// Ends all handles without giving the blocks back: the caller owns them now.
pub(crate) fn end_all<P: PoolType, const N: usize>(blocks: &mut heapless::Vec<Block<'_, P>, N>) {
    // SAFETY: 1. no element remains that would have to be initialised; 2. a handle may be forgotten.
    unsafe { blocks.set_len(0) };
}

#[cfg(test)]
mod tests {
    use super::Claims;
    use crate::block::Block;
    use crate::pool::Pool;

    #[test]
    fn claims_vanish_unless_they_are_kept() {
        let pool = Pool::<8, 4>::new();
        let first = pool.get().unwrap();
        let second = pool.get().unwrap();
        let mut blocks = heapless::Vec::<Block<'_, _>, 2>::new();
        let mut claims = Claims::behind(&mut blocks);
        claims.push(&pool, first.state());
        claims.push(&pool, second.state());
        assert!(!claims.has_room());
        claims.clear();
        assert!(claims.has_room());
        claims.push(&pool, second.state());
        assert!(blocks.is_empty());
        let mut claims = Claims::behind(&mut blocks);
        claims.push(&pool, first.state());
        claims.clear();
        claims.push(&pool, second.into_state());
        claims.keep();
        assert!(blocks.iter().map(Block::index).eq([1]));
        drop(blocks);
        assert_eq!(pool.available(), 3);
    }
}
