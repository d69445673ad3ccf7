//! The state that all handles of a pool share.

use crossbeam::atomic::AtomicCell;
use crossbeam::utils::CachePadded;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;

use crate::PoolError;
use crate::fit::Fit;
use crate::sync::{ArrayQueue, AtomicUsize, thread_local};

/// The most buffers that a `LocalPool` keeps. More would not make it faster: each buffer of a batch
/// costs one shared operation anyway.
const LARGEST_STOCK: usize = 64;

/// See `Shared::sample_out`.
const MOST_UNSAMPLED: usize = 15;

/// What one slot of the queue occupies: a `Vec` and the queue's stamp.
const SLOT_BYTES: usize = size_of::<Vec<u8>>() + size_of::<usize>();

/// Written over every new buffer.
const FILL: u8 = 0xA5;

// LLVM may turn an allocation followed by zeroing into one allocation of zeroed memory, whose pages the
// system supplies on first use: that would be page faults on the hot path.
const _: () = assert!(FILL != 0);

/// The identity of the pool made last. A cell, since not every target has 64-bit atomics.
static LAST_ID: AtomicCell<u64> = AtomicCell::new(0);

thread_local! {
    /// The identity of the pool that this thread sampled last, and how many returns to it are left
    /// before the next sample.
    static UNTIL_SAMPLE: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

// The atomics here only count, and publish nothing: buffers travel through the queue, which orders
// their bytes. So every access may be `Relaxed`.
pub(crate) struct Shared {
    /// Empty buffers that fit. Has one slot, never filled, if `pool_capacity` is 0.
    buffers: ArrayQueue<Vec<u8>>,
    pub(crate) buffer_size: usize,
    pub(crate) pool_capacity: usize,
    pub(crate) fit: Fit,
    /// Not 0, and never reused. Not the address: a later pool may lie there.
    id: u64,
    /// In [0, pool_capacity].
    high_water_mark: AtomicUsize,
    /// How many returns of one thread go by unsampled, in [0, 15].
    unsampled: usize,
    /// How much stock new local pools may still be given, in [0, pool_capacity / 2].
    unclaimed_stock: AtomicUsize,
    /// On a cache line of their own: the fields above are read by every operation.
    counters: CachePadded<Counters>,
}

struct Counters {
    heap_fallbacks: AtomicUsize,
    discarded: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(buffer_size: usize, pool_capacity: usize) -> Result<Self, PoolError> {
        let out_of_memory = PoolError::OutOfMemory { buffer_size, pool_capacity };
        // `ArrayQueue` cannot have zero slots.
        let slots = pool_capacity.max(1);
        let total = buffer_size
            .checked_add(SLOT_BYTES)
            .and_then(|bytes| bytes.checked_mul(slots))
            .filter(|&bytes| isize::try_from(bytes).is_ok())
            .ok_or(PoolError::TooLarge { buffer_size, pool_capacity })?;
        if pool_capacity > 0 && !allocator_has(total) {
            return Err(out_of_memory);
        }

        let buffers = ArrayQueue::new(slots);
        let shared = Self {
            buffers,
            buffer_size,
            pool_capacity,
            id: new_id(),
            fit: if pool_capacity == 0 { Fit::nothing() } else { Fit::new(buffer_size) },
            high_water_mark: AtomicUsize::new(0),
            unsampled: (pool_capacity / 64).min(MOST_UNSAMPLED),
            unclaimed_stock: AtomicUsize::new(pool_capacity / 2),
            counters: CachePadded::new(Counters {
                heap_fallbacks: AtomicUsize::new(0),
                discarded: AtomicUsize::new(0),
            }),
        };
        for _ in 0..pool_capacity {
            shared.give(new_buffer(buffer_size).ok_or(out_of_memory)?);
        }
        // Nothing was out yet; filling the queue looked otherwise, and counted as returns by this
        // thread.
        shared.high_water_mark.store(0, Relaxed);
        UNTIL_SAMPLE.with(|until| until.set((0, 0)));
        Ok(shared)
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop();
        if buffer.is_none() {
            self.note_exhausted();
        }
        buffer
    }

    /// The queue was empty at one moment, even if it is not now.
    #[cold]
    #[inline(never)]
    fn note_exhausted(&self) {
        self.note_out(self.pool_capacity);
    }

    /// Fills empty `slots` from the first on, and returns how many.
    pub(crate) fn take_many(&self, slots: &mut [Option<Vec<u8>>]) -> usize {
        for (taken, slot) in slots.iter_mut().enumerate() {
            *slot = self.buffers.pop();
            if slot.is_none() {
                self.note_exhausted();
                return taken;
            }
        }
        self.note_out(self.out());
        slots.len()
    }

    // The only caller of the queue's `push`, and not inlined itself, so that the compiler inlines
    // `push` and passes the words of the `Vec` on one by one. Otherwise it stores them one by one
    // and loads two at once, which waits until the stores have reached the cache: measured, a pair
    // costs half as much again.
    #[inline(never)]
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        self.sample_out();
        buffer.clear();
        if !self.fit.accepts(&buffer) {
            self.discard(buffer);
        } else if let Err(buffer) = self.buffers.push(buffer) {
            self.discard(buffer);
        }
    }

    #[cold]
    pub(crate) fn discard(&self, buffer: Vec<u8>) {
        self.counters.discarded.fetch_add(1, Relaxed);
        drop(buffer);
    }

    #[cold]
    pub(crate) fn heap_fallback(&self) -> Vec<u8> {
        self.counters.heap_fallbacks.fetch_add(1, Relaxed);
        Vec::with_capacity(self.buffer_size)
    }

    /// How many buffers are missing now.
    fn out(&self) -> usize {
        self.pool_capacity - self.buffers.len()
    }

    /// Notes how many are missing, before a return that makes them fewer, but not at every one:
    /// that would fetch the cache line that every get writes to.
    #[inline]
    fn sample_out(&self) {
        let (id, left) = UNTIL_SAMPLE.with(Cell::get);
        let goes_by = id == self.id && left > 0;
        let left = if goes_by { left - 1 } else { self.unsampled };
        UNTIL_SAMPLE.with(|until| until.set((self.id, left)));
        if !goes_by {
            self.note_out(self.out());
        }
    }

    #[inline]
    fn note_out(&self, out: usize) {
        if out > self.high_water_mark.load(Relaxed) {
            self.high_water_mark.fetch_max(out, Relaxed);
        }
    }

    /// Claims the stock limit of a new local pool: a quarter of what is left, so
    /// that later ones get something too.
    pub(crate) fn claim_stock(&self) -> usize {
        let share = |left: usize| (left / 4).min(LARGEST_STOCK);
        let take_share = |left| Some(left - share(left));
        match self.unclaimed_stock.fetch_update(Relaxed, Relaxed, take_share) {
            Ok(left) | Err(left) => share(left),
        }
    }

    pub(crate) fn unclaim_stock(&self, limit: usize) {
        self.unclaimed_stock.fetch_add(limit, Relaxed);
    }

    pub(crate) fn available(&self) -> usize {
        self.buffers.len()
    }

    pub(crate) fn high_water_mark(&self) -> usize {
        self.note_out(self.out());
        self.high_water_mark.load(Relaxed)
    }

    pub(crate) fn heap_fallbacks(&self) -> usize {
        self.counters.heap_fallbacks.load(Relaxed)
    }

    pub(crate) fn discarded(&self) -> usize {
        self.counters.discarded.load(Relaxed)
    }
}

/// An identity that no pool had before.
fn new_id() -> u64 {
    LAST_ID.fetch_add(1) + 1
}

/// Whether the allocator would give `bytes` in one piece.
///
/// Asked before any page is touched: where memory is overcommitted, a pool far larger than the
/// machine is then refused, instead of the process being killed while it fills the pool. It also
/// stands in for the queue's own allocation, which cannot report failure.
fn allocator_has(bytes: usize) -> bool {
    let mut probe = Vec::<u8>::new();
    let answer = probe.try_reserve_exact(bytes);
    // The compiler may remove an allocation that nothing observes.
    black_box(&probe);
    answer.is_ok()
}

/// An empty buffer, every page of which has been written to.
fn new_buffer(buffer_size: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(buffer_size).ok()?;
    buffer.resize(buffer_size, FILL);
    black_box(&buffer);
    buffer.clear();
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_made_where_another_lay_starts_its_own_count() {
        let mut place = Shared::new(1, 1024).unwrap();
        for peak in [1, 2, 9, 1, 9] {
            place = Shared::new(1, 1024).unwrap();
            let taken: Vec<_> = (0..peak).map(|_| place.take().unwrap()).collect();
            taken.into_iter().for_each(|buffer| place.give(buffer));
            assert_eq!(place.high_water_mark(), peak);
        }
        assert_eq!(place.available(), 1024);
    }

    #[test]
    fn who_made_a_pool_looks_before_its_first_return_too() {
        for pool_capacity in 64..256 {
            let shared = Shared::new(1, pool_capacity).unwrap();
            let taken: Vec<_> = (0..9).map(|_| shared.take().unwrap()).collect();
            taken.into_iter().for_each(|buffer| shared.give(buffer));
            assert_eq!(shared.high_water_mark(), 9, "{pool_capacity}");
        }
    }

    /// A thread that has just returned one buffer looks again after 15 more, when 1,009 are out.
    #[test]
    fn who_finds_the_pool_empty_notes_it_whether_one_was_asked_for_or_many() {
        for many in [false, true] {
            let shared = Shared::new(1, 1024).unwrap();
            shared.give(shared.take().unwrap());
            let mut slots = vec![None; 1024 + 1];
            match many {
                true => assert_eq!(shared.take_many(&mut slots), 1024),
                false => {
                    slots.iter_mut().for_each(|slot| *slot = shared.take());
                    assert_eq!(slots.pop(), Some(None));
                }
            }
            slots.into_iter().flatten().for_each(|buffer| shared.give(buffer));
            assert_eq!(shared.high_water_mark(), 1024, "many: {many}");
        }
    }

    #[test]
    fn all_stock_limits_together_are_at_most_half_of_the_buffers() {
        for pool_capacity in [0, 1, 7, 8, 9, 64, 1000] {
            let shared = Shared::new(1, pool_capacity).unwrap();
            let limits: Vec<usize> = (0..100).map(|_| shared.claim_stock()).collect();
            assert!(limits.iter().sum::<usize>() <= pool_capacity / 2);
            assert!(limits.iter().all(|&limit| limit <= 64));
            assert_eq!(limits[0], (pool_capacity / 8).min(64));

            limits.into_iter().for_each(|limit| shared.unclaim_stock(limit));
            assert_eq!(shared.unclaimed_stock.into_inner(), pool_capacity / 2);
        }
    }
}
