//! A pool, in the bookkeeping that it is given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use blockpool_core::Region;
use blockpool_core::storage::Bookkeeping;

use crate::burst::give_up;
use crate::result;
use crate::result::blockpool_result::{self, *};
use crate::storage::{BLOCKPOOL_GROUP_SIZE, BLOCKPOOL_POOL_SIZE, Storage, tell};

/// Blocks of one size, and which of them are free.
pub(crate) struct blockpool {
    pub(crate) region: Region<'static>,
    users: AtomicUsize,
}

/// Keeps a pool from being destroyed: held by each local pool or queue, and dropped after everything
/// else in it.
pub(crate) struct User(&'static blockpool);

impl User {
    pub(crate) fn of(pool: &'static blockpool) -> Self {
        // Relaxed: this thread, or one that has learned of the user since, destroys the pool.
        pool.users.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // U1: pairs with U2: everything that the user did with the pool is done.
        self.0.users.fetch_sub(1, Ordering::Release);
    }
}

/// How many bytes of bookkeeping a pool of `length` bytes of memory needs with blocks of `block_size`
/// bytes: `BLOCKPOOL_BOOKKEEPING_SIZE` for sizes known only at run time.
#[unsafe(no_mangle)]
extern "C" fn blockpool_bookkeeping_size(length: usize, block_size: usize) -> usize {
    let groups = length.checked_div(block_size).unwrap_or(0).div_ceil(64);
    groups.saturating_mul(BLOCKPOOL_GROUP_SIZE).saturating_add(BLOCKPOOL_POOL_SIZE)
}

/// Makes a pool of as many blocks of `block_size` bytes as fit into `length` bytes from `memory` on,
/// all of them free, and stores a pointer to it in `pool`; `NULL` if it is refused.
///
/// Block i lies at i times the block size; what is left over at the end stays unused. The memory is not
/// touched: it holds blocks and nothing else, and may be huge pages, or shared with a device.
/// `bookkeeping` is for the library's own use: `bookkeeping_length` is at least
/// `BLOCKPOOL_BOOKKEEPING_SIZE(length, block_size)`. Its contents do not matter.
///
/// Takes time proportional to the number of blocks.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_create(
    memory: *mut c_void,
    length: usize,
    block_size: usize,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    pool: Option<&mut MaybeUninit<*mut blockpool>>,
) -> blockpool_result {
    tell(pool, || {
        let memory = NonNull::new(memory).ok_or(BLOCKPOOL_ERROR_NULL)?;
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let blocks = length.checked_div(block_size).unwrap_or(0);
        let needed = Bookkeeping::elements_for(blocks);
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        let elements =
            unsafe { storage.elements::<_, BLOCKPOOL_POOL_SIZE>(needed, Bookkeeping::new) };
        // SAFETY: the header's rules: the memory is the pool's until the pool is destroyed, after
        // its last use.
        let region =
            unsafe { Region::from_raw_parts(memory.cast(), length, block_size, elements) }?;
        // SAFETY: the header's rules; the elements lie after it.
        unsafe {
            storage
                .write::<_, BLOCKPOOL_POOL_SIZE>(blockpool { region, users: AtomicUsize::new(0) })
        }
    })
}

/// Destroys a pool whose blocks are all free. Memory and bookkeeping then belong to the program again.
///
/// `BLOCKPOOL_ERROR_IN_USE` if a local pool or a queue has not been destroyed,
/// `BLOCKPOOL_ERROR_BLOCKS_OUT` if a block is out; the pool then stays usable. Nobody may use the pool
/// during the call, or after it was destroyed. A pool holds nothing but this memory, so a program that has
/// lost a block may abandon the pool instead: when nobody uses it or a block of it any more, its memory may
/// be used for something else.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_destroy(pool: *mut blockpool) -> blockpool_result {
    // SAFETY: the header's rules: null, or a pool.
    let Some(shared) = (unsafe { pool.as_ref() }) else { return BLOCKPOOL_ERROR_NULL };
    // U2: pairs with U1.
    if shared.users.load(Ordering::Acquire) > 0 {
        return BLOCKPOOL_ERROR_IN_USE;
    }
    if shared.region.available() < shared.region.capacity() {
        return BLOCKPOOL_ERROR_BLOCKS_OUT;
    }
    // SAFETY: a pool, which is no longer used.
    unsafe { pool.drop_in_place() };
    BLOCKPOOL_OK
}

/// Takes a free block; `NULL` if it finds none, or `pool` is `NULL`.
///
/// While others take and give back, `NULL` means that every block was seen out during the call, but not all
/// at the same instant.
///
/// Its bytes are not reset: they are the last owner's, or those that were there before. To take bursts,
/// use a local pool.
///
/// May be called from any thread or signal handler. Lock-free: one atomic read-modify-write when
/// uncontended; a search when the thread's word of the free list has no free block.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_get(pool: *mut blockpool) -> *mut c_void {
    // SAFETY: the header's rules: null, or a pool.
    let pool = unsafe { pool.as_ref() };
    pool.and_then(|pool| pool.region.get()).map_or(ptr::null_mut(), give_up)
}

/// Gives a block back.
///
/// `BLOCKPOOL_ERROR_NULL`, `BLOCKPOOL_ERROR_FOREIGN`, `BLOCKPOOL_ERROR_MISALIGNED`,
/// `BLOCKPOOL_ERROR_NOT_OUT` say why a pointer is refused; the pool is unchanged. Of several calls with
/// one block, even at the same time, exactly one succeeds, until the block is taken again. This does not
/// hold against a put to a local pool or a push at the same time: both may succeed, with the consequences
/// that `blockpool_local_pool_put_burst` names.
///
/// May be called from any thread or signal handler. Lock-free: two atomic read-modify-writes, sometimes
/// three.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_put(pool: *mut blockpool, block: *mut c_void) -> blockpool_result {
    // SAFETY: the header's rules: null, or a pool.
    let Some(pool) = (unsafe { pool.as_ref() }) else { return BLOCKPOOL_ERROR_NULL };
    let Some(block) = NonNull::new(block) else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules: the caller that gives a block back owns it, if it is out.
    result::of(unsafe { pool.region.from_raw_ptr(block.cast()) }.map(drop))
}

/// How many blocks the pool has, free or out; 0 if `pool` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_capacity(pool: Option<&blockpool>) -> usize {
    pool.map_or(0, |pool| pool.region.capacity())
}

/// Bytes in a block; 0 if `pool` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_block_size(pool: Option<&blockpool>) -> usize {
    pool.map_or(0, |pool| pool.region.block_size())
}

/// How many blocks are free; those in a local pool's stock or a queue are not. 0 if `pool` is `NULL`.
///
/// Exact when no other call runs, otherwise off by those that overlap it. For monitoring: takes time
/// proportional to the number of blocks, a few nanoseconds for every 64.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_available(pool: Option<&blockpool>) -> usize {
    pool.map_or(0, |pool| pool.region.available())
}

/// How many calls of `blockpool_get`, or to a local pool, wanted more blocks than were free; 0 if
/// `pool` is `NULL`. Wraps around.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_exhausted_count(pool: Option<&blockpool>) -> usize {
    pool.map_or(0, |pool| pool.region.exhausted_count())
}

/// Where the blocks lie, for registering them with a device, whose rules for alignment and size are for the
/// program to keep: returns a pointer to the first byte of the first block, and stores the number of bytes
/// from there to the end of the last block in `length`, unless that is `NULL`. `NULL` and 0 if `pool` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_memory(
    pool: Option<&blockpool>,
    length: Option<&mut MaybeUninit<usize>>,
) -> *mut c_void {
    let memory = pool.map(|pool| pool.region.memory());
    let (first, bytes) =
        memory.map_or((ptr::null_mut(), 0), |(first, bytes)| (first.as_ptr(), bytes));
    if let Some(length) = length {
        length.write(bytes);
    }
    first.cast()
}

/// The index of the block whose first byte `block` points to, in [0, capacity), whoever owns it;
/// `SIZE_MAX` if there is none, or `pool` is `NULL`. Nothing of the block is read.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_index_of(pool: Option<&blockpool>, block: *const c_void) -> usize {
    let block = NonNull::new(block.cast_mut());
    let index = pool.zip(block).and_then(|(pool, block)| pool.region.index_of(block.cast()).ok());
    index.map_or(usize::MAX, |index| index as usize)
}

/// Where the block with an index lies, whoever owns it; `NULL` if there is no such block, or `pool` is
/// `NULL`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_address_of(pool: Option<&blockpool>, index: usize) -> *mut c_void {
    let index = u32::try_from(index).ok();
    let block = pool.zip(index).and_then(|(pool, index)| pool.region.address_of(index));
    block.map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}
