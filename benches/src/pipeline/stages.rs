//! The pools that the pipeline compares, each with the queue that carries its buffers.
//!
//! A pool gives the pipeline two kinds of handles: one that takes buffers and pushes them filled, and any
//! number that pop and give back. All other code is the same for every pool.

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use blockpool::{LocalPool, ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, Queue};

use super::receive::ReceiveBuffer;
use crate::original::OriginalPool;

/// The receiving side.
pub trait Receive: Send {
    /// What a datagram is received into.
    type Buffer: ReceiveBuffer;

    /// An empty buffer, or `None` if all are in use.
    fn get(&mut self) -> Option<Self::Buffer>;

    /// Hands a filled buffer on; gives it back if the queue is full.
    fn push(
        &mut self,
        buffer: Self::Buffer,
        source: SocketAddr,
        at: Instant,
    ) -> Result<(), Self::Buffer>;

    /// Gives back a buffer that was not handed on.
    fn give_back(&mut self, buffer: Self::Buffer);

    /// Called when this side has waited in vain, since another thread may need what it keeps.
    fn idle(&mut self) {}
}

/// The side that works on what was received.
pub trait Work: Send {
    /// A filled buffer.
    type Item;

    /// The oldest item, with the time of its arrival.
    fn pop(&mut self) -> Option<(Self::Item, Instant)>;

    /// An item's bytes.
    fn bytes(item: &Self::Item) -> &[u8];

    /// Gives the buffer back.
    fn give_back(&mut self, item: Self::Item);

    /// Called when this side has waited in vain, since another thread may need what it keeps.
    fn idle(&mut self) {}
}

/// Byte vectors from a source `S`, in a [`TransactionQueue`].
pub struct Vectors<S> {
    source: S,
    queue: TransactionQueue<ReceivedTransaction<Vec<u8>>>,
}

impl<S: VectorSource> Vectors<S> {
    /// A handle for either side.
    pub fn new(source: S, queue: &TransactionQueue<ReceivedTransaction<Vec<u8>>>) -> Self {
        Self { source, queue: queue.clone() }
    }
}

/// Where byte vectors come from and return to.
pub trait VectorSource: Send {
    /// An empty vector.
    fn get(&mut self) -> Vec<u8>;
    /// Takes a vector back.
    fn give_back(&mut self, buffer: Vec<u8>);
    /// Called when the handle's thread has waited in vain.
    fn idle(&mut self) {}
}

impl VectorSource for &OriginalPool {
    fn get(&mut self) -> Vec<u8> {
        self.get_buffer()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.return_buffer(buffer);
    }
}

impl VectorSource for &TransactionMemoryPool {
    fn get(&mut self) -> Vec<u8> {
        self.get_buffer()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.return_buffer(buffer);
    }
}

impl VectorSource for LocalPool {
    fn get(&mut self) -> Vec<u8> {
        self.get_buffer()
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.return_buffer(buffer);
    }

    fn idle(&mut self) {
        self.flush();
    }
}

impl ReceiveBuffer for Vec<u8> {
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        self.clear();
        self.spare_capacity_mut()
    }

    unsafe fn filled(&mut self, len: usize) {
        // SAFETY: the caller's promise; `room` emptied the vector.
        unsafe { self.set_len(len) };
    }
}

impl<S: VectorSource> Receive for Vectors<S> {
    type Buffer = Vec<u8>;

    fn get(&mut self) -> Option<Vec<u8>> {
        Some(self.source.get())
    }

    fn push(
        &mut self,
        data: Vec<u8>,
        source: SocketAddr,
        received: Instant,
    ) -> Result<(), Vec<u8>> {
        let item = ReceivedTransaction { data, source, received };
        self.queue.push(item).map_err(|item| item.data)
    }

    fn give_back(&mut self, buffer: Vec<u8>) {
        self.source.give_back(buffer);
    }

    fn idle(&mut self) {
        self.source.idle();
    }
}

impl<S: VectorSource> Work for Vectors<S> {
    type Item = Vec<u8>;

    fn pop(&mut self) -> Option<(Vec<u8>, Instant)> {
        self.queue.pop().map(|item| (item.data, item.received))
    }

    fn bytes(item: &Vec<u8>) -> &[u8] {
        item
    }

    fn give_back(&mut self, item: Vec<u8>) {
        self.source.give_back(item);
    }

    fn idle(&mut self) {
        self.source.idle();
    }
}

/// Buffers straight from an allocator: no pool at all.
pub struct Allocated<'q, A: GlobalAlloc + 'static> {
    allocator: &'static A,
    buffer_size: usize,
    queue: &'q TransactionQueue<ReceivedTransaction<AllocatedBuffer<A>>>,
}

impl<'q, A: GlobalAlloc + Sync + 'static> Allocated<'q, A> {
    /// A handle for either side. `buffer_size` is at least 1.
    pub fn new(
        allocator: &'static A,
        buffer_size: usize,
        queue: &'q TransactionQueue<ReceivedTransaction<AllocatedBuffer<A>>>,
    ) -> Self {
        assert!(buffer_size > 0, "an allocation of no bytes is not allowed");
        Self { allocator, buffer_size, queue }
    }
}

/// What `Vec::with_capacity` would be with a custom allocator.
pub struct AllocatedBuffer<A: GlobalAlloc + 'static = System> {
    allocator: &'static A,
    first: NonNull<u8>,
    layout: Layout,
    len: usize,
}

// SAFETY: the memory belongs to this value alone, like a `Vec`'s; allocators that are `Sync` may
// free it on another thread.
unsafe impl<A: GlobalAlloc + Sync> Send for AllocatedBuffer<A> {}

impl<A: GlobalAlloc> Drop for AllocatedBuffer<A> {
    fn drop(&mut self) {
        // SAFETY: allocated by `get` from this allocator with this layout.
        unsafe { self.allocator.dealloc(self.first.as_ptr(), self.layout) };
    }
}

impl<A: GlobalAlloc> ReceiveBuffer for AllocatedBuffer<A> {
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the allocation has that many bytes, is borrowed mutably and may be uninitialised.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr().cast(), self.layout.size()) }
    }

    unsafe fn filled(&mut self, len: usize) {
        self.len = len;
    }
}

impl<A: GlobalAlloc + Sync + 'static> Receive for Allocated<'_, A> {
    type Buffer = AllocatedBuffer<A>;

    fn get(&mut self) -> Option<AllocatedBuffer<A>> {
        let layout = Layout::array::<u8>(self.buffer_size).ok()?;
        // SAFETY: the size is not zero.
        let first = NonNull::new(unsafe { self.allocator.alloc(layout) })?;
        Some(AllocatedBuffer { allocator: self.allocator, first, layout, len: 0 })
    }

    fn push(
        &mut self,
        data: AllocatedBuffer<A>,
        source: SocketAddr,
        received: Instant,
    ) -> Result<(), AllocatedBuffer<A>> {
        let item = ReceivedTransaction { data, source, received };
        self.queue.push(item).map_err(|item| item.data)
    }

    fn give_back(&mut self, buffer: AllocatedBuffer<A>) {
        drop(buffer);
    }
}

impl<A: GlobalAlloc + Sync + 'static> Work for Allocated<'_, A> {
    type Item = AllocatedBuffer<A>;

    fn pop(&mut self) -> Option<(AllocatedBuffer<A>, Instant)> {
        self.queue.pop().map(|item| (item.data, item.received))
    }

    fn bytes(item: &AllocatedBuffer<A>) -> &[u8] {
        // SAFETY: `filled` was promised that many initialised bytes.
        unsafe { std::slice::from_raw_parts(item.first.as_ptr(), item.len) }
    }

    fn give_back(&mut self, item: AllocatedBuffer<A>) {
        drop(item);
    }
}

/// Blocks of `blockpool-core`, through a local pool, over its lock-free queue. Source and time travel in the
/// block, before the packet.
pub struct Blocks<'p, S: Storage> {
    local: blockpool_core::LocalPool<'p, BlockPool<S>>,
    queue: &'p Queue<'p, BlockPool<S>>,
    /// Times are counted from here.
    epoch: Instant,
}

impl<'p, S: Storage> Blocks<'p, S> {
    /// A handle for either side.
    pub fn new(pool: &'p BlockPool<S>, queue: &'p Queue<'p, BlockPool<S>>, epoch: Instant) -> Self {
        Self { local: pool.local_pool(), queue, epoch }
    }
}

/// Bytes before a packet: nanoseconds since the epoch, IPv6 or mapped IPv4 address, port.
pub const HEADER: usize = 8 + 16 + 2;

/// Headroom that leaves the packet aligned to 16 bytes.
pub const HEADROOM: usize = 32;

fn encode(source: SocketAddr, since_epoch: Duration) -> [u8; HEADER] {
    let ip = match source.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&(since_epoch.as_nanos() as u64).to_le_bytes());
    header[8..24].copy_from_slice(&ip.octets());
    header[24..].copy_from_slice(&source.port().to_le_bytes());
    header
}

impl<S: Storage> ReceiveBuffer for Block<'_, BlockPool<S>> {
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        self.reset(HEADROOM).expect("blocks are larger than their headroom");
        self.tailroom_mut()
    }

    unsafe fn filled(&mut self, len: usize) {
        // SAFETY: the caller's promise; `room` emptied the data range.
        unsafe { self.set_len(len) }.expect("not more than the room was filled");
    }
}

impl<'p, S: Storage> Receive for Blocks<'p, S> {
    type Buffer = Block<'p, BlockPool<S>>;

    fn get(&mut self) -> Option<Block<'p, BlockPool<S>>> {
        self.local.get()
    }

    fn push(
        &mut self,
        mut block: Block<'p, BlockPool<S>>,
        source: SocketAddr,
        at: Instant,
    ) -> Result<(), Block<'p, BlockPool<S>>> {
        let since_epoch = at.saturating_duration_since(self.epoch);
        block.prepend(&encode(source, since_epoch)).expect("the header fits the headroom");
        self.queue.push(block)
    }

    fn give_back(&mut self, block: Block<'p, BlockPool<S>>) {
        self.local.put(block);
    }

    fn idle(&mut self) {
        self.local.flush();
    }
}

impl<'p, S: Storage> Work for Blocks<'p, S> {
    type Item = Block<'p, BlockPool<S>>;

    fn pop(&mut self) -> Option<(Block<'p, BlockPool<S>>, Instant)> {
        let mut block = self.queue.pop()?;
        let time = block.first_chunk().expect("the header is in front");
        let at = self.epoch + Duration::from_nanos(u64::from_le_bytes(*time));
        block.trim_front(HEADER).expect("the header is in front");
        Some((block, at))
    }

    fn bytes<'i>(item: &'i Block<'p, BlockPool<S>>) -> &'i [u8] {
        item
    }

    fn give_back(&mut self, item: Block<'p, BlockPool<S>>) {
        self.local.put(item);
    }

    fn idle(&mut self) {
        self.local.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::{Allocated, Blocks, Receive, ReceiveBuffer, Vectors, Work};
    use crate::original::OriginalPool;
    use blockpool::{TransactionMemoryPool, TransactionQueue};
    use blockpool_core::{Pool, Queue};
    use std::time::{Duration, Instant};

    static SYSTEM: std::alloc::System = std::alloc::System;

    fn what_goes_in_comes_out<R: Receive, W: Work>(mut receive: R, mut work: W) {
        let at = Instant::now();
        for round in 0..100_u8 {
            let mut buffer = receive.get().unwrap();
            buffer.room()[..3].copy_from_slice(&[round, 1, 2].map(std::mem::MaybeUninit::new));
            // SAFETY: three bytes were just written.
            unsafe { buffer.filled(3) };
            let source = "127.0.0.1:9".parse().unwrap();
            assert!(receive.push(buffer, source, at + Duration::from_nanos(round.into())).is_ok());
            let (item, received) = work.pop().unwrap();
            assert_eq!(
                (W::bytes(&item), received - at),
                (&[round, 1, 2][..], Duration::from_nanos(round.into()))
            );
            work.give_back(item);
            assert!(work.pop().is_none());
            let unused = receive.get().unwrap();
            receive.give_back(unused);
        }
        receive.idle();
        work.idle();
    }

    #[test]
    fn bytes_and_times_pass_through_every_pool() {
        let queue = TransactionQueue::new(4);
        let original = OriginalPool::new(64, 4);
        what_goes_in_comes_out(Vectors::new(&original, &queue), Vectors::new(&original, &queue));
        let pool = TransactionMemoryPool::new(64, 4);
        what_goes_in_comes_out(Vectors::new(&pool, &queue), Vectors::new(&pool, &queue));
        what_goes_in_comes_out(
            Vectors::new(pool.local_pool(), &queue),
            Vectors::new(pool.local_pool(), &queue),
        );
        assert_eq!(pool.available_buffers(), 4);
        let queue = TransactionQueue::new(4);
        what_goes_in_comes_out(
            Allocated::new(&SYSTEM, 64, &queue),
            Allocated::new(&SYSTEM, 64, &queue),
        );
        let pool = Pool::<128, 8>::new();
        let queue = Queue::new(&pool);
        let epoch = Instant::now();
        what_goes_in_comes_out(
            Blocks::new(&pool, &queue, epoch),
            Blocks::new(&pool, &queue, epoch),
        );
        assert_eq!(pool.available(), 8);
    }
}
