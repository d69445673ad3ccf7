//! What the main loop does in the meantime.

use blockpool_core::LocalPool;
use core::sync::atomic::Ordering;

use super::packet::{Packet, Producer};
use super::receiver::Receiver;
use super::{BLOCKS, Block, Blocks, DEVICE, DEVICE_TICKS, NESTED, POOL, RECEIVED, URGENT};
use crate::{Machine, verdict};

/// More than the pool has.
const BURST: usize = 24;
/// The most iterations of any wait.
const PATIENCE: u32 = 1_000_000;

struct MainLoop {
    local: LocalPool<'static, Blocks, 4>,
    receiver: Receiver,
    /// Of the next packet.
    sequence: u32,
    passed: bool,
}

/// Runs the scenario, prints its verdict and returns it.
pub fn run<M: Machine>() -> bool {
    let mut this = MainLoop {
        local: LocalPool::new(&POOL),
        receiver: Receiver::new(),
        sequence: 0,
        passed: true,
    };
    this.wrong_packets::<M>();
    M::start_interrupts();
    this.one_by_one::<M>();
    this.bursts::<M>();
    this.exhaustion::<M>();
    M::stop_interrupts();
    this.conservation::<M>();
    this.passed
}

/// Writes a packet byte by byte, after some headroom.
fn write(mut block: Block, headroom: usize, packet: &Packet) -> Block {
    block.reset(headroom).expect("packet and headroom are not longer than a block");
    for byte in packet.bytes() {
        block.append(&[byte]).expect("packet and headroom are not longer than a block");
    }
    block
}

impl MainLoop {
    fn verdict<M: Machine>(&mut self, passed: bool, text: core::fmt::Arguments<'_>) {
        self.passed &= verdict::<M>("device", passed, text);
    }

    /// Works until the device has had `ticks` more interrupts.
    fn during<M: Machine>(&mut self, ticks: u32, mut work: impl FnMut(&mut Self)) {
        let start = DEVICE_TICKS.load(Ordering::Relaxed);
        for _ in 0..PATIENCE {
            if DEVICE_TICKS.load(Ordering::Relaxed).wrapping_sub(start) >= ticks {
                return;
            }
            work(self);
        }
        self.verdict::<M>(false, format_args!("no interrupts"));
    }

    /// Writes the main loop's next packet to a block.
    fn fill(&mut self, block: Block) -> Block {
        let packet = Packet { producer: Producer::Main, sequence: self.sequence };
        self.sequence += 1;
        write(block, packet.headroom(), &packet)
    }

    /// Deliberately wrong packets are detected: each byte in turn, the headroom, the order.
    fn wrong_packets<M: Machine>(&mut self) {
        let mut receiver = Receiver::new();
        let packet = Packet { producer: Producer::Main, sequence: 1 };
        let block = || POOL.get().expect("nobody is at work yet");
        let moved = write(block(), packet.headroom() + 1, &packet);
        let mut block = write(block(), packet.headroom(), &packet);
        for at in 0..block.len() {
            block[at] ^= 1;
            receiver.check(&block);
            block[at] ^= 1;
        }
        receiver.check(&moved);
        // Correct the first time.
        receiver.check(&block);
        receiver.check(&block);
        let (wrong, planted) = (receiver.wrong as usize, block.len() + 2);
        self.verdict::<M>(
            wrong == planted,
            format_args!("{wrong} of {planted} packets noticed that are wrong on purpose"),
        );
    }

    /// Blocks one by one.
    fn one_by_one<M: Machine>(&mut self) {
        self.during::<M>(2_000, |this| {
            if let Some(block) = RECEIVED.pop() {
                this.receiver.finish(block);
            }
            if let Some(block) = POOL.get() {
                let block = this.fill(block);
                RECEIVED.push(block).expect("a block of this pool");
            }
            if let Some(block) = RECEIVED.pop() {
                this.receiver.check(&block);
                this.local.put(block);
            }
        });
        let nested = NESTED.load(Ordering::Relaxed);
        let wrong = self.receiver.wrong;
        self.verdict::<M>(
            wrong == 0 && nested > 0,
            format_args!(
                "{} blocks through the main loop, {wrong} wrong; the device's handler was \
                 interrupted {nested} times",
                self.receiver.received.iter().sum::<u32>()
            ),
        );
    }

    /// Bursts larger than the pool.
    fn bursts<M: Machine>(&mut self) {
        let (mut bursts, mut most) = (0, 0);
        self.during::<M>(1_000, |this| {
            let mut blocks = heapless::Vec::<Block, BURST>::new();
            most = most.max(this.local.get_burst(&mut blocks));
            for block in core::mem::take(&mut blocks) {
                let block = this.fill(block);
                // There is room for what was in it.
                let _ = blocks.push(block);
            }
            RECEIVED.push_burst(&mut blocks);
            RECEIVED.pop_burst(&mut blocks);
            blocks.iter().for_each(|block| this.receiver.check(block));
            this.local.put_burst(&mut blocks);
            bursts += 1;
        });
        self.local.flush();
        let wrong = self.receiver.wrong;
        self.verdict::<M>(
            most == BLOCKS && wrong == 0,
            format_args!("{bursts} bursts of {BURST} wanted, at most {most} had, {wrong} wrong"),
        );
    }

    /// The main loop holds all blocks while the device continues.
    fn exhaustion<M: Machine>(&mut self) {
        const TICKS: u32 = 200;
        let exhausted = || (DEVICE.with(|device| device.exhausted), POOL.exhausted_count());
        let mut held = heapless::Vec::<Block, BLOCKS>::new();
        self.during::<M>(TICKS, |this| {
            if let Some(block) = RECEIVED.pop() {
                this.receiver.check(&block);
                // It has room for every block of the pool.
                let _ = held.push(block);
            }
            if let Some(block) = POOL.get() {
                let _ = held.push(block);
            }
        });
        let (all, before) = (held.len(), M::without_interrupts(exhausted));
        self.during::<M>(TICKS, |_| core::hint::spin_loop());
        let after = M::without_interrupts(exhausted);
        let (refused, counted) = (after.0 - before.0, after.1 - before.1);
        drop(held);
        let sent = || DEVICE.with(|device| device.sequence);
        let before_return = M::without_interrupts(sent);
        self.during::<M>(TICKS, |this| {
            if let Some(block) = RECEIVED.pop() {
                this.receiver.finish(block);
            }
        });
        let sent = M::without_interrupts(sent) - before_return;
        let refused_always = refused >= TICKS && counted == refused as usize;
        self.verdict::<M>(
            all == BLOCKS && refused_always && sent >= TICKS / 2,
            format_args!(
                "{all} of {BLOCKS} blocks held: the device was refused {refused} times in {TICKS} \
                 ticks, by the pool's count {counted}; then it sent {sent} packets in as many"
            ),
        );
    }

    /// At rest: every packet was received once, every block is there once.
    fn conservation<M: Machine>(&mut self) {
        while let Some(block) = RECEIVED.pop() {
            self.receiver.finish(block);
        }
        let sent = [DEVICE.with(|device| device.sequence), self.sequence];
        let own = &self.receiver;
        let (received, sum, wrong) = URGENT.with(|other| {
            let received = [0, 1].map(|p| own.received[p] + other.received[p]);
            let sum = [0, 1].map(|p| own.sum[p] + other.sum[p]);
            (received, sum, own.wrong + other.wrong)
        });
        let sum_of = |sent: u32| u64::from(sent) * u64::from(sent.saturating_sub(1)) / 2;
        let by_urgent = URGENT.with(|receiver| receiver.received.iter().sum::<u32>());
        self.verdict::<M>(
            received == sent && sum == sent.map(sum_of) && wrong == 0 && by_urgent > 0,
            format_args!(
                "{} packets of the device and {} of the main loop sent, {} and {} received, \
                 {by_urgent} by the higher interrupt, {wrong} wrong",
                sent[0], sent[1], received[0], received[1]
            ),
        );
        let mut seen = [0_u32; BLOCKS];
        let blocks: heapless::Vec<Block, BLOCKS> =
            core::iter::from_fn(|| POOL.get()).take(BLOCKS).collect();
        blocks.iter().for_each(|block| seen[block.index() as usize] += 1);
        let there = seen.iter().filter(|&&times| times == 1).count();
        self.verdict::<M>(
            there == BLOCKS && POOL.get().is_none() && RECEIVED.is_empty(),
            format_args!("{there} of {BLOCKS} block numbers are there, once"),
        );
    }
}
