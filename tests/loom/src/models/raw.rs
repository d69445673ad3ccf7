//! Blocks given up by index, and claimed.

use core::ptr::{self, NonNull};

use loom::sync::atomic::AtomicPtr;
use loom::sync::atomic::Ordering::Relaxed;

use super::{Model, every};
use crate::block::Block;
use crate::free_list::FreeList;
use crate::harness::{CheckedQueue, checked_queue, two};
use crate::local_pool::LocalPool;
use crate::storage::{Parts as _, PoolType as _};

pub(super) fn models() -> Vec<Model> {
    vec![
        every(a_claim_sees_what_the_owner_wrote),
        every(a_burst_of_claims_sees_what_the_owner_wrote),
        every(a_local_pool_passes_on_what_the_owner_wrote),
        every(of_two_claims_one_succeeds),
    ]
}

/// R1 with R2.
fn a_claim_sees_what_the_owner_wrote() {
    checked_queue::<1>(|queue| {
        let (_, claimed) = two(|| queue.block(0).into_raw(), || claim(queue));
        if !claimed {
            // Not by another claim: loom lets a read-modify-write follow a plain store that it has not read,
            // and so would lose the store.
            queue.pool.storage().free().give_back(0);
        }
    });
}

/// R1 with R3, with the pointer passed by an access that orders nothing.
fn a_burst_of_claims_sees_what_the_owner_wrote() {
    checked_queue::<1>(|queue| {
        let told = AtomicPtr::new(ptr::null_mut());
        let give_up = || told.store(queue.block(0).into_raw_ptr().as_ptr(), Relaxed);
        let (_, claimed) = two(give_up, || claim_burst(queue, told.load(Relaxed)));
        if !claimed {
            queue.pool.storage().free().give_back(0);
        }
    });
}

/// R1 with R4, with the pointer passed as before.
fn a_local_pool_passes_on_what_the_owner_wrote() {
    checked_queue::<1>(|queue| {
        let told = AtomicPtr::new(ptr::null_mut());
        let give_up = || told.store(queue.block(0).into_raw_ptr().as_ptr(), Relaxed);
        let (_, given_back) = two(give_up, || give_back(queue, told.load(Relaxed)));
        if !given_back {
            queue.pool.storage().free().give_back(0);
        }
    });
}

/// R2 against itself.
fn of_two_claims_one_succeeds() {
    checked_queue::<1>(|queue| {
        let _ = queue.block(0).into_raw();
        let (a, b) = two(|| claim(queue), || claim(queue));
        assert!(a != b, "claimed by both or none");
    });
}

/// Claims block 0, if possible, and gives it back.
fn claim(queue: &CheckedQueue<'_, 1>) -> bool {
    // SAFETY: only `into_raw` gives up block 0; that only one of several claims may continue with it is what
    // the models check.
    let block = unsafe { queue.pool.from_raw(0) };
    block.map(|mut block| queue.check(&mut block)).is_ok()
}

/// Claims the block at `pointer`, if possible, and gives it back.
fn claim_burst(queue: &CheckedQueue<'_, 1>, pointer: *mut u8) -> bool {
    let Some(pointer) = NonNull::new(pointer) else { return false };
    let mut blocks = heapless::Vec::<Block<'_, _>, 1>::new();
    // SAFETY: the pointer comes from `into_raw_ptr`, and nothing else has it.
    let claimed = unsafe { queue.pool.from_raw_ptr_burst(&[pointer], &mut blocks) };
    blocks.iter_mut().for_each(|block| queue.check(block));
    claimed.is_ok()
}

/// Gives the block at `pointer` to a local pool, if possible, and takes it again.
fn give_back(queue: &CheckedQueue<'_, 1>, pointer: *mut u8) -> bool {
    let Some(pointer) = NonNull::new(pointer) else { return false };
    let mut local = LocalPool::<_, 1>::new(queue.pool);
    // SAFETY: the pointer comes from `into_raw_ptr`, and nothing else has it.
    let given = unsafe { local.put_raw_ptr(pointer) };
    given.map(|()| queue.write(&mut local.get().expect("one was given back"))).is_ok()
}
