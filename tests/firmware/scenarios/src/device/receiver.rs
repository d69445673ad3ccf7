//! Checks what comes out of the queue, and gives the blocks back.

use super::packet::{Packet, Producer};
use super::{Block, POOL};
use crate::claim_once;

/// A consumer of the queue: the main loop, or an interrupt.
pub(super) struct Receiver {
    /// The next packet of each producer has this sequence number, or a higher one.
    next: [u32; Producer::COUNT],
    pub(super) received: [u32; Producer::COUNT],
    /// The sum of their sequence numbers: with the count, it shows that each came once.
    pub(super) sum: [u64; Producer::COUNT],
    /// Wrong bytes, a wrong order, a block that could not be claimed once.
    pub(super) wrong: u32,
    turn: u32,
}

impl Receiver {
    pub(super) const fn new() -> Self {
        Self {
            next: [0; Producer::COUNT],
            received: [0; Producer::COUNT],
            sum: [0; Producer::COUNT],
            wrong: 0,
            turn: 0,
        }
    }

    /// Checks every byte, where the bytes lie, and the order of each producer's packets. Another receiver may
    /// have taken the packets in between.
    pub(super) fn check(&mut self, block: &Block) {
        let packet = Packet::parse(block).filter(|packet| packet.headroom() == block.headroom());
        let Some(Packet { producer, sequence }) = packet else {
            self.wrong += 1;
            return;
        };
        let producer = producer as usize;
        if sequence < self.next[producer] {
            self.wrong += 1;
        }
        self.next[producer] = sequence + 1;
        self.received[producer] += 1;
        self.sum[producer] += u64::from(sequence);
    }

    /// Checks a block and gives it back: directly, or as the descriptor of a transmitting device would, by
    /// index or by address.
    pub(super) fn finish(&mut self, block: Block) {
        self.turn = (self.turn + 1) % 3;
        let again = match self.turn {
            0 => Some(block),
            1 => {
                let index = block.into_raw();
                // SAFETY: the index was given up just now, and nothing else has it.
                claim_once(|| unsafe { POOL.from_raw(index) })
            }
            _ => {
                let address = block.into_raw_ptr();
                // SAFETY: the address was given up just now, and nothing else has it.
                claim_once(|| unsafe { POOL.from_raw_ptr(address) })
            }
        };
        match again {
            Some(block) => self.check(&block),
            None => self.wrong += 1,
        }
    }
}
