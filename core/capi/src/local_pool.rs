//! A local pool, in the memory that it is given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::{LocalPool, Region};

use crate::burst::{give, give_up, to_write};
use crate::pool::{User, blockpool};
use crate::result;
use crate::result::blockpool_result::{self, *};
use crate::storage::{BLOCKPOOL_LOCAL_POOL_SIZE, BLOCKPOOL_MAX_STOCK, Storage, tell};

/// The cache of a pool for one thread or core: it keeps a few free blocks, its stock, so that taking a
/// block and giving it back cost a few plain instructions.
///
/// Nobody else can take the blocks in the stock. So before its thread blocks, sleeps or idles, call
/// `blockpool_local_pool_flush`.
pub(crate) struct blockpool_local_pool {
    local: LocalPool<'static, Region<'static>, BLOCKPOOL_MAX_STOCK>,
    _user: User,
}

/// How many bytes of memory a local pool needs: the `BLOCKPOOL_LOCAL_POOL_SIZE` of the library that the
/// program runs with.
#[unsafe(no_mangle)]
extern "C" fn blockpool_local_pool_size() -> usize {
    BLOCKPOOL_LOCAL_POOL_SIZE
}

/// Makes a local pool with an empty stock, and stores a pointer to it in `local`; `NULL` if it is refused.
///
/// It keeps at most `stock` blocks, 1 to `BLOCKPOOL_MAX_STOCK`, and never more than a quarter of the
/// pool, but at least one; it takes and gives back half as many at once. A pool that must never run dry
/// needs `stock` blocks for each of its local pools, beyond those that are in use at once.
///
/// `bookkeeping`, for the library's own use, has `BLOCKPOOL_LOCAL_POOL_SIZE` bytes, whose contents do
/// not matter.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_create(
    pool: *mut blockpool,
    stock: usize,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    local: Option<&mut MaybeUninit<*mut blockpool_local_pool>>,
) -> blockpool_result {
    tell(local, || {
        // SAFETY: the header's rules: null, or a pool, which outlives the local pool.
        let pool: &'static blockpool = unsafe { pool.as_ref() }.ok_or(BLOCKPOOL_ERROR_NULL)?;
        if !(1..=BLOCKPOOL_MAX_STOCK).contains(&stock) {
            return Err(BLOCKPOOL_ERROR_STOCK);
        }
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let local = LocalPool::with_limit(&pool.region, stock);
        let local = blockpool_local_pool { local, _user: User::of(pool) };
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        unsafe { storage.write::<_, BLOCKPOOL_LOCAL_POOL_SIZE>(local) }
    })
}

/// Gives the stock back and destroys the local pool. Its memory then belongs to the program again.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_destroy(
    local: Option<NonNull<blockpool_local_pool>>,
) -> blockpool_result {
    let Some(local) = local else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules: a local pool, which is no longer used.
    unsafe { local.drop_in_place() };
    BLOCKPOOL_OK
}

/// Takes a block from the stock, which is refilled to half when it is empty. `NULL` if the stock is
/// empty and the pool has no more, as for `blockpool_get`, or if `local` is `NULL`.
///
/// Wait-free except for the refill, which is lock-free.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_get(
    local: Option<&mut blockpool_local_pool>,
) -> *mut c_void {
    local.and_then(|local| local.local.get()).map_or(ptr::null_mut(), give_up)
}

/// Gives a block to the stock, which gives its older half to the pool when it is full.
///
/// The pointer is checked as in `blockpool_local_pool_put_burst`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_put(
    local: Option<&mut blockpool_local_pool>,
    block: *mut c_void,
) -> blockpool_result {
    let Some(blockpool_local_pool { local, .. }) = local else { return BLOCKPOOL_ERROR_NULL };
    let Some(block) = NonNull::new(block) else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules for a caller that gives a block back.
    result::of(unsafe { local.put_raw_ptr(block.cast()) })
}

/// Takes up to `count` blocks, and stores pointers to them in `blocks`. Returns how many: fewer than
/// `count` if it found no more; 0 if `local` or `blocks` is `NULL`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_get_burst(
    local: Option<&mut blockpool_local_pool>,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    let Some(blockpool_local_pool { local, .. }) = local else { return 0 };
    // SAFETY: the header's rules for arrays.
    local.get_raw_ptr_burst(unsafe { to_write(blocks, count) })
}

/// Takes `count` blocks, and stores pointers to them in `blocks`, or none at all. Returns `count`; or 0,
/// with every element of `blocks` set to `NULL`, if it found fewer; or 0 if `local` or `blocks` is `NULL`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_get_bulk(
    local: Option<&mut blockpool_local_pool>,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    let Some(blockpool_local_pool { local, .. }) = local else { return 0 };
    // SAFETY: the header's rules for arrays.
    let pointers = unsafe { to_write(blocks, count) };
    if local.get_raw_ptr_bulk(pointers) {
        return pointers.len();
    }
    // SAFETY: the array, as before; `NULL` is a pointer of C's type.
    unsafe { blocks.write_bytes(0, count) };
    0
}

/// Gives `count` blocks to the stock, and what does not fit there to the pool. What stays in the stock
/// is taken again in the same order.
///
/// Stops at the first pointer that is refused: the result says why, and `put`, unless it is `NULL`, how
/// many blocks before it were given back. It and those after it still belong to the program, which may
/// continue after it.
///
/// A pointer that is `NULL`, foreign or misaligned is always refused; one that was already given back
/// is refused, until the block is out again, if this thread gave it back, or one whose call happened
/// before. If two threads give back or push one block at the same time, both may succeed: the block then
/// has two owners, and a queue may lose blocks, or its functions may never return. Of two calls of
/// `blockpool_put`, one is refused. A pointer that occurs twice in one burst is refused the second time.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_put_burst(
    local: Option<&mut blockpool_local_pool>,
    blocks: *const *mut c_void,
    count: usize,
    put: Option<&mut MaybeUninit<usize>>,
) -> blockpool_result {
    let give_back = |blockpool_local_pool { local, .. }: &mut blockpool_local_pool,
                     pointers: &[NonNull<u8>]| {
        // SAFETY: the header's rules for a caller that gives blocks back.
        unsafe { local.put_raw_ptr_burst(pointers) }
    };
    // SAFETY: the header's rules for arrays.
    unsafe { give(blocks, count, local, put, give_back) }
}

/// Gives the whole stock to the pool. Call it before the local pool's thread blocks, sleeps or idles.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_flush(
    local: Option<&mut blockpool_local_pool>,
) -> blockpool_result {
    let Some(local) = local else { return BLOCKPOOL_ERROR_NULL };
    local.local.flush();
    BLOCKPOOL_OK
}

/// How many blocks are in the stock; 0 if `local` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_local_pool_stock(local: Option<&blockpool_local_pool>) -> usize {
    local.map_or(0, |local| local.local.stock())
}
