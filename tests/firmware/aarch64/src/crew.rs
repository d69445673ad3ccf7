//! How cores synchronise, and what they write into blocks.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicUsize, Ordering};

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool};

use crate::start::rest;

/// Waits for others: spins at first, then sleeps between looks.
#[derive(Default)]
pub(crate) struct Patience {
    looks: u32,
}

impl Patience {
    pub(crate) fn wait(&mut self) {
        self.looks += 1;
        if self.looks < 50 { spin_loop() } else { rest() }
    }
}

/// Returns what `look` finds, as soon as it finds something.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let mut patience = Patience::default();
    loop {
        if let Some(found) = look() {
            return found;
        }
        patience.wait();
    }
}

/// A reusable barrier for a number of cores.
pub(crate) struct Meeting {
    cores: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    pub(crate) const fn of(cores: usize) -> Self {
        Self { cores, arrived: AtomicUsize::new(0) }
    }

    /// Returns when all have arrived. What each core did before is visible to all afterwards.
    pub(crate) fn wait(&self) {
        // Release and acquire: every arrival hands on what the one before it saw, and all see the last one.
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let complete = arrived.next_multiple_of(self.cores);
        wait_for(|| (self.arrived.load(Ordering::Acquire) >= complete).then_some(()));
    }
}

/// What a block carries: its sender, and its number among the sender's messages, from 0 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) sender: u8,
    pub(crate) number: u32,
}

impl Message {
    const HEADER: usize = 8;

    /// The byte at an offset: each message has its own sequence.
    fn byte(self, offset: usize) -> u8 {
        let row = self.number.wrapping_mul(31).wrapping_add(u32::from(self.sender) << 6);
        (row as usize).wrapping_add(offset.wrapping_mul(7)) as u8
    }

    /// Fills a block to its end.
    pub(crate) fn write_to<S: Storage>(self, block: &mut Block<'_, BlockPool<S>>) {
        block.clear();
        let [a, b, c, d] = self.number.to_le_bytes();
        block
            .append(&[self.sender, !self.sender, a, b, c, d, !a, !b])
            .expect("a block has room for it");
        let capacity = block.capacity();
        block.resize(capacity, 0).expect("it is as large as it is");
        for (offset, byte) in block.iter_mut().enumerate().skip(Self::HEADER) {
            *byte = self.byte(offset);
        }
    }

    /// Reads a block, and checks every byte.
    pub(crate) fn read_from<S: Storage>(block: &Block<'_, BlockPool<S>>) -> Self {
        assert_eq!(block.len(), block.capacity(), "block {} is not full", block.index());
        let number = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
        let message = Self { sender: block[0], number };
        let header = [!block[0], !block[2], !block[3]];
        let wrong = block
            .iter()
            .enumerate()
            .skip(Self::HEADER)
            .find(|(offset, byte)| message.byte(*offset) != **byte);
        assert!(
            wrong.is_none() && header == [block[1], block[6], block[7]],
            "block {} does not carry what was written: {message:?}, wrong at {wrong:?}",
            block.index()
        );
        message
    }
}
