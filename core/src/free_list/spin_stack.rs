//! A stack behind a spin lock.

use core::fmt;

use super::{AllFree, FreeList, FreeListKind, InitInPlace, Kind, Put, check_count};

/// **A lock:** while one thread is preempted inside an operation, all others spin; an interrupt
/// handler that uses a pool whose operation it interrupted never returns. It exists as the baseline
/// that everyone writes first, and is a fine choice where neither can happen, such as on one core
/// without interrupts.
///
/// Last in, first out, so the memory taken is the memory used last. Its high-water mark is exact
/// and costs nothing, since the lock is held anyway.
#[derive(Debug, Clone, Copy)]
pub struct SpinStack;

impl Kind for SpinStack {}

impl FreeListKind for SpinStack {
    type List<const COUNT: usize> = SpinStackList<COUNT>;
}

/// The free list of [`SpinStack`].
pub struct SpinStackList<const COUNT: usize>(spin::mutex::SpinMutex<Stack<COUNT>>);

struct Stack<const COUNT: usize> {
    /// Given back.
    returned: heapless::Vec<u32, COUNT, usize>,
    /// Indices from here on have never been out, so all-zero memory is the list with all free.
    fresh: usize,
    peak: usize,
}

impl<const COUNT: usize> Stack<COUNT> {
    fn available(&self) -> usize {
        self.returned.len() + (COUNT - self.fresh)
    }

    fn take(&mut self) -> Option<u32> {
        let index = match self.returned.pop() {
            Some(index) => index,
            None if self.fresh < COUNT => {
                self.fresh += 1;
                u32::try_from(self.fresh - 1).expect("indices fit u32")
            }
            None => return None,
        };
        self.peak = self.peak.max(COUNT - self.available());
        Some(index)
    }

    fn put(&mut self, index: u32) {
        self.returned.push(index).expect("no more indices return than went out");
    }
}

impl<const COUNT: usize> fmt::Debug for SpinStackList<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinStack").field("count", &COUNT).finish_non_exhaustive()
    }
}

impl<const COUNT: usize> Put for SpinStackList<COUNT> {
    fn put(&self, index: u32) {
        self.0.lock().put(index);
    }

    fn put_all(&self, indices: &[u32]) {
        let mut stack = self.0.lock();
        indices.iter().for_each(|&index| stack.put(index));
    }
}

impl<const COUNT: usize> FreeList for SpinStackList<COUNT> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn take(&self) -> Option<u32> {
        self.0.lock().take()
    }

    fn take_some(&self, indices: &mut [u32], _: Option<u32>) -> usize {
        let mut stack = self.0.lock();
        let taken = indices.iter_mut().zip(core::iter::from_fn(|| stack.take()));
        taken.map(|(slot, index)| *slot = index).count()
    }

    fn available(&self) -> usize {
        self.0.lock().available()
    }

    fn high_water_mark(&self) -> Option<usize> {
        Some(self.0.lock().peak)
    }
}

impl<const COUNT: usize> AllFree for SpinStackList<COUNT> {
    const ALL_FREE: Self = {
        check_count(COUNT);
        Self(spin::mutex::SpinMutex::new(Stack {
            returned: heapless::Vec::new(),
            fresh: 0,
            peak: 0,
        }))
    };
}

impl<const COUNT: usize> InitInPlace for SpinStackList<COUNT> {}
