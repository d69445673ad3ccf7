//! Waiting for a block without polling.

#![no_std]

use core::future::poll_fn;
use core::task::Poll;

use atomic_waker::AtomicWaker;

/// Waits until `take` finds something. Whoever puts something there wakes `waker` afterwards; one
/// task waits on it.
pub async fn wait<T>(waker: &AtomicWaker, mut take: impl FnMut() -> Option<T>) -> T {
    poll_fn(|context| {
        // First, so that what comes after the look wakes this task.
        waker.register(context.waker());
        take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
