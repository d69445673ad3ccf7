//! What can be checked without interrupts: where blocks lie, and what is given back on drop.

use blockpool_core::storage::{Bookkeeping, Storage};
use blockpool_core::{Align, BlockPool, LocalPool, Pool, Queue, Region};
use core::iter;
use core::ptr::NonNull;

use crate::{Machine, verdict};

/// Runs the scenario, prints its verdicts and returns whether all pass.
pub fn run<M: Machine>() -> bool {
    places::<M>() & drops::<M>()
}

/// Whether all `COUNT` blocks are there, aligned, and share no byte.
fn are_apart<S: Storage, const COUNT: usize>(pool: &BlockPool<S>, alignment: usize) -> bool {
    let mut blocks: heapless::Vec<_, COUNT> = iter::from_fn(|| pool.get()).take(COUNT).collect();
    let aligned = blocks.iter().all(|block| block.as_ptr().addr().is_multiple_of(alignment));
    for block in &mut blocks {
        let own = block.index() as u8;
        block.resize(block.capacity(), own).expect("as large as it is");
    }
    let own = blocks.iter().all(|block| block.iter().all(|&byte| byte == block.index() as u8));
    let all = blocks.is_full() && pool.get().is_none();
    drop(blocks);
    aligned && own && all && pool.available() == COUNT
}

fn places<M: Machine>() -> bool {
    #[repr(align(64))]
    struct Memory([u8; 4 * 64]);

    // The size is not a multiple of the alignment.
    let pool = Pool::<20, 5, Align<32>>::new();
    let in_pool = are_apart::<_, 5>(&pool, 32);

    let mut memory = Memory([0; 4 * 64]);
    let mut bookkeeping = [Bookkeeping::new()];
    let (first, length) = (NonNull::from(&mut memory.0).cast(), memory.0.len());
    // SAFETY: the memory outlives the region, and nothing else uses it in the meantime.
    let region = unsafe { Region::from_raw_parts(first, length, 64, &mut bookkeeping) };
    let in_region = region.is_ok_and(|region| are_apart::<_, 4>(&region, Region::ALIGNMENT));
    verdict::<M>(
        "at rest",
        in_pool && in_region,
        format_args!("blocks are apart and aligned: of a pool {in_pool}, of a region {in_region}"),
    )
}

fn drops<M: Machine>() -> bool {
    let pool = Pool::<8, 16>::new();
    let mut local = LocalPool::<_, 4>::new(&pool);
    if let Some(block) = local.get() {
        local.put(block);
    }
    let stock = local.stock();
    drop(local);
    let by_local_pool = are_apart::<_, 16>(&pool, 64);

    let queue = Queue::new(&pool);
    let mut burst: heapless::Vec<_, 3> = iter::from_fn(|| pool.get()).take(3).collect();
    queue.push_burst(&mut burst);
    let pushed = pool.get().is_some_and(|block| queue.push(block).is_ok());
    let queued = queue.len();
    drop(queue);
    let by_queue = are_apart::<_, 16>(&pool, 64);
    verdict::<M>(
        "at rest",
        stock > 0 && by_local_pool && pushed && queued == 4 && by_queue,
        format_args!(
            "dropped: a local pool with a stock of {stock}, all blocks there: {by_local_pool}; then a queue \
             of {queued}: {by_queue}"
        ),
    )
}
