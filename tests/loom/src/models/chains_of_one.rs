//! The queue with chains of one.

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Release};

use super::{Model, bounded, every};
use crate::harness::{assert_each_once, checked_queue, three, two};

pub(super) fn models() -> Vec<Model> {
    vec![
        every(a_push_is_seen_by_its_pusher),
        every(a_push_is_seen_although_another_is_half_done),
        bounded(2, a_push_is_seen_although_two_others_are_half_done),
        every(never_empty_never_none),
        every(never_empty_never_said_to_be),
        bounded(1, what_was_owned_before_is_seen_through_a_helper),
        bounded(3, one_who_was_told_by_the_second_pusher_finds_a_block),
        bounded(3, pushes_that_follow_each_other_come_out_in_order),
        bounded(2, one_producer_keeps_its_order),
        bounded(3, one_block_goes_round),
        bounded(2, one_block_goes_round_among_three),
        bounded(2, two_blocks_go_round),
        bounded(2, there_is_always_room),
        bounded(3, len_counts_between_least_and_most),
    ]
}

/// L1 with W1, A2 and A3 with A1: two threads at both ends.
fn a_push_is_seen_by_its_pusher() {
    checked_queue::<2>(|queue| {
        let side = |number| {
            queue.push(number);
            queue.must_pop()
        };
        let (a, b) = two(|| side(0), || side(1));
        assert_each_once(2, &[&[a, b]]);
        assert_eq!(queue.pop(), None);
    });
}

/// A2 with A1: the tail may be moved on by the other side, which saw more.
fn a_push_is_seen_although_another_is_half_done() {
    checked_queue::<2>(|queue| {
        let push_and_pop = || {
            queue.push(1);
            queue.must_pop()
        };
        let ((), popped) = two(|| queue.push(0), push_and_pop);
        assert_each_once(2, &[&[popped], &queue.rest()]);
    });
}

/// A1 when helping: the third pusher finds two slots written and moves the tail over both.
fn a_push_is_seen_although_two_others_are_half_done() {
    checked_queue::<3>(|queue| {
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop()
        };
        let ((), (), popped) = three(|| queue.push(0), || queue.push(1), push_and_pop);
        assert_each_once(3, &[&[popped], &queue.rest()]);
    });
}

/// A3 with A1: a thread that finds the head moved on by another pop sees what that popper pushed before.
fn never_empty_never_none() {
    checked_queue::<2>(|queue| {
        queue.push(0);
        let push_and_pop = || {
            queue.push(1);
            queue.must_pop()
        };
        let (a, b) = two(push_and_pop, || queue.must_pop());
        assert_each_once(2, &[&[a, b]]);
    });
}

/// A4 with A1, as above.
fn never_empty_never_said_to_be() {
    checked_queue::<2>(|queue| {
        queue.push(0);
        let push_and_pop = || {
            queue.push(1);
            queue.must_pop()
        };
        two(push_and_pop, || assert!(!queue.inner.is_empty(), "empty, though it never was"));
    });
}

/// L1 in a push: the pusher that finds a slot free sees the head that passed it before, although the tail was
/// moved there by a helper that popped nothing.
fn what_was_owned_before_is_seen_through_a_helper() {
    checked_queue::<3>(|queue| {
        let push_and_move_on = || {
            queue.push(0);
            queue.move_on();
        };
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop()
        };
        let ((), (), popped) = three(push_and_move_on, || queue.push(1), push_and_pop);
        assert_each_once(3, &[&[popped], &queue.rest()]);
    });
}

/// A1 and A2 between pushers: the popper knows only of the second push, and finds the first at the head.
fn one_who_was_told_by_the_second_pusher_finds_a_block() {
    checked_queue::<2>(|queue| {
        let pushed = AtomicUsize::new(0);
        let push_and_tell = || {
            queue.push(1);
            pushed.store(1, Release);
        };
        let pop_if_told = || {
            if pushed.load(Acquire) == 1 {
                queue.must_pop();
            }
        };
        three(|| queue.push(0), push_and_tell, pop_if_told);
    });
}

/// First in, first out, over two producers.
fn pushes_that_follow_each_other_come_out_in_order() {
    checked_queue::<2>(|queue| {
        let pushed = AtomicUsize::new(0);
        let first = || {
            queue.push(0);
            pushed.store(1, Release);
        };
        let second = || {
            if pushed.load(Acquire) == 1 {
                queue.push(1);
                pushed.store(2, Release);
            }
        };
        let pop_if_told = || {
            if pushed.load(Acquire) == 2 {
                assert_eq!((queue.pop(), queue.pop()), (Some(0), Some(1)));
            }
        };
        three(first, second, pop_if_told);
    });
}

/// First in, first out, for one producer while another pushes in between.
fn one_producer_keeps_its_order() {
    checked_queue::<3>(|queue| {
        let pushed = AtomicUsize::new(0);
        let two_pushes = || {
            queue.push(0);
            queue.push(1);
            pushed.store(1, Release);
        };
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop();
        };
        let pop_if_told = || {
            if pushed.load(Acquire) == 1 {
                let (first, second) = (queue.must_pop(), queue.pop());
                assert_ne!((first, second), (1, Some(0)));
            }
        };
        three(two_pushes, push_and_pop, pop_if_told);
    });
}

/// One slot, used lap after lap: `Found::Elsewhere`, and the stale ends that lead there.
fn one_block_goes_round() {
    checked_queue::<1>(|queue| {
        queue.push(0);
        let side = || (0..2).for_each(|_| queue.move_on());
        two(side, side);
        assert_eq!(queue.rest(), [0]);
    });
}

/// As above.
fn one_block_goes_round_among_three() {
    checked_queue::<1>(|queue| {
        queue.push(0);
        three(|| queue.move_on(), || queue.move_on(), || queue.move_on());
        assert_eq!(queue.rest(), [0]);
    });
}

/// A chain that comes apart, then chains of one, lap after lap.
fn two_blocks_go_round() {
    checked_queue::<2>(|queue| {
        queue.push_burst([0, 1]);
        let side = || (0..2).for_each(|_| queue.move_on());
        two(side, side);
        assert_each_once(2, &[&queue.rest()]);
    });
}

/// L1 in a push, and A2: as many pushes as slots, while the head moves.
fn there_is_always_room() {
    checked_queue::<2>(|queue| {
        queue.push(0);
        let push_and_pop = || {
            queue.push(1);
            queue.pop()
        };
        let (a, b, ()) = three(|| queue.pop(), push_and_pop, || queue.move_on());
        let popped: Vec<u32> = [a, b].into_iter().flatten().collect();
        assert_each_once(2, &[&popped, &queue.rest()]);
    });
}

/// A4, and links read by a thread that owns nothing.
fn len_counts_between_least_and_most() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1]);
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop();
        };
        two(push_and_pop, || assert!((1..=3).contains(&queue.inner.len())));
    });
}
