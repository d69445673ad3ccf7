//! The check itself: it rejects wrong histories, planted ones and those of queues that are known to
//! be wrong, and accepts what only looks wrong.

use std::iter;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

use super::linearize::{Operation, is_linearizable};
use super::model::{QueueStep, SetStep, is_linearizable_by_number, popped};
use super::record::{Clock, Player, record};
use crate::harness::Random;

use QueueStep::{Empty, NotEmpty, Pop};
use SetStep::{AllOut, Give, Take};

fn push<const N: usize>(numbers: [u32; N]) -> QueueStep {
    QueueStep::Push(numbers.into_iter().collect())
}

/// A call, its return, and what it reported.
fn at<S, const N: usize>(called: u64, returned: u64, steps: [S; N]) -> Operation<S> {
    Operation { called, returned, steps: steps.into_iter().collect() }
}

#[track_caller]
fn queue<const THREADS: usize>(right: bool, threads: [Vec<Operation<QueueStep>>; THREADS]) {
    assert_eq!(is_linearizable(&Vec::new(), &threads.into()), right);
}

#[test]
fn a_number_popped_twice_is_rejected() {
    let pushed = || vec![at(0, 1, [push([7])])];
    queue(true, [pushed(), vec![at(2, 5, [Pop(7)])], vec![at(3, 6, [Empty])]]);
    queue(false, [pushed(), vec![at(2, 5, [Pop(7)])], vec![at(3, 6, [Pop(7)])]]);
}

#[test]
fn a_number_that_nobody_pushed_is_rejected() {
    queue(false, [vec![at(0, 1, [push([7])])], vec![at(0, 2, [Pop(8)])]]);
    queue(false, [vec![at(2, 3, [push([7])])], vec![at(0, 1, [Pop(7)])]]);
}

#[test]
fn numbers_out_of_order_are_rejected() {
    let pops = || vec![at(4, 5, [Pop(2)]), at(6, 7, [Pop(1)])];
    let second = |called| vec![at(called, 3, [push([2])])];
    queue(true, [vec![at(0, 2, [push([1])])], second(1), pops()]);
    queue(false, [vec![at(0, 1, [push([1])])], second(2), pops()]);
}

#[test]
fn a_burst_that_another_came_into_is_rejected() {
    let burst = || vec![at(0, 5, [push([1, 2])])];
    let other = || vec![at(1, 4, [push([3])])];
    let pops = |numbers: [u32; 3]| vec![at(6, 7, numbers.map(Pop))];
    queue(true, [burst(), other(), pops([1, 2, 3])]);
    queue(true, [burst(), other(), pops([3, 1, 2])]);
    queue(false, [burst(), other(), pops([1, 3, 2])]);
    queue(false, [burst(), other(), pops([2, 1, 3])]);
}

#[test]
fn a_burst_popped_in_parts_is_accepted_if_nothing_is_left_behind() {
    let pushed = || vec![at(0, 1, [push([1, 2, 3])])];
    let burst = || vec![at(2, 5, [Pop(1), Pop(3)])];
    queue(true, [pushed(), burst(), vec![at(3, 4, [Pop(2)])]]);
    queue(false, [pushed(), burst(), vec![at(6, 7, [Pop(2)])]]);
    queue(false, [pushed(), vec![at(2, 5, [Pop(1), Pop(2), Empty])]]);
}

#[test]
fn none_while_there_is_one_is_rejected() {
    for none in [|| at(2, 3, [Empty]), || at(4, 7, [Empty])] {
        queue(false, [vec![at(0, 1, [push([1])]), at(5, 6, [push([2])])], vec![none()]]);
    }
    queue(true, [vec![at(0, 4, [push([1])])], vec![at(2, 3, [Empty])]]);
    // The two alternate: at every instant one of them is in the queue.
    let round = || vec![at(0, 1, [push([1])]), at(2, 5, [push([2])]), at(6, 7, [Pop(1)])];
    queue(false, [round(), vec![at(3, 8, [Empty])], vec![at(9, 10, [Pop(2)])]]);
}

#[test]
fn a_queue_said_to_hold_something_while_it_is_empty_is_rejected() {
    queue(false, [vec![at(0, 1, [push([1])]), at(2, 3, [Pop(1)])], vec![at(4, 5, [NotEmpty])]]);
    queue(true, [vec![at(0, 1, [push([1])]), at(2, 4, [Pop(1)])], vec![at(3, 5, [NotEmpty])]]);
}

#[test]
fn a_lost_number_is_rejected() {
    queue(false, [vec![at(0, 2, [push([1])])], vec![at(1, 3, [Empty]), at(4, 5, [Empty])]]);
}

#[track_caller]
fn set<const THREADS: usize>(
    (strictly, by_number): (bool, bool),
    free: u64,
    threads: [Vec<Operation<SetStep>>; THREADS],
) {
    let history = threads.into();
    let found = (is_linearizable(&free, &history), is_linearizable_by_number(free, &history));
    assert_eq!(found, (strictly, by_number));
}

#[test]
fn a_number_with_two_owners_is_rejected() {
    set((false, false), 1, [vec![at(0, 2, [Take(1)])], vec![at(1, 3, [Take(1)])]]);
    set(
        (true, true),
        1,
        [vec![at(0, 1, [Take(1)]), at(2, 4, [Give(1)])], vec![at(3, 5, [Take(1)])]],
    );
}

#[test]
fn none_while_a_number_is_free_is_rejected() {
    set((false, false), 3, [vec![at(0, 2, [Take(1)])], vec![at(1, 3, [AllOut])]]);
    // No thread takes in the meantime, so nothing excuses missing the number that was given back.
    let gives = vec![at(3, 4, [Give(1)]), at(5, 6, [Give(2)])];
    let takes_before = vec![at(0, 1, [Take(1)]), at(7, 8, [Take(2)])];
    set((false, false), 2, [gives, takes_before, vec![at(2, 6, [AllOut])]]);
    set(
        (false, false),
        1,
        [vec![at(0, 1, [Take(1)]), at(2, 3, [Give(1)])], vec![at(4, 5, [AllOut])]],
    );
}

#[test]
fn none_while_each_was_out_but_not_all_is_accepted_by_number_only() {
    // Number 1 is given back after the search has passed it, then number 2 is taken before the search reaches
    // it: one of the two is free at any instant.
    let other = vec![at(0, 1, [Take(1)]), at(3, 4, [Give(1)]), at(5, 6, [Take(2)])];
    set((false, true), 3, [other, vec![at(2, 7, [AllOut])]]);
}

#[test]
fn a_lost_free_number_is_rejected() {
    let other = vec![at(0, 1, [Take(1)]), at(2, 3, [Give(1)])];
    set((false, false), 3, [other, vec![at(4, 5, [Take(2)]), at(6, 7, [AllOut])]]);
}

/// Recorded from `heapless::mpmc::Queue` 0.9.3, which claims a slot in one step and publishes its contents in
/// another: a thread preempted in between hides what others push after it.
///
/// Threads need some hundred thousand operations to produce one like it, so it is not recorded again here.
#[test]
fn a_history_of_a_bare_heapless_queue_is_rejected() {
    let pushes_and_finds_none =
        vec![at(1, 2, [push([0])]), at(3, 4, [Empty]), at(5, 6, [Empty]), at(8, 9, [Pop(3)])];
    let is_stopped_in_a_push = vec![at(0, 7, [push([3])]), at(10, 11, [Pop(0)])];
    queue(false, [pushes_and_finds_none, is_stopped_in_a_push]);
}

/// The same, where the push of 0 is delayed on purpose.
struct Late {
    head: AtomicUsize,
    tail: AtomicUsize,
    /// Each is used once: 0 at first, then a number plus one.
    places: Vec<AtomicU32>,
    /// Pops that found none.
    none: AtomicUsize,
}

impl Late {
    fn push(&self, number: u32) {
        let place = self.tail.fetch_add(1, Ordering::SeqCst);
        let before = self.none.load(Ordering::SeqCst);
        let is_hidden = || number == 0 && self.none.load(Ordering::SeqCst) == before;
        (0..100).take_while(|_| is_hidden()).for_each(|_| thread::yield_now());
        self.places[place].store(number + 1, Ordering::SeqCst);
    }

    fn pop(&self) -> Option<u32> {
        let mut head = self.head.load(Ordering::SeqCst);
        loop {
            let Some(number) = self.places[head].load(Ordering::SeqCst).checked_sub(1) else {
                self.none.fetch_add(1, Ordering::SeqCst);
                return None;
            };
            match self.head.compare_exchange(head, head + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(number),
                Err(now) => head = now,
            }
        }
    }
}

/// Pushes its own number, then alternates between pops and pushes.
struct Party<'q> {
    queue: &'q Late,
    held: Option<u32>,
    own: u32,
}

impl Player for Party<'_> {
    type Step = QueueStep;

    fn prepare(&mut self) {
        self.held = Some(self.own);
    }

    fn act(&mut self, clock: &Clock, _: &mut Random) -> Option<Operation<QueueStep>> {
        Some(match self.held.take() {
            Some(number) => {
                clock.time(|| self.queue.push(number), |()| [push([number])].into_iter().collect())
            }
            None => {
                clock.time(|| self.queue.pop().inspect(|&number| self.held = Some(number)), popped)
            }
        })
    }

    fn finish(&mut self, clock: &Clock) -> Vec<Operation<QueueStep>> {
        let mut all = Vec::new();
        loop {
            let mut more = false;
            let pop = || self.queue.pop().inspect(|_| more = true);
            all.push(clock.time(pop, popped));
            if !more {
                return all;
            }
        }
    }
}

/// It usually shows within the first few hundred histories.
#[test]
fn threads_over_a_wrong_queue_are_rejected() {
    const ROUNDS: usize = 200;
    const LENGTH: usize = 6;
    let is_rejected = |seed| {
        let queue = Late {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            places: iter::repeat_with(AtomicU32::default).take(3 * ROUNDS * LENGTH).collect(),
            none: AtomicUsize::new(0),
        };
        let players = [0, 1, 2].map(|own| Party { queue: &queue, held: None, own });
        let histories = record(players, ROUNDS, LENGTH, seed);
        !histories.iter().all(|history| is_linearizable(&Vec::new(), history))
    };
    assert!((0..100).any(is_rejected));
}
