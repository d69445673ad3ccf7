//! Counting what is out, for those who must know the peak.

use super::sealed::Sealed;
use super::{FreeSet, InPlace};
use crate::align::OwnLine;
use crate::memory::{INTERNAL, Internal};
use crate::sync::{AtomicUsize, Ordering};

/// An engine that also counts: `F`, with a [high-water mark](FreeSet::high_water_mark).
///
/// Every take and give-back pays one more atomic read-modify-write, and a take that raises the mark
/// another, on words that all threads share: for finding out how large a pool must be, not for the
/// tightest hot path. Progress is that of `F`.
///
/// The mark is exact when no operation was under way at the moment of the peak; otherwise it may read
/// low by the numbers in the takes and give-backs that were. It never reads high.
#[derive(Debug)]
pub struct Counted<F> {
    inner: F,
    out: OwnLine<AtomicUsize>,
    peak: OwnLine<AtomicUsize>,
}

impl<F> Counted<F> {
    // Relaxed throughout: these are numbers for a person to read, nothing is published by them.
    // `out` never counts a number that is not out: it goes up after a take and down before a
    // give-back. So it cannot pass zero, and the peak cannot read high.

    fn add(&self, numbers: usize) {
        let out = self.out.fetch_add(numbers, Ordering::Relaxed) + numbers;
        if out > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(out, Ordering::Relaxed);
        }
    }

    fn subtract(&self, numbers: usize) {
        self.out.fetch_sub(numbers, Ordering::Relaxed);
    }
}

impl<F: FreeSet> Sealed for Counted<F> {
    fn put(&self, number: u32, _: Internal) {
        self.subtract(1);
        self.inner.put(number, INTERNAL);
    }

    fn put_all(&self, numbers: &[u32], _: Internal) {
        self.subtract(numbers.len());
        self.inner.put_all(numbers, INTERNAL);
    }
}

impl<F: FreeSet> FreeSet for Counted<F> {
    fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    fn take(&self) -> Option<u32> {
        let number = self.inner.take()?;
        self.add(1);
        Some(number)
    }

    fn take_some(&self, numbers: &mut [u32], near: Option<u32>) -> usize {
        let taken = self.inner.take_some(numbers, near);
        if taken > 0 {
            self.add(taken);
        }
        taken
    }

    fn available(&self) -> usize {
        self.inner.available()
    }

    fn high_water_mark(&self) -> Option<usize> {
        Some(self.peak.load(Ordering::Relaxed))
    }
}

impl<F: InPlace> InPlace for Counted<F> {
    const COUNT: usize = F::COUNT;
    const ALL_FREE: Self = Self {
        inner: F::ALL_FREE,
        out: OwnLine(AtomicUsize::new(0)),
        peak: OwnLine(AtomicUsize::new(0)),
    };
}

#[cfg(test)]
mod tests {
    use super::super::{Bitmap, Inline};
    use super::{Counted, FreeSet, InPlace};

    #[test]
    fn the_peak_stays_when_numbers_return() {
        let set = Counted::<Bitmap<Inline<10>>>::ALL_FREE;
        assert_eq!(set.high_water_mark(), Some(0));
        let first = set.take().unwrap();
        let mut some = [0; 4];
        assert_eq!(set.take_some(&mut some, None), 4);
        set.give_back(first);
        set.give_back_all(&some);
        assert_eq!((set.high_water_mark(), set.available()), (Some(5), 10));
        while set.take().is_some() {}
        assert_eq!((set.high_water_mark(), set.available()), (Some(10), 0));
    }
}
