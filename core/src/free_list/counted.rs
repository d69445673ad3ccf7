//! A count of what is out, to find the peak.

use core::marker::PhantomData;

use super::{AllFree, Bitmap, FreeList, FreeListKind, InitInPlace, Kind, Put};
use crate::align::OwnLine;
use crate::sync::{AtomicUsize, Ordering};

/// The free list `K` with a count of what is out, and a
/// [high-water mark](crate::BlockPool::high_water_mark).
///
/// Every take and give-back costs one more atomic read-modify-write, and a take that raises the mark
/// another, on words that all threads share: use it to find out how large a pool must be, not on the
/// hottest path. Progress is that of `K`.
///
/// The mark is exact when no operation was under way at the moment of the peak; otherwise it may read
/// low by the indices of the takes and give-backs that were under way. It never reads high.
///
/// ```
/// use blockpool_core::storage::Counted;
/// use blockpool_core::{Align, Pool};
///
/// let pool = Pool::<64, 8, Align<64>, Counted>::new();
/// drop([pool.get(), pool.get(), pool.get()]);
/// assert_eq!(pool.high_water_mark(), Some(3));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Counted<K = Bitmap>(PhantomData<K>);

impl<K: FreeListKind> Kind for Counted<K> {}

impl<K: FreeListKind> FreeListKind for Counted<K> {
    type List<const COUNT: usize> = CountedList<K::List<COUNT>>;
}

/// The free list of [`Counted`], and of a region that [counts](crate::Region::counted).
#[derive(Debug)]
pub struct CountedList<F> {
    inner: F,
    out: OwnLine<AtomicUsize>,
    peak: OwnLine<AtomicUsize>,
}

impl<F> CountedList<F> {
    // Relaxed throughout: these values are for monitoring and publish nothing. `out` never counts
    // an index that is not out: it goes up after a take and down before a give-back. So it cannot
    // drop below zero, and the peak cannot read high.

    fn add(&self, count: usize) {
        let out = self.out.fetch_add(count, Ordering::Relaxed) + count;
        if out > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(out, Ordering::Relaxed);
        }
    }

    fn subtract(&self, count: usize) {
        self.out.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn inner(&self) -> &F {
        &self.inner
    }
}

impl<F: FreeList> CountedList<F> {
    /// Counts from now on, including what is already out.
    pub(crate) fn from(inner: F) -> Self {
        let out = inner.capacity() - inner.available();
        let count = || OwnLine(AtomicUsize::new(out));
        Self { inner, out: count(), peak: count() }
    }
}

impl<F: FreeList> Put for CountedList<F> {
    fn put(&self, index: u32) {
        self.subtract(1);
        self.inner.put(index);
    }

    fn put_all(&self, indices: &[u32]) {
        self.subtract(indices.len());
        self.inner.put_all(indices);
    }
}

impl<F: FreeList> FreeList for CountedList<F> {
    fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    fn take(&self) -> Option<u32> {
        let index = self.inner.take()?;
        self.add(1);
        Some(index)
    }

    fn take_some(&self, indices: &mut [u32], near: Option<u32>) -> usize {
        let taken = self.inner.take_some(indices, near);
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

impl<F: AllFree> AllFree for CountedList<F> {
    const ALL_FREE: Self = Self {
        inner: F::ALL_FREE,
        out: OwnLine(AtomicUsize::new(0)),
        peak: OwnLine(AtomicUsize::new(0)),
    };
}

impl<F: InitInPlace> InitInPlace for CountedList<F> {
    unsafe fn init(list: *mut Self) {
        // SAFETY: the caller's promise: this field lies in memory that is valid for writes.
        let inner = unsafe { &raw mut (*list).inner };
        // SAFETY: as before.
        let out = unsafe { &raw mut (*list).out };
        // SAFETY: as before.
        let peak = unsafe { &raw mut (*list).peak };
        // SAFETY: as before; it is aligned, as `list` is.
        unsafe { F::init(inner) };
        for count in [out, peak] {
            // SAFETY: as before.
            unsafe { count.write(OwnLine(AtomicUsize::new(0))) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AllFree, Bitmap, Counted, CountedList, FreeList, FreeListKind};

    #[test]
    fn the_peak_stays_when_indices_return() {
        let list = <Counted as FreeListKind>::List::<10>::ALL_FREE;
        assert_eq!(list.high_water_mark(), Some(0));
        let first = list.take().unwrap();
        let mut some = [0; 4];
        assert_eq!(list.take_some(&mut some, None), 4);
        list.give_back(first);
        list.give_back_all(&some);
        assert_eq!((list.high_water_mark(), list.available()), (Some(5), 10));
        while list.take().is_some() {}
        assert_eq!((list.high_water_mark(), list.available()), (Some(10), 0));
    }

    #[test]
    fn what_is_out_already_counts() {
        let inner = <Bitmap as FreeListKind>::List::<10>::ALL_FREE;
        let out = [inner.take().unwrap(), inner.take().unwrap()];
        let list = CountedList::from(inner);
        assert_eq!(list.high_water_mark(), Some(2));
        list.give_back_all(&out);
        assert_eq!(list.take_some(&mut [0; 10], None), 10);
        assert_eq!(list.high_water_mark(), Some(10));
    }
}
