//! Handing blocks from stage to stage.

use core::fmt;
use core::mem::MaybeUninit;

use crate::align::Alignment;
use crate::block::{self, Block, Claims};
use crate::error::{RawError, TooFewPlaces};
use crate::free::InPlace;
use crate::memory::{BlockPool, INTERNAL};
use crate::pool::Pool;
use crate::range;
use crate::region::Region;
use crate::ring::{Chain, Place, Popped, Ring};

/// A first-in, first-out hand-off of the blocks of one pool, between any producers and consumers:
/// threads, lcores, interrupts.
///
/// Block numbers travel, never bytes; the data range goes with the block. The queue has a place for
/// each block of its pool, so **a push cannot fail**: back-pressure is an exhausted pool, handled in
/// one place.
///
/// - Lock-free: no push or pop waits for another, wherever that one is stopped; an interrupt may do
///   both. A step is retried only because another thread's succeeded, after a pause of at most 32
///   spin-loop hints.
/// - When nobody else is at the same end, a push costs two atomic read-modify-writes, a pop one.
/// - A burst is linked into a chain, by a word that every block has in its pool's bookkeeping, and
///   travels as one: it costs two read-modify-writes to push, whatever its length, and two to pop,
///   by one consumer or in parts by several.
/// - Order: blocks come out in the order in which their pushes took effect; of two pushes one after
///   the other, the first comes out first. The blocks of a burst come out in their order, with no
///   other's between, unless blocks of another pool were among them.
/// - There is no `force_push`, which would replace the oldest block of a full queue: a queue is never
///   full. Popping the oldest and pushing the newest is two operations: another thread may find the queue
///   empty in between. Push first, and pop then; where every block may be in the queue, keep one back.
/// - Reuse distance: a thread stopped inside an operation is fooled only if at least 2^62 pushes
///   happen during that one stop (2^29 with 32-bit words).
///
/// Blocks in a queue are out, not available. Dropping the queue gives them back.
///
/// A queue has a word for each block of its pool. One that is made while the program runs is moved like any
/// value: over the stack in builds without optimisation, also into a `StaticCell`, so a large one can
/// overflow the stack before `main` has begun. A static, as below, or a `ConstStaticCell` is not moved. It
/// refers to its pool, so it lies in `.data`: in a microcontroller it takes flash besides. A queue
/// [with places](Queue::with_places) of a [`Region`] is small itself, wherever it is.
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
        self.pool.parked(place.number(), INTERNAL).store(place, place.number());
        // There is room: the ring has a place for each block, and this one is not in it.
        self.ring.push(Chain { first: place.number(), more: false });
        Ok(())
    }

    /// Takes the oldest block, or `None` if there is none.
    #[inline]
    pub fn pop(&self) -> Option<Block<'p, P>> {
        let mut oldest = range::Place::empty(0);
        let popped = self.ring.pop(|first| {
            let (place, next) = self.parked(first);
            oldest = place;
            self.left(next.unwrap_or(first))
        })?;
        if let Popped::Last(number) = popped {
            (oldest, _) = self.parked(number);
        }
        Some(self.pool.adopt(oldest, INTERNAL))
    }

    fn parked(&self, number: u32) -> (range::Place, Option<u32>) {
        self.pool.parked(number, INTERNAL).load(number)
    }

    /// A chain whose front was cut off.
    fn left(&self, first: u32) -> Chain {
        Chain { first, more: self.parked(first).1.is_some() }
    }

    /// Adds all of `blocks` at the end, the first one first, and returns how many.
    ///
    /// They take their places together, by two atomic read-modify-writes. Blocks of another pool stay
    /// in the vector, and make it a push for each of the others.
    pub fn push_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let Some((last, others)) = blocks.split_last() else { return 0 };
        let foreign = |block: &Block<'p, P>| !core::ptr::eq(block.pool(), self.pool);
        if foreign(last) {
            return self.push_own(blocks);
        }
        let mut first = last.place().number();
        self.pool.parked(first, INTERNAL).store(last.place(), first);
        for block in others.iter().rev() {
            if foreign(block) {
                return self.push_own(blocks);
            }
            let place = block.place();
            self.pool.parked(place.number(), INTERNAL).store(place, first);
            first = place.number();
        }
        let count = blocks.len();
        block::end_all(blocks);
        // There is room: as for one.
        self.ring.push(Chain { first, more: count > 1 });
        count
    }

    #[cold]
    fn push_own<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        // Pushes to vectors that held as many before cannot fail; a failure would give the block back.
        let mut reversed = heapless::Vec::<_, N>::new();
        while let Some(block) = blocks.pop() {
            let _ = reversed.push(block);
        }
        while let Some(block) = reversed.pop() {
            if let Err(block) = self.push(block) {
                let _ = blocks.push(block);
            }
        }
        before - blocks.len()
    }

    /// Takes the oldest blocks until `blocks` is full or the queue empty, and returns how many.
    ///
    /// Two atomic read-modify-writes for what was pushed as one burst; with other consumers, several
    /// steps, so that theirs may come between.
    pub fn pop_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        while !blocks.is_full() {
            let mut popped = Claims::behind(blocks);
            let result = self.ring.pop(|first| {
                popped.clear();
                let mut left = first;
                while popped.has_room()
                    && let (place, Some(next)) = self.parked(left)
                {
                    popped.push(self.pool, place);
                    left = next;
                }
                self.left(left)
            });
            match result {
                None => break,
                Some(Popped::Cut) => {}
                Some(Popped::Last(number)) => {
                    popped.clear();
                    popped.push(self.pool, self.parked(number).0);
                }
            }
            popped.keep();
        }
        blocks.len() - before
    }

    /// Adds blocks by address: claims them as [`from_raw_ptr_burst`] of the pool does, and adds them at
    /// the end, the first one first, as one burst. No handles are made.
    ///
    /// # Errors
    ///
    /// How many were added before the first pointer that is refused, and why it is. It and those behind
    /// it are not claimed.
    ///
    /// # Safety
    ///
    /// As for [`from_raw_ptr_burst`]. If two threads push one block at the same time after all, the queue
    /// may lose others, and its operations may never return.
    ///
    /// [`from_raw_ptr_burst`]: crate::Pool::from_raw_ptr_burst
    pub unsafe fn push_raw_ptr_burst(&self, pointers: &[*mut u8]) -> Result<(), (usize, RawError)> {
        let extent = self.pool.extent(INTERNAL);
        let mut claimed =
            pointers.iter().map(|&pointer| self.pool.claim_alone(pointer, extent, INTERNAL));
        let mut last = match claimed.next() {
            None => return Ok(()),
            Some(first) => first.map_err(|error| (0, error))?,
        };
        let (first, mut count, mut result) = (last.number(), 1, Ok(()));
        for next in claimed {
            match next {
                Ok(next) => {
                    self.pool.parked(last.number(), INTERNAL).store(last, next.number());
                    last = next;
                    count += 1;
                }
                Err(error) => {
                    result = Err((count, error));
                    break;
                }
            }
        }
        self.pool.parked(last.number(), INTERNAL).store(last, last.number());
        // There is room: as for one.
        self.ring.push(Chain { first, more: count > 1 });
        result
    }

    /// Takes the oldest blocks and gives each up, as [`Block::into_raw_ptr`] does, until `pointers` is
    /// full or the queue empty. Returns how many; their addresses stand at the front.
    ///
    /// As [`pop_burst`](Self::pop_burst), for code that has blocks by address: no handles are made. What is
    /// popped of a burst costs an atomic read-modify-write for each 32, and one for the burst's last block.
    pub fn pop_raw_ptr_burst(&self, pointers: &mut [MaybeUninit<*mut u8>]) -> usize {
        let mut taken = 0;
        while let Some(left @ [_, ..]) = pointers.get_mut(taken..) {
            // Noted, so that the links, each found by the one before, are followed once.
            let mut numbers = heapless::Vec::<u32, 32>::new();
            let most = left.len().min(numbers.capacity());
            let result = self.ring.pop(|oldest| {
                let mut next = oldest;
                numbers.clear();
                while numbers.len() < most
                    && let (_, Some(behind)) = self.parked(next)
                {
                    // There is room.
                    let _ = numbers.push(next);
                    next = behind;
                }
                self.left(next)
            });
            match result {
                None => break,
                Some(Popped::Cut) => {}
                Some(Popped::Last(number)) => {
                    numbers.clear();
                    let _ = numbers.push(number);
                }
            }
            for (pointer, &number) in left.iter_mut().zip(&numbers) {
                self.pool.parked(number, INTERNAL).release(self.parked(number).0);
                pointer.write(self.pool.block(number, INTERNAL).as_ptr());
            }
            taken += numbers.len();
        }
        taken
    }

    fn count(&self, most: usize) -> usize {
        self.ring.count(most, |number| self.parked(number).1)
    }

    /// How many blocks are in the queue: exact when nobody pushes or pops. Otherwise off by the
    /// operations that overlap the call; where one takes and pushes again what is being counted, a
    /// burst may count twice. Never more than [`capacity`](Self::capacity). For monitoring: counts
    /// the blocks one by one.
    pub fn len(&self) -> usize {
        self.count(self.capacity())
    }

    /// Whether the queue was empty at one instant during the call. Reads only; O(1) unless others
    /// push and pop meanwhile.
    pub fn is_empty(&self) -> bool {
        self.count(1) == 0
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
