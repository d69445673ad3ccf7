//! A queue, in the memory that it is given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::{Queue, QueueSlot, Region};

use crate::burst::{give, give_up, to_write};
use crate::pool::{User, blockpool};
use crate::result;
use crate::result::blockpool_result::{self, *};
use crate::storage::{BLOCKPOOL_RING_SIZE, BLOCKPOOL_SLOT_SIZE, Storage, tell};

/// A first-in, first-out queue for the blocks of one pool, between any threads and signal handlers. It
/// has a slot for each block, so there is always room.
///
/// Pointers travel, and the bytes stay where they are. A length, if the receiver needs it, goes into
/// the block, like a header.
pub(crate) struct blockpool_queue {
    queue: Queue<'static, Region<'static>>,
    _user: User,
}

/// How many bytes of memory a queue needs for a pool of `capacity` blocks: `BLOCKPOOL_QUEUE_SIZE` for
/// capacities known only at run time.
#[unsafe(no_mangle)]
extern "C" fn blockpool_queue_size(capacity: usize) -> usize {
    capacity.saturating_mul(BLOCKPOOL_SLOT_SIZE).saturating_add(BLOCKPOOL_RING_SIZE)
}

/// Makes an empty queue for the blocks of `pool`, and stores a pointer to it in `queue`; `NULL` if it
/// is refused.
///
/// `bookkeeping`, for the library's own use, has `BLOCKPOOL_QUEUE_SIZE(capacity)` bytes, whose contents
/// do not matter. Takes time proportional to the capacity.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_create(
    pool: *mut blockpool,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    queue: Option<&mut MaybeUninit<*mut blockpool_queue>>,
) -> blockpool_result {
    tell(queue, || {
        // SAFETY: the header's rules: null, or a pool, which outlives the queue.
        let pool: &'static blockpool = unsafe { pool.as_ref() }.ok_or(BLOCKPOOL_ERROR_NULL)?;
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let region = &pool.region;
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        let slots = unsafe {
            storage.elements::<_, BLOCKPOOL_RING_SIZE>(region.capacity(), QueueSlot::new)
        };
        let queue = Queue::with_slots(region, slots);
        let queue = queue.map_err(|_| BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL)?;
        // SAFETY: the header's rules; the slots lie after it.
        unsafe {
            storage
                .write::<_, BLOCKPOOL_RING_SIZE>(blockpool_queue { queue, _user: User::of(pool) })
        }
    })
}

/// Gives the blocks left in the queue back and destroys it. Its memory then belongs to the program
/// again.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_destroy(
    queue: Option<NonNull<blockpool_queue>>,
) -> blockpool_result {
    let Some(queue) = queue else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules: a queue, which is no longer used.
    unsafe { queue.drop_in_place() };
    BLOCKPOOL_OK
}

/// Adds a block of the queue's pool at the end.
///
/// The pointer is checked as in `blockpool_local_pool_put_burst`.
///
/// May be called from any thread or signal handler. Lock-free: one atomic read-modify-write.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_push(
    queue: Option<&blockpool_queue>,
    block: *mut c_void,
) -> blockpool_result {
    let Some(blockpool_queue { queue, .. }) = queue else { return BLOCKPOOL_ERROR_NULL };
    let Some(block) = NonNull::new(block) else { return BLOCKPOOL_ERROR_NULL };
    // SAFETY: the header's rules for a caller that passes a block on.
    result::of(unsafe { queue.push_raw_ptr(block.cast()) })
}

/// Takes the oldest block; `NULL` if there is none, or `queue` is `NULL`.
///
/// May be called from any thread or signal handler. Lock-free: one atomic read-modify-write.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_pop(queue: Option<&blockpool_queue>) -> *mut c_void {
    queue.and_then(|queue| queue.queue.pop()).map_or(ptr::null_mut(), give_up)
}

/// Adds `count` blocks of the queue's pool at the end, the first one first, with no others between them.
///
/// Stops at the first pointer that is refused, as `blockpool_local_pool_put_burst` does, with the same
/// checks; `pushed`, unless it is `NULL`, says how many blocks before it were added.
///
/// May be called from any thread or signal handler. Lock-free: one atomic read-modify-write for all of them.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_push_burst(
    queue: Option<&blockpool_queue>,
    blocks: *const *mut c_void,
    count: usize,
    pushed: Option<&mut MaybeUninit<usize>>,
) -> blockpool_result {
    let push = |blockpool_queue { queue, .. }: &blockpool_queue, pointers: &[NonNull<u8>]| {
        // SAFETY: the header's rules for a caller that passes blocks on.
        unsafe { queue.push_raw_ptr_burst(pointers) }
    };
    // SAFETY: the header's rules for arrays.
    unsafe { give(blocks, count, queue, pushed, push) }
}

/// Takes up to `count` of the oldest blocks, and stores pointers to them in `blocks`. Returns how many:
/// fewer than `count` if there were no more; 0 if `queue` or `blocks` is `NULL`.
///
/// May be called from any thread or signal handler. Lock-free: two atomic read-modify-writes for up to
/// 32 that were pushed as one burst.
#[must_use]
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_pop_burst(
    queue: Option<&blockpool_queue>,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    let Some(blockpool_queue { queue, .. }) = queue else { return 0 };
    // SAFETY: the header's rules for arrays.
    queue.pop_raw_ptr_burst(unsafe { to_write(blocks, count) })
}

/// How many blocks are in the queue; 0 if `queue` is `NULL`.
///
/// Exact when nobody pushes or pops, otherwise off by the calls that overlap it. For monitoring: counts
/// the blocks one by one.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_length(queue: Option<&blockpool_queue>) -> usize {
    queue.map_or(0, |queue| queue.queue.len())
}
