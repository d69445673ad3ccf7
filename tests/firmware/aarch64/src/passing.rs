//! What the cores do: all of them run each scenario, and after each one every block is where it belongs.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use blockpool_core::heapless::Vec;
use blockpool_core::storage::HeaplessQueue;
use blockpool_core::{Align, Block, LocalPool, Pool, Queue};
use semihosting::println;

use crate::crew::{Meeting, Message, Patience, wait_for};
use crate::start::{CORES, park};

const SIZE: usize = 256;
/// Few, so that cores contend for them and run out.
const COUNT: usize = 16;
/// More than there are blocks.
const BURST: usize = 24;
/// Messages of each sender, in each scenario.
const MESSAGES: u32 = 20_000;
/// Steps in which every core waits for another: on a host with fewer cores these take longest.
const STEPS: u32 = 200;

type Blocks = Pool<SIZE, COUNT>;
type Burst = Vec<Block<'static, Blocks>, BURST>;

static POOL: Blocks = Pool::new();
static QUEUE: Queue<'static, Blocks> = Queue::new(&POOL);

static ALL: Meeting = Meeting::of(CORES);
/// Without the one that stays away.
static REST: Meeting = Meeting::of(CORES - 1);
/// Index into `SCENARIOS`.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

type Scenario = (&'static str, fn(usize));

const SCENARIOS: [Scenario; 7] = [
    ("each-for-itself", each_for_itself),
    ("producers-and-consumers", producers_and_consumers),
    ("local-pools", local_pools),
    ("bursts-larger-than-the-pool", bursts),
    ("exhaustion", exhaustion),
    ("by-pointer", by_pointer),
    ("heapless-queue", heapless_queue),
];

/// The scenario in progress.
pub(crate) fn scenario() -> &'static str {
    SCENARIOS.get(RUNNING.load(Ordering::Relaxed)).map_or("one-core-stays-away", |(name, _)| name)
}

pub(crate) fn run(core: usize) {
    for (index, (name, work)) in SCENARIOS.into_iter().enumerate() {
        if core == 0 {
            RUNNING.store(index, Ordering::Relaxed);
            RECEIVED.store(0, Ordering::Relaxed);
        }
        ALL.wait();
        work(core);
        ALL.wait();
        if core == 0 {
            every_block_is_there_once(COUNT);
            println!(
                "passed {name}: {} messages, every byte as it was written",
                RECEIVED.load(Ordering::Relaxed)
            );
        }
    }
    if core == 0 {
        RUNNING.store(SCENARIOS.len(), Ordering::Relaxed);
        RECEIVED.store(0, Ordering::Relaxed);
    }
    ALL.wait();
    one_core_stays_away(core);
    REST.wait();
    if core == 0 {
        let left = COUNT - KEPT.load(Ordering::Relaxed);
        every_block_is_there_once(left);
        println!(
            "passed {}: the others passed {} messages by {left} blocks",
            scenario(),
            RECEIVED.load(Ordering::Relaxed)
        );
    }
}

/// Takes all blocks and gives them back, while no other core does anything.
fn every_block_is_there_once(count: usize) {
    assert!(QUEUE.is_empty() && QUEUE.pop().is_none());
    assert_eq!(POOL.available(), count);
    let mut seen = [false; COUNT];
    let mut blocks = Vec::<_, COUNT>::new();
    while let Some(block) = POOL.get() {
        assert!(
            !core::mem::replace(&mut seen[block.index() as usize], true),
            "block {} twice",
            block.index()
        );
        assert!(blocks.push(block).is_ok(), "more blocks than there are");
    }
    assert_eq!(blocks.len(), count);
}

/// Messages that have arrived, from all senders together.
static RECEIVED: AtomicU32 = AtomicU32::new(0);

/// A receiver: messages from each sender arrive in the order in which they were sent.
struct Receiver {
    next: [u32; CORES],
}

impl Receiver {
    const fn new() -> Self {
        Self { next: [0; CORES] }
    }

    fn receive(&mut self, block: &Block<'static, Blocks>) {
        let Message { sender, number } = Message::read_from(block);
        let next = &mut self.next[usize::from(sender)];
        assert!(number >= *next, "message {number} of core {sender} after {next}");
        *next = number + 1;
    }

    /// Counts messages as received, and returns the new total. Relaxed: nothing is handed on.
    fn done(messages: u32) -> u32 {
        RECEIVED.fetch_add(messages, Ordering::Relaxed) + messages
    }
}

fn message(core: usize, number: u32) -> Message {
    Message { sender: core as u8, number }
}

/// Sends this core's messages.
fn send(core: usize, mut get: impl FnMut() -> Option<Block<'static, Blocks>>) {
    for number in 0..MESSAGES {
        let mut block = wait_for(&mut get);
        message(core, number).write_to(&mut block);
        QUEUE.push(block).expect("a place for each block");
    }
}

/// Receives, together with others, the messages of two senders. `some` returns how many messages it received;
/// if none, it is called again after a while.
fn receive(mut some: impl FnMut(&mut Receiver) -> u32) {
    let mut receiver = Receiver::new();
    let mut patience = Patience::default();
    while RECEIVED.load(Ordering::Relaxed) < 2 * MESSAGES {
        match some(&mut receiver) {
            0 => patience.wait(),
            count => {
                Receiver::done(count);
                patience = Patience::default();
            }
        }
    }
}

/// Receives one message, if there is one, and hands its block to `give_back`.
fn receive_one(receiver: &mut Receiver, give_back: impl FnOnce(Block<'static, Blocks>)) -> u32 {
    let Some(block) = QUEUE.pop() else { return 0 };
    receiver.receive(&block);
    give_back(block);
    1
}

/// Every core takes up to four blocks and gives them back; there are enough for all.
fn each_for_itself(core: usize) {
    let mut held = Vec::<_, { COUNT / CORES }>::new();
    for number in 0..MESSAGES {
        let mut block = POOL.get().expect("there is one for each");
        message(core, number).write_to(&mut block);
        assert!(held.push(block).is_ok());
        if held.is_full() {
            for (block, number) in held.iter().zip(number + 1 - held.len() as u32..) {
                assert_eq!(Message::read_from(block), message(core, number), "it has two owners");
            }
            held.clear();
        }
    }
    Receiver::done(MESSAGES);
}

/// Two cores send, the others receive.
fn producers_and_consumers(core: usize) {
    if core < 2 {
        send(core, || POOL.get());
    } else {
        receive(|receiver| receive_one(receiver, drop));
    }
}

/// The same, with a local pool for one sender and one receiver.
fn local_pools(core: usize) {
    let mut local = LocalPool::<_, 4>::new(&POOL);
    match core {
        0 => send(core, || local.get()),
        1 => send(core, || POOL.get()),
        2 => receive(|receiver| {
            let count = receive_one(receiver, |block| local.put(block));
            if count == 0 {
                // Idle: another core may need what is in stock.
                local.flush();
            }
            count
        }),
        _ => receive(|receiver| receive_one(receiver, drop)),
    }
}

/// The same, with bursts of as many blocks as there are.
fn bursts(core: usize) {
    let mut local = LocalPool::<_, 4>::new(&POOL);
    let mut burst = Burst::new();
    if core < 2 {
        let mut number = 0;
        while number < MESSAGES {
            wait_for(|| (local.get_burst(&mut burst) > 0).then_some(()));
            while burst.len() > (MESSAGES - number) as usize {
                local.put(burst.pop().expect("there are some"));
            }
            for block in &mut burst {
                message(core, number).write_to(block);
                number += 1;
            }
            let count = burst.len();
            assert_eq!(QUEUE.push_burst(&mut burst), count);
            // Leaves the rest to the other sender.
            local.flush();
        }
    } else {
        receive(|receiver| {
            let count = QUEUE.pop_burst(&mut burst);
            burst.iter().for_each(|block| receiver.receive(block));
            local.put_burst(&mut burst);
            local.flush();
            count as u32
        });
    }
}

/// All cores take blocks until none gets any more: every block went to one of them.
fn exhaustion(core: usize) {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    for round in 0..STEPS {
        let failures = POOL.exhausted_count();
        ALL.wait();
        let mut held = Vec::<_, COUNT>::new();
        while let Some(mut block) = POOL.get() {
            message(core, round).write_to(&mut block);
            assert!(held.push(block).is_ok(), "more blocks than there are");
        }
        let taken = TAKEN.fetch_add(held.len(), Ordering::Relaxed) + held.len();
        assert!(taken <= COUNT, "{taken} blocks are out");
        Receiver::done(held.len() as u32);
        ALL.wait();
        assert_eq!(TAKEN.load(Ordering::Relaxed), COUNT, "a get found none although one was free");
        assert_eq!(POOL.exhausted_count(), failures + CORES);
        for block in &held {
            assert_eq!(Message::read_from(block), message(core, round), "it has two owners");
        }
        ALL.wait();
        TAKEN.store(0, Ordering::Relaxed);
        drop(held);
        ALL.wait();
    }
}

/// As a device does: blocks go round in a ring of cores, passed in descriptors as pointers to their first
/// byte.
fn by_pointer(core: usize) {
    static DESCRIPTORS: [AtomicPtr<u8>; CORES] = [const { AtomicPtr::new(ptr::null_mut()) }; CORES];
    let before = (core + CORES - 1) % CORES;
    for number in 0..10 * STEPS {
        let mut block = POOL.get().expect("two for each are enough");
        message(core, number).write_to(&mut block);
        let pointer = block.into_raw_ptr();
        // Release and acquire: the core that finds the pointer owns the block.
        let place = &DESCRIPTORS[core];
        wait_for(|| {
            let result = place.compare_exchange(
                ptr::null_mut(),
                pointer.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            result.ok()
        });
        let pointer =
            wait_for(|| NonNull::new(DESCRIPTORS[before].swap(ptr::null_mut(), Ordering::AcqRel)));
        // SAFETY: the core before gave the block up, and only this core, which took the pointer out, knows
        // it.
        let block = unsafe { POOL.from_raw_ptr(pointer) }.expect("it was given up");
        // SAFETY: as above, were it not refused.
        assert!(unsafe { POOL.from_raw_ptr(pointer) }.is_err(), "it can be claimed twice");
        assert_eq!(Message::read_from(&block), message(before, number));
        Receiver::done(1);
    }
}

/// A pool whose free list is a `heapless` queue: it sometimes finds no block although some are free, but it
/// loses none.
fn heapless_queue(core: usize) {
    static HEAPLESS: Pool<SIZE, COUNT, Align<64>, HeaplessQueue<COUNT>> = Pool::new();
    static FOUND_NONE: AtomicUsize = AtomicUsize::new(0);
    for number in 0..MESSAGES {
        let mut block = wait_for(|| {
            let found = HEAPLESS.get();
            if found.is_none() {
                FOUND_NONE.fetch_add(1, Ordering::Relaxed);
            }
            found
        });
        message(core, number).write_to(&mut block);
        assert_eq!(Message::read_from(&block), message(core, number), "it has two owners");
    }
    Receiver::done(MESSAGES);
    ALL.wait();
    if core == 0 {
        assert_eq!(HEAPLESS.available(), COUNT);
        let all = core::iter::from_fn(|| HEAPLESS.get()).collect::<Vec<_, COUNT>>();
        assert_eq!(all.len(), COUNT, "a block was lost");
        println!("{} gets found none, though 12 were free", FOUND_NONE.load(Ordering::Relaxed));
    }
}

/// Blocks held by the core that stays away.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// One core disappears, holding blocks itself and in its stock. The others continue with what is left.
fn one_core_stays_away(core: usize) {
    if core == CORES - 1 {
        let mut local = LocalPool::<_, 4>::new(&POOL);
        let mut block = local.get().expect("nobody has taken one yet");
        message(core, 0).write_to(&mut block);
        let other = POOL.get().expect("there are more");
        KEPT.store(2 + local.stock(), Ordering::Relaxed);
        ALL.wait();
        // It owns them forever.
        core::mem::forget((local, block, other));
        park();
    }
    ALL.wait();
    assert!(KEPT.load(Ordering::Relaxed) >= 3);
    producers_and_consumers(core);
}
