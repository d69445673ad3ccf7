//! Queues used as pools: free buffers wait in them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::{ArrayQueue, SegQueue};
use heapless::mpmc;
use thingbuf::ThingBuf;

use super::vectors::byte_vectors;
use super::{BASELINE, BLOCK_SIZE, COUNT, Contender, Threads, marked};

/// crossbeam's `ArrayQueue` of byte vectors, bare: the baseline for everything.
#[derive(Debug)]
pub struct Bare(ArrayQueue<Vec<u8>>);

impl Bare {
    /// `count` buffers of `size` bytes.
    #[must_use]
    pub fn new(size: usize, count: usize) -> Self {
        let queue = ArrayQueue::new(count);
        while queue.push(Vec::with_capacity(size)).is_ok() {}
        Self(queue)
    }
}

impl Contender for Bare {
    type Handle = &'static ArrayQueue<Vec<u8>>;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        BASELINE
    }

    fn less(&self) -> String {
        "checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.0.capacity())
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Vec<u8>> {
        handle.pop()
    }

    fn put(handle: &mut Self::Handle, mut buffer: Vec<u8>) {
        buffer.clear();
        handle.push(buffer).expect("there is room for all buffers");
    }
}

/// crossbeam's `SegQueue` of byte vectors, bare.
#[derive(Debug)]
pub struct Segments(SegQueue<Vec<u8>>);

impl Default for Segments {
    fn default() -> Self {
        let queue = SegQueue::new();
        (0..COUNT).for_each(|_| queue.push(Vec::with_capacity(BLOCK_SIZE)));
        Self(queue)
    }
}

impl Contender for Segments {
    type Handle = &'static SegQueue<Vec<u8>>;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        "`SegQueue<Vec<u8>>`, bare"
    }

    fn less(&self) -> String {
        "checks nothing; no bound on what is given back; allocates segments".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Vec<u8>> {
        handle.pop()
    }

    fn put(handle: &mut Self::Handle, mut buffer: Vec<u8>) {
        buffer.clear();
        handle.push(buffer);
    }
}

type Block = &'static mut [u8; BLOCK_SIZE];

/// `heapless::mpmc`, deprecated for this use: it refuses while another thread is inside.
pub struct Enqueued {
    queue: mpmc::Queue<Block, COUNT>,
    refused: AtomicU64,
}

impl fmt::Debug for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueued").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl Enqueued {
    /// With every block free.
    #[must_use]
    pub fn new() -> Self {
        #[expect(deprecated, reason = "what is usually tried first, so it is measured")]
        let queue = mpmc::Queue::new();
        for _ in 0..COUNT {
            let block = Box::leak(Box::new([0; BLOCK_SIZE]));
            queue.enqueue(block).expect("there is room");
        }
        Self { queue, refused: AtomicU64::new(0) }
    }

    #[cold]
    fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        std::hint::spin_loop();
    }
}

impl Default for Enqueued {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Enqueued {
    type Handle = &'static Self;
    type Buffer = Block;

    fn name(&self) -> &'static str {
        "`heapless::mpmc`"
    }

    fn less(&self) -> String {
        let refused = self.refused.load(Ordering::Relaxed);
        format!(
            "checks nothing; refuses while another thread is inside: {refused} blocks that a pool \
             would have lost were offered again"
        )
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn handle(&'static self) -> &'static Self {
        self
    }

    fn get(handle: &mut &'static Self) -> Option<Block> {
        handle.queue.dequeue()
    }

    fn touch(buffer: &mut Block) {
        buffer[..8].copy_from_slice(&marked());
    }

    fn first_byte(buffer: &Block) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(handle: &mut &'static Self, mut buffer: Block) {
        while let Err(refused) = handle.queue.enqueue(buffer) {
            buffer = refused;
            handle.count_refusal();
        }
    }
}

/// `thingbuf`, as a queue of byte vectors.
#[derive(Debug)]
pub struct Things(ThingBuf<Vec<u8>>);

impl Things {
    /// With every buffer free.
    #[must_use]
    pub fn new() -> Self {
        let queue = ThingBuf::new(COUNT);
        (0..COUNT).for_each(|_| queue.push(Vec::with_capacity(BLOCK_SIZE)).expect("there is room"));
        Self(queue)
    }
}

impl Default for Things {
    fn default() -> Self {
        Self::new()
    }
}

impl Contender for Things {
    type Handle = &'static Self;
    type Buffer = Vec<u8>;

    fn name(&self) -> &'static str {
        "`thingbuf`"
    }

    fn less(&self) -> String {
        "checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn refuses(&self, threads: Threads) -> Option<&'static str> {
        // Seen with version 0.1.6: two threads that both pop and push hang within seconds.
        (threads == Threads::Alike).then_some("hangs")
    }

    fn handle(&'static self) -> &'static Self {
        self
    }

    fn get(handle: &mut &'static Self) -> Option<Vec<u8>> {
        handle.0.pop()
    }

    fn touch(buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&marked());
    }

    fn first_byte(buffer: &Vec<u8>) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(handle: &mut &'static Self, mut buffer: Vec<u8>) {
        buffer.clear();
        while let Err(full) = handle.0.push(buffer) {
            buffer = full.into_inner();
            std::hint::spin_loop();
        }
    }
}
