//! The queue with bursts.

use super::{Model, bounded, every};
use crate::harness::{CheckedQueue, assert_each_once, checked_queue, three, two};

pub(super) fn models() -> Vec<Model> {
    vec![
        every(a_cut_hands_on_what_its_popper_pushed),
        bounded(2, a_cut_hands_it_on_to_two),
        every(a_cut_hands_it_on_to_who_asks_whether_it_is_empty),
        bounded(3, a_cut_by_a_burst_hands_it_on),
        every(a_chain_comes_apart),
        bounded(2, a_chain_comes_apart_among_three),
        every(a_chain_is_popped_while_pushed),
        bounded(2, a_chain_is_popped_by_two_while_pushed),
        every(a_burst_against_a_single_pop),
        every(a_burst_against_a_burst),
        bounded(2, two_bursts_against_a_push),
        bounded(2, a_burst_stays_together),
        bounded(3, a_popper_is_not_misled_by_blocks_pushed_again),
        bounded(2, a_popper_is_not_misled_by_two_who_push_again),
        bounded(3, a_burst_is_not_misled_by_links_turned_round),
        bounded(2, links_turned_round_again_and_again),
        every(addresses_are_popped_while_pushed),
        every(a_burst_of_addresses_against_a_burst),
        bounded(3, a_burst_of_addresses_is_not_misled_by_links_turned_round),
        every(len_counts_a_chain_or_nothing),
    ]
}

/// W2 with L1: the queue holds 0, 1; one side pushes 2 and pops 0 with a cut. A thread that then pops 1 and
/// finds the next slot must see 2 there.
fn a_cut_hands_on_what_its_popper_pushed() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1]);
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop()
        };
        let (a, (b, c)) = two(push_and_pop, || (queue.must_pop(), queue.must_pop()));
        assert_each_once(3, &[&[a, b, c]]);
    });
}

/// W2 and A1: as above; one thread moves the head on, another finds the next slot.
fn a_cut_hands_it_on_to_two() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1]);
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop()
        };
        let (a, b, c) = three(push_and_pop, || queue.must_pop(), || queue.must_pop());
        assert_each_once(3, &[&[a, b, c]]);
    });
}

/// W2 and A4: like the first.
fn a_cut_hands_it_on_to_who_asks_whether_it_is_empty() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1]);
        let push_and_pop = || {
            queue.push(2);
            queue.must_pop();
        };
        let pop_and_ask = || {
            queue.must_pop();
            assert!(!queue.inner.is_empty(), "empty, though it never was");
        };
        two(push_and_pop, pop_and_ask);
    });
}

/// W2: like the first, with several blocks cut at once.
fn a_cut_by_a_burst_hands_it_on() {
    checked_queue::<4>(|queue| {
        queue.push_burst([0, 1, 2]);
        let push_and_pop = || {
            queue.push(3);
            queue.pop_burst::<2>()
        };
        let (a, (b, c)) = two(push_and_pop, || (queue.must_pop(), queue.must_pop()));
        assert_eq!(a.len(), 2);
        assert_each_once(4, &[&a, &[b, c]]);
    });
}

/// W2 against the last pop of a chain, through L1.
fn a_chain_comes_apart() {
    checked_queue::<2>(|queue| {
        queue.push_burst([1, 0]);
        let (a, b) = two(|| queue.must_pop(), || queue.must_pop());
        assert_each_once(2, &[&[a, b]]);
    });
}

/// As above.
fn a_chain_comes_apart_among_three() {
    checked_queue::<3>(|queue| {
        queue.push_burst([2, 0, 1]);
        let (a, b, c) = three(|| queue.must_pop(), || queue.must_pop(), || queue.must_pop());
        assert_each_once(3, &[&[a, b, c]]);
    });
}

/// W1 with L1: links, ranges and bytes go with the chain.
fn a_chain_is_popped_while_pushed() {
    checked_queue::<3>(|queue| {
        let ((), popped) = two(|| queue.push_burst([2, 1]), || two_pops(queue));
        assert_eq!([popped, queue.rest()].concat(), [2, 1]);
    });
}

/// W1 and L1 through W2: what the pusher wrote is visible to the thread that pops the rest.
fn a_chain_is_popped_by_two_while_pushed() {
    checked_queue::<3>(|queue| {
        let push = || queue.push_burst([2, 0, 1]);
        let ((), a, b) = three(push, || two_pops(queue), || two_pops(queue));
        for popped in [&a, &b] {
            assert!(is_in_order(popped, &[2, 0, 1]), "{popped:?}");
        }
        assert_each_once(3, &[&a, &b, &queue.rest()]);
    });
}

/// Part of a chain at once, against W2.
fn a_burst_against_a_single_pop() {
    checked_queue::<3>(|queue| {
        queue.push_burst([2, 1, 0]);
        let (burst, single) = two(|| queue.pop_burst::<2>(), || queue.must_pop());
        assert_eq!(burst.len(), 2);
        assert!(is_in_order(&burst, &[2, 1, 0]), "{burst:?}");
        assert_each_once(3, &[&burst, &[single]]);
    });
}

/// All of a chain at once: W2, then the last one.
fn a_burst_against_a_burst() {
    checked_queue::<3>(|queue| {
        queue.push_burst([2, 1, 0]);
        let (a, b) = two(|| queue.pop_burst::<3>(), || queue.pop_burst::<3>());
        for popped in [&a, &b] {
            assert!(is_in_order(popped, &[2, 1, 0]), "{popped:?}");
        }
        assert_each_once(3, &[&a, &b]);
    });
}

/// As above, while the chain is being pushed.
fn two_bursts_against_a_push() {
    checked_queue::<3>(|queue| {
        let push = || queue.push_burst([2, 1, 0]);
        let ((), a, b) = three(push, || queue.pop_burst::<2>(), || queue.pop_burst::<3>());
        for popped in [&a, &b] {
            assert!(is_in_order(popped, &[2, 1, 0]), "{popped:?}");
        }
        assert_each_once(3, &[&a, &b, &queue.rest()]);
    });
}

/// No other thread's block comes between those of a burst.
fn a_burst_stays_together() {
    checked_queue::<3>(|queue| {
        let push_burst = || queue.push_burst([0, 1]);
        let ((), (), popped) = three(push_burst, || queue.push(2), || two_pops(queue));
        let all = [popped, queue.rest()].concat();
        assert!(all == [0, 1, 2] || all == [2, 0, 1], "{all:?}");
    });
}

/// W2 by a popper that was preempted after reading links, while the block comes again with others.
fn a_popper_is_not_misled_by_blocks_pushed_again() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1]);
        let again = || {
            let mut blocks = heapless::Vec::<_, 2>::new();
            if let Some(mut block) = queue.pop_block() {
                queue.write(&mut block);
                blocks.push(block).expect("there is room");
            }
            blocks.push(queue.block(2)).expect("there is room");
            queue.inner.push_burst(&mut blocks);
        };
        let ((), popped) = two(again, || two_pops(queue));
        assert_each_once(3, &[&popped, &queue.rest()]);
    });
}

/// As above, from two sides.
fn a_popper_is_not_misled_by_two_who_push_again() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1, 2]);
        let ((), (), popped) = three(|| queue.move_on(), || queue.move_on(), || two_pops(queue));
        assert_each_once(3, &[&popped, &queue.rest()]);
    });
}

/// As above: a chain of the same blocks, linked in reverse order.
fn a_burst_is_not_misled_by_links_turned_round() {
    checked_queue::<3>(|queue| {
        queue.push_burst([0, 1, 2]);
        let ((), popped) = two(|| turn_round(queue), || queue.pop_burst::<2>());
        assert_each_once(3, &[&popped, &queue.rest()]);
    });
}

/// As above, lap after lap.
fn links_turned_round_again_and_again() {
    checked_queue::<2>(|queue| {
        queue.push_burst([0, 1]);
        let twice = || (0..2).for_each(|_| turn_round(queue));
        two(twice, || turn_round(queue));
        assert_each_once(2, &[&queue.rest()]);
    });
}

/// W1 with L1: as for a chain of handles.
fn addresses_are_popped_while_pushed() {
    checked_queue::<3>(|queue| {
        let push = || queue.push_addresses([2, 1]);
        let ((), popped) = two(push, || queue.pop_addresses::<2>());
        assert_eq!([popped, queue.rest()].concat(), [2, 1]);
    });
}

/// All of a chain at once, by address and as handles.
fn a_burst_of_addresses_against_a_burst() {
    checked_queue::<3>(|queue| {
        queue.push_addresses([2, 1, 0]);
        let (a, b) = two(|| queue.pop_addresses::<3>(), || queue.pop_burst::<3>());
        for popped in [&a, &b] {
            assert!(is_in_order(popped, &[2, 1, 0]), "{popped:?}");
        }
        assert_each_once(3, &[&a, &b]);
    });
}

/// W2: the links that a burst reads are removed and rewritten in the meantime.
fn a_burst_of_addresses_is_not_misled_by_links_turned_round() {
    checked_queue::<3>(|queue| {
        queue.push_addresses([0, 1, 2]);
        let ((), popped) = two(|| queue.turn_round_addresses(), || queue.pop_addresses::<2>());
        assert_each_once(3, &[&popped, &queue.rest()]);
    });
}

/// A chain takes effect at once.
fn len_counts_a_chain_or_nothing() {
    checked_queue::<3>(|queue| {
        let ((), len) = two(|| queue.push_burst([2, 1, 0]), || queue.inner.len());
        assert!(len == 0 || len == 3, "{len} of a chain of 3 were counted");
    });
}

fn two_pops<const COUNT: usize>(queue: &CheckedQueue<'_, COUNT>) -> Vec<u32> {
    [queue.pop(), queue.pop()].into_iter().flatten().collect()
}

/// Pops two as a burst and pushes them in reverse order.
fn turn_round<const COUNT: usize>(queue: &CheckedQueue<'_, COUNT>) {
    let mut blocks = queue.pop_burst_of::<2>();
    blocks.reverse();
    blocks.iter_mut().for_each(|block| queue.write(block));
    queue.inner.push_burst(&mut blocks);
}

/// Whether `some` are among `all`, in the same order.
fn is_in_order(some: &[u32], all: &[u32]) -> bool {
    let mut all = all.iter();
    some.iter().all(|number| all.any(|other| other == number))
}
