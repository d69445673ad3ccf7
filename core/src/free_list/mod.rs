//! Free lists: which blocks of a pool are free. One algorithm per file.

mod bitmap;
mod counted;
mod heapless_queue;
mod spin_stack;

pub use bitmap::{Bitmap, BitmapList, Neighbours, Returning};
pub(crate) use bitmap::{GROUP, Words};
pub use counted::{Counted, CountedList};
pub use heapless_queue::HeaplessQueue;
pub use spin_stack::SpinStack;

use crate::block_state::MAX_COUNT;

/// The free list of a [`Pool`](crate::Pool), its fourth parameter: [`Bitmap`], [`Counted`],
/// [`HeaplessQueue`] or [`SpinStack`].
///
/// | free list | progress | one block taken and given back | from an interrupt |
/// |---|---|---|---|
/// | [`Bitmap`] | lock-free | two atomic read-modify-writes | yes |
/// | [`Counted`] | that of the free list inside | two more than the free list inside, three while the mark rises | as the free list inside |
/// | [`HeaplessQueue`] | not lock-free: see its first paragraph | four or more | only with care |
/// | [`SpinStack`] | a lock | two lock round trips | no: deadlock |
///
/// ```
/// use blockpool_core::storage::SpinStack;
/// use blockpool_core::{Align, Pool};
///
/// static POOL: Pool<64, 100, Align<64>, SpinStack> = Pool::new();
/// assert_eq!(POOL.available(), 100);
/// ```
///
/// The trait is sealed.
#[expect(private_bounds, reason = "sealed: a pool relies on the indices of its free list")]
pub trait FreeListKind: Kind {
    /// The free list for `COUNT` blocks: its capacity is `COUNT`.
    #[expect(private_bounds, reason = "sealed: a pool relies on no index being out twice")]
    type List<const COUNT: usize>: AllFree + InitInPlace;
}

#[cfg(doctest)]
/// A free list with another capacity than the pool's cannot be smuggled in:
///
/// ```compile_fail,E0277
/// use blockpool_core::storage::{Bitmap, FreeListKind};
///
/// struct Mismatched;
/// impl FreeListKind for Mismatched {
///     type List<const COUNT: usize> = <Bitmap as FreeListKind>::List<64>;
/// }
/// ```
///
/// It is the trait that refuses it, not the list:
///
/// ```
/// use blockpool_core::storage::{Bitmap, FreeListKind};
///
/// struct Unrelated;
/// impl Unrelated {
///     const LIST: Option<<Bitmap as FreeListKind>::List<64>> = None;
/// }
/// ```
struct DoesNotCompile;

/// Only this crate says what a [`FreeListKind`] is: one whose free list had another capacity would hand
/// out memory beyond the pool's blocks.
pub(crate) trait Kind {}

/// Free indices in `[0, capacity)`.
///
/// A pool owns its free list and calls it. The methods are public so that the algorithms can be
/// measured and tested by themselves, and used for resources other than blocks: see
/// [`IndexSet`](crate::storage::IndexSet). An index that was taken is *out* until it is given back.
///
/// Progress and cost are those of the [kind](FreeListKind). The trait is sealed.
#[expect(private_bounds, reason = "sealed: a pool relies on no index being out twice")]
pub trait FreeList: Put + Send + Sync + Sized {
    /// How many indices there are, free or out.
    fn capacity(&self) -> usize;

    /// Takes a free index, or `None` if all are out.
    fn take(&self) -> Option<u32>;

    /// Takes free indices that can be taken together, writes them to the front of `indices`, and
    /// returns how many: at least one unless all are out or `indices` is empty.
    ///
    /// Fewer than `indices.len()` does not mean that no more are free. A free list may first look near
    /// `near`, an index that the caller used last.
    fn take_some(&self, indices: &mut [u32], near: Option<u32>) -> usize {
        let _ = near;
        let Some(first) = indices.first_mut() else {
            return 0;
        };
        let Some(index) = self.take() else {
            return 0;
        };
        *first = index;
        1
    }

    /// Gives an index back. It must be out, and the caller its owner: otherwise it may be handed out
    /// twice.
    ///
    /// # Panics
    ///
    /// If `index` is not below the capacity. A free list that notices that it was not out may panic
    /// too.
    fn give_back(&self, index: u32) {
        check(&[index], self.capacity());
        self.put(index);
    }

    /// Gives all `indices` back, under the conditions of [`give_back`](Self::give_back).
    ///
    /// # Panics
    ///
    /// If one of `indices` is not below the capacity; then none is given back. Otherwise as
    /// [`give_back`](Self::give_back).
    fn give_back_all(&self, indices: &[u32]) {
        check(indices, self.capacity());
        self.put_all(indices);
    }

    /// How many indices are free. Exact when no other operation runs; otherwise off by those that
    /// overlap the call. O(capacity ÷ word size); for monitoring.
    fn available(&self) -> usize;

    /// The most indices that were out at once, or `None` if this free list does not count.
    fn high_water_mark(&self) -> Option<usize> {
        None
    }
}

/// What a pool calls: its own indices need no check, so no panic is linked into its operations.
pub(crate) trait Put {
    /// Gives back an index, which is below the capacity.
    fn put(&self, index: u32);

    /// Gives back indices, which are below the capacity.
    fn put_all(&self, indices: &[u32]);
}

/// A free list that holds its own memory.
///
/// ```
/// use blockpool_core::storage::{AllFree, Bitmap, FreeList, FreeListKind};
///
/// static LIST: <Bitmap as FreeListKind>::List<100> = AllFree::ALL_FREE;
/// assert_eq!(LIST.available(), 100);
/// ```
pub trait AllFree: FreeList {
    /// The free list in which every index is free. A count of 0 or more than
    /// [`MAX_COUNT`](crate::MAX_COUNT) does not compile.
    const ALL_FREE: Self;
}

/// A free list that a [`Pool`](crate::Pool) makes in place.
pub(crate) trait InitInPlace: AllFree {
    /// Writes [`ALL_FREE`](Self::ALL_FREE) to `list`, since it may be too large for the stack.
    ///
    /// # Safety
    ///
    /// `list` is aligned and valid for writes.
    unsafe fn init(list: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { list.write(Self::ALL_FREE) };
    }
}

fn check(indices: &[u32], capacity: usize) {
    if let Some(index) = indices.iter().find(|&&index| index as usize >= capacity) {
        out_of_range(*index, capacity);
    }
}

#[cold]
fn out_of_range(index: u32, capacity: usize) -> ! {
    panic!("index {index} is out of range for a capacity of {capacity}");
}

/// For the `ALL_FREE` of free lists.
const fn check_count(count: usize) {
    assert!(count >= 1 && count <= MAX_COUNT, "a free list is for 1 to 2^29 indices");
}

#[cfg(test)]
mod tests {
    //! One harness for every free list.
    extern crate std;

    use super::{
        AllFree, Bitmap, Counted, FreeListKind, HeaplessQueue, MAX_COUNT, SpinStack, check_count,
    };
    use std::boxed::Box;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::vec::Vec;

    fn drain<F: AllFree>(list: &F) -> Vec<u32> {
        core::iter::from_fn(|| list.take()).collect()
    }

    fn every_index_is_handed_out_exactly_once<F: AllFree>(count: usize) {
        let list = Box::new(F::ALL_FREE);
        assert_eq!((list.capacity(), list.available()), (count, count));
        for round in 0..3 {
            let mut indices = drain(&*list);
            assert_eq!(list.take(), None);
            assert_eq!(list.available(), 0);
            indices.sort_unstable();
            let all: Vec<u32> = (0..u32::try_from(count).unwrap()).collect();
            assert_eq!(indices, all, "round {round} of {count}");
            list.give_back_all(&indices);
            assert_eq!(list.available(), count);
        }
    }

    fn some_are_taken_until_none_are_left<F: AllFree>(count: usize) {
        let list = Box::new(F::ALL_FREE);
        assert_eq!(list.take_some(&mut [], None), 0);
        let mut all = Vec::new();
        loop {
            let mut some = [u32::MAX; 7];
            let taken = list.take_some(&mut some, all.last().copied());
            if taken == 0 {
                break;
            }
            assert!(some[taken..].iter().all(|&index| index == u32::MAX));
            all.extend_from_slice(&some[..taken]);
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..u32::try_from(count).unwrap()));
        for &index in &all {
            list.give_back(index);
        }
        assert_eq!(list.available(), count);
    }

    fn an_index_given_back_can_be_taken_again<F: AllFree>(count: usize) {
        let list = Box::new(F::ALL_FREE);
        let all = drain(&*list);
        for &index in &all {
            list.give_back(index);
            assert_eq!(list.take(), Some(index));
            assert_eq!(list.take(), None);
        }
        assert_eq!(all.len(), count);
    }

    fn an_index_beyond_the_capacity_is_refused_by_a_panic<F: AllFree>(count: usize) {
        let list = Box::new(F::ALL_FREE);
        let panics = |give_back: &dyn Fn()| catch_unwind(AssertUnwindSafe(give_back)).is_err();
        for beyond in [u32::try_from(count).unwrap(), u32::MAX] {
            assert!(panics(&|| list.give_back(beyond)), "{beyond} of {count}");
            assert!(panics(&|| list.give_back_all(&[beyond])), "{beyond} of {count}");
            assert_eq!(list.available(), count, "nothing was given back");
        }
    }

    #[test]
    fn a_set_is_for_some_indices_but_not_too_many() {
        for (count, serves) in [(0, false), (1, true), (MAX_COUNT, true), (MAX_COUNT + 1, false)] {
            assert_eq!(catch_unwind(|| check_count(count)).is_ok(), serves, "{count}");
        }
    }

    fn threads_never_share_an_index<F: AllFree>(count: usize) {
        use core::sync::atomic::{AtomicBool, Ordering};
        let list = Box::new(F::ALL_FREE);
        let out: Vec<AtomicBool> = (0..count).map(|_| AtomicBool::new(false)).collect();
        let enter = |index: u32| {
            assert!(!out[index as usize].swap(true, Ordering::Relaxed), "{index} is out twice");
        };
        let leave = |index: u32| {
            assert!(out[index as usize].swap(false, Ordering::Relaxed), "{index} was not out");
        };
        std::thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|thread| {
                let (list, enter, leave) = (&*list, &enter, &leave);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for step in 0..4_000_usize {
                        if (step / 7 + thread) % 3 == 0 {
                            let mut some = [0; 5];
                            let near = held.last().copied().or(Some(u32::MAX));
                            let taken = list.take_some(&mut some, near);
                            some[..taken].iter().for_each(|&index| enter(index));
                            held.extend_from_slice(&some[..taken]);
                        } else if let Some(index) = list.take() {
                            enter(index);
                            held.push(index);
                        }
                        if held.len() > count / 3 || step % 11 == 0 {
                            let keep = held.len() / 2;
                            held[keep..].iter().for_each(|&index| leave(index));
                            list.give_back_all(&held[keep..]);
                            held.truncate(keep);
                        }
                    }
                    for index in held {
                        leave(index);
                        list.give_back(index);
                    }
                })
            });
            // The scope joins them too, but ThreadSanitizer does not see it: the standard library
            // is compiled without it.
            for thread in threads {
                thread.join().expect("no thread panicked");
            }
        });
        assert_eq!(list.available(), count);
        assert_eq!(drain(&*list).len(), count, "an index was lost");
    }

    macro_rules! run {
        ($($name:ident { $($kind:ty => $count:expr,)+ })+) => {$(
            #[test]
            fn $name() {$({
                type List = <$kind as FreeListKind>::List<$count>;
                every_index_is_handed_out_exactly_once::<List>($count);
                some_are_taken_until_none_are_left::<List>($count);
                an_index_given_back_can_be_taken_again::<List>($count);
                an_index_beyond_the_capacity_is_refused_by_a_panic::<List>($count);
                threads_never_share_an_index::<List>($count);
            })+}
        )+};
    }

    run! {
        bitmap {
            Bitmap => 1,
            Bitmap => 7,
            Bitmap => 64,
            Bitmap => 65,
            Bitmap => 100,
            Bitmap => 129,
            Bitmap => 2048,
        }
        bitmap_with_summary {
            Bitmap => 2049,
            Bitmap => 4096,
            Bitmap => 4097,
            Bitmap => 8300,
        }
        counted {
            Counted => 100,
            Counted<SpinStack> => 3,
        }
        heapless_queue {
            HeaplessQueue<2> => 1,
            HeaplessQueue<64> => 64,
            HeaplessQueue<128> => 100,
            HeaplessQueue<16> => 100,
        }
        spin_stack {
            SpinStack => 1,
            SpinStack => 64,
            SpinStack => 100,
        }
    }
}
