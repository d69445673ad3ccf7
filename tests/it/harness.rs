//! What the tests share: memory for regions, stamps that show which owner wrote a block last, random numbers
//! with a constant seed, and threads.

use std::fmt::Debug;
use std::iter;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use blockpool_core::storage::{Bookkeeping, Storage};
use blockpool_core::{Block, BlockPool, Region, RegionError};

/// Takes blocks until there is none.
pub(crate) fn take_all<S: Storage>(pool: &BlockPool<S>) -> Vec<Block<'_, BlockPool<S>>> {
    iter::from_fn(|| pool.get()).collect()
}

/// The address that many bytes further on, within an allocation or not.
pub(crate) fn moved(pointer: NonNull<u8>, by: usize) -> NonNull<u8> {
    NonNull::new(pointer.as_ptr().wrapping_add(by)).expect("it does not wrap to null")
}

/// The pointers that `take` writes to the front of an array of `count`, as many as it returns.
pub(crate) fn written(
    count: usize,
    take: impl FnOnce(&mut [MaybeUninit<NonNull<u8>>]) -> usize,
) -> Vec<NonNull<u8>> {
    let mut pointers = vec![MaybeUninit::uninit(); count];
    let taken = take(&mut pointers);
    // SAFETY: that many were written.
    pointers[..taken].iter().map(|pointer| unsafe { pointer.assume_init() }).collect()
}

/// Every block is free, and can be taken exactly once.
#[track_caller]
pub(crate) fn assert_whole<S: Storage>(pool: &BlockPool<S>) {
    assert_eq!(pool.available(), pool.capacity(), "blocks are missing");
    let blocks = take_all(pool);
    let mut indices: Vec<u32> = blocks.iter().map(|block| block.index()).collect();
    indices.sort_unstable();
    let all: Vec<u32> = (0..).take(pool.capacity()).collect();
    assert_eq!(indices, all);
    // All blocks are out now, so this is the peak of a free list that counts.
    let peak = pool.high_water_mark().unwrap_or(pool.capacity());
    assert_eq!(peak, pool.capacity());
    drop(blocks);
    assert_eq!(pool.available(), pool.capacity());
}

/// Writes `stamp` over the whole block, repeatedly.
pub(crate) fn write_stamp<S: Storage>(block: &mut Block<'_, BlockPool<S>>, stamp: u64) {
    block.reset(0).expect("no headroom always fits");
    for _ in 0..block.capacity() / 8 {
        block.append(&stamp.to_le_bytes()).expect("it fits");
    }
    block.resize(block.capacity(), stamp as u8).expect("the whole block fits");
}

/// The stamp that fills the block.
#[track_caller]
pub(crate) fn read_stamp<S: Storage>(block: &Block<'_, BlockPool<S>>) -> u64 {
    assert_eq!(block.len(), block.capacity(), "the data range changed");
    let (words, rest) = block.as_chunks::<8>();
    let stamp = words[0];
    assert!(
        words.iter().all(|&word| word == stamp) && rest.iter().all(|&byte| byte == stamp[0]),
        "two owners wrote to block {}",
        block.index()
    );
    u64::from_le_bytes(stamp)
}

/// How many threads of all scopes have ended.
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Like [`thread::scope`], but with an end that ThreadSanitizer sees as an ordering: the standard library's
/// own is compiled without instrumentation.
pub(crate) fn scope<'env, T>(run: impl for<'scope> FnOnce(Scope<'scope, 'env>) -> T) -> T {
    let result = thread::scope(|scope| run(Scope(scope)));
    // Acquire: pairs with the release in `spawn`.
    ENDED.load(Ordering::Acquire);
    result
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'scope, 'env>(&'scope thread::Scope<'scope, 'env>);

impl<'scope> Scope<'scope, '_> {
    pub(crate) fn spawn<T: Send + 'scope>(
        self,
        run: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        self.0.spawn(|| {
            let result = run();
            // Release: pairs with the acquire in `scope`.
            ENDED.fetch_add(1, Ordering::Release);
            result
        })
    }
}

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) as usize % bound
    }
}

/// Tells others to end when it is dropped, during a panic too.
#[derive(Debug)]
pub(crate) struct Ends<'f>(pub(crate) &'f AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Memory for regions, aligned as they require.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) [u8; 64]);

pub(crate) fn bookkeeping(length: usize, block_size: usize) -> Vec<Bookkeeping> {
    let blocks = length.checked_div(block_size).unwrap_or(0);
    iter::repeat_with(Bookkeeping::new).take(Bookkeeping::elements_for(blocks)).collect()
}

/// A region over memory that is borrowed for as long as it lives.
pub(crate) fn region<'m>(
    memory: &'m mut [Line],
    block_size: usize,
    bookkeeping: &'m mut [Bookkeeping],
) -> Result<Region<'m>, RegionError> {
    let length = size_of_val(memory);
    let first = NonNull::from(memory).cast();
    // SAFETY: the memory is mutably borrowed for 'm, and the reference is gone.
    unsafe { Region::from_raw_parts(first, length, block_size, bookkeeping) }
}

/// An anonymous mapping: zeroed pages, unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    first: NonNull<Line>,
    length: usize,
}

impl Mapping {
    pub(crate) fn new(length: usize) -> Self {
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let first = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(first, libc::MAP_FAILED, "no memory");
        let first = NonNull::new(first.cast()).expect("a mapping is never at address 0");
        Self { first, length }
    }

    pub(crate) fn lines(&mut self) -> &mut [Line] {
        // SAFETY: 1. the mapping is `length` bytes of readable, writable, zeroed memory, on a page
        // boundary; 2. it is borrowed mutably with the result.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.length / size_of::<Line>()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped; no reference into it outlives `self`.
        let result = unsafe { libc::munmap(self.first.as_ptr().cast(), self.length) };
        assert_eq!(result, 0);
    }
}
