//! Other pools and queues, and the controls, in which faults must be found.

use std::array;
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use blockpool::TransactionMemoryPool;
use crossbeam::queue::{ArrayQueue, SegQueue};

use crate::subject::Subject;

/// A subject that is made as a value, and may be moved.
macro_rules! subject {
    ($name:ty, $made:expr, $get:expr, $put:expr) => {
        impl Subject for $name {
            unsafe fn make(place: *mut Self) {
                // SAFETY: the caller's promise.
                unsafe { place.write($made) };
            }

            fn capacity(&self) -> usize {
                COUNT
            }

            fn get(&self) -> Option<u32> {
                let get: fn(&Self) -> Option<u32> = $get;
                get(self)
            }

            fn put(&self, number: u32) -> bool {
                let put: fn(&Self, u32) -> bool = $put;
                put(self, number)
            }
        }
    };
}

/// How many numbers every peer has.
pub(crate) const COUNT: usize = 8;

fn numbers() -> impl Iterator<Item = u32> {
    0..COUNT as u32
}

/// Fills a queue.
fn filled<Q>(queue: Q, push: impl Fn(&Q, u32) -> bool) -> Q {
    assert!(numbers().all(|number| push(&queue, number)));
    queue
}

subject!(
    ArrayQueue<u32>,
    filled(ArrayQueue::new(COUNT), |queue, number| queue.push(number).is_ok()),
    |queue| queue.pop(),
    |queue, number| queue.push(number).is_ok()
);

subject!(
    SegQueue<u32>,
    filled(SegQueue::new(), |queue, number| {
        queue.push(number);
        true
    }),
    |queue| queue.pop(),
    |queue, number| {
        queue.push(number);
        true
    }
);

subject!(
    Mutex<Vec<u32>>,
    Mutex::new(numbers().collect()),
    |stack| stack.lock().expect("nobody panics").pop(),
    |stack, number| {
        stack.lock().expect("nobody panics").push(number);
        true
    }
);

/// `heapless::mpmc`, bare.
pub(crate) struct Heapless(heapless::mpmc::Queue<u32, COUNT>);

impl Heapless {
    #[expect(deprecated, reason = "to show why it is deprecated for this use")]
    fn new() -> Self {
        Self(filled(heapless::mpmc::Queue::new(), |queue, number| queue.enqueue(number).is_ok()))
    }
}

subject!(Heapless, Heapless::new(), |subject| subject.0.dequeue(), |subject, number| subject
    .0
    .enqueue(number)
    .is_ok());

/// With its default 8-bit counters: after 256 gets while another get is stopped, that one believes that
/// nothing happened.
pub(crate) type Heapless8 = heapless_8_bit::mpmc::MpMcQueue<u32, COUNT>;

subject!(
    Heapless8,
    filled(Heapless8::new(), |queue, number| queue.enqueue(number).is_ok()),
    |queue| queue.dequeue(),
    |queue, number| queue.enqueue(number).is_ok()
);

/// `TransactionMemoryPool`. Its buffers wait on a shelf while a number represents them.
pub(crate) struct Transactions {
    pool: TransactionMemoryPool,
    /// The addresses of the buffers.
    addresses: [usize; COUNT],
    shelf: [UnsafeCell<Vec<u8>>; COUNT],
}

// SAFETY: only the owner of a number touches its place on the shelf.
unsafe impl Sync for Transactions {}

impl Transactions {
    fn new() -> Self {
        let pool = TransactionMemoryPool::new(64, COUNT);
        let buffers: [Vec<u8>; COUNT] = array::from_fn(|_| pool.get_buffer());
        let addresses = array::from_fn(|number| buffers[number].as_ptr().addr());
        buffers.into_iter().for_each(|buffer| pool.return_buffer(buffer));
        Self { pool, addresses, shelf: Default::default() }
    }
}

subject!(
    Transactions,
    Transactions::new(),
    |subject| {
        let buffer = subject.pool.try_get_buffer()?;
        let address = buffer.as_ptr().addr();
        let number = subject.addresses.iter().position(|&of| of == address)?;
        // SAFETY: this thread owns the buffer, and so the number.
        unsafe { *subject.shelf[number].get() = buffer };
        Some(number as u32)
    },
    |subject, number| {
        // SAFETY: this thread owns the number.
        let buffer = unsafe { std::mem::take(&mut *subject.shelf[number as usize].get()) };
        let discarded = subject.pool.discarded();
        subject.pool.return_buffer(buffer);
        subject.pool.discarded() == discarded
    }
);

/// Treiber's stack without a tag: a thread stopped between reading a number's successor and the
/// compare-and-swap trusts an outdated successor.
pub(crate) struct Untagged {
    top: AtomicU32,
    next: [AtomicU32; COUNT],
}

const NONE: u32 = u32::MAX;

impl Untagged {
    fn push(&self, number: u32) -> bool {
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            self.next[number as usize].store(top, Ordering::Relaxed);
            match self.top.compare_exchange(top, number, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => top = now,
            }
        }
    }

    fn pop(&self) -> Option<u32> {
        let mut top = self.top.load(Ordering::Acquire);
        while top != NONE {
            let next = self.next[top as usize].load(Ordering::Relaxed);
            match self.top.compare_exchange(top, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(top),
                Err(now) => top = now,
            }
        }
        None
    }
}

subject!(
    Untagged,
    filled(Untagged { top: AtomicU32::new(NONE), next: Default::default() }, Untagged::push),
    Untagged::pop,
    Untagged::push
);

/// A set of bits that reads and writes its word in two steps.
pub(crate) struct TornBits(AtomicU32);

subject!(
    TornBits,
    TornBits(AtomicU32::new((1 << COUNT) - 1)),
    |bits| {
        // `black_box`, so that the compiler does not make one instruction of it.
        let free = black_box(bits.0.load(Ordering::Acquire));
        if free == 0 {
            return None;
        }
        bits.0.store(free & (free - 1), Ordering::Release);
        Some(free.trailing_zeros())
    },
    |bits, number| {
        let free = black_box(bits.0.load(Ordering::Acquire));
        bits.0.store(free | 1 << number, Ordering::Release);
        true
    }
);

/// A set of bits with a count that a get decrements before it looks, and corrects if it was too early: a
/// thread stopped in between hides a number from the others.
pub(crate) struct CountedFirst {
    count: AtomicI32,
    free: AtomicU32,
}

impl CountedFirst {
    fn get(&self) -> Option<u32> {
        if self.count.fetch_sub(1, Ordering::AcqRel) <= 0 {
            self.count.fetch_add(1, Ordering::Release);
            return None;
        }
        let without_lowest = |free: u32| Some(free & free.wrapping_sub(1));
        let before = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, without_lowest);
        before.ok().map(u32::trailing_zeros)
    }

    fn put(&self, number: u32) -> bool {
        self.free.fetch_or(1 << number, Ordering::Release);
        self.count.fetch_add(1, Ordering::Release);
        true
    }
}

subject!(
    CountedFirst,
    CountedFirst { count: AtomicI32::new(COUNT as i32), free: AtomicU32::new((1 << COUNT) - 1) },
    CountedFirst::get,
    CountedFirst::put
);
