//! Memory from the kernel.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use blockpool_core::Region;
use blockpool_core::storage::Bookkeeping;

use crate::error::{CallError, Result};

/// Mapped pages; unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    first: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Zeroed pages of this process.
    pub(crate) fn anonymous(length: usize) -> Result<Self> {
        Self::new(length, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// Pages of a file from `offset` on, shared with the kernel.
    pub(crate) fn shared(file: BorrowedFd<'_>, length: usize, offset: libc::off_t) -> Result<Self> {
        Self::new(length, libc::MAP_SHARED | libc::MAP_POPULATE, file.as_raw_fd(), offset)
    }

    fn new(length: usize, flags: i32, file: i32, offset: libc::off_t) -> Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: at an address of the kernel's choice, a mapping touches no memory that is in use.
        let first = unsafe { libc::mmap(ptr::null_mut(), length, access, flags, file, offset) };
        if first == libc::MAP_FAILED {
            return Err(CallError::last("mmap").into());
        }
        let first = NonNull::new(first.cast()).ok_or("mmap: a mapping at address 0")?;
        Ok(Self { first, length })
    }

    /// The byte at `offset`, which is below the length.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.length, "{offset} is not below {}", self.length);
        // SAFETY: by the assertion, the byte lies in the mapping.
        unsafe { self.first.add(offset) }
    }

    /// A pool of as many blocks as fit.
    pub(crate) fn region<'m>(
        &'m mut self,
        block_size: usize,
        bookkeeping: &'m mut [Bookkeeping],
    ) -> Result<Region<'m>> {
        // SAFETY: the mapping is borrowed mutably for as long as the region, so only the region, and
        // the kernel through its blocks, use the memory; it is one mapping, readable and writable.
        let region =
            unsafe { Region::from_raw_parts(self.first, self.length, block_size, bookkeeping) };
        Ok(region?)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped, which nothing borrows any more. It cannot fail.
        unsafe { libc::munmap(self.first.as_ptr().cast(), self.length) };
    }
}
