//! A worker, in the memory that it was given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::{Region, Worker};

use crate::burst::{give_up, places, pointers};
use crate::pool::blockpool;
use crate::result::blockpool_result::{self, *};
use crate::result::refusal;
use crate::storage::{BLOCKPOOL_WORKER_SIZE, Storage, tell};

/// A private stock of free blocks for one thread or core: taking a block and giving it back are then
/// a few plain instructions, and the pool is met once for many blocks.
///
/// Blocks in a stock are kept from everyone else: at most 256, and never more than a quarter of the
/// pool, but at least one. So before its thread blocks, sleeps or idles, call `blockpool_worker_flush`.
pub(crate) struct blockpool_worker {
    worker: Worker<'static, Region<'static>, 256>,
}

/// How many bytes of memory a worker needs: `BLOCKPOOL_WORKER_SIZE`, of the library that the program
/// runs with.
#[unsafe(no_mangle)]
extern "C" fn blockpool_worker_size() -> usize {
    BLOCKPOOL_WORKER_SIZE
}

/// Makes a worker with an empty stock, and stores a pointer to it in `worker`; `NULL` if it is refused.
///
/// `bookkeeping`, for the library's own use, has `BLOCKPOOL_WORKER_SIZE` bytes, whatever they hold.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_create(
    pool: *mut blockpool,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    worker: Option<&mut MaybeUninit<*mut blockpool_worker>>,
) -> blockpool_result {
    tell(worker, || {
        // SAFETY: the header's rules: null, or a pool, which outlives the worker.
        let pool: &'static blockpool = unsafe { pool.as_ref() }.ok_or(BLOCKPOOL_NULL)?;
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let region = &pool.region;
        let worker = blockpool_worker { worker: Worker::with_stock(region) };
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        unsafe { storage.write::<_, BLOCKPOOL_WORKER_SIZE>(worker) }
    })
}

/// Gives the stock back and ends the worker. Its memory is the program's again.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_destroy(
    worker: Option<NonNull<blockpool_worker>>,
) -> blockpool_result {
    let Some(worker) = worker else { return BLOCKPOOL_NULL };
    // SAFETY: the header's rules: a worker, which nobody uses any more.
    unsafe { worker.drop_in_place() };
    BLOCKPOOL_OK
}

/// Takes a block: of the stock, which is filled by half when it is empty. `NULL` if the stock is empty
/// and every block of the pool is out, or if `worker` is `NULL`.
///
/// Wait-free but for the filling, which is lock-free.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_get(worker: Option<&mut blockpool_worker>) -> *mut c_void {
    worker.and_then(|worker| worker.worker.get()).map_or(ptr::null_mut(), give_up)
}

/// Gives a block to the stock, which gives its older half to the pool when it is full.
///
/// The pointer is checked as by `blockpool_worker_put_burst`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_put(
    worker: Option<&mut blockpool_worker>,
    block: *mut c_void,
) -> blockpool_result {
    let Some(blockpool_worker { worker }) = worker else { return BLOCKPOOL_NULL };
    // SAFETY: the header's rules for who gives a block back.
    match unsafe { worker.put_raw_ptr_burst(&[block.cast()]) } {
        Ok(()) => BLOCKPOOL_OK,
        Err((_, error)) => refusal(error, block),
    }
}

/// Takes up to `count` blocks, and stores pointers to them in `blocks`. Returns how many: fewer than
/// `count` if no more were free; 0 if `worker` or `blocks` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_get_burst(
    worker: Option<&mut blockpool_worker>,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    let Some(blockpool_worker { worker }) = worker else { return 0 };
    // SAFETY: the header's rules for arrays.
    worker.get_raw_ptr_burst(unsafe { places(blocks, count) })
}

/// Gives `count` blocks to the stock, and what does not fit there to the pool.
///
/// Ends at the first pointer that is refused: the result says why; `put`, how many blocks before it were
/// given back. It and those behind it are still the program's, who may go on behind it.
///
/// A pointer that is `NULL`, foreign or misaligned is always refused; one that was given back before, if
/// by this thread or one that this one has heard of since. Two threads that give back one block at the
/// same time may both succeed, and the block then has two owners: `blockpool_put` refuses one of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_put_burst(
    worker: Option<&mut blockpool_worker>,
    blocks: *const *mut c_void,
    count: usize,
    put: Option<&mut MaybeUninit<usize>>,
) -> blockpool_result {
    let Some(put) = put.map(|put| put.write(0)) else { return BLOCKPOOL_NULL };
    let Some(blockpool_worker { worker }) = worker else { return BLOCKPOOL_NULL };
    // SAFETY: the header's rules for arrays.
    let pointers = match unsafe { pointers(blocks, count) } {
        Ok(pointers) => pointers,
        Err(refused) => return refused,
    };
    // SAFETY: the header's rules for who gives blocks back.
    let (count, result) = match unsafe { worker.put_raw_ptr_burst(pointers) } {
        Ok(()) => (pointers.len(), BLOCKPOOL_OK),
        Err((count, error)) => {
            let refused = pointers.get(count).map_or(ptr::null_mut(), |refused| refused.cast());
            (count, refusal(error, refused))
        }
    };
    *put = count;
    result
}

/// Gives the whole stock to the pool. To be called before the worker's thread blocks, sleeps or idles.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_flush(
    worker: Option<&mut blockpool_worker>,
) -> blockpool_result {
    let Some(worker) = worker else { return BLOCKPOOL_NULL };
    worker.worker.flush();
    BLOCKPOOL_OK
}

/// How many blocks are in the stock; 0 if `worker` is `NULL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_worker_stock(worker: Option<&blockpool_worker>) -> usize {
    worker.map_or(0, |worker| worker.worker.stock())
}
