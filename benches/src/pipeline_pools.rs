//! The pools that the pipeline can run, by name.

use std::alloc::System;
use std::ptr::NonNull;
use std::time::Instant;

use blockpool::{TransactionMemoryPool, TransactionQueue};
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{Pool, Queue, QueueSlot, Region};
use serde::Serialize;

use crate::allocations::Counting;
use crate::original::OriginalPool;
use crate::pipeline::{
    Allocated, Blocks, HEADROOM, Outcome, Receive, RunError, Setup, Vectors, Work, run,
};

/// A pool of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// All of the following
    #[serde(skip)]
    All,
    /// The original implementation: `SegQueue`, a counter, capacities adjusted on return
    Original,
    /// `TransactionMemoryPool`: `ArrayQueue` of byte vectors
    ArrayQueue,
    /// `TransactionMemoryPool` through its per-thread cache
    Local,
    /// `blockpool-core`: blocks through a local pool and the lock-free queue
    Core,
    /// No pool: the system's `malloc` and `free`
    Malloc,
    /// No pool: jemalloc
    #[cfg(feature = "jemalloc")]
    Jemalloc,
    /// No pool: mimalloc
    #[cfg(feature = "mimalloc")]
    Mimalloc,
}

/// Packet size and number of blocks of the static pool: the defaults.
const STATIC_PACKET: usize = 1232;
const STATIC_COUNT: usize = 1024;

static MALLOC: Counting<System> = Counting(System);
#[cfg(feature = "jemalloc")]
static JEMALLOC: Counting<tikv_jemallocator::Jemalloc> = Counting(tikv_jemallocator::Jemalloc);
#[cfg(feature = "mimalloc")]
static MIMALLOC: Counting<mimalloc::MiMalloc> = Counting(mimalloc::MiMalloc);

/// The counters of a `TransactionMemoryPool` after a run.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Fallbacks {
    /// Buffers allocated because the pool was empty.
    pub heap_fallbacks: u64,
    /// Buffers that were freed on return.
    pub discarded: u64,
}

impl Fallbacks {
    fn of(pool: &TransactionMemoryPool) -> Self {
        Self { heap_fallbacks: pool.heap_fallbacks() as u64, discarded: pool.discarded() as u64 }
    }
}

impl PoolKind {
    /// Every pool of this build.
    pub fn all() -> Vec<Self> {
        let all = <Self as clap::ValueEnum>::value_variants();
        all.iter().copied().filter(|kind| *kind != Self::All).collect()
    }

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Original => "original",
            Self::ArrayQueue => "array-queue",
            Self::Local => "local",
            Self::Core => "core",
            Self::Malloc => "malloc",
            #[cfg(feature = "jemalloc")]
            Self::Jemalloc => "jemalloc",
            #[cfg(feature = "mimalloc")]
            Self::Mimalloc => "mimalloc",
        }
    }

    /// Runs the pipeline with this pool, of `capacity` buffers for packets of `buffer_size` bytes.
    ///
    /// # Errors
    ///
    /// The error of the run, or that the pool cannot be created.
    pub fn run(
        self,
        setup: &Setup<'_>,
        buffer_size: usize,
        capacity: usize,
        workers: usize,
    ) -> Result<(Outcome, Fallbacks), RunError> {
        let none = |outcome| (outcome, Fallbacks::default());
        match self {
            Self::All => unreachable!("stands for the others"),
            Self::Original => {
                let pool = OriginalPool::new(buffer_size, capacity);
                let queue = TransactionQueue::new(capacity);
                run_with(setup, workers, || Vectors::new(&pool, &queue)).map(none)
            }
            Self::ArrayQueue => {
                let pool = vector_pool(buffer_size, capacity)?;
                let queue = TransactionQueue::new(capacity);
                let outcome = run_with(setup, workers, || Vectors::new(&pool, &queue))?;
                Ok((outcome, Fallbacks::of(&pool)))
            }
            Self::Local => {
                let pool = vector_pool(buffer_size, capacity)?;
                let queue = TransactionQueue::new(capacity);
                let outcome = run_with(setup, workers, || Vectors::new(pool.local_pool(), &queue))?;
                Ok((outcome, Fallbacks::of(&pool)))
            }
            Self::Core if (buffer_size, capacity) == (STATIC_PACKET, STATIC_COUNT) => {
                static POOL: Pool<{ STATIC_PACKET + HEADROOM }, STATIC_COUNT> = Pool::new();
                let queue = Queue::new(&POOL);
                let epoch = Instant::now();
                run_with(setup, workers, || Blocks::new(&POOL, &queue, epoch)).map(none)
            }
            Self::Core => run_region(setup, buffer_size, capacity, workers).map(none),
            Self::Malloc => {
                let queue = TransactionQueue::new(capacity);
                run_with(setup, workers, || Allocated::new(&MALLOC, buffer_size, &queue)).map(none)
            }
            #[cfg(feature = "jemalloc")]
            Self::Jemalloc => {
                let queue = TransactionQueue::new(capacity);
                run_with(setup, workers, || Allocated::new(&JEMALLOC, buffer_size, &queue))
                    .map(none)
            }
            #[cfg(feature = "mimalloc")]
            Self::Mimalloc => {
                let queue = TransactionQueue::new(capacity);
                run_with(setup, workers, || Allocated::new(&MIMALLOC, buffer_size, &queue))
                    .map(none)
            }
        }
    }
}

fn vector_pool(buffer_size: usize, capacity: usize) -> Result<TransactionMemoryPool, RunError> {
    TransactionMemoryPool::try_new(buffer_size, capacity).map_err(RunError::pool)
}

/// Runs with one handle for the receiving stage and one for each worker.
fn run_with<H: Receive + Work>(
    setup: &Setup<'_>,
    workers: usize,
    handle: impl Fn() -> H,
) -> Result<Outcome, RunError> {
    run(setup, handle(), (0..workers).map(|_| handle()).collect())
}

/// Bytes in a block of a region for packets of up to `buffer_size` bytes.
pub fn block_size(buffer_size: usize) -> usize {
    (buffer_size + HEADROOM).next_multiple_of(Region::ALIGNMENT)
}

/// `blockpool-core` with sizes that are known only at run time.
fn run_region(
    setup: &Setup<'_>,
    buffer_size: usize,
    capacity: usize,
    workers: usize,
) -> Result<Outcome, RunError> {
    /// A cache line, the alignment that regions require.
    #[repr(align(64))]
    #[derive(Clone, Copy)]
    #[expect(dead_code, reason = "only for its size and alignment")]
    struct Line([u8; Region::ALIGNMENT]);

    let block_size = block_size(buffer_size);
    // Not zero, so that every page is touched here.
    let mut memory = vec![Line([1; _]); block_size / size_of::<Line>() * capacity];
    let length = size_of_val(&memory[..]);
    let needed = Bookkeeping::elements_for((length) / block_size);
    let mut bookkeeping: Vec<_> = (0..needed).map(|_| Bookkeeping::new()).collect();
    let mut places: Vec<_> = (0..capacity).map(|_| QueueSlot::new()).collect();
    let first = NonNull::from(&mut memory[..]).cast();
    // SAFETY: the vector outlives the region, and is used only through it.
    let region = unsafe { Region::from_raw_parts(first, length, block_size, &mut bookkeeping) };
    let region = region.map_err(RunError::pool)?;
    let queue = Queue::with_slots(&region, &mut places).map_err(RunError::pool)?;
    let epoch = Instant::now();
    run_with(setup, workers, || Blocks::new(&region, &queue, epoch))
}
