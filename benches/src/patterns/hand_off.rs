//! What is done with a queue.

use std::hint::black_box;

use super::way::{RING, Receiver, Sender, Through, ring};
use super::{Work, wait, warm_up};
use crate::hand_off::HandOff;
use crate::peers::{BURST, Burst};
use crate::schedule::{Job, crowd, timed, together};

/// Makes what is handed on.
pub type Item<T> = fn() -> T;

/// An item pushed and taken out again, on one thread.
pub fn one_thread<T: Send + 'static, Q: HandOff<T>>(queue: &'static Q, item: Item<T>) -> Work {
    Box::new(move |count| {
        let mut item = Some(item());
        let mut round_trips = |count| {
            for _ in 0..count {
                queue.push(item.take().expect("came back"));
                item = Some(wait(|| queue.pop()));
            }
        };
        round_trips(warm_up(count));
        timed(|| black_box(&mut round_trips)(count))
    })
}

/// An item pushed and one taken out, by each thread: not always its own.
fn both<T: Send + 'static, Q: HandOff<T>>(
    queue: &'static Q,
    item: Item<T>,
    threads: usize,
    each: u64,
) -> Vec<Job<'static>> {
    let job = |_| -> Job<'static> {
        let mut item = Some(item());
        Box::new(move |start| {
            let mut round_trips = |count| {
                for _ in 0..count {
                    queue.push(item.take().expect("came back"));
                    item = Some(wait(|| queue.pop()));
                }
            };
            round_trips(warm_up(each));
            start.timed(|| round_trips(each))
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

/// One thread pushes and another pops, one at a time. The items come back over a ring, the same for
/// every queue.
pub fn stream<T: Send + 'static, Q: HandOff<T>>(queue: &'static Q, item: Item<T>) -> Work {
    Box::new(move |count| {
        let (mut back, mut returned) = ring();
        (0..RING).for_each(|_| back.send(item()));
        let producer: Job<'_> = Box::new(move |start| {
            let mut produce = |count| (0..count).for_each(|_| queue.push(returned.receive()));
            produce(warm_up(count));
            start.timed(|| produce(count))
        });
        let consumer: Job<'_> = Box::new(move |start| {
            let mut from = Through(queue);
            let mut consume = |count| (0..count).for_each(|_| back.send(from.receive()));
            consume(warm_up(count));
            start.timed(|| consume(count))
        });
        together(vec![producer, consumer])
    })
}

/// One thread pushes and another pops, in bursts of 32, which come back in bursts too.
pub fn stream_of_bursts<T: Send + 'static, Q: HandOff<T>>(
    queue: &'static Q,
    item: Item<T>,
) -> Work {
    /// Passes that many bursts on.
    fn pass<T>(from: &mut impl Receiver<T>, to: &mut impl Sender<T>, bursts: u64) {
        let mut burst = Burst::new();
        for _ in 0..bursts {
            from.receive_burst(&mut burst);
            to.send_burst(&mut burst);
        }
    }
    Box::new(move |count| {
        let bursts = count.div_ceil(BURST as u64);
        let (mut back, mut returned) = ring();
        (0..RING).for_each(|_| back.send(item()));
        let producer: Job<'_> = Box::new(move |start| {
            let mut to = Through(queue);
            pass(&mut returned, &mut to, warm_up(bursts));
            start.timed(|| pass(&mut returned, &mut to, bursts))
        });
        let consumer: Job<'_> = Box::new(move |start| {
            let mut from = Through(queue);
            pass(&mut from, &mut back, warm_up(bursts));
            start.timed(|| pass(&mut from, &mut back, bursts))
        });
        together(vec![producer, consumer])
    })
}
