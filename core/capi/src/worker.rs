//! A worker, in the memory that it was given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::{Region, Worker};

use crate::burst::{give, give_up, places};
use crate::pool::{User, blockpool};
use crate::result::blockpool_result::{self, *};
use crate::result::refusal;
use crate::storage::{BLOCKPOOL_MAX_STOCK, BLOCKPOOL_WORKER_SIZE, Storage, tell};

/// A private stock of free blocks for one thread or core: taking a block and giving it back are then
/// a few plain instructions, and the pool is met once for many blocks.
///
/// Blocks in a stock are kept from everyone else. So before its thread blocks, sleeps or idles, call
/// `blockpool_worker_flush`.
pub(crate) struct blockpool_worker {
    worker: Worker<'static, Region<'static>, BLOCKPOOL_MAX_STOCK>,
    _user: User,
}

/// How many bytes of memory a worker needs: `BLOCKPOOL_WORKER_SIZE`, of the library that the program
/// runs with.
#[unsafe(no_mangle)]
extern "C" fn blockpool_worker_size() -> usize {
    BLOCKPOOL_WORKER_SIZE
}

/// Makes a worker with an empty stock, and stores a pointer to it in `worker`; `NULL` if it is refused.
///
/// It keeps at most `stock` blocks, 1 to `BLOCKPOOL_MAX_STOCK`, and never more than a quarter of the
/// pool, but at least one; it takes and gives back half as many at once. A pool that must never run dry has
/// `stock` blocks for each of its workers, beyond those that are in use at once.
///
/// `bookkeeping`, for the library's own use, has `BLOCKPOOL_WORKER_SIZE` bytes, whatever they hold.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_create(
    pool: *mut blockpool,
    stock: usize,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    worker: Option<&mut MaybeUninit<*mut blockpool_worker>>,
) -> blockpool_result {
    tell(worker, || {
        // SAFETY: the header's rules: null, or a pool, which outlives the worker.
        let pool: &'static blockpool = unsafe { pool.as_ref() }.ok_or(BLOCKPOOL_ERROR_NULL)?;
        if !(1..=BLOCKPOOL_MAX_STOCK).contains(&stock) {
            return Err(BLOCKPOOL_ERROR_STOCK);
        }
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let worker = Worker::with_limit(&pool.region, stock);
        let worker = blockpool_worker { worker, _user: User::of(pool) };
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        unsafe { storage.write::<_, BLOCKPOOL_WORKER_SIZE>(worker) }
    })
}

/// Gives the stock back and ends the worker. Its memory is the program's again.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_destroy(
    worker: Option<NonNull<blockpool_worker>>,
) -> blockpool_result {
    let Some(worker) = worker else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules: a worker, which nobody uses any more.
    unsafe { worker.drop_in_place() };
    BLOCKPOOL_OK
}

/// Takes a block: of the stock, which is filled by half when it is empty. `NULL` if the stock is empty
/// and every block of the pool is out, or if `worker` is `NULL`.
///
/// Wait-free but for the filling, which is lock-free.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_get(worker: Option<&mut blockpool_worker>) -> *mut c_void {
    worker.and_then(|worker| worker.worker.get()).map_or(ptr::null_mut(), give_up)
}

/// Gives a block to the stock, which gives its older half to the pool when it is full.
///
/// The pointer is checked as by `blockpool_worker_put_burst`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_put(
    worker: Option<&mut blockpool_worker>,
    block: *mut c_void,
) -> blockpool_result {
    let Some(blockpool_worker { worker, .. }) = worker else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules for who gives a block back.
    match unsafe { worker.put_raw_ptr_burst(&[block.cast()]) } {
        Ok(()) => BLOCKPOOL_OK,
        Err((_, error)) => refusal(error, block),
    }
}

/// Takes up to `count` blocks, and stores pointers to them in `blocks`. Returns how many: fewer than
/// `count` if no more were free; 0 if `worker` or `blocks` is `NULL`.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_get_burst(
    worker: Option<&mut blockpool_worker>,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    let Some(blockpool_worker { worker, .. }) = worker else { return 0 };
    // SAFETY: the header's rules for arrays.
    worker.get_raw_ptr_burst(unsafe { places(blocks, count) })
}

/// Gives `count` blocks to the stock, and what does not fit there to the pool.
///
/// Ends at the first pointer that is refused: the result says why; `put`, unless it is `NULL`, how many
/// blocks before it were given back. It and those behind it are still the program's, which may go on behind
/// it.
///
/// A pointer that is `NULL`, foreign or misaligned is always refused; one that was given back before, if
/// by this thread or one that this one has heard of since. Two threads that give back or push one block at
/// the same time may both succeed; the block then has two owners, and a queue may lose blocks or never
/// answer again. `blockpool_put` refuses one of them. A pointer that stands twice in one burst is refused the
/// second time, unless the stock is too small for both and another thread has taken the block in between.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_put_burst(
    worker: Option<&mut blockpool_worker>,
    blocks: *const *mut c_void,
    count: usize,
    put: Option<&mut MaybeUninit<usize>>,
) -> blockpool_result {
    let give_back = |blockpool_worker { worker, .. }: &mut blockpool_worker,
                     pointers: &[*mut u8]| {
        // SAFETY: the header's rules for who gives blocks back.
        unsafe { worker.put_raw_ptr_burst(pointers) }
    };
    // SAFETY: the header's rules for arrays.
    unsafe { give(blocks, count, worker, put, give_back) }
}

/// Gives the whole stock to the pool. To be called before the worker's thread blocks, sleeps or idles.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_flush(
    worker: Option<&mut blockpool_worker>,
) -> blockpool_result {
    let Some(worker) = worker else { return BLOCKPOOL_ERROR_NULL };
    worker.worker.flush();
    BLOCKPOOL_OK
}

/// How many blocks are in the stock; 0 if `worker` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_stock(worker: Option<&blockpool_worker>) -> usize {
    worker.map_or(0, |worker| worker.worker.stock())
}
