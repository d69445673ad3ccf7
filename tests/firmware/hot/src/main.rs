//! The hot operations, each in a function of its own, as firmware uses them: a static pool, a queue and a worker that are made
//! when it starts, a region over memory given then.
//!
//! Nothing boots this. Its symbols tell how much code each operation is, where the statics lie, and whether anything in it can
//! panic.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr::NonNull;

use blockpool_core::heapless::Vec;
use blockpool_core::{Block, Bookkeeping, Pool, Queue, Region, Worker};
#[cfg(all(feature = "critical-section", target_arch = "arm"))]
use cortex_m as _;
#[cfg(all(feature = "critical-section", target_arch = "riscv32"))]
use riscv as _;
use static_cell::{ConstStaticCell, StaticCell};

const SIZE: usize = 256;
const COUNT: usize = 16;
const STOCK: usize = 4;
/// Blocks in a burst.
const BURST: usize = 8;

type Blocks = Pool<SIZE, COUNT>;
type Burst = Vec<Block<'static, Blocks>, BURST>;
type Stock = Worker<'static, Blocks, STOCK>;

#[unsafe(no_mangle)]
static POOL: Blocks = Pool::new();
#[unsafe(no_mangle)]
static QUEUE: StaticCell<Queue<'static, Blocks>> = StaticCell::new();
#[unsafe(no_mangle)]
static WORKER: StaticCell<Stock> = StaticCell::new();

const PAGES: usize = 8 * Region::ALIGNMENT;
const GROUPS: usize = Region::bookkeeping_for(PAGES, Region::ALIGNMENT);

#[repr(align(64))]
struct Pages([u8; PAGES]);

#[unsafe(no_mangle)]
static PAGES_OF_REGION: ConstStaticCell<Pages> = ConstStaticCell::new(Pages([0; PAGES]));
#[unsafe(no_mangle)]
static BOOKKEEPING: ConstStaticCell<[Bookkeeping; GROUPS]> =
    ConstStaticCell::new([const { Bookkeeping::new() }; GROUPS]);
#[unsafe(no_mangle)]
static REGION: StaticCell<Region<'static>> = StaticCell::new();

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_pool_get() -> Option<Block<'static, Blocks>> {
    POOL.get()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_pool_give_back(block: Block<'static, Blocks>) {
    drop(block);
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_pool_into_raw(block: Block<'static, Blocks>) -> u32 {
    block.into_raw()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_pool_from_raw(number: u32) -> Option<Block<'static, Blocks>> {
    #[cfg(feature = "planted")]
    black_box(&[0_u8; COUNT])[number as usize];
    // SAFETY: the number comes from `hot_pool_into_raw`, and nobody else claims it.
    unsafe { POOL.from_raw(number) }.ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_queue_push(queue: &Queue<'static, Blocks>, block: Block<'static, Blocks>) -> bool {
    queue.push(block).is_ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_queue_pop(queue: &Queue<'static, Blocks>) -> Option<Block<'static, Blocks>> {
    queue.pop()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_queue_push_burst(queue: &Queue<'static, Blocks>, burst: &mut Burst) -> usize {
    queue.push_burst(burst)
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_queue_pop_burst(queue: &Queue<'static, Blocks>, burst: &mut Burst) -> usize {
    queue.pop_burst(burst)
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_worker_get(worker: &mut Stock) -> Option<Block<'static, Blocks>> {
    worker.get()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_worker_put(worker: &mut Stock, block: Block<'static, Blocks>) {
    worker.put(block);
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_worker_get_burst(worker: &mut Stock, burst: &mut Burst) -> usize {
    worker.get_burst(burst)
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_worker_put_burst(worker: &mut Stock, burst: &mut Burst) {
    worker.put_burst(burst);
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_worker_flush(worker: &mut Stock) {
    worker.flush();
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_region_get(region: &'static Region<'static>) -> Option<Block<'static, Region<'static>>> {
    region.get()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn hot_region_give_back(block: Block<'static, Region<'static>>) {
    drop(block);
}

/// Statics as large as what they are named after, since symbols have sizes and types have none.
macro_rules! sizes {
    ($($name:ident: $type:ty,)+) => {
        $(
            #[unsafe(no_mangle)]
            static $name: [u8; size_of::<$type>()] = [0; size_of::<$type>()];
        )+

        fn keep_sizes() {
            $(black_box(&$name);)+
        }
    };
}

sizes! {
    SIZE_POOL_16: Pool<SIZE, 16>,
    SIZE_POOL_64: Pool<SIZE, 64>,
    SIZE_POOL_1000: Pool<SIZE, 1000>,
    SIZE_QUEUE_16: Queue<'static, Pool<SIZE, 16>>,
    SIZE_QUEUE_64: Queue<'static, Pool<SIZE, 64>>,
    SIZE_QUEUE_1000: Queue<'static, Pool<SIZE, 1000>>,
    SIZE_WORKER_4: Worker<'static, Pool<SIZE, 16>, 4>,
    SIZE_WORKER_64: Worker<'static, Pool<SIZE, 16>>,
    SIZE_BOOKKEEPING: Bookkeeping,
    SIZE_BLOCK: Block<'static, Pool<SIZE, 16>>,
}

/// Never run: refers to every operation, so that the linker keeps it.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    keep_sizes();
    let queue: &Queue<'static, Blocks> = black_box(QUEUE.init_with(|| Queue::new(&POOL)));
    let worker = black_box(WORKER.init_with(|| Worker::with_stock(&POOL)));
    let mut burst = Burst::new();
    loop {
        if let Some(block) = hot_pool_get() {
            let number = hot_pool_into_raw(block);
            if let Some(block) = hot_pool_from_raw(black_box(number)) {
                black_box(hot_queue_push(queue, block));
            }
        }
        if let Some(block) = hot_queue_pop(queue) {
            hot_worker_put(worker, block);
        }
        if let Some(block) = hot_worker_get(worker) {
            hot_pool_give_back(block);
        }
        black_box(hot_worker_get_burst(worker, &mut burst));
        black_box(hot_queue_push_burst(queue, &mut burst));
        black_box(hot_queue_pop_burst(queue, &mut burst));
        hot_worker_put_burst(worker, &mut burst);
        hot_worker_flush(worker);
        if black_box(true) {
            region();
        }
    }
}

fn region() {
    let memory = PAGES_OF_REGION.take();
    let first = NonNull::from(&mut memory.0).cast();
    // SAFETY: the memory is borrowed for ever and used by nobody else.
    let made = unsafe { Region::new(first, PAGES, Region::ALIGNMENT, BOOKKEEPING.take()) };
    let Ok(made) = made else { return };
    let region: &'static Region<'static> = black_box(REGION.init_with(|| made));
    if let Some(block) = hot_region_get(region) {
        hot_region_give_back(block);
    }
}

/// Looks at what it is told, as one that prints does: else all panics become the same, and their names are lost.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    loop {
        black_box(info);
    }
}
