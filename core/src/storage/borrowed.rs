//! Blocks and bookkeeping in memory given at run time.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::bookkeeping::{BorrowedWords, IndexSet};
use super::{CountedList, FreeList, Parts, Storage};
use crate::block_state::StateCell;
use crate::extent::Stride;
use crate::ring::BorrowedSlots;
use crate::sync::AtomicUsize;

/// The storage of a [`Region`](crate::Region): blocks and bookkeeping in memory given at run time. Its
/// free list is `F`.
#[derive(Debug)]
#[expect(private_bounds, reason = "the free list is an `IndexSet`, or one that is counted")]
pub struct Borrowed<'m, F: BorrowedList<'m>> {
    memory: Memory<'m>,
    block_size: Stride,
    free: F,
    exhausted: AtomicUsize,
}

/// A free list over [`Bookkeeping`](super::Bookkeeping).
pub(crate) trait BorrowedList<'m>: FreeList {
    /// The words of the free list, next to which the states of blocks lie.
    fn words(&self) -> &BorrowedWords<'m>;
}

impl<'m> BorrowedList<'m> for IndexSet<'m> {
    fn words(&self) -> &BorrowedWords<'m> {
        self.words()
    }
}

impl<'m> BorrowedList<'m> for CountedList<IndexSet<'m>> {
    fn words(&self) -> &BorrowedWords<'m> {
        self.inner().words()
    }
}

impl<'m> Borrowed<'m, IndexSet<'m>> {
    /// # Safety
    ///
    /// For all of `'m`, as many strides of memory as `free` has indices lie from `first` on, in one
    /// allocation; they are valid for reads and writes and used by nothing else. `free` is unused.
    pub(crate) unsafe fn new(first: NonNull<u8>, block_size: Stride, free: IndexSet<'m>) -> Self {
        let memory = Memory {
            first,
            #[cfg(blockpool_asan)]
            bytes: block_size.bytes().get() * free.capacity(),
            _borrowed: PhantomData,
        };
        Self { memory, block_size, free, exhausted: AtomicUsize::new(0) }
    }

    pub(crate) fn counted(self) -> Borrowed<'m, CountedList<IndexSet<'m>>> {
        let Self { memory, block_size, free, exhausted } = self;
        Borrowed { memory, block_size, free: CountedList::from(free), exhausted }
    }
}

/// The memory of the blocks, borrowed as if by a mutable reference.
#[derive(Debug)]
struct Memory<'m> {
    first: NonNull<u8>,
    #[cfg(blockpool_asan)]
    bytes: usize,
    _borrowed: PhantomData<&'m mut [u8]>,
}

// SAFETY: as for `InPlace`: a block's bytes are accessed only by its one owner, and the free list,
// queue or claim that moves an index from one thread to another orders them.
unsafe impl Sync for Memory<'_> {}

// SAFETY: nothing here belongs to the thread that made it; the pointer stands for the memory that it
// borrows.
unsafe impl Send for Memory<'_> {}

#[cfg(blockpool_asan)]
impl Drop for Memory<'_> {
    fn drop(&mut self) {
        crate::poison::memory_is_gone(self.first, self.bytes);
    }
}

// SAFETY: `new` was promised the memory for `'m`, and that nobody else uses it; blocks are pieces of
// `block_size` bytes of it, one after the other. The free list is private.
unsafe impl<'m, F: BorrowedList<'m>> Parts for Borrowed<'m, F> {
    type Free = F;
    type Slots = BorrowedSlots<'m>;

    const NAME: &'static str = "Region";

    fn free(&self) -> &Self::Free {
        &self.free
    }

    #[inline]
    fn states<'s>(&'s self) -> impl Fn(u32) -> &'s StateCell {
        let words = self.free.words().clone();
        // SAFETY: by the trait's contract the index is below the capacity.
        move |index| unsafe { words.state(index) }
    }

    fn block(&self, index: u32) -> NonNull<u8> {
        debug_assert!((index as usize) < self.free.capacity());
        // SAFETY: the index is below the capacity, so the block lies in the memory.
        unsafe { self.memory.first.add(index as usize * self.size()) }
    }

    fn size(&self) -> usize {
        self.block_size.bytes().get()
    }

    fn stride(&self) -> Stride {
        self.block_size
    }

    fn exhausted(&self) -> &AtomicUsize {
        &self.exhausted
    }
}

impl<'m, F: BorrowedList<'m>> Storage for Borrowed<'m, F> {}
