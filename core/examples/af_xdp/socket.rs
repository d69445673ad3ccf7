//! An AF_XDP socket whose UMEM is a region of blocks.
//!
//! Four rings carry blocks to the kernel and back:
//!
//! ```text
//!             fill ──► kernel ──► receive          empty blocks, packets
//!         transmit ──► kernel ──► completion       packets, blocks that were sent
//! ```
//!
//! A block on its way has no handle: [`Block::into_raw`] ends it, and what the kernel returns is
//! claimed by index, which the region refuses for a block that is not out.

use std::hint;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use blockpool_core::{Block, LocalPool, Region, heapless};

use crate::calls::{self, Sent};
use crate::error::Result;
use crate::interface::Interface;
use crate::ring::{Consumer, Producer};

pub(crate) type Frame<'u> = Block<'u, Region<'u>>;

/// The most that are received, or given back, at once.
pub(crate) type Burst<'u> = heapless::Vec<Frame<'u>, 64>;

/// How often empty rings are looked at before the thread sleeps: some 20 microseconds.
const SPINS: u32 = 200;

#[derive(Debug)]
pub(crate) struct Socket<'u> {
    fill: Producer<u64>,
    receive: Consumer<libc::xdp_desc>,
    transmit: Producer<libc::xdp_desc>,
    completion: Consumer<u64>,
    // After the rings, which keep the socket alive: it ends when the last of them is dropped.
    descriptor: OwnedFd,
    region: &'u Region<'u>,
    local: LocalPool<'u, Region<'u>>,
    /// Blocks that the kernel has for packets to come, or with packets not yet looked at.
    receiving: usize,
    /// Blocks that the kernel is to send, or that were sent and not yet looked at.
    sending: usize,
    /// Packets that the interface dropped instead of sending them.
    refused: u64,
    /// How often empty rings were looked at since one had something.
    idle: u32,
}

impl<'u> Socket<'u> {
    /// A socket on one queue of an interface, with blocks for packets to come, which a
    /// [`Program`](crate::program::Program) gives it.
    pub(crate) fn open(region: &'u Region<'u>, interface: &Interface, queue: u32) -> Result<Self> {
        let descriptor = calls::socket()?;
        let file = descriptor.as_fd();
        calls::register(file, region)?;
        // One for each block, so that none is ever full.
        let entries = region.capacity().next_power_of_two() as u32;
        let offsets = calls::make_rings(file, entries)?;
        let fill_at = libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t;
        let completion_at = libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t;
        let mut socket = Self {
            fill: Producer::map(file, &offsets.fr, entries, fill_at)?,
            receive: Consumer::map(file, &offsets.rx, entries, libc::XDP_PGOFF_RX_RING)?,
            transmit: Producer::map(file, &offsets.tx, entries, libc::XDP_PGOFF_TX_RING)?,
            completion: Consumer::map(file, &offsets.cr, entries, completion_at)?,
            descriptor,
            region,
            local: region.local_pool(),
            receiving: 0,
            sending: 0,
            refused: 0,
            idle: 0,
        };
        calls::bind(socket.as_fd(), interface, queue)?;
        socket.refill();
        Ok(socket)
    }

    /// An empty block.
    pub(crate) fn take(&mut self) -> Option<Frame<'u>> {
        self.local.get()
    }

    pub(crate) fn give_back(&mut self, frame: Frame<'u>) {
        self.local.put(frame);
    }

    /// Queues the block's data, to be sent by the next [`advance`](Self::advance).
    pub(crate) fn send(&mut self, frame: Frame<'u>) {
        let (offset, len) = (frame.headroom() as u64, frame.len() as u32);
        let addr = self.lend(frame) + offset;
        self.transmit.push(libc::xdp_desc { addr, len, options: 0 });
        self.sending += 1;
    }

    /// How many blocks are being sent.
    pub(crate) fn sending(&self) -> usize {
        self.sending
    }

    /// The packets that have come, up to a burst.
    pub(crate) fn receive(&mut self) -> Result<Burst<'u>> {
        let mut burst = Burst::new();
        while !burst.is_full()
            && let Some(descriptor) = self.receive.pop()
        {
            self.receiving -= 1;
            let (mut frame, headroom) = self.claim(descriptor.addr)?;
            frame.reset(headroom)?;
            // SAFETY: the kernel wrote a packet of that length there since the block was taken.
            unsafe { frame.set_len(descriptor.len as usize) }?;
            // There is room; if not, the block would be given back.
            let _ = burst.push(frame);
            self.idle = 0;
        }
        self.receive.give_back();
        Ok(burst)
    }

    /// Makes progress: takes back blocks that were sent, lends others for packets to come, and calls
    /// the kernel as long as something is to be sent.
    pub(crate) fn advance(&mut self) -> Result<()> {
        self.transmit.publish();
        if !self.transmit.is_drained() && calls::send(self.as_fd())? == Sent::AndDropped {
            self.refused += 1;
        }
        self.take_completed()?;
        self.refill();
        Ok(())
    }

    /// Call this when no packet was there: looks again for a moment, then sleeps until one comes, or
    /// for a millisecond. Returns whether none came for that long.
    pub(crate) fn wait(&mut self) -> Result<bool> {
        if !self.transmit.is_drained() {
            return Ok(false);
        }
        self.idle += 1;
        if self.idle < SPINS {
            hint::spin_loop();
            return Ok(false);
        }
        self.idle = 0;
        // Other threads, if there were any, should be able to take its blocks meanwhile.
        self.local.flush();
        let is_idle = calls::poll(self.as_fd())?;
        if is_idle {
            calls::check_interface(self.as_fd())?;
        }
        Ok(is_idle)
    }

    /// How many packets the interface dropped instead of sending them: with veth, if the queue of the
    /// other end is full, or that end is down.
    ///
    /// The kernel reports this in copy mode, for drivers that do. (The interface's own count,
    /// `tx_dropped`, includes other programs' packets.)
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many packets the kernel dropped instead of giving them to this socket.
    ///
    /// `rx_dropped` counts those for which the fill ring had no block, each once, and those longer than
    /// a block; `rx_ring_full` those that had a block but no entry, so none here. In copy mode, without
    /// longer ones, `rx_fill_ring_empty_descs` equals the first (as of Linux 6.18); without copies it
    /// counts how often the driver looked at an empty ring.
    pub(crate) fn dropped(&self) -> Result<u64> {
        let statistics = calls::statistics(self.as_fd())?;
        Ok(statistics.rx_dropped + statistics.rx_ring_full)
    }

    /// Closes the socket and gives back all blocks that the kernel had.
    pub(crate) fn close(self) {
        let region = self.region;
        drop(self);
        for index in 0..region.capacity() as u32 {
            // SAFETY: blocks were lent only to this socket. It is in copy mode: once its descriptor
            // is closed, the kernel reads and writes no block. (Not so with zero copy: the driver's
            // pool is taken down later.) A block that is not out is refused.
            drop(unsafe { region.from_raw(index) });
        }
    }

    /// Ends the handle of a block that is to go to the kernel, and returns the address of its first
    /// byte in the UMEM.
    fn lend(&self, frame: Frame<'u>) -> u64 {
        u64::from(frame.into_raw()) * self.region.block_size() as u64
    }

    /// Makes a handle for the block in which an address from the kernel lies, and returns how far in:
    /// the kernel leaves 256 bytes before a packet.
    fn claim(&self, address: u64) -> Result<(Frame<'u>, usize)> {
        let block_size = self.region.block_size() as u64;
        // An index beyond 32 bits, which cannot occur, becomes the greatest one, which is refused, too.
        let index = u32::try_from(address / block_size).unwrap_or(u32::MAX);
        // SAFETY: the kernel returned the block through a ring, so it no longer uses it; it got it
        // from `lend`, and only this socket claims it.
        let frame = unsafe { self.region.from_raw(index) }?;
        Ok((frame, (address % block_size) as usize))
    }

    fn take_completed(&mut self) -> Result<()> {
        let mut burst = Burst::new();
        while let Some(address) = self.completion.pop() {
            self.sending -= 1;
            self.idle = 0;
            let (frame, _) = self.claim(address)?;
            // There is room: a full burst was given back. If not, dropping the block would give it
            // back.
            let _ = burst.push(frame);
            if burst.is_full() {
                self.local.put_burst(&mut burst);
            }
        }
        self.completion.give_back();
        self.local.put_burst(&mut burst);
        Ok(())
    }

    /// Lends the kernel blocks for packets to come: up to half of all.
    fn refill(&mut self) {
        while self.receiving < self.region.capacity() / 2
            && let Some(frame) = self.local.get()
        {
            let address = self.lend(frame);
            self.fill.push(address);
            self.receiving += 1;
        }
        self.fill.publish();
    }
}

impl AsFd for Socket<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
