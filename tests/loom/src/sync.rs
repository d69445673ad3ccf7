//! Stands in for core's `sync`: loom's atomics, in a shape that the shipped sources can use.
//!
//! Loom's atomics have no constant constructor, so each is created when it is first used. That has to happen
//! in the main thread, before it spawns: loom treats creation as a write that all later users must see. The
//! code that builds what a model works on [settles](crate::harness) it; an atomic that was forgotten panics.

use core::cell::Cell;
use core::fmt;
use std::sync::OnceLock;

pub(crate) use core::sync::atomic::Ordering;

use crate::site;

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        pub(crate) struct $name {
            first: $value,
            created: OnceLock<loom::sync::atomic::$name>,
        }

        #[allow(dead_code, reason = "the sources do not use every operation on both widths")]
        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                Self { first, created: OnceLock::new() }
            }

            fn created(&self) -> &loom::sync::atomic::$name {
                self.created.get_or_init(|| {
                    let spawned = THREAD.with(Cell::get).spawned;
                    assert!(!spawned, "an atomic that was not settled before threads were spawned");
                    loom::sync::atomic::$name::new(self.first)
                })
            }

            #[track_caller]
            pub(crate) fn load(&self, ordering: Ordering) -> $value {
                self.created().load(site::only(ordering))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, ordering: Ordering) {
                self.created().store(value, site::only(ordering));
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let (success, failure) = (site::success(success), site::failure(failure));
                self.created().compare_exchange(current, new, success, failure)
            }

            /// Loom has no spurious failures, so the models see none.
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $value, ordering: Ordering) -> $value {
                self.created().fetch_add(value, site::only(ordering))
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $value, ordering: Ordering) -> $value {
                self.created().fetch_sub(value, site::only(ordering))
            }

            #[track_caller]
            pub(crate) fn fetch_and(&self, value: $value, ordering: Ordering) -> $value {
                self.created().fetch_and(value, site::only(ordering))
            }

            #[track_caller]
            pub(crate) fn fetch_or(&self, value: $value, ordering: Ordering) -> $value {
                self.created().fetch_or(value, site::only(ordering))
            }

            #[track_caller]
            pub(crate) fn fetch_max(&self, value: $value, ordering: Ordering) -> $value {
                self.created().fetch_max(value, site::only(ordering))
            }
        }

        /// Also settles the atomic.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.created().fmt(f)
            }
        }
    };
}

atomic!(AtomicUsize, usize);

#[cfg(not(feature = "parts-of-32-bits"))]
pub(crate) type Part = usize;
#[cfg(not(feature = "parts-of-32-bits"))]
pub(crate) type AtomicPart = AtomicUsize;

#[cfg(feature = "parts-of-32-bits")]
pub(crate) type Part = u32;
#[cfg(feature = "parts-of-32-bits")]
atomic!(AtomicU32, u32);
#[cfg(feature = "parts-of-32-bits")]
pub(crate) type AtomicPart = AtomicU32;

/// Does nothing: loom's version lets another thread run first, and so would hide the executions in which none
/// does.
pub(crate) fn spin_loop() {}

#[derive(Clone, Copy, Default)]
struct Thread {
    spawned: bool,
    stack_address: usize,
}

loom::thread_local! {
    static THREAD: Cell<Thread> = Cell::default();
}

/// Where the stack of this thread lies, as set: real addresses would differ between the executions of a
/// model, which have to be repeatable.
pub(crate) fn stack_address() -> usize {
    THREAD.with(Cell::get).stack_address
}

/// Sets where the stack of this thread lies.
pub(crate) fn set_stack_address(stack_address: usize) {
    THREAD.with(|thread| thread.set(Thread { stack_address, ..thread.get() }));
}

/// Forbids this thread from being the first to use an atomic.
pub(crate) fn mark_as_spawned() {
    THREAD.with(|thread| thread.set(Thread { spawned: true, ..thread.get() }));
}
