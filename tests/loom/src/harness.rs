//! What models are made of: threads, and a pool and queue that detect misuse.

use core::mem::{self, MaybeUninit};
use std::sync::Mutex;

use loom::cell::UnsafeCell;

use crate::align::Align;
use crate::block::Block;
use crate::block_state::BlockState;
use crate::free_list::FreeList;
use crate::free_list::{AllFree, FreeListKind, GROUP, InitInPlace, Kind, Put};
use crate::pool::Pool;
use crate::process;
use crate::queue::Queue;
use crate::storage::{Parts as _, PoolType as _};
use crate::sync;

/// Runs all of `sides` at the same time, each in its own thread. The main thread only waits: it has seen
/// everything, so it would detect nothing.
fn together<const THREADS: usize>(sides: [Box<dyn FnOnce() + '_>; THREADS]) {
    process::note_threads(THREADS);
    let spawned = sides.map(|side| {
        // SAFETY: what the side borrows outlives the thread: it is joined below, and a panic
        // anywhere before that ends the process instead of unwinding.
        let side: Box<dyn FnOnce() + 'static> = unsafe { mem::transmute(side) };
        loom::thread::spawn(move || {
            sync::mark_as_spawned();
            side();
        })
    });
    for thread in spawned {
        thread.join().expect("a panic ends the process");
    }
}

pub(crate) fn two<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    let (mut of_a, mut of_b) = (None, None);
    together([Box::new(|| of_a = Some(a())), Box::new(|| of_b = Some(b()))]);
    (of_a.expect("joined"), of_b.expect("joined"))
}

pub(crate) fn three<A, B, C>(
    a: impl FnOnce() -> A,
    b: impl FnOnce() -> B,
    c: impl FnOnce() -> C,
) -> (A, B, C) {
    let (mut of_a, mut of_b, mut of_c) = (None, None, None);
    together([
        Box::new(|| of_a = Some(a())),
        Box::new(|| of_b = Some(b())),
        Box::new(|| of_c = Some(c())),
    ]);
    (of_a.expect("joined"), of_b.expect("joined"), of_c.expect("joined"))
}

/// A stack address with which a thread looks first in `group` of a free list whose indices are all free.
pub(crate) fn address_with_home(set: &impl FreeList, group: usize) -> usize {
    let found = (0..1000).map(|multiple| multiple << 14).find(|&address| {
        sync::set_stack_address(address);
        let number = set.take().expect("all are free");
        set.give_back(number);
        number as usize / GROUP == group
    });
    found.expect("every group is some thread's home")
}

/// What an owner wrote to each of `COUNT` things. Loom reports an owner that does not see what the previous
/// one wrote, and two owners at a time.
pub(crate) struct Payload<const COUNT: usize>([UnsafeCell<u32>; COUNT]);

impl<const COUNT: usize> Payload<COUNT> {
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| UnsafeCell::new(0)))
    }

    /// Writes, as the owner, and returns how often that had been done before.
    pub(crate) fn touch(&self, index: usize) -> u32 {
        self.0[index].with_mut(|times| {
            // SAFETY: loom has checked that no other thread is here.
            let times = unsafe { &mut *times };
            mem::replace(times, *times + 1)
        })
    }
}

/// A free list in memory that loom does not track: a model of a queue names the blocks it takes, and the free
/// list's own steps would only multiply the executions.
pub(crate) struct Unmodelled;

impl Kind for Unmodelled {}

impl FreeListKind for Unmodelled {
    type List<const COUNT: usize> = UnmodelledList<COUNT>;
}

pub(crate) struct UnmodelledList<const COUNT: usize>(Mutex<[bool; COUNT]>);

impl<const COUNT: usize> UnmodelledList<COUNT> {
    fn set(&self, number: u32, out: bool) {
        let mut all = self.0.lock().expect("a panic ends the process");
        let was_out = mem::replace(&mut all[number as usize], out);
        assert_ne!(was_out, out, "block {number} has two owners");
    }
}

impl<const COUNT: usize> Put for UnmodelledList<COUNT> {
    fn put(&self, number: u32) {
        self.set(number, false);
    }

    fn put_all(&self, numbers: &[u32]) {
        numbers.iter().for_each(|&number| self.set(number, false));
    }
}

impl<const COUNT: usize> FreeList for UnmodelledList<COUNT> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn take(&self) -> Option<u32> {
        unreachable!("a model names the block")
    }

    fn available(&self) -> usize {
        let all = self.0.lock().expect("a panic ends the process");
        all.iter().filter(|&&out| !out).count()
    }
}

impl<const COUNT: usize> AllFree for UnmodelledList<COUNT> {
    const ALL_FREE: Self = Self(Mutex::new([false; COUNT]));
}

impl<const COUNT: usize> InitInPlace for UnmodelledList<COUNT> {}

/// With its data range in the slot of a queue; on 32-bit targets, in the parked state.
const BLOCK_SIZE: usize = if cfg!(feature = "parts-of-32-bits") { 1 << 14 } else { 64 };

type PoolOf<const COUNT: usize> = Pool<BLOCK_SIZE, COUNT, Align<1>, Unmodelled>;
type BlockOf<'p, const COUNT: usize> = Block<'p, PoolOf<COUNT>>;

/// A queue for the blocks of its own pool, which checks that each comes out as it was pushed.
pub(crate) struct CheckedQueue<'p, const COUNT: usize> {
    pub(crate) pool: &'p PoolOf<COUNT>,
    pub(crate) inner: Queue<'p, PoolOf<COUNT>>,
    payload: Payload<COUNT>,
}

/// Runs `model` with an empty queue, and drops the queue.
pub(crate) fn checked_queue<const COUNT: usize>(model: impl FnOnce(&CheckedQueue<'_, COUNT>)) {
    let pool = &PoolOf::new();
    let queue = CheckedQueue { pool, inner: Queue::new(pool), payload: Payload::new() };
    // Settles both ends and every slot, and then the parked state of every block.
    (0..COUNT as u32).for_each(|number| queue.push(number));
    for number in 0..COUNT as u32 {
        let _ = format!("{:?}", pool.storage().state(number));
    }
    assert!(queue.rest().into_iter().eq(0..COUNT as u32));
    model(&queue);
    drop(queue);
    assert_eq!(pool.available(), COUNT, "a block was lost");
}

impl<'p, const COUNT: usize> CheckedQueue<'p, COUNT> {
    /// A block that was free, written to by this thread.
    pub(crate) fn block(&self, number: u32) -> BlockOf<'p, COUNT> {
        self.pool.storage().free().set(number, true);
        let mut block = Block::new(self.pool, BlockState::empty(number));
        self.write(&mut block);
        block
    }

    /// Writes to a block, and records in its data range how often that was done.
    pub(crate) fn write(&self, block: &mut BlockOf<'p, COUNT>) {
        let times = self.payload.touch(block.index() as usize) + 1;
        block.reset(times as usize).expect("models are short");
    }

    /// Checks that block and range are as the last owner left them.
    pub(crate) fn check(&self, block: &mut BlockOf<'p, COUNT>) {
        let times = self.payload.touch(block.index() as usize);
        assert_eq!(block.headroom(), times as usize, "the range of another hand-off");
        block.reset(times as usize + 1).expect("models are short");
    }

    /// Pushes a block that was free.
    pub(crate) fn push(&self, number: u32) {
        self.push_again(self.block(number));
    }

    pub(crate) fn push_again(&self, block: BlockOf<'p, COUNT>) {
        self.inner.push(block).expect("a block of this pool");
    }

    /// Pushes blocks that were free, as one chain.
    pub(crate) fn push_burst<const N: usize>(&self, numbers: [u32; N]) {
        let mut blocks: heapless::Vec<_, N> =
            numbers.into_iter().map(|number| self.block(number)).collect();
        assert_eq!(self.inner.push_burst(&mut blocks), N);
    }

    pub(crate) fn pop_block(&self) -> Option<BlockOf<'p, COUNT>> {
        let mut block = self.inner.pop()?;
        self.check(&mut block);
        Some(block)
    }

    /// Pops a block and gives it back.
    pub(crate) fn pop(&self) -> Option<u32> {
        self.pop_block().map(|block| block.index())
    }

    /// Pops where the queue is never empty.
    pub(crate) fn must_pop(&self) -> u32 {
        self.pop().expect("none, though the queue was never empty")
    }

    pub(crate) fn pop_burst_of<const N: usize>(&self) -> heapless::Vec<BlockOf<'p, COUNT>, N> {
        let mut blocks = heapless::Vec::new();
        self.inner.pop_burst(&mut blocks);
        blocks.iter_mut().for_each(|block| self.check(block));
        blocks
    }

    /// Pops up to `N` blocks as one burst and gives them back.
    pub(crate) fn pop_burst<const N: usize>(&self) -> Vec<u32> {
        self.pop_burst_of::<N>().iter().map(Block::index).collect()
    }

    /// Pushes blocks that were free, as one chain, by address.
    pub(crate) fn push_addresses<const N: usize>(&self, numbers: [u32; N]) {
        self.push_each(numbers.map(|number| self.block(number)));
    }

    fn push_each(&self, blocks: impl IntoIterator<Item = BlockOf<'p, COUNT>>) {
        let pointers: Vec<_> = blocks.into_iter().map(Block::into_raw_ptr).collect();
        // SAFETY: they were just released.
        unsafe { self.inner.push_raw_ptr_burst(&pointers) }.expect("blocks of this pool");
    }

    fn pop_each<const N: usize>(&self) -> Vec<BlockOf<'p, COUNT>> {
        let mut pointers = [const { MaybeUninit::uninit() }; N];
        let count = self.inner.pop_raw_ptr_burst(&mut pointers);
        let popped = pointers.iter().take(count).map(|pointer| {
            // SAFETY: that many were written.
            let pointer = unsafe { pointer.assume_init() };
            // SAFETY: it was popped, and nothing else has it.
            let block = unsafe { self.pool.from_raw_ptr(pointer) };
            let mut block = block.expect("it is out");
            self.check(&mut block);
            block
        });
        popped.collect()
    }

    /// Pops up to `N` blocks by address as one burst and gives them back.
    pub(crate) fn pop_addresses<const N: usize>(&self) -> Vec<u32> {
        self.pop_each::<N>().iter().map(Block::index).collect()
    }

    /// Pops two by address and pushes them in reverse order.
    pub(crate) fn turn_round_addresses(&self) {
        let mut blocks = self.pop_each::<2>();
        blocks.reverse();
        blocks.iter_mut().for_each(|block| self.write(block));
        self.push_each(blocks);
    }

    /// Pops and pushes again, if there is a block.
    pub(crate) fn move_on(&self) {
        if let Some(mut block) = self.pop_block() {
            self.write(&mut block);
            self.push_again(block);
        }
    }

    /// All that is left.
    pub(crate) fn rest(&self) -> Vec<u32> {
        core::iter::from_fn(|| self.pop()).collect()
    }
}

/// Asserts that `parts` together are the indices below `count`, each once.
pub(crate) fn assert_each_once(count: u32, parts: &[&[u32]]) {
    let mut all = parts.concat();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..count), "lost or doubled: {parts:?}");
}
