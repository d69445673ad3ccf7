//! The other free lists, as far as they are made of the crate's own atomics.

use super::{Model, bounded};
use crate::free_list::{AllFree, Counted, FreeList, FreeListKind, HeaplessQueue};
use crate::harness::two;

pub(super) fn models() -> Vec<Model> {
    vec![
        bounded(3, the_spill_loses_nothing),
        bounded(3, the_peak_is_never_too_high),
        bounded(3, the_peak_of_a_rest_is_not_missed),
    ]
}

/// A free list of three indices, whose atomics were all used.
pub(super) fn settled<K: FreeListKind>() -> K::List<3> {
    let set = K::List::<3>::ALL_FREE;
    let all: Vec<u32> = core::iter::from_fn(|| set.take()).collect();
    assert_eq!(all.len(), 3);
    set.give_back_all(&all);
    assert_eq!(set.available(), 3);
    set
}

/// `heapless` has atomics of its own that loom does not see: here each operation of its queue is one step,
/// which orders nothing for loom. So this shows what the spill does, but neither the free list's limitation
/// nor that a block's bytes are handed on.
fn the_spill_loses_nothing() {
    let set = settled::<HeaplessQueue<2>>();
    let side = || {
        let (a, b) = (set.take(), set.take());
        a.iter().chain(&b).for_each(|&number| set.give_back(number));
        [a, b].into_iter().flatten().count()
    };
    let (a, b) = two(side, side);
    assert!(a + b >= 3, "none, though one was free");
    assert_eq!(set.available(), 3);
    let mut all: Vec<u32> = core::iter::from_fn(|| set.take()).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}

/// "It never reads high."
fn the_peak_is_never_too_high() {
    let set = settled::<Counted>();
    let before = set.high_water_mark().expect("it counts");
    assert_eq!(before, 3);
    let side = || {
        let number = set.take().expect("one is free for each");
        set.give_back(number);
    };
    two(side, side);
    assert_eq!(set.high_water_mark(), Some(3));
    assert_eq!(set.available(), 3);
}

/// "Exact when no operation was under way at the moment of the peak."
fn the_peak_of_a_rest_is_not_missed() {
    let set = <Counted as FreeListKind>::List::<3>::ALL_FREE;
    let kept = set.take();
    let side = || set.take().expect("one is free for each");
    two(side, side);
    assert_eq!((kept, set.high_water_mark()), (Some(0), Some(3)));
}
