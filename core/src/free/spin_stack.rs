//! A stack behind a spin lock.

use core::fmt;

use super::sealed::Sealed;
use super::{FreeSet, InPlace, check_count};
use crate::memory::Internal;

/// **A lock:** while one thread is stopped inside an operation, all others spin; an interrupt that
/// uses the set it interrupted never returns. It exists as the baseline that everyone writes
/// first, and is a fine choice where neither can happen, such as on one core without interrupts.
///
/// Last in, first out, so the memory taken is the memory used last. Its high-water mark is exact
/// and costs nothing, since the lock is held anyway.
pub struct SpinStack<const COUNT: usize>(spin::mutex::SpinMutex<Stack<COUNT>>);

struct Stack<const COUNT: usize> {
    /// Given back.
    returned: heapless::Vec<u32, COUNT, usize>,
    /// Numbers from here on have never been out, so all-zero memory is the set with all free.
    fresh: usize,
    peak: usize,
}

impl<const COUNT: usize> Stack<COUNT> {
    fn available(&self) -> usize {
        self.returned.len() + (COUNT - self.fresh)
    }

    fn take(&mut self) -> Option<u32> {
        let number = match self.returned.pop() {
            Some(number) => number,
            None if self.fresh < COUNT => {
                self.fresh += 1;
                u32::try_from(self.fresh - 1).expect("numbers fit u32")
            }
            None => return None,
        };
        self.peak = self.peak.max(COUNT - self.available());
        Some(number)
    }

    fn put(&mut self, number: u32) {
        self.returned.push(number).expect("no more numbers return than went out");
    }
}

impl<const COUNT: usize> fmt::Debug for SpinStack<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinStack").field("count", &COUNT).finish_non_exhaustive()
    }
}

impl<const COUNT: usize> Sealed for SpinStack<COUNT> {
    fn put(&self, number: u32, _: Internal) {
        self.0.lock().put(number);
    }

    fn put_all(&self, numbers: &[u32], _: Internal) {
        let mut stack = self.0.lock();
        numbers.iter().for_each(|&number| stack.put(number));
    }
}

impl<const COUNT: usize> FreeSet for SpinStack<COUNT> {
    fn capacity(&self) -> usize {
        COUNT
    }

    fn take(&self) -> Option<u32> {
        self.0.lock().take()
    }

    fn take_some(&self, numbers: &mut [u32], _: Option<u32>) -> usize {
        let mut stack = self.0.lock();
        let taken = numbers.iter_mut().zip(core::iter::from_fn(|| stack.take()));
        taken.map(|(place, number)| *place = number).count()
    }

    fn available(&self) -> usize {
        self.0.lock().available()
    }

    fn high_water_mark(&self) -> Option<usize> {
        Some(self.0.lock().peak)
    }
}

impl<const COUNT: usize> InPlace for SpinStack<COUNT> {
    const COUNT: usize = COUNT;
    const ALL_FREE: Self = {
        check_count(COUNT);
        Self(spin::mutex::SpinMutex::new(Stack {
            returned: heapless::Vec::new(),
            fresh: 0,
            peak: 0,
        }))
    };
}
