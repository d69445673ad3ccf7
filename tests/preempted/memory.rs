//! Where a subject lies: on the heap, or where a child process sees it too.

use std::alloc::{self, Layout};
use std::ops::Deref;
use std::ptr::{self, NonNull};

use crate::subject::Subject;

/// A subject in its own memory.
pub(crate) struct Made<S> {
    place: NonNull<S>,
    shared: bool,
}

impl<S: Subject> Made<S> {
    const LAYOUT: Layout = Layout::new::<S>();

    pub(crate) fn new() -> Self {
        // SAFETY: no subject is of size zero.
        let place = unsafe { alloc::alloc(Self::LAYOUT) };
        let place =
            NonNull::new(place.cast()).unwrap_or_else(|| alloc::handle_alloc_error(Self::LAYOUT));
        // SAFETY: freshly allocated with the type's layout, freed only after the drop.
        unsafe { S::make(place.as_ptr()) };
        Self { place, shared: false }
    }

    /// In memory that child processes share.
    pub(crate) fn shared() -> Self {
        // SAFETY: maps new memory, at an address of the system's choice.
        let place = unsafe {
            libc::mmap(
                ptr::null_mut(),
                Self::LAYOUT.size(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(place, libc::MAP_FAILED, "no memory to share");
        let place = NonNull::new(place.cast::<S>()).expect("mapped");
        // SAFETY: as large as needed, aligned to a page, unmapped only after the drop.
        unsafe { S::make(place.as_ptr()) };
        Self { place, shared: true }
    }
}

impl<S> Deref for Made<S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: made in `new` or `shared`, and lives until the drop.
        unsafe { self.place.as_ref() }
    }
}

impl<S> Drop for Made<S> {
    fn drop(&mut self) {
        // SAFETY: made there, dropped once.
        unsafe { self.place.drop_in_place() };
        let (place, layout) = (self.place.as_ptr(), Layout::new::<S>());
        if self.shared {
            // SAFETY: mapped in `shared` with this size.
            unsafe { libc::munmap(place.cast(), layout.size()) };
        } else {
            // SAFETY: allocated in `new` with this layout.
            unsafe { alloc::dealloc(place.cast(), layout) };
        }
    }
}
