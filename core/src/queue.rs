//! A queue that passes blocks from stage to stage.

use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::align::Alignment;
use crate::block::Block;
use crate::block_state::BlockState;
use crate::bug::cannot_happen;
use crate::burst::{self, Claims};
use crate::error::{BurstError, RawError, RegionError};
use crate::free_list::{FreeList, FreeListKind};
use crate::pool::Pool;
use crate::region::Region;
use crate::ring::{BorrowedSlots, Chain, Popped, QueueSlot, Ring, SlotsInPlace};
use crate::storage::{BorrowedList, Parts, PoolType};

/// A first-in, first-out queue for the blocks of one pool, between any number of producers and
/// consumers: threads, lcores, interrupt handlers.
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
///
/// Block indices and data ranges travel through it, never bytes. The queue has a
/// slot for each block of its pool, so **a push cannot fail**: back-pressure is an exhausted pool,
/// handled in one place.
///
/// - Lock-free: no push or pop waits for another, wherever that one is preempted; an interrupt handler
///   may do both. An operation is retried only when another's succeeded meanwhile (on processors with
///   load- and store-exclusive instructions, also when it was interrupted between the two), after a
///   pause of at most 32 spin-loop hints.
/// - When no other thread is at the same end, a push and a pop cost one atomic read-modify-write each. A
///   push after one that was preempted for long may have to search for the end, O(log² capacity).
/// - A burst is linked into a chain, through a word that the pool keeps for each block, and travels as
///   one: it costs one read-modify-write to push, whatever its length, and two to pop, by one consumer
///   or in parts by several.
/// - What a thread wrote before a push is visible to the thread that pops the block.
/// - Order: blocks come out in the order in which their pushes took effect; of two successive pushes,
///   the first comes out first. The blocks of a burst come out in their order, with no others between
///   them, unless blocks of another pool were among them.
/// - There is no `force_push`, which would replace the oldest block of a full queue: a push never finds
///   the queue full. Popping the oldest and pushing the newest is two operations, between which another
///   thread may find the queue empty. Push first, then pop: always keep
///   one block out of the queue, to have one to push.
/// - ABA needs at least 2^35 pushes (2^61 if blocks have more than 8,191 bytes, 2^28 with 32-bit words)
///   during one preemption of a thread inside an operation.
///
/// Blocks in a queue are out, not available. Dropping the queue gives them back.
///
/// A queue takes 8 bytes for each block of its pool, 4 with 32-bit words. A static, as above, or a `ConstStaticCell` is not
/// moved; a queue that is made at run time is moved like any value, and a large one can overflow the
/// stack in builds without optimisation. A static queue refers to its pool, so it lies in `.data`: on a
/// microcontroller it takes flash as well. A queue [with slots](Queue::with_slots) of a [`Region`] is
/// small itself, wherever it lies.
#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
pub struct Queue<'p, P: PoolType> {
    pool: &'p P,
    /// Indices of blocks that are out and owned by this queue; the pool keeps their states.
    ring: Ring<<P::Storage as Parts>::Slots>,
}

impl<'p, const SIZE: usize, const COUNT: usize, A: Alignment, K: FreeListKind>
    Queue<'p, Pool<SIZE, COUNT, A, K>>
{
    /// An empty queue for the blocks of `pool`.
    #[must_use]
    pub const fn new(pool: &'p Pool<SIZE, COUNT, A, K>) -> Self {
        Self { pool, ring: Ring::new(SlotsInPlace::new()) }
    }
}

#[expect(private_bounds, reason = "the free list is `Bitmap` or `Counted`")]
impl<'p, 'm, F: BorrowedList<'m>> Queue<'p, Region<'m, F>> {
    /// An empty queue for the blocks of `region`, with a slot for each.
    ///
    /// # Errors
    ///
    /// [`RegionError::TooFewSlots`] if there are fewer `slots` than blocks.
    pub fn with_slots(
        region: &'p Region<'m, F>,
        slots: &'m mut [QueueSlot],
    ) -> Result<Self, RegionError> {
        let (needed, given) = (region.capacity(), slots.len());
        let Some(slots) = slots.get_mut(..needed) else {
            return Err(RegionError::TooFewSlots { needed, given });
        };
        let slots = BorrowedSlots::new(slots, region.block_size());
        Ok(Self { pool: region, ring: Ring::new(slots) })
    }
}

#[expect(private_bounds, reason = "`P` is a `Pool` or a `Region`")]
impl<'p, P: PoolType> Queue<'p, P> {
    /// Adds a block at the end. Cannot fail for a block of this queue's pool.
    ///
    /// Lock-free: any thread or interrupt handler may call it.
    ///
    /// # Errors
    ///
    /// Gives back a block of another pool.
    pub fn push(&self, block: Block<'p, P>) -> Result<(), Block<'p, P>> {
        if !core::ptr::eq(block.pool(), self.pool) {
            return Err(block);
        }
        self.push_state(block.into_state());
        Ok(())
    }

    /// Takes the oldest block, or `None` if there is none.
    ///
    /// Lock-free: any thread or interrupt handler may call it.
    ///
    /// `None` and [`is_empty`](Self::is_empty) do not order what this thread wrote before with what others
    /// read: a consumer that announces its sleep and then finds the queue empty, and a producer that
    /// pushes and then looks whether one sleeps, each need a
    /// [`fence(SeqCst)`](core::sync::atomic::fence) in between.
    #[inline]
    pub fn pop(&self) -> Option<Block<'p, P>> {
        let mut oldest = BlockState::empty(0);
        let popped = self.ring.pop(|first| {
            let (state, next) = self.state(first);
            oldest = state;
            self.left(next.unwrap_or(first))
        })?;
        if let Popped::Last(last) = popped {
            oldest = self.with_range(last);
        }
        Some(Block::new(self.pool, oldest))
    }

    fn storage(&self) -> &P::Storage {
        self.pool.storage()
    }

    /// Adds a block that the caller owns.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn push_state(&self, state: BlockState) {
        if !self.ring.layout().has_ranges() {
            self.storage().state(state.index()).store(state, state.index());
        }
        // There is room: the ring has a slot for each block, and this one is not in it.
        self.ring.push(Chain { first: state, more: false });
    }

    /// The state of a block that was popped as the last of its chain.
    fn with_range(&self, last: BlockState) -> BlockState {
        if self.ring.layout().has_ranges() { last } else { self.state(last.index()).0 }
    }

    /// The state of a block in the queue, and the block that follows it in its chain.
    fn state(&self, index: u32) -> (BlockState, Option<u32>) {
        self.storage().state(index).load(index)
    }

    /// A chain whose front was cut off.
    fn left(&self, first: u32) -> Chain {
        let (first, next) = self.state(first);
        Chain { first, more: next.is_some() }
    }

    /// Adds all of `blocks` at the end, the first one first, and returns how many.
    ///
    /// One atomic read-modify-write for all of them. Blocks of another pool stay in the vector; the
    /// others are then pushed one by one.
    pub fn push_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let Some((last, others)) = blocks.split_last() else { return 0 };
        let foreign = |block: &Block<'p, P>| !core::ptr::eq(block.pool(), self.pool);
        if foreign(last) {
            return self.push_own(blocks);
        }
        let mut first = last.state();
        self.storage().state(first.index()).store(first, first.index());
        for block in others.iter().rev() {
            if foreign(block) {
                return self.push_own(blocks);
            }
            let state = block.state();
            self.storage().state(state.index()).store(state, first.index());
            first = state;
        }
        let count = blocks.len();
        burst::end_all(blocks);
        // There is room, as in `push`.
        self.ring.push(Chain { first, more: count > 1 });
        count
    }

    #[cold]
    fn push_own<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        let mut reversed = heapless::Vec::<_, N>::new();
        while let Some(block) = blocks.pop() {
            if reversed.push(block).is_err() {
                cannot_happen();
            }
        }
        while let Some(block) = reversed.pop() {
            if let Err(block) = self.push(block)
                && blocks.push(block).is_err()
            {
                cannot_happen();
            }
        }
        before - blocks.len()
    }

    /// Takes the oldest blocks until `blocks` is full or the queue empty, and returns how many.
    ///
    /// Two atomic read-modify-writes for what was pushed as one burst; with other consumers it takes
    /// several steps, and their pops may come between them.
    pub fn pop_burst<const N: usize>(&self, blocks: &mut heapless::Vec<Block<'p, P>, N>) -> usize {
        let before = blocks.len();
        while !blocks.is_full() {
            let mut popped = Claims::behind(blocks);
            let result = self.ring.pop(|first| {
                popped.clear();
                let mut left = first;
                while popped.has_room()
                    && let (state, Some(next)) = self.state(left)
                {
                    popped.push(self.pool, state);
                    left = next;
                }
                self.left(left)
            });
            match result {
                None => break,
                Some(Popped::Cut) => {}
                Some(Popped::Last(last)) => {
                    popped.clear();
                    popped.push(self.pool, self.with_range(last));
                }
            }
            popped.keep();
        }
        blocks.len() - before
    }

    /// Adds a block by address: claims it as [`from_raw_ptr_burst`] does, and adds it at the end. No
    /// handle is made.
    ///
    /// # Errors
    ///
    /// As [`from_raw_ptr_burst`]; nothing changes.
    ///
    /// # Safety
    ///
    /// As for [`push_raw_ptr_burst`](Self::push_raw_ptr_burst).
    ///
    /// [`from_raw_ptr_burst`]: crate::BlockPool::from_raw_ptr_burst
    pub unsafe fn push_raw_ptr(&self, pointer: NonNull<u8>) -> Result<(), RawError> {
        self.push_state(self.storage().claim_unshared(pointer, self.storage().extent())?);
        Ok(())
    }

    /// Adds blocks by address: claims them as [`from_raw_ptr_burst`] does, and adds them at the end, the
    /// first one first, as one burst. No handles are made.
    ///
    /// # Errors
    ///
    /// At the first pointer that is refused. Those before it are added; it and those after it are not
    /// claimed.
    ///
    /// # Safety
    ///
    /// As for [`from_raw_ptr_burst`]. If two threads nevertheless push one block at the same time, the
    /// queue may lose other blocks, and its operations may never return.
    ///
    /// [`from_raw_ptr_burst`]: crate::BlockPool::from_raw_ptr_burst
    pub unsafe fn push_raw_ptr_burst(&self, pointers: &[NonNull<u8>]) -> Result<(), BurstError> {
        let storage = self.storage();
        let (extent, states) = (storage.extent(), storage.states());
        let mut claimed = pointers.iter().map(|&pointer| {
            let index = extent.index_of(pointer)?;
            states(index).claim_unshared(index).ok_or(RawError::NotReleased { index })
        });
        let mut last = match claimed.next() {
            None => return Ok(()),
            Some(first) => first.map_err(|reason| BurstError { done: 0, reason })?,
        };
        let (first, mut count, mut result) = (last, 1, Ok(()));
        for next in claimed {
            match next {
                Ok(next) => {
                    states(last.index()).store(last, next.index());
                    last = next;
                    count += 1;
                }
                Err(reason) => {
                    result = Err(BurstError { done: count, reason });
                    break;
                }
            }
        }
        states(last.index()).store(last, last.index());
        // There is room, as in `push`.
        self.ring.push(Chain { first, more: count > 1 });
        result
    }

    /// Takes the oldest block and releases it, as [`Block::into_raw_ptr`] does; `None` if there is none.
    pub fn pop_raw_ptr(&self) -> Option<NonNull<u8>> {
        self.pop().map(Block::into_raw_ptr)
    }

    /// Takes the oldest blocks and releases each, as [`Block::into_raw_ptr`] does, until `pointers` is
    /// full or the queue empty. Returns how many; their addresses are at the front, in order.
    ///
    /// As [`pop_burst`](Self::pop_burst), for code that handles blocks by address: no handles are made.
    /// Popping from a burst costs an atomic read-modify-write for every 32 blocks, and one for the
    /// burst's last block. There is no all-or-nothing pop: another consumer could pop before the blocks
    /// were put back.
    pub fn pop_raw_ptr_burst(&self, pointers: &mut [MaybeUninit<NonNull<u8>>]) -> usize {
        let storage = self.storage();
        let mut taken = 0;
        while let Some(left @ [_, ..]) = pointers.get_mut(taken..) {
            // Recorded, so that the links, each found through the one before, are followed only once.
            let mut indices = heapless::Vec::<u32, 32>::new();
            let most = left.len().min(indices.capacity());
            let result = self.ring.pop(|oldest| {
                let mut next = oldest;
                indices.clear();
                while indices.len() < most
                    && let (_, Some(after)) = self.state(next)
                    && indices.push(next).is_ok()
                {
                    next = after;
                }
                self.left(next)
            });
            match result {
                None => break,
                Some(Popped::Cut) => {}
                Some(Popped::Last(last)) => {
                    indices.clear();
                    if indices.push(last.index()).is_err() {
                        cannot_happen();
                    }
                    // As if it had been in a chain.
                    let last = self.with_range(last);
                    storage.state(last.index()).store(last, last.index());
                }
            }
            storage.release_kept(&indices, left);
            taken += indices.len();
        }
        taken
    }

    fn count(&self, most: usize) -> usize {
        self.ring.count(most, |index| self.state(index).1)
    }

    /// How many blocks are in the queue: exact when nobody pushes or pops. Otherwise off by the
    /// operations that overlap the call; if one of them pops and pushes again what is being counted, a
    /// burst may count twice. Never more than [`capacity`](Self::capacity). For monitoring: lock-free,
    /// counts the blocks one by one.
    pub fn len(&self) -> usize {
        self.count(self.capacity())
    }

    /// Whether the queue was empty at one instant during the call. Reads only; O(1) unless others
    /// push and pop meanwhile.
    pub fn is_empty(&self) -> bool {
        self.count(1) == 0
    }

    /// Whether [`len`](Self::len) is the capacity: exact when nobody pushes or pops, otherwise possibly
    /// wrong either way.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// How many blocks the queue can hold: all of its pool.
    pub fn capacity(&self) -> usize {
        self.storage().free().capacity()
    }
}

impl<P: PoolType> Drop for Queue<'_, P> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<P: PoolType> fmt::Debug for Queue<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
