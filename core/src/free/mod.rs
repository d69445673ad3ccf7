//! Sets of free block numbers, one algorithm a file.

mod bitmap;
mod bulk;
mod counted;
mod heapless_queue;
mod spin_stack;

pub use bitmap::{Bitmap, Inline};
pub(crate) use bitmap::{GROUP, Words};
pub use bulk::{Neighbours, Returning};
pub use counted::Counted;
pub use heapless_queue::HeaplessQueue;
pub use spin_stack::SpinStack;

use crate::memory::INTERNAL;
use crate::range::MAX_COUNT;

/// A set of free block numbers in `[0, capacity)`: what a pool needs to know which blocks are free.
///
/// A pool owns its set and calls it; the methods are public so that the algorithms can be measured
/// and tested by themselves, and used where only numbers are needed. A number handed out by
/// `take` or `take_some` is *out* until it is given back.
///
/// | engine | progress | one number taken and given back | from an interrupt |
/// |---|---|---|---|
/// | [`Bitmap`] | lock-free | two atomic read-modify-writes | yes |
/// | [`HeaplessQueue`] | not lock-free: see its first paragraph | four or more | only with care |
/// | [`SpinStack`] | a lock | two lock round trips | no: deadlock |
/// | [`Counted`] | that of the engine inside | two more than the engine inside, three while the mark rises | as the engine inside |
///
/// The trait is sealed: a pool's soundness rests on no number being out twice.
pub trait FreeSet: sealed::Sealed + Send + Sync + Sized {
    /// How many numbers the set is for, free or out.
    fn capacity(&self) -> usize;

    /// Takes a free number, or `None` if all are out.
    fn take(&self) -> Option<u32>;

    /// Takes free numbers that can be had together, into the front of `numbers`, and returns how
    /// many: at least one unless all are out or `numbers` is empty.
    ///
    /// Fewer than `numbers.len()` does not mean that no more are free. An engine may look first `near`
    /// a number that the caller had to do with last.
    fn take_some(&self, numbers: &mut [u32], near: Option<u32>) -> usize {
        let _ = near;
        let Some(first) = numbers.first_mut() else {
            return 0;
        };
        let Some(number) = self.take() else {
            return 0;
        };
        *first = number;
        1
    }

    /// Gives a number back. It must be out, and the caller the one who took it: an engine need not
    /// notice otherwise, and would hand it out twice.
    ///
    /// # Panics
    ///
    /// If `number` is not below the capacity. An engine that notices that it was not out may panic too.
    fn give_back(&self, number: u32) {
        check(&[number], self.capacity());
        self.put(number, INTERNAL);
    }

    /// Gives all `numbers` back, under the conditions of [`give_back`](Self::give_back).
    ///
    /// # Panics
    ///
    /// If one of `numbers` is not below the capacity; then none was given back. Else as
    /// [`give_back`](Self::give_back).
    fn give_back_all(&self, numbers: &[u32]) {
        check(numbers, self.capacity());
        self.put_all(numbers, INTERNAL);
    }

    /// How many numbers are free; exact when no other operation runs, else a value that lay
    /// between the least and the greatest number of free ones during the call, give or take the
    /// operations that overlap it. O(capacity ÷ word size); for monitoring.
    fn available(&self) -> usize;

    /// The most numbers that were out at once, or `None` if this engine does not count: counting
    /// costs an atomic read-modify-write for each operation, so it is switched on by [`Counted`].
    fn high_water_mark(&self) -> Option<usize> {
        None
    }
}

fn check(numbers: &[u32], capacity: usize) {
    if let Some(number) = numbers.iter().find(|&&number| number as usize >= capacity) {
        no_such_number(*number, capacity);
    }
}

#[cold]
fn no_such_number(number: u32, capacity: usize) -> ! {
    panic!("{number} is no number of this set: they are below {capacity}");
}

/// An engine that holds its own memory, as a [`Pool`](crate::Pool) needs it.
pub trait InPlace: FreeSet {
    /// How many numbers the set is for: 1 to 2^29; others do not compile.
    const COUNT: usize;

    /// The set in which every number is free.
    const ALL_FREE: Self;
}

/// For the `ALL_FREE` of engines.
const fn check_count(count: usize) {
    assert!(count >= 1 && count <= MAX_COUNT, "a set is for 1 to 2^29 numbers");
}

pub(crate) mod sealed {
    use crate::memory::Internal;

    /// Keeps [`FreeSet`](super::FreeSet) to the engines of this crate, and has what a pool calls: its
    /// own numbers need no check, so that no panic is linked into its operations.
    pub trait Sealed {
        /// Gives back a number, which is below the capacity.
        fn put(&self, number: u32, _: Internal);

        /// Gives back numbers, which are below the capacity.
        fn put_all(&self, numbers: &[u32], _: Internal);
    }
}

#[cfg(test)]
mod tests {
    //! One harness for every engine.
    extern crate std;

    use super::{
        Bitmap, Counted, HeaplessQueue, InPlace, Inline, MAX_COUNT, SpinStack, check_count,
    };
    use std::boxed::Box;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::vec::Vec;

    fn drain<F: InPlace>(set: &F) -> Vec<u32> {
        core::iter::from_fn(|| set.take()).collect()
    }

    fn every_number_is_handed_out_exactly_once<F: InPlace>(count: usize) {
        let set = Box::new(F::ALL_FREE);
        assert_eq!((set.capacity(), set.available()), (count, count));
        for round in 0..3 {
            let mut numbers = drain(&*set);
            assert_eq!(set.take(), None);
            assert_eq!(set.available(), 0);
            numbers.sort_unstable();
            let all: Vec<u32> = (0..u32::try_from(count).unwrap()).collect();
            assert_eq!(numbers, all, "round {round} of {count}");
            set.give_back_all(&numbers);
            assert_eq!(set.available(), count);
        }
    }

    fn some_are_taken_until_none_are_left<F: InPlace>(count: usize) {
        let set = Box::new(F::ALL_FREE);
        assert_eq!(set.take_some(&mut [], None), 0);
        let mut all = Vec::new();
        loop {
            let mut some = [u32::MAX; 7];
            let taken = set.take_some(&mut some, all.last().copied());
            if taken == 0 {
                break;
            }
            assert!(some[taken..].iter().all(|&number| number == u32::MAX));
            all.extend_from_slice(&some[..taken]);
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..u32::try_from(count).unwrap()));
        for &number in &all {
            set.give_back(number);
        }
        assert_eq!(set.available(), count);
    }

    fn a_number_given_back_can_be_taken_again<F: InPlace>(count: usize) {
        let set = Box::new(F::ALL_FREE);
        let all = drain(&*set);
        for &number in &all {
            set.give_back(number);
            assert_eq!(set.take(), Some(number));
            assert_eq!(set.take(), None);
        }
        assert_eq!(all.len(), count);
    }

    fn a_number_beyond_the_capacity_is_refused_by_a_panic<F: InPlace>(count: usize) {
        let set = Box::new(F::ALL_FREE);
        let panics = |give_back: &dyn Fn()| catch_unwind(AssertUnwindSafe(give_back)).is_err();
        for beyond in [u32::try_from(count).unwrap(), u32::MAX] {
            assert!(panics(&|| set.give_back(beyond)), "{beyond} of {count}");
            assert!(panics(&|| set.give_back_all(&[beyond])), "{beyond} of {count}");
            assert_eq!(set.available(), count, "nothing was given back");
        }
    }

    #[test]
    fn a_set_is_for_some_numbers_but_not_too_many() {
        for (count, serves) in [(0, false), (1, true), (MAX_COUNT, true), (MAX_COUNT + 1, false)] {
            assert_eq!(catch_unwind(|| check_count(count)).is_ok(), serves, "{count}");
        }
    }

    fn threads_never_share_a_number<F: InPlace>(count: usize) {
        use core::sync::atomic::{AtomicBool, Ordering};
        let set = Box::new(F::ALL_FREE);
        let out: Vec<AtomicBool> = (0..count).map(|_| AtomicBool::new(false)).collect();
        let enter = |number: u32| {
            assert!(!out[number as usize].swap(true, Ordering::Relaxed), "{number} is out twice");
        };
        let leave = |number: u32| {
            assert!(out[number as usize].swap(false, Ordering::Relaxed), "{number} was not out");
        };
        std::thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|thread| {
                let (set, enter, leave) = (&*set, &enter, &leave);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for step in 0..4_000_usize {
                        if (step / 7 + thread) % 3 == 0 {
                            let mut some = [0; 5];
                            let near = held.last().copied().or(Some(u32::MAX));
                            let taken = set.take_some(&mut some, near);
                            some[..taken].iter().for_each(|&number| enter(number));
                            held.extend_from_slice(&some[..taken]);
                        } else if let Some(number) = set.take() {
                            enter(number);
                            held.push(number);
                        }
                        if held.len() > count / 3 || step % 11 == 0 {
                            let keep = held.len() / 2;
                            held[keep..].iter().for_each(|&number| leave(number));
                            set.give_back_all(&held[keep..]);
                            held.truncate(keep);
                        }
                    }
                    for number in held {
                        leave(number);
                        set.give_back(number);
                    }
                })
            });
            // Which the scope does too, but unseen by ThreadSanitizer: the standard library is
            // compiled without.
            for thread in threads {
                thread.join().expect("no thread panicked");
            }
        });
        assert_eq!(set.available(), count);
        assert_eq!(drain(&*set).len(), count, "a number was lost");
    }

    macro_rules! run {
        ($($name:ident { $($engine:ty => $count:expr,)+ })+) => {$(
            #[test]
            fn $name() {$(
                every_number_is_handed_out_exactly_once::<$engine>($count);
                some_are_taken_until_none_are_left::<$engine>($count);
                a_number_given_back_can_be_taken_again::<$engine>($count);
                a_number_beyond_the_capacity_is_refused_by_a_panic::<$engine>($count);
                threads_never_share_a_number::<$engine>($count);
            )+}
        )+};
    }

    run! {
        bitmap {
            Bitmap<Inline<1>> => 1,
            Bitmap<Inline<7>> => 7,
            Bitmap<Inline<64>> => 64,
            Bitmap<Inline<65>> => 65,
            Bitmap<Inline<100>> => 100,
            Bitmap<Inline<129>> => 129,
            Bitmap<Inline<2048>> => 2048,
        }
        bitmap_with_summary {
            Bitmap<Inline<2049>> => 2049,
            Bitmap<Inline<4096>> => 4096,
            Bitmap<Inline<4097>> => 4097,
            Bitmap<Inline<8300>> => 8300,
        }
        counted {
            Counted<Bitmap<Inline<100>>> => 100,
            Counted<SpinStack<3>> => 3,
        }
        heapless_queue {
            HeaplessQueue<1, 2> => 1,
            HeaplessQueue<64> => 64,
            HeaplessQueue<100, 128> => 100,
            HeaplessQueue<100, 16> => 100,
        }
        spin_stack {
            SpinStack<1> => 1,
            SpinStack<64> => 64,
            SpinStack<100> => 100,
        }
    }
}
