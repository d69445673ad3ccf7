//! `Queue` against its [model](super::model).

use blockpool_core::{Block, Pool, Queue};

use super::linearize::{Operation, is_linearizable};
use super::model::{BURST, Numbers, QueueStep, popped, popped_burst};
use super::record::{Clock, Player, check, record};
use crate::harness::Random;

type Blocks = Pool<8, 24>;

struct Party<'s> {
    pool: &'s Blocks,
    queue: &'s Queue<'s, Blocks>,
    held: heapless::Vec<Block<'s, Blocks>, 16>,
}

impl<'s> Party<'s> {
    fn keep(&mut self, blocks: impl IntoIterator<Item = Block<'s, Blocks>>) {
        // Those that do not fit are given back.
        blocks.into_iter().for_each(|block| drop(self.held.push(block)));
    }

    fn push(&mut self, clock: &Clock) -> Option<Operation<QueueStep>> {
        let block = self.held.pop()?;
        let numbers = [block.index()].into_iter().collect();
        Some(clock.time(
            || self.queue.push(block).expect("a block of this pool"),
            |()| [QueueStep::Push(numbers)].into_iter().collect(),
        ))
    }

    fn push_burst(&mut self, clock: &Clock, count: usize) -> Option<Operation<QueueStep>> {
        let mut burst = heapless::Vec::<_, BURST>::new();
        burst.extend((0..count).map_while(|_| self.held.pop()));
        if burst.is_empty() {
            return None;
        }
        let numbers = burst.iter().map(Block::index).collect();
        Some(clock.time(
            || self.queue.push_burst(&mut burst),
            |_| [QueueStep::Push(numbers)].into_iter().collect(),
        ))
    }

    fn pop(&mut self, clock: &Clock) -> Operation<QueueStep> {
        let queue = self.queue;
        let mut block = None;
        let operation = clock.time(
            || queue.pop(),
            |result| {
                block = result;
                popped(block.as_ref().map(Block::index))
            },
        );
        self.keep(block);
        operation
    }

    fn pop_burst<const N: usize>(&mut self, clock: &Clock) -> Operation<QueueStep> {
        let mut burst = heapless::Vec::<_, N>::new();
        let mut operation =
            clock.time(|| self.queue.pop_burst(&mut burst), |_| popped_burst(&[], 0));
        let numbers: Numbers = burst.iter().map(Block::index).collect();
        operation.steps = popped_burst(&numbers, N);
        self.keep(burst);
        operation
    }

    fn is_empty(&self, clock: &Clock) -> Operation<QueueStep> {
        let step = |empty| if empty { QueueStep::Empty } else { QueueStep::NotEmpty };
        clock.time(|| self.queue.is_empty(), |empty| [step(empty)].into_iter().collect())
    }
}

impl Player for Party<'_> {
    type Step = QueueStep;

    /// Has some blocks to push first.
    fn prepare(&mut self) {
        self.held.truncate(3);
        while self.held.len() < 3 {
            self.keep([self.pool.get().expect("each holds a few")]);
        }
    }

    fn act(&mut self, clock: &Clock, random: &mut Random) -> Option<Operation<QueueStep>> {
        match random.below(10) {
            0 | 1 => self.push(clock),
            2 | 3 => self.push_burst(clock, 2 + random.below(BURST - 1)),
            4..=6 => Some(self.pop(clock)),
            7 => Some(self.pop_burst::<2>(clock)),
            8 => Some(self.pop_burst::<BURST>(clock)),
            _ => Some(self.is_empty(clock)),
        }
    }

    fn finish(&mut self, clock: &Clock) -> Vec<Operation<QueueStep>> {
        let mut all = Vec::new();
        loop {
            all.push(self.pop(clock));
            if let Some([QueueStep::Empty]) = all.last().map(|last| &last.steps[..]) {
                return all;
            }
        }
    }
}

fn check_queue<const THREADS: usize>(length: usize) {
    let pool = Blocks::new();
    let queue = Queue::new(&pool);
    let party = || Party { pool: &pool, queue: &queue, held: heapless::Vec::new() };
    let players = || [(); THREADS].map(|()| party());
    check(
        |seed| record(players(), 200, length, seed),
        |history| is_linearizable(&Vec::new(), history),
    );
}

#[test]
fn the_queue_is_linearizable_with_2_threads() {
    check_queue::<2>(8);
}

#[test]
fn the_queue_is_linearizable_with_3_threads() {
    check_queue::<3>(6);
}

#[test]
fn the_queue_is_linearizable_with_4_threads() {
    check_queue::<4>(5);
}
