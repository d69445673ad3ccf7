//! The implementation that the owner's design set out to replace, rebuilt from its description: an unbounded
//! queue of buffers, a separate counter, and a return path that adjusts capacities.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::SegQueue;

/// A pool of byte vectors in a [`SegQueue`], with a counter.
///
/// Kept as it was described, faults included: the counter and the queue are changed one after the other, so
/// they can disagree; a return may allocate or free to adjust a capacity; the queue sometimes allocates a
/// segment.
#[derive(Debug)]
pub struct OriginalPool {
    buffers: SegQueue<Vec<u8>>,
    buffer_size: usize,
    max_buffers: usize,
    /// Buffers in the queue.
    allocated_buffers: AtomicU64,
}

impl OriginalPool {
    /// A pool that starts with `max_buffers` buffers of `buffer_size` bytes and never keeps more.
    #[must_use]
    pub fn new(buffer_size: usize, max_buffers: usize) -> Self {
        let buffers = SegQueue::new();
        for _ in 0..max_buffers {
            buffers.push(Vec::with_capacity(buffer_size));
        }
        Self {
            buffers,
            buffer_size,
            max_buffers,
            allocated_buffers: AtomicU64::new(max_buffers as u64),
        }
    }

    /// An empty buffer from the pool, or a new one.
    #[must_use]
    pub fn get_buffer(&self) -> Vec<u8> {
        match self.buffers.pop() {
            Some(buffer) => {
                self.allocated_buffers.fetch_sub(1, Ordering::Relaxed);
                buffer
            }
            None => Vec::with_capacity(self.buffer_size),
        }
    }

    /// Gives a buffer back. If the limit allows, it is kept with an adjusted capacity; otherwise it is freed.
    pub fn return_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if self.allocated_buffers.load(Ordering::Relaxed) >= self.max_buffers as u64 {
            return;
        }
        if buffer.capacity() < self.buffer_size {
            buffer.reserve(self.buffer_size);
        } else if buffer.capacity() > 2 * self.buffer_size {
            buffer.shrink_to(self.buffer_size);
        }
        self.allocated_buffers.fetch_add(1, Ordering::Relaxed);
        self.buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::OriginalPool;

    #[test]
    fn keeps_no_more_than_its_limit_and_adjusts_what_returns() {
        let pool = OriginalPool::new(100, 2);
        let buffers = [pool.get_buffer(), pool.get_buffer(), pool.get_buffer()];
        assert!(buffers.iter().all(|buffer| buffer.capacity() >= 100));
        pool.return_buffer(Vec::new());
        pool.return_buffer(Vec::with_capacity(1000));
        buffers.into_iter().for_each(|buffer| pool.return_buffer(buffer));
        assert_eq!(pool.buffers.len(), 2);
        assert!((0..2).all(|_| (100..=200).contains(&pool.get_buffer().capacity())));
    }
}
