//! What threads synchronise with, in one place: the atomics of `core`, or those of `portable-atomic`
//! on targets that lack them. The models in `tests/loom` compile the other modules with a `sync` of
//! their own.

#[cfg(not(feature = "portable-atomic"))]
use core::sync::atomic;
#[cfg(feature = "portable-atomic")]
use portable_atomic as atomic;

pub(crate) use atomic::{AtomicUsize, Ordering};
pub(crate) use core::hint::spin_loop;

/// A part of 64 bits that every target can change atomically.
#[cfg(target_pointer_width = "64")]
pub(crate) type Part = usize;
#[cfg(target_pointer_width = "64")]
pub(crate) type AtomicPart = AtomicUsize;
#[cfg(not(target_pointer_width = "64"))]
pub(crate) type Part = u32;
#[cfg(not(target_pointer_width = "64"))]
pub(crate) type AtomicPart = atomic::AtomicU32;

#[cfg(not(any(feature = "portable-atomic", target_has_atomic = "ptr")))]
compile_error!(
    "this target has no compare-and-swap: enable the feature `portable-atomic-critical-section`, \
     or `portable-atomic-unsafe-assume-single-core` if the program runs on one core with \
     interrupts under its control"
);

/// An address on the stack of this thread: a hint at which thread it is.
#[inline]
pub(crate) fn stack_address() -> usize {
    let on_the_stack = 0_u8;
    (&raw const on_the_stack).addr()
}
