//! State of one interrupt handler, or of the main loop.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

/// Gives one user at a time access to a value, on one core; panics if an interrupt wants it while the
/// interrupted code has it.
///
/// Uses only loads and stores, which every processor has: an interrupt that comes between the load and the
/// store of the flag ends before the store happens.
pub(crate) struct Exclusive<T> {
    in_use: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: all scenarios with interrupts run on one core, where the flag lets only one user have the value at
// a time.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { in_use: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        assert!(!self.in_use.load(Ordering::Relaxed), "the interrupted code uses this");
        self.in_use.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: the flag was clear and is set, so this is the only reference.
        let result = work(unsafe { &mut *self.value.get() });
        compiler_fence(Ordering::SeqCst);
        self.in_use.store(false, Ordering::Relaxed);
        result
    }
}
