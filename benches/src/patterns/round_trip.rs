//! What is done with a queue.

use std::hint::black_box;

use super::{Work, wait, warm_up};
use crate::peers::{BURST, Burst};
use crate::queues::HandOff;
use crate::schedule::{Job, crowd, timed, together};

/// Makes the items to hand on.
pub type Item<T> = fn() -> T;

/// Pushes an item and takes one out, `count` times; not always its own if others do the same.
fn round_trips<T, Q: HandOff<T>>(queue: &Q, item: &mut Option<T>, count: u64) {
    let mut held = item.take().expect("came back");
    for _ in 0..count {
        queue.push(held);
        held = wait(|| queue.pop());
    }
    *item = Some(held);
}

/// Pushes an item and takes it out again, on one thread.
pub fn one_thread<T: Send + 'static, Q: HandOff<T>>(queue: &'static Q, item: Item<T>) -> Work {
    Box::new(move |count| {
        let mut item = Some(item());
        round_trips(queue, &mut item, warm_up(count));
        timed(|| round_trips(queue, black_box(&mut item), count))
    })
}

/// Pushes an item and takes another one out, which was pushed 32 items before, on one thread.
pub fn one_thread_with_backlog<T: Send + 'static, Q: HandOff<T>>(
    queue: &'static Q,
    item: Item<T>,
) -> Work {
    Box::new(move |count| {
        (0..BURST).for_each(|_| queue.push(item()));
        let mut held = Some(item());
        round_trips(queue, &mut held, warm_up(count));
        let time = timed(|| round_trips(queue, black_box(&mut held), count));
        while queue.pop().is_some() {}
        time
    })
}

/// Round trips on each of several threads.
fn both<T: Send + 'static, Q: HandOff<T>>(
    queue: &'static Q,
    item: Item<T>,
    threads: usize,
    each: u64,
) -> Vec<Job<'static>> {
    let job = |_| -> Job<'static> {
        let mut item = Some(item());
        Box::new(move |start| {
            round_trips(queue, &mut item, warm_up(each));
            start.timed(|| round_trips(queue, &mut item, each))
        })
    };
    (0..threads).map(job).collect()
}

/// Two threads that both push and pop, each that many times.
pub fn two_threads<T: Send + 'static, Q: HandOff<T>>(queue: &'static Q, item: Item<T>) -> Work {
    Box::new(move |count| together(both(queue, item, 2, count)))
}

/// Many more threads than cores that all push and pop, together that many times.
pub fn many_threads<T: Send + 'static, Q: HandOff<T>>(queue: &'static Q, item: Item<T>) -> Work {
    let threads = crowd();
    Box::new(move |count| together(both(queue, item, threads, count.div_ceil(threads as u64))))
}

/// One by one from one thread to another through a queue, and back through another queue of its kind; each
/// direction counts.
pub fn there_and_back<T: Send + 'static, Q: HandOff<T>>(
    there: &'static Q,
    back: &'static Q,
    item: Item<T>,
) -> Work {
    between_two_threads(there, back, item, |from, to, count| {
        for _ in 0..count {
            to.push(wait(|| from.pop()));
        }
    })
}

/// The same in bursts of 32.
pub fn there_and_back_in_bursts<T: Send + 'static, Q: HandOff<T>>(
    there: &'static Q,
    back: &'static Q,
    item: Item<T>,
) -> Work {
    between_two_threads(there, back, item, |from, to, count| {
        let mut burst = Burst::new();
        for _ in 0..count.div_ceil(BURST as u64) {
            wait(|| {
                from.pop_burst(&mut burst);
                burst.is_full().then_some(())
            });
            to.push_burst(&mut burst);
        }
    })
}

/// The number of items on their way at once.
const ITEMS: usize = 256;

/// Two threads, each of which passes on items from the queue that the other one pushes to.
fn between_two_threads<T: Send + 'static, Q: HandOff<T>>(
    there: &'static Q,
    back: &'static Q,
    item: Item<T>,
    pass: fn(&Q, &Q, u64),
) -> Work {
    Box::new(move |count| {
        (0..ITEMS).for_each(|_| back.push(item()));
        let each = count.div_ceil(2);
        let job = |from: &'static Q, to: &'static Q| -> Job<'static> {
            Box::new(move |start| {
                pass(from, to, warm_up(each));
                start.timed(|| pass(from, to, each))
            })
        };
        let sample = together(vec![job(back, there), job(there, back)]);
        while back.pop().is_some() {}
        sample
    })
}
