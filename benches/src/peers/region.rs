//! Pools over memory whose size is known only at run time.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use blockpool_core::Region;
use blockpool_core::storage::Bookkeeping;

/// Bytes in a page, on most systems.
const PAGE: usize = 4096;

/// Owned memory, not touched yet.
#[derive(Debug)]
pub struct Memory {
    first: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    /// `length` bytes, at least one, page-aligned.
    #[must_use]
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "memory has a length");
        let layout = Layout::from_size_align(length, PAGE).expect("a length that exists");
        // SAFETY: the length is not 0.
        let memory = unsafe { alloc(layout) };
        let Some(first) = NonNull::new(memory) else { handle_alloc_error(layout) };
        Self { first, layout }
    }

    /// Touches every page, so that it is resident when it is needed.
    pub fn touch(&mut self) {
        for offset in (0..self.layout.size()).step_by(PAGE) {
            // SAFETY: the offset is within the memory.
            let byte = unsafe { self.first.add(offset) };
            // SAFETY: this is its only owner. Volatile, so that the write is not removed.
            unsafe { byte.write_volatile(0) };
        }
    }

    /// A pool of all of it.
    #[must_use]
    pub fn region<'m>(
        &'m mut self,
        block_size: usize,
        bookkeeping: &'m mut Vec<Bookkeeping>,
    ) -> Region<'m> {
        let length = self.layout.size();
        let needed = Bookkeeping::elements_for((length) / block_size);
        bookkeeping.resize_with(needed, Bookkeeping::new);
        // SAFETY: the memory is valid, and borrowed mutably for as long as the region.
        let region = unsafe { Region::from_raw_parts(self.first, length, block_size, bookkeeping) };
        region.expect("a size and alignment that serve")
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; no region is left.
        unsafe { dealloc(self.first.as_ptr(), self.layout) };
    }
}

/// A pool of `count` blocks, all of its memory touched, that lives as long as the program.
#[must_use]
pub fn region(block_size: usize, count: usize) -> &'static Region<'static> {
    let memory = Box::leak(Box::new(Memory::new(block_size * count)));
    memory.touch();
    Box::leak(Box::new(memory.region(block_size, Box::leak(Box::default()))))
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn a_region_has_the_blocks_that_were_asked_for() {
        let region = region(4096, 100);
        assert_eq!((region.capacity(), region.block_size()), (100, 4096));
    }
}
