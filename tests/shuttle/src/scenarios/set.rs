//! Free lists over the bitmap's words.

use crate::free_list::{AllFree, FreeList};
use crate::harness::{Owners, Recorder, SparseBitmap, below, sparse_bit, together};
use crate::linearize::is_linearizable;
use crate::model::{SetStep, is_linearizable_by_number};

/// Threads take and give back; at the end the main thread takes the rest.
pub(super) fn linearizable<const COUNT: usize, const OF_EACH: usize, const SUMMARY: usize>(
    threads: usize,
    length: usize,
) {
    let set = SparseBitmap::<COUNT, OF_EACH, SUMMARY>::ALL_FREE;
    let all_free = set.available();
    let owners = Owners::new(COUNT);
    let recorder = Recorder::new(threads);
    let bits = |numbers: &[u32]| numbers.iter().map(|&number| sparse_bit(number, OF_EACH)).sum();

    let take_some = |thread: usize, limit: usize| {
        let taken = recorder.record(
            thread,
            || {
                if limit == 1 {
                    return set.take().into_iter().collect();
                }
                let mut some = [0; 2];
                let taken = set.take_some(&mut some, None);
                some.into_iter().take(taken).collect::<heapless::Vec<u32, 2>>()
            },
            |taken| {
                let step =
                    if taken.is_empty() { SetStep::AllOut } else { SetStep::Take(bits(taken)) };
                [step].into_iter().collect()
            },
        );
        taken.iter().for_each(|&number| owners.enter(number));
        taken
    };
    let give_back = |thread: usize, numbers: &[u32]| {
        numbers.iter().for_each(|&number| owners.leave(number));
        recorder.record(
            thread,
            || match *numbers {
                [number] => set.give_back(number),
                _ => set.give_back_all(numbers),
            },
            |()| [SetStep::Give(bits(numbers))].into_iter().collect(),
        );
    };

    together(threads, |thread| {
        let mut held = Vec::new();
        for _ in 0..length {
            // Indices of several words come back one after another.
            let together = COUNT == 64 && held.len() >= 2;
            match below(7) {
                0..=2 => held.extend(take_some(thread, 1)),
                3 => held.extend(take_some(thread, 2)),
                4 if together => give_back(thread, &held.split_off(held.len() - 2)),
                _ if held.is_empty() => held.extend(take_some(thread, 1)),
                _ => give_back(thread, &[held.swap_remove(below(held.len()))]),
            }
        }
        held.into_iter().for_each(|number| give_back(thread, &[number]));
    });
    let mut rest = 0;
    loop {
        match take_some(threads, 2).len() {
            0 => break,
            more => rest += more,
        }
    }
    assert_eq!(rest, all_free, "a number was lost");

    let history = recorder.into_history();
    let free = (1 << all_free) - 1;
    let right = match COUNT {
        64 => is_linearizable(&free, &history),
        _ => is_linearizable_by_number(free, &history),
    };
    assert!(right, "{history:#?}");
}
