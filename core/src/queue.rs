//! Handing blocks from stage to stage.

use core::fmt;

use crate::align::Alignment;
use crate::block::Block;
use crate::error::TooFewPlaces;
use crate::free::InPlace;
use crate::memory::{BlockPool, INTERNAL};
use crate::pool::Pool;
use crate::region::Region;
use crate::ring::{Place, Ring};

/// A first-in, first-out hand-off of the blocks of one pool, between any producers and consumers:
/// threads, lcores, interrupts.
///
/// Block numbers travel, never bytes; the data range goes with the block. The queue has a place for
/// each block of its pool, so **a push cannot fail**: back-pressure is an exhausted pool, handled in
/// one place.
///
/// - Lock-free: no push or pop waits for another, wherever that one is stopped; an interrupt may do
///   both. A step is retried only because another thread's succeeded.
/// - A push and a pop cost two atomic read-modify-writes each when nobody else is at the same end.
///   That is the price of never waiting: a queue whose producers may spin pays half.
/// - Order: blocks come out in the order in which their pushes took effect; of two pushes one after
///   the other, the first comes out first. Bursts are pushes and pops one by one: those of other
///   threads may come between.
/// - Reuse distance: a thread stopped inside an operation is fooled only if at least 2^63 pushes
///   happen during that one stop (2^31 with 32-bit words).
///
/// Blocks in a queue are out, not available. Dropping the queue gives them back. A static queue
/// refers to its pool, so it lies in `.data`.
///
/// ```
/// use blockpool_core::{Pool, Queue};
///
/// static POOL: Pool<2048, 64> = Pool::new();
/// static RECEIVED: Queue<'static, Pool<2048, 64>> = Queue::new(&POOL);
///
/// std::thread::spawn(|| {
///     let mut block = POOL.get().unwrap();
///     block.append(b"a packet").unwrap();
///     RECEIVED.push(block).unwrap();
/// })
/// .join()
/// .unwrap();
///
/// assert_eq!(&RECEIVED.pop().unwrap()[..], b"a packet");
/// ```
pub struct Queue<'p, P: BlockPool> {
    pool: &'p P,
    /// Numbers of blocks that are out, owned by this queue, their data ranges parked.
    ring: Ring<P::Places>,
}

impl<'p, const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace>
    Queue<'p, Pool<SIZE, COUNT, A, F>>
{
    /// An empty queue for the blocks of `pool`.
    #[must_use]
    pub const fn new(pool: &'p Pool<SIZE, COUNT, A, F>) -> Self {
        Self { pool, ring: Ring::new([const { Place::new() }; COUNT]) }
    }
}

impl<'p, 'm> Queue<'p, Region<'m>> {
    /// An empty queue for the blocks of `region`, which need a place each.
    ///
    /// # Errors
    ///
    /// [`TooFewPlaces`] if there are fewer `places` than blocks.
    pub fn with_places(
        region: &'p Region<'m>,
        places: &'m mut [Place],
    ) -> Result<Self, TooFewPlaces> {
        let (needed, given) = (region.capacity(), places.len());
        let Some(places) = places.get_mut(..needed) else {
            return Err(TooFewPlaces { needed, given });
        };
        places.fill_with(Place::new);
        Ok(Self { pool: region, ring: Ring::new(places) })
    }
}

impl<'p, P: BlockPool> Queue<'p, P> {
    /// Adds a block at the end. Cannot fail for a block of this queue's pool.
    ///
    /// # Errors
    ///
    /// Gives back a block of another pool.
    pub fn push(&self, block: Block<'p, P>) -> Result<(), Block<'p, P>> {
        if !core::ptr::eq(block.pool(), self.pool) {
            return Err(block);
        }
        let place = block.into_place();
        self.pool.parked(place.number(), INTERNAL).store(place);
        // There is room: the ring has a place for each block, and this one is not in it.
        self.ring.push(place.number());
        Ok(())
    }

    /// Takes the oldest block, or `None` if there is none.
    pub fn pop(&self) -> Option<Block<'p, P>> {
        let number = self.ring.pop()?;
        Some(self.pool.adopt(self.pool.parked(number, INTERNAL).load(number), INTERNAL))
    }

    /// Adds all of `blocks` at the end, the first one first, and returns how many. Blocks of another
    /// pool stay in the vector.
    pub fn push_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        for block in core::mem::take(blocks) {
            if let Err(foreign) = self.push(block) {
                // The vector held it before, so this cannot fail; a failure would give it back.
                let _ = blocks.push(foreign);
            }
        }
        before - blocks.len()
    }

    /// Takes the oldest blocks until `blocks` is full or the queue empty, and returns how many.
    pub fn pop_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        while !blocks.is_full() {
            let Some(block) = self.pop() else { break };
            // The vector is not full, so this cannot fail; a failure would give the block back.
            let _ = blocks.push(block);
        }
        blocks.len() - before
    }

    /// How many blocks are in the queue: exact when nobody pushes or pops, otherwise off by the
    /// operations that overlap the call.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many blocks the queue can hold: all of its pool.
    pub fn capacity(&self) -> usize {
        self.pool.capacity()
    }
}

impl<P: BlockPool> Drop for Queue<'_, P> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<P: BlockPool> fmt::Debug for Queue<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
