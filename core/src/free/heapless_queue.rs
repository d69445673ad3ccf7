//! `heapless::mpmc::Queue` as a free list, made loss-free.

use core::fmt;

use super::sealed::Sealed;
use super::{Bitmap, FreeSet, InPlace, Inline};
use crate::memory::{INTERNAL, Internal};
use crate::sync::{AtomicUsize, Ordering};

/// **Not lock-free, whatever a queue of atomics may look like:** while one thread is stopped inside
/// an operation, others can find no free number although there are some; and one that had begun an
/// operation itself, be it a give-back, can spin until the stopped one goes on. If that dies there,
/// such a thread spins for ever, and it may be that none of the numbers in the queue is ever found
/// again. This engine exists because a `heapless::mpmc::Queue` of block numbers is what is usually
/// tried first, so that it can be tested and measured beside [`Bitmap`] under the same conditions;
/// there is no other reason to choose it.
///
/// `heapless` itself deprecates its queue for this use. Bare, it also loses blocks: an `enqueue`
/// that meets a half-done `dequeue` is refused as if the queue were full, and the number has
/// nowhere to go. Here a spill set takes what the queue refuses, so nothing is lost: a number is
/// taken from the queue, else from the spill set; given back to the queue, else to the spill set.
/// In the beginning every number is in the spill set.
///
/// Reuse distance, that of `heapless` with `mpmc_large`: a thread stopped inside a dequeue is fooled,
/// and a number handed out twice, after exactly a multiple of 2^64 dequeues during that one stop;
/// inside an enqueue, and a number lost, after as many enqueues. With 32-bit words it is 2^32.
///
/// `PLACES` is the size of the queue, a power of two as `heapless` demands, at least 2; with fewer
/// places than `COUNT` the spill set is used more. A static of it lies in `.data`, not `.bss`.
pub struct HeaplessQueue<const COUNT: usize, const PLACES: usize = COUNT> {
    queue: heapless::mpmc::Queue<u32, PLACES>,
    /// `heapless` does not tell how many items its queue holds.
    queued: AtomicUsize,
    spill: Bitmap<Inline<COUNT>>,
}

impl<const COUNT: usize, const PLACES: usize> fmt::Debug for HeaplessQueue<COUNT, PLACES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaplessQueue")
            .field("count", &COUNT)
            .field("places", &PLACES)
            .field("queued", &self.queued)
            .finish_non_exhaustive()
    }
}

impl<const COUNT: usize, const PLACES: usize> Sealed for HeaplessQueue<COUNT, PLACES> {
    fn put(&self, number: u32, _: Internal) {
        // Before the enqueue, so that the count does not pass zero if the number is taken at once.
        self.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.enqueue(number).is_err() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.spill.put(number, INTERNAL);
        }
    }

    fn put_all(&self, numbers: &[u32], _: Internal) {
        numbers.iter().for_each(|&number| self.put(number, INTERNAL));
    }
}

impl<const COUNT: usize, const PLACES: usize> FreeSet for HeaplessQueue<COUNT, PLACES> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn take(&self) -> Option<u32> {
        match self.queue.dequeue() {
            Some(number) => {
                // Relaxed: a number for a person to read.
                self.queued.fetch_sub(1, Ordering::Relaxed);
                Some(number)
            }
            None => self.spill.take(),
        }
    }

    fn available(&self) -> usize {
        self.spill.available() + self.queued.load(Ordering::Relaxed)
    }
}

impl<const COUNT: usize, const PLACES: usize> InPlace for HeaplessQueue<COUNT, PLACES> {
    const COUNT: usize = COUNT;
    const ALL_FREE: Self = {
        assert!(PLACES.is_power_of_two() && PLACES >= 2, "PLACES is a power of two, at least 2");
        Self {
            #[expect(deprecated, reason = "to show why it is deprecated for this use")]
            queue: heapless::mpmc::Queue::new(),
            queued: AtomicUsize::new(0),
            spill: Bitmap::ALL_FREE,
        }
    };
}
