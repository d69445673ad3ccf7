//! The rings that a socket shares with the kernel. One side writes entries and counts them in
//! `producer`, the other reads them and counts them in `consumer`; both counters wrap around. The
//! kernel's half is in its `net/xdp/xsk_queue.h`.
//!
//! Every ring here has an entry for each block of the region, so none is ever full.

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Result;
use crate::memory::Mapping;

/// What a ring carries: a frame's address alone, or with a length. Plain numbers, so that whatever
/// the kernel writes is valid.
pub(crate) trait Entry: Copy {}

impl Entry for u64 {}
impl Entry for libc::xdp_desc {}

#[derive(Debug)]
struct Ring<T> {
    mapping: Mapping,
    producer: usize,
    consumer: usize,
    first_entry: NonNull<T>,
    /// One less than the number of entries, which is a power of two.
    mask: u32,
}

impl<T: Entry> Ring<T> {
    fn map(
        socket: BorrowedFd<'_>,
        offsets: &libc::xdp_ring_offset,
        entries: u32,
        page_offset: libc::off_t,
    ) -> Result<Self> {
        let entries_at = offsets.desc as usize;
        let length = entries_at + entries as usize * size_of::<T>();
        let mapping = Mapping::shared(socket, length, page_offset)?;
        let first_entry = mapping.at(entries_at).cast();
        let (producer, consumer) = (offsets.producer as usize, offsets.consumer as usize);
        Ok(Self { mapping, producer, consumer, first_entry, mask: entries - 1 })
    }

    fn producer(&self) -> &AtomicU32 {
        let counter = self.mapping.at(self.producer).cast();
        // SAFETY: the kernel said that an aligned 32-bit counter lies there, and uses it only with
        // atomic operations; the mapping is borrowed with the result.
        unsafe { counter.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        let counter = self.mapping.at(self.consumer).cast();
        // SAFETY: as for the producer.
        unsafe { counter.as_ref() }
    }

    fn entry(&self, count: u32) -> NonNull<T> {
        // SAFETY: masked, the index is below the number of entries that `map` made room for.
        unsafe { self.first_entry.add((count & self.mask) as usize) }
    }
}

/// The end of a ring where this process writes: fill, transmit.
#[derive(Debug)]
pub(crate) struct Producer<T> {
    ring: Ring<T>,
    written: u32,
}

impl<T: Entry> Producer<T> {
    pub(crate) fn map(
        socket: BorrowedFd<'_>,
        offsets: &libc::xdp_ring_offset,
        entries: u32,
        page_offset: libc::off_t,
    ) -> Result<Self> {
        let ring = Ring::map(socket, offsets, entries, page_offset)?;
        Ok(Self { ring, written: 0 })
    }

    /// Writes an entry, which the kernel does not see before [`publish`](Self::publish).
    ///
    /// The kernel has read what lay there before: that block has come back since, which K2 of the
    /// ring that returned it guarantees. Otherwise more blocks would be out than there are entries.
    pub(crate) fn push(&mut self, entry: T) {
        // SAFETY: the entry is in the ring, and the kernel reads no entry that is not published.
        unsafe { self.ring.entry(self.written).write(entry) };
        self.written = self.written.wrapping_add(1);
    }

    /// Shows the kernel everything that was written.
    pub(crate) fn publish(&self) {
        // K1: pairs with the kernel's acquire of this counter, after which it reads the entries, and
        // the blocks that they name.
        self.ring.producer().store(self.written, Ordering::Release);
    }

    /// Whether the kernel has taken all that was published.
    pub(crate) fn is_drained(&self) -> bool {
        // Relaxed: says only whether the kernel has to be called again.
        self.ring.consumer().load(Ordering::Relaxed) == self.written
    }
}

/// The end of a ring where this process reads: receive, completion.
#[derive(Debug)]
pub(crate) struct Consumer<T> {
    ring: Ring<T>,
    read: u32,
    /// How far the producer was when its counter was last read.
    written: u32,
}

impl<T: Entry> Consumer<T> {
    pub(crate) fn map(
        socket: BorrowedFd<'_>,
        offsets: &libc::xdp_ring_offset,
        entries: u32,
        page_offset: libc::off_t,
    ) -> Result<Self> {
        let ring = Ring::map(socket, offsets, entries, page_offset)?;
        Ok(Self { ring, read: 0, written: 0 })
    }

    /// Reads an entry; the kernel does not overwrite it before [`give_back`](Self::give_back).
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.read == self.written {
            // K2: pairs with the kernel's release of this counter: the entries up to there are
            // written, and so are the blocks that they name; the kernel is done with both.
            self.written = self.ring.producer().load(Ordering::Acquire);
        }
        if self.read == self.written {
            return None;
        }
        // SAFETY: by K2 the kernel has written this entry, for which any bytes are valid, and it
        // waits for `give_back` before it writes there again.
        let entry = unsafe { self.ring.entry(self.read).read() };
        self.read = self.read.wrapping_add(1);
        Some(entry)
    }

    /// Lets the kernel overwrite everything that was read.
    pub(crate) fn give_back(&self) {
        // K3: pairs with the kernel's read of this counter, on which its writes depend: the entries
        // were read before.
        self.ring.consumer().store(self.read, Ordering::Release);
    }
}
