//! `heapless::mpmc::Queue` as a free list, made loss-free.

use core::fmt;

use super::{AllFree, Bitmap, FreeList, FreeListKind, InitInPlace, Kind, Put};
use crate::sync::{AtomicUsize, Ordering};

/// **Not lock-free:** while one thread is preempted inside an operation, others may find no free
/// index although there are some, and another thread inside an operation, even a give-back, may spin
/// until the preempted one continues. If that thread dies there, the other spins for ever, and the
/// indices in the queue may never be found again. This free list exists because a
/// `heapless::mpmc::Queue` of block indices is what most people try first, so that it can be tested
/// and measured next to [`Bitmap`] under the same conditions. There is no other reason to choose it.
///
/// `heapless` itself deprecates its queue for this use. On its own it also loses blocks: an `enqueue`
/// that meets a half-done `dequeue` is refused as if the queue were full, and the index has nowhere
/// to go. Here a second list, the spill, takes what the queue refuses, so nothing is lost: an index
/// is taken from the queue or otherwise from the spill, and given back to the queue or otherwise to
/// the spill. Initially every index is in the spill.
///
/// Reuse distance, the same as that of `heapless` with `mpmc_large`: a thread preempted inside a
/// dequeue can be handed an index that is out after exactly a multiple of 2^64 dequeues during that
/// one preemption; one preempted inside an enqueue can lose an index after the same number of
/// enqueues. With 32-bit words it is 2^32.
///
/// `SLOTS` is the size of the queue, a power of two as `heapless` demands, at least 2; with fewer
/// slots than blocks the spill is used more. A static with it lies in `.data`, not `.bss`.
#[derive(Debug, Clone, Copy)]
pub struct HeaplessQueue<const SLOTS: usize>;

impl<const SLOTS: usize> Kind for HeaplessQueue<SLOTS> {}

impl<const SLOTS: usize> FreeListKind for HeaplessQueue<SLOTS> {
    type List<const COUNT: usize> = HeaplessQueueList<COUNT, SLOTS>;
}

/// The free list of [`HeaplessQueue`].
pub struct HeaplessQueueList<const COUNT: usize, const SLOTS: usize> {
    queue: heapless::mpmc::Queue<u32, SLOTS>,
    /// `heapless` does not say how many items its queue holds.
    queued: AtomicUsize,
    spill: <Bitmap as FreeListKind>::List<COUNT>,
}

impl<const COUNT: usize, const SLOTS: usize> fmt::Debug for HeaplessQueueList<COUNT, SLOTS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaplessQueue")
            .field("count", &COUNT)
            .field("slots", &SLOTS)
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}

impl<const COUNT: usize, const SLOTS: usize> Put for HeaplessQueueList<COUNT, SLOTS> {
    fn put(&self, index: u32) {
        // Before the enqueue, so that the count does not drop below zero if the index is taken at once.
        self.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.enqueue(index).is_err() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.spill.put(index);
        }
    }

    fn put_all(&self, indices: &[u32]) {
        indices.iter().for_each(|&index| self.put(index));
    }
}

impl<const COUNT: usize, const SLOTS: usize> FreeList for HeaplessQueueList<COUNT, SLOTS> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn take(&self) -> Option<u32> {
        match self.queue.dequeue() {
            Some(index) => {
                // Relaxed: for monitoring only.
                self.queued.fetch_sub(1, Ordering::Relaxed);
                Some(index)
            }
            None => self.spill.take(),
        }
    }

    fn available(&self) -> usize {
        self.spill.available() + self.queued.load(Ordering::Relaxed)
    }
}

impl<const COUNT: usize, const SLOTS: usize> AllFree for HeaplessQueueList<COUNT, SLOTS> {
    const ALL_FREE: Self = {
        assert!(SLOTS.is_power_of_two() && SLOTS >= 2, "SLOTS is a power of two, at least 2");
        Self {
            #[expect(deprecated, reason = "to show why it is deprecated for this use")]
            queue: heapless::mpmc::Queue::new(),
            queued: AtomicUsize::new(0),
            spill: AllFree::ALL_FREE,
        }
    };
}

impl<const COUNT: usize, const SLOTS: usize> InitInPlace for HeaplessQueueList<COUNT, SLOTS> {}
