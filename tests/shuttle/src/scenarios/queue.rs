//! The queue.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::align::Align;
use crate::block::Block;
use crate::harness::{Owners, Recorder, below, together};
use crate::linearize::is_linearizable;
use crate::model::{BURST, Numbers, QueueStep, popped, popped_burst};
use crate::pool::Pool;
use crate::queue::Queue;
use crate::ring::Layout;
use crate::sync::start_rings_before_the_wrap;

type Blocks<const SIZE: usize, const COUNT: usize> = Pool<SIZE, COUNT, Align<1>>;
type Burst<'p, const SIZE: usize, const COUNT: usize> =
    heapless::Vec<Block<'p, Blocks<SIZE, COUNT>>, BURST>;

/// A queue whose operations are recorded.
struct Recorded<'p, const SIZE: usize, const COUNT: usize> {
    queue: Queue<'p, Blocks<SIZE, COUNT>>,
    owners: Owners,
    recorder: Recorder<QueueStep>,
}

impl<'p, const SIZE: usize, const COUNT: usize> Recorded<'p, SIZE, COUNT> {
    fn push(&self, thread: usize, mut blocks: Burst<'p, SIZE, COUNT>) {
        if blocks.is_empty() {
            return;
        }
        let numbers: Numbers = blocks.iter().map(Block::index).collect();
        numbers.iter().for_each(|&number| self.owners.leave(number));
        self.recorder.record(
            thread,
            || match blocks.len() {
                1 => assert!(blocks.pop().is_some_and(|block| self.queue.push(block).is_ok())),
                count => assert_eq!(self.queue.push_burst(&mut blocks), count),
            },
            |()| [QueueStep::Push(numbers)].into_iter().collect(),
        );
    }

    /// Pops one, or up to `BURST`.
    fn pop(&self, thread: usize, one: bool) -> Burst<'p, SIZE, COUNT> {
        let blocks = self.recorder.record(
            thread,
            || {
                let mut blocks = Burst::<SIZE, COUNT>::new();
                match one {
                    true => blocks.extend(self.queue.pop()),
                    false => assert!(self.queue.pop_burst(&mut blocks) <= BURST),
                }
                blocks
            },
            |blocks| {
                let numbers: Numbers = blocks.iter().map(Block::index).collect();
                match one {
                    true => popped(numbers.first().copied()),
                    false => popped_burst(&numbers, BURST),
                }
            },
        );
        blocks.iter().for_each(|block| self.owners.enter(block.index()));
        blocks
    }

    fn is_empty(&self, thread: usize) {
        self.recorder.record(
            thread,
            || self.queue.is_empty(),
            |&empty| {
                let step = if empty { QueueStep::Empty } else { QueueStep::NotEmpty };
                [step].into_iter().collect()
            },
        );
    }
}

/// Threads push and pop, one by one and in bursts; at the end the main thread pops the rest.
pub(super) fn linearizable<const SIZE: usize, const COUNT: usize>(
    threads: usize,
    length: usize,
    laps_before_the_wrap: Option<usize>,
) {
    start_rings_before_the_wrap(Layout::of(COUNT, SIZE), laps_before_the_wrap);
    let pool = Blocks::<SIZE, COUNT>::new();
    let (owners, recorder) = (Owners::new(COUNT), Recorder::new(threads));
    let all = Recorded { queue: Queue::new(&pool), owners, recorder };

    together(threads, |thread| {
        let mut held = Vec::new();
        for _ in 0..length {
            match below(8) {
                choice @ 0..=3 => {
                    let count = if choice < 2 { 1 } else { 2 + below(BURST - 1) };
                    while held.len() < count
                        && let Some(block) = pool.get()
                    {
                        all.owners.enter(block.index());
                        held.push(block);
                    }
                    let rest = held.len().saturating_sub(count);
                    all.push(thread, held.drain(rest..).collect());
                }
                4 | 5 => held.extend(all.pop(thread, true)),
                6 => held.extend(all.pop(thread, false)),
                _ => all.is_empty(thread),
            }
        }
        held.iter().for_each(|block| all.owners.leave(block.index()));
    });
    while let Some(block) = all.pop(threads, true).first() {
        all.owners.leave(block.index());
    }
    assert_eq!(pool.available(), COUNT, "a block was lost");
    let history = all.recorder.into_history();
    assert!(is_linearizable(&Vec::new(), &history), "{history:#?}");
}

/// Two threads push numbered blocks, two pop some of them: each popper finds those of a pusher in their
/// order, and none is lost or duplicated.
pub(super) fn order<const SIZE: usize, const COUNT: usize>(
    each: u8,
    laps_before_the_wrap: Option<usize>,
) {
    start_rings_before_the_wrap(Layout::of(COUNT, SIZE), laps_before_the_wrap);
    let pool = Blocks::<SIZE, COUNT>::new();
    let queue = Queue::new(&pool);
    let seen = Mutex::new(Vec::new());
    let pushed = Mutex::new(Vec::new());

    let numbered = |producer: u8, number: u8| {
        let mut block = pool.get()?;
        block.append(&[producer, number]).expect("it fits");
        Some(block)
    };
    let check = |order: &mut HashMap<u8, u8>, block: &Block<'_, Blocks<SIZE, COUNT>>| {
        let before = order.insert(block[0], block[1]);
        assert!(before.is_none_or(|before| before < block[1]), "out of order");
        seen.lock().expect("a panic ends the execution").push((block[0], block[1]));
    };
    together(4, |thread| {
        let producer = thread as u8;
        let mut order = HashMap::new();
        let mut next = 0;
        for _ in 0..each {
            let mut burst = Burst::<SIZE, COUNT>::new();
            if producer >= 2 {
                match below(2) {
                    0 => burst.extend(queue.pop()),
                    _ => assert!(queue.pop_burst(&mut burst) <= BURST),
                }
                burst.iter().for_each(|block| check(&mut order, block));
                continue;
            }
            for _ in 0..=below(BURST) {
                burst.extend(numbered(producer, next));
                next += 1;
            }
            let numbers = burst.iter().map(|block| (block[0], block[1]));
            pushed.lock().expect("a panic ends the execution").extend(numbers);
            queue.push_burst(&mut burst);
        }
    });
    let mut order = HashMap::new();
    while let Some(block) = queue.pop() {
        check(&mut order, &block);
    }
    assert_eq!(pool.available(), COUNT, "a block was lost");
    let [mut seen, mut pushed] =
        [seen, pushed].map(|all| all.into_inner().expect("a panic ends the execution"));
    seen.sort_unstable();
    pushed.sort_unstable();
    assert_eq!(seen, pushed);
}
