//! One thread takes and touches, another gives back.

use super::channel::{Receiver, Sender, Through, ring};
use super::{Work, warm_up};
use crate::peers::{BURST, Burst, Contender, take_burst};
use crate::queues::HandOff;
use crate::schedule::{Job, together};

/// One at a time, through the same ring for every contender.
pub fn one_by_one<C: Contender>(contender: &'static C) -> Work {
    Box::new(|count| {
        let (to, from) = ring();
        together(vec![produce(contender, to, count), consume(contender, from, count)])
    })
}

/// In batches of 32, through the same ring for every contender.
pub fn in_batches<C: Contender>(contender: &'static C) -> Work {
    Box::new(|count| {
        let (to, from) = ring();
        let batches = count.div_ceil(BURST as u64);
        let consumer = consume_batches(contender, from, batches);
        together(vec![produce_batches(contender, to, batches), consumer])
    })
}

/// One at a time, through a queue for many senders and receivers.
pub fn one_by_one_through<C, Q>(contender: &'static C, queue: &'static Q) -> Work
where
    C: Contender,
    Q: HandOff<C::Buffer>,
{
    Box::new(|count| {
        let producer = produce(contender, Through(queue), count);
        together(vec![producer, consume(contender, Through(queue), count)])
    })
}

/// In batches of 32, through a queue for many senders and receivers.
pub fn in_batches_through<C, Q>(contender: &'static C, queue: &'static Q) -> Work
where
    C: Contender,
    Q: HandOff<C::Buffer>,
{
    Box::new(|count| {
        let batches = count.div_ceil(BURST as u64);
        let producer = produce_batches(contender, Through(queue), batches);
        together(vec![producer, consume_batches(contender, Through(queue), batches)])
    })
}

fn produce<C: Contender>(
    contender: &'static C,
    mut to: impl Sender<C::Buffer> + 'static,
    count: u64,
) -> Job<'static> {
    Box::new(move |start| {
        let mut handle = contender.handle();
        let mut produce = |count| {
            for _ in 0..count {
                let mut buffer = C::take(&mut handle);
                C::touch(&mut buffer);
                to.send(buffer);
            }
        };
        produce(warm_up(count));
        start.timed(|| produce(count))
    })
}

fn consume<C: Contender>(
    contender: &'static C,
    mut from: impl Receiver<C::Buffer> + 'static,
    count: u64,
) -> Job<'static> {
    Box::new(move |start| {
        let mut handle = contender.handle();
        let mut consume = |count| {
            for _ in 0..count {
                C::put(&mut handle, from.receive());
            }
        };
        consume(warm_up(count));
        start.timed(|| consume(count))
    })
}

fn produce_batches<C: Contender>(
    contender: &'static C,
    mut to: impl Sender<C::Buffer> + 'static,
    batches: u64,
) -> Job<'static> {
    Box::new(move |start| {
        let mut handle = contender.handle();
        let mut burst = Burst::new();
        let mut produce = |batches| {
            for _ in 0..batches {
                take_burst::<C>(&mut handle, &mut burst);
                burst.iter_mut().for_each(C::touch);
                to.send_burst(&mut burst);
            }
        };
        produce(warm_up(batches));
        start.timed(|| produce(batches))
    })
}

fn consume_batches<C: Contender>(
    contender: &'static C,
    mut from: impl Receiver<C::Buffer> + 'static,
    batches: u64,
) -> Job<'static> {
    Box::new(move |start| {
        let mut handle = contender.handle();
        let mut burst = Burst::new();
        let mut consume = |batches| {
            for _ in 0..batches {
                from.receive_burst(&mut burst);
                C::put_burst(&mut handle, &mut burst);
            }
        };
        consume(warm_up(batches));
        start.timed(|| consume(batches))
    })
}
