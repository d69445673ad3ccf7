//! The queue that the pool was made for.

use crossbeam::queue::ArrayQueue;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::PooledBuffer;

/// A transaction on its way from the network to its handler.
#[derive(Debug)]
pub struct ReceivedTransaction<B = PooledBuffer> {
    /// The bytes as received; usually a [`PooledBuffer`].
    pub data: B,
    /// Who sent them.
    pub source: SocketAddr,
    /// When they were received.
    pub received: Instant,
}

/// A bounded first-in, first-out queue for any number of producers and consumers; by default, of
/// received transactions.
///
/// ```
/// use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
/// use std::time::Instant;
///
/// let pool = TransactionMemoryPool::new(1232, 2);
/// let queue = TransactionQueue::new(1);
/// let receive = || ReceivedTransaction {
///     data: pool.get(),
///     source: ([127, 0, 0, 1], 8001).into(),
///     received: Instant::now(),
/// };
/// assert!(queue.push(receive()).is_ok());
/// let refused = queue.push(receive()).unwrap_err(); // full: the item comes back
/// drop((refused, queue));
/// assert_eq!(pool.available_buffers(), 2);
/// ```
///
/// **Not lock-free:** it is a `crossbeam::queue::ArrayQueue`. While one thread is preempted in the
/// middle of a push or a pop, others spin, and after a while yield, until it continues. So never call a method from an interrupt
/// or signal handler. Where that matters, use the package `blockpool-core`.
///
/// A clone is another handle of the same queue and costs one atomic increment. The items still queued
/// are dropped with the last handle, and their [`PooledBuffer`]s return to their pool.
///
/// Items are moved, their bytes are not: a buffer stays where it is. They may be of any type, such as a
/// bare buffer:
///
/// ```
/// use blockpool::{PooledBuffer, TransactionMemoryPool, TransactionQueue};
///
/// let pool = TransactionMemoryPool::new(1232, 2);
/// let queue = TransactionQueue::<PooledBuffer>::new(2);
/// queue.push(pool.get()).unwrap();
/// assert_eq!(queue.drain().count(), 1);
/// ```
pub struct TransactionQueue<T = ReceivedTransaction> {
    items: Arc<ArrayQueue<T>>,
}

impl<T> TransactionQueue<T> {
    /// Makes an empty queue for `capacity` items and allocates its memory. O(`capacity`).
    ///
    /// # Panics
    ///
    /// If `capacity` is 0, or if the memory exceeds the address space. Like every collection, aborts the
    /// process when the allocator has no memory.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a transaction queue has a capacity of at least 1");
        Self { items: Arc::new(ArrayQueue::new(capacity)) }
    }

    /// Adds an item at the end.
    ///
    /// O(1); one atomic read-modify-write when uncontended; never allocates; spins while another thread is
    /// preempted inside an operation. Another thread may pop the item before this returns.
    ///
    /// # Errors
    ///
    /// Gives the item back if the queue is full. Another thread may already have made room by then.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), T> {
        self.items.push(item)
    }

    /// Takes the item at the front, or `None` if the queue is empty.
    ///
    /// O(1); one atomic read-modify-write when uncontended; never allocates; spins while another thread is
    /// preempted inside an operation. After `None` another thread may already have pushed an item.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        self.items.pop()
    }

    /// Takes items one by one, as [`pop`](Self::pop) does, until the queue is empty or as many as its
    /// capacity are taken: so it ends even if others push meanwhile. Items that are not taken stay.
    pub fn drain(&self) -> impl Iterator<Item = T> + '_ {
        (0..self.capacity()).map_while(|_| self.pop())
    }

    /// The number of items, in [0, [`capacity`](Self::capacity)].
    ///
    /// Reads, never writes; repeats its reads while other threads push in between. Exact for one moment
    /// during the call; counts an item that another thread is in the middle of pushing, but not one that
    /// it is in the middle of popping.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the queue was empty at one moment during the call. Reads only.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the queue was full at one moment during the call. Reads only.
    pub fn is_full(&self) -> bool {
        self.items.is_full()
    }

    /// The most items that the queue holds. Constant.
    pub fn capacity(&self) -> usize {
        self.items.capacity()
    }
}

// Not derived: a derived `Clone` would ask for `T: Clone`.
impl<T> Clone for TransactionQueue<T> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items) }
    }
}

impl<T> fmt::Debug for TransactionQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(data: u32) -> ReceivedTransaction<u32> {
        ReceivedTransaction { data, source: ([10, 0, 0, 1], 8001).into(), received: Instant::now() }
    }

    #[test]
    fn items_leave_in_the_order_in_which_they_came_with_source_and_time() {
        let queue = TransactionQueue::new(3);
        let first = item(1);
        let (source, received) = (first.source, first.received);
        queue.push(first).unwrap();
        queue.push(item(2)).unwrap();
        let first = queue.pop().unwrap();
        assert_eq!((first.data, first.source, first.received), (1, source, received));
        assert_eq!(queue.pop().unwrap().data, 2);
        assert!(queue.pop().is_none());
    }

    #[test]
    fn a_full_queue_gives_the_item_back() {
        let queue = TransactionQueue::new(2);
        queue.push(item(1)).unwrap();
        queue.push(item(2)).unwrap();
        assert!(queue.is_full() && !queue.is_empty());
        assert_eq!(queue.push(item(3)).unwrap_err().data, 3);
        assert_eq!((queue.len(), queue.capacity()), (2, 2));
    }

    #[test]
    fn a_drain_takes_what_is_there_and_ends_though_more_is_pushed() {
        let queue = TransactionQueue::new(3);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        let drained = queue.drain().inspect(|item| queue.push(item + 2).unwrap());
        assert!(drained.eq([1, 2, 3]));
        assert_eq!((queue.drain().next(), queue.len()), (Some(4), 1));
        assert!(queue.drain().eq([5]));
    }

    #[test]
    fn a_clone_is_a_handle_of_the_same_queue() {
        let queue = TransactionQueue::new(1);
        queue.clone().push(item(1)).unwrap();
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn debug_shows_length_and_capacity() {
        let queue = TransactionQueue::new(3);
        queue.push(item(1)).unwrap();
        assert_eq!(format!("{queue:?}"), "TransactionQueue { len: 1, capacity: 3, .. }");
    }

    #[test]
    #[should_panic(expected = "a capacity of at least 1")]
    fn a_queue_without_capacity_cannot_be_made() {
        TransactionQueue::<u32>::new(0);
    }
}
