//! Queues used as pools: free buffers wait in them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use heapless::mpmc;
use thingbuf::ThingBuf;

use super::{BLOCK_SIZE, COUNT, Contender, Threads, marked};

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
        // Seen with version 0.1.6: two threads that both pop and push stand still within seconds.
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
