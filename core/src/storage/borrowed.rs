//! Blocks and bookkeeping in memory given at run time.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::bookkeeping::{BorrowedWords, IndexSet};
use super::{Bitmap, Counted, FreeList, Parts, Storage};
use crate::block_state::StateCell;
use crate::extent::Stride;
use crate::free_list::CountedList;
use crate::ring::QueueSlot;
use crate::sync::AtomicUsize;

/// The storage of a [`Region`](crate::Region): blocks and bookkeeping in memory given at run time.
#[derive(Debug)]
#[expect(private_bounds, reason = "the free list is `Bitmap` or `Counted`")]
pub struct Borrowed<'m, K: BorrowedKind<'m>> {
    memory: Memory<'m>,
    block_size: Stride,
    free: K::List,
    exhausted: AtomicUsize,
}

/// A free list over [`Bookkeeping`](super::Bookkeeping).
pub(crate) trait BorrowedKind<'m> {
    type List: FreeList;

    /// The words of the free list, next to which the states of blocks lie.
    fn words<'l>(list: &'l Self::List) -> &'l BorrowedWords<'m>;
}

impl<'m> BorrowedKind<'m> for Bitmap {
    type List = IndexSet<'m>;

    fn words<'l>(list: &'l IndexSet<'m>) -> &'l BorrowedWords<'m> {
        list.words()
    }
}

impl<'m> BorrowedKind<'m> for Counted {
    type List = CountedList<IndexSet<'m>>;

    fn words<'l>(list: &'l CountedList<IndexSet<'m>>) -> &'l BorrowedWords<'m> {
        list.inner().words()
    }
}

impl<'m> Borrowed<'m, Bitmap> {
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

    pub(crate) fn counted(self) -> Borrowed<'m, Counted> {
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
unsafe impl<'m, K: BorrowedKind<'m>> Parts for Borrowed<'m, K> {
    type Free = K::List;
    type Slots = &'m mut [QueueSlot];

    const NAME: &'static str = "Region";

    fn free(&self) -> &Self::Free {
        &self.free
    }

    fn state(&self, index: u32) -> &StateCell {
        // SAFETY: by the trait's contract the index is below the capacity.
        unsafe { K::words(&self.free).state(index) }
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

impl<'m, K: BorrowedKind<'m>> Storage for Borrowed<'m, K> {}
