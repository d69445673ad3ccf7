//! The same work on two threads at once.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Calls `work` `count` times on each of two threads that start together, each with a handle of its
/// own from `handle`; returns the time of the slower one.
pub fn on_two_threads<H>(
    count: u64,
    handle: impl Fn() -> H + Sync,
    work: impl Fn(&mut H) + Sync,
) -> Duration {
    let start = Barrier::new(2);
    let timed = || {
        let mut handle = handle();
        start.wait();
        let begin = Instant::now();
        (0..count).for_each(|_| work(&mut handle));
        begin.elapsed()
    };
    thread::scope(|scope| {
        let other = scope.spawn(timed);
        let own = timed();
        own.max(other.join().expect("the work does not panic"))
    })
}

#[cfg(test)]
mod tests {
    use super::on_two_threads;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn both_threads_do_all_the_work_with_a_handle_each() {
        let (handles, calls) = (AtomicU64::new(0), AtomicU64::new(0));
        on_two_threads(
            10,
            || handles.fetch_add(1, Ordering::Relaxed),
            |_| _ = calls.fetch_add(1, Ordering::Relaxed),
        );
        assert_eq!((handles.into_inner(), calls.into_inner()), (2, 20));
    }
}
