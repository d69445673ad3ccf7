//! Waiting for a block without polling.

#![no_std]

use core::future::poll_fn;
use core::task::Poll;

use atomic_waker::AtomicWaker;

/// Waits until `take` finds something. Code that puts something there wakes `waker` afterwards; only one task
/// waits on it.
pub async fn wait<T>(waker: &AtomicWaker, mut take: impl FnMut() -> Option<T>) -> T {
    poll_fn(|context| {
        // Registers first, so that what arrives after the look wakes this task.
        waker.register(context.waker());
        take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
