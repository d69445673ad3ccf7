//! Interrupts of two priorities and the main loop share a pool and a queue.
//!
//! The lower interrupt plays a receiving device. The higher one may come at any time, even while the lower
//! one's handler runs, and takes from the same queue as the main loop.

mod main_loop;
mod packet;
mod receiver;

use blockpool_core::{Pool, Queue};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::claim_once;
use crate::exclusive::Exclusive;
pub use main_loop::run;
use packet::{Packet, Producer};
use receiver::Receiver;

const BLOCKS: usize = 16;
type Blocks = Pool<{ Packet::MAX_LEN }, BLOCKS>;
type Block = blockpool_core::Block<'static, Blocks>;

static POOL: Blocks = Pool::new();
static RECEIVED: Queue<'static, Blocks> = Queue::new(&POOL);

/// State of the receiving device.
struct Device {
    /// Of the next packet.
    sequence: u32,
    /// How often a block was wanted and none was free.
    exhausted: u32,
}

impl Device {
    /// Takes a block for the next packet.
    fn take(&mut self) -> Option<Block> {
        let block = POOL.get();
        if block.is_none() {
            self.exhausted += 1;
        }
        block
    }

    /// Writes the next packet to a block.
    fn fill(&mut self, mut block: Block) -> Block {
        let packet = Packet { producer: Producer::Device, sequence: self.sequence };
        self.sequence += 1;
        block.reset(packet.headroom()).expect("packet and headroom are not longer than a block");
        if packet.sequence.is_multiple_of(2) {
            by_pointer(block, &packet)
        } else {
            by_dma(block, &packet)
        }
    }
}

/// Keeps the block's handle while its memory is written.
fn by_pointer(mut block: Block, packet: &Packet) -> Block {
    let first = block.as_mut_ptr();
    for (offset, byte) in packet.bytes().enumerate() {
        // SAFETY: a packet is not longer than a block.
        let target = unsafe { first.add(offset) };
        // SAFETY: a byte of the block, which is ours.
        unsafe { target.write_volatile(byte) };
    }
    // SAFETY: that many bytes were written.
    unsafe { block.set_len(packet.len()) }.expect("a packet is not longer than a block");
    block
}

/// While the device has the block, only its address exists.
fn by_dma(block: Block, packet: &Packet) -> Block {
    let descriptor = block.into_raw_ptr();
    for (offset, byte) in (packet.headroom()..).zip(packet.bytes()) {
        // SAFETY: a packet is not longer than a block.
        let target = unsafe { descriptor.add(offset) };
        // SAFETY: a byte of the block, which belongs to the owner of the address.
        unsafe { target.write_volatile(byte) };
    }
    // SAFETY: the address came from `into_raw_ptr`; the second claim is refused.
    let block = claim_once(|| unsafe { POOL.from_raw_ptr(descriptor) });
    let mut block = block.expect("the block can be claimed by this address, once");
    // SAFETY: that many bytes were written.
    unsafe { block.set_len(packet.len()) }.expect("a packet is not longer than a block");
    block
}

static DEVICE: Exclusive<Device> = Exclusive::new(Device { sequence: 0, exhausted: 0 });
static URGENT: Exclusive<Receiver> = Exclusive::new(Receiver::new());
static DEVICE_TICKS: AtomicU32 = AtomicU32::new(0);
static DEVICE_IS_AT_WORK: AtomicBool = AtomicBool::new(false);
/// How often the higher interrupt came while the lower one's handler ran.
static NESTED: AtomicU32 = AtomicU32::new(0);

/// Increments a counter that only one handler writes.
fn count(counter: &AtomicU32) -> u32 {
    let count = counter.load(Ordering::Relaxed).wrapping_add(1);
    counter.store(count, Ordering::Relaxed);
    count
}

/// The device's interrupt: takes a block, fills it and pushes it; sometimes three.
pub fn receive() {
    DEVICE_IS_AT_WORK.store(true, Ordering::Relaxed);
    let ticks = count(&DEVICE_TICKS);
    DEVICE.with(|device| {
        if ticks.is_multiple_of(8) {
            let mut blocks = heapless::Vec::<_, 3>::new();
            while !blocks.is_full()
                && let Some(block) = device.take()
            {
                // There is room.
                let _ = blocks.push(device.fill(block));
            }
            RECEIVED.push_burst(&mut blocks);
        } else if let Some(block) = device.take() {
            let block = device.fill(block);
            RECEIVED.push(block).expect("a block of this pool");
        }
    });
    DEVICE_IS_AT_WORK.store(false, Ordering::Relaxed);
}

/// The higher interrupt: takes up to two blocks from the queue and gives them back.
pub fn urgent() {
    if DEVICE_IS_AT_WORK.load(Ordering::Relaxed) {
        count(&NESTED);
    }
    URGENT.with(|receiver| {
        for block in core::iter::from_fn(|| RECEIVED.pop()).take(2) {
            receiver.finish(block);
        }
    });
}
