//! A queue, in the memory that it was given.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::heapless::Vec;
use blockpool_core::{Block, Place, Queue, Region};

use crate::burst::{give_up, places, pointers};
use crate::pool::blockpool;
use crate::result::blockpool_result::{self, *};
use crate::result::refusal;
use crate::storage::{BLOCKPOOL_PLACE_SIZE, BLOCKPOOL_RING_SIZE, Storage, tell};

/// A first-in, first-out hand-off of the blocks of one pool, between any threads and signal handlers.
/// It has a place for each block, so there is always room.
///
/// Pointers travel, and the bytes stay where they are; a length, if the receiver needs it, goes into the
/// block, as a header does.
pub(crate) struct blockpool_queue {
    region: &'static Region<'static>,
    queue: Queue<'static, Region<'static>>,
}

/// Blocks between an array and a queue; longer bursts go in parts.
type Burst<const N: usize> = Vec<Block<'static, Region<'static>>, N>;

/// Pops `N` at a time, as long as there is room for so many, and stores pointers to them. Whether there
/// always were so many.
fn pop_by<const N: usize>(
    queue: &Queue<'static, Region<'static>>,
    left: &mut &mut [MaybeUninit<*mut c_void>],
) -> bool {
    while left.len() >= N {
        let mut burst = Burst::<N>::new();
        let count = queue.pop_burst(&mut burst);
        for (place, block) in left.split_off_mut(..count).unwrap_or_default().iter_mut().zip(&burst)
        {
            // SAFETY: the handle is forgotten below.
            place.write(give_up(unsafe { ptr::read(block) }));
        }
        // SAFETY: no element remains that would have to be initialised; all handles were read, since
        // there was room for `N`.
        unsafe { burst.set_len(0) };
        if count < N {
            return false;
        }
    }
    true
}

/// How many bytes of memory a queue needs for a pool of `capacity` blocks: `BLOCKPOOL_QUEUE_SIZE`,
/// where that is not known beforehand.
#[unsafe(no_mangle)]
extern "C" fn blockpool_queue_size(capacity: usize) -> usize {
    capacity.saturating_mul(BLOCKPOOL_PLACE_SIZE).saturating_add(BLOCKPOOL_RING_SIZE)
}

/// Makes an empty queue for the blocks of `pool`, and stores a pointer to it in `queue`; `NULL` if it
/// is refused.
///
/// `bookkeeping`, for the library's own use, has `BLOCKPOOL_QUEUE_SIZE(capacity)` bytes, whatever they
/// hold. Takes time in proportion to the capacity.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_create(
    pool: *mut blockpool,
    bookkeeping: *mut c_void,
    bookkeeping_length: usize,
    queue: Option<&mut MaybeUninit<*mut blockpool_queue>>,
) -> blockpool_result {
    tell(queue, || {
        // SAFETY: the header's rules: null, or a pool, which outlives the queue.
        let pool: &'static blockpool = unsafe { pool.as_ref() }.ok_or(BLOCKPOOL_NULL)?;
        let storage = Storage::new(bookkeeping, bookkeeping_length)?;
        let region = &pool.region;
        // SAFETY: the header's rules: the bookkeeping is the library's alone.
        let places =
            unsafe { storage.elements::<_, BLOCKPOOL_RING_SIZE>(region.capacity(), Place::new) };
        let queue = Queue::with_places(region, places);
        let queue = queue.map_err(|_| BLOCKPOOL_BOOKKEEPING_TOO_SMALL)?;
        // SAFETY: the header's rules; the places lie behind.
        unsafe { storage.write::<_, BLOCKPOOL_RING_SIZE>(blockpool_queue { region, queue }) }
    })
}

/// Gives the blocks that are left in the queue back and ends it. Its memory is the program's again.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_destroy(
    queue: Option<NonNull<blockpool_queue>>,
) -> blockpool_result {
    let Some(queue) = queue else { return BLOCKPOOL_NULL };
    // SAFETY: the header's rules: a queue, which nobody uses any more.
    unsafe { queue.drop_in_place() };
    BLOCKPOOL_OK
}

/// Adds `count` blocks of the queue's pool at the end, the first one first.
///
/// Ends at the first pointer that is refused, as `blockpool_worker_put_burst` does, and `pushed` says how
/// many blocks before it were added; the checks are the same.
///
/// From any thread or signal handler. Lock-free: two atomic read-modify-writes for every 32
/// blocks, which come out in their order with no others between.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_push_burst(
    queue: *mut blockpool_queue,
    blocks: *const *mut c_void,
    count: usize,
    pushed: Option<&mut MaybeUninit<usize>>,
) -> blockpool_result {
    let Some(pushed) = pushed.map(|pushed| pushed.write(0)) else { return BLOCKPOOL_NULL };
    // SAFETY: the header's rules: null, or a queue.
    let Some(blockpool_queue { region, queue }) = (unsafe { queue.as_ref() }) else {
        return BLOCKPOOL_NULL;
    };
    // SAFETY: the header's rules for arrays.
    let mut left = match unsafe { pointers(blocks, count) } {
        Ok(pointers) => pointers,
        Err(refused) => return refused,
    };
    let mut burst = Burst::<32>::new();
    while let [next, ..] = left {
        // SAFETY: the header's rules for who gives blocks on.
        let claimed = unsafe { region.from_raw_ptr_burst(left, &mut burst) };
        // All of them: they were claimed from the queue's pool.
        let count = queue.push_burst(&mut burst);
        *pushed += count;
        left = left.get(count..).unwrap_or_default();
        if let Err(error) = claimed {
            return refusal(error, left.first().unwrap_or(next).cast());
        }
    }
    BLOCKPOOL_OK
}

/// Takes up to `count` of the oldest blocks, and stores pointers to them in `blocks`. Returns how many:
/// fewer than `count` if there were no more; 0 if `queue` or `blocks` is `NULL`.
///
/// From any thread or signal handler. Lock-free: two atomic read-modify-writes for what was pushed as
/// one burst, if `count` is 32 or more; fewer are taken in parts of 16, 8, 4, 2 and 1, with as many for
/// each.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_pop_burst(
    queue: *mut blockpool_queue,
    blocks: *mut *mut c_void,
    count: usize,
) -> usize {
    // SAFETY: the header's rules: null, or a queue.
    let Some(blockpool_queue { queue, .. }) = (unsafe { queue.as_ref() }) else { return 0 };
    // SAFETY: the header's rules for arrays.
    let mut left = unsafe { places(blocks, count) };
    let places = left.len();
    // A pop takes as many as its vector holds, so what is left goes in parts of each size.
    let _all = pop_by::<32>(queue, &mut left)
        && pop_by::<16>(queue, &mut left)
        && pop_by::<8>(queue, &mut left)
        && pop_by::<4>(queue, &mut left)
        && pop_by::<2>(queue, &mut left)
        && pop_by::<1>(queue, &mut left);
    places - left.len()
}

/// How many blocks are in the queue; 0 if `queue` is `NULL`.
///
/// Exact when nobody pushes or pops, otherwise off by the calls that overlap it. For monitoring: counts
/// the blocks one by one.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_queue_length(queue: Option<&blockpool_queue>) -> usize {
    queue.map_or(0, |queue| queue.queue.len())
}
