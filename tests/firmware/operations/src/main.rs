//! The operations of a static pool and of a region over memory given at run time, each in its own function.
//!
//! This is never booted. Its symbols say how much code each operation needs, where the statics lie, and
//! whether anything in it can panic.

#![no_std]
#![no_main]

use core::fmt;
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::ptr::NonNull;

use blockpool_core::heapless::Vec;
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{Block, LocalPool, Pool, Queue, Region};
#[cfg(all(feature = "critical-section", target_arch = "arm"))]
use cortex_m as _;
use embedded_io::{BufRead as _, Read as _, Write as _};
#[cfg(all(feature = "critical-section", target_arch = "riscv32"))]
use riscv as _;
use static_cell::{ConstStaticCell, StaticCell};

const SIZE: usize = 256;
const COUNT: usize = 16;
const STOCK: usize = 4;
/// Blocks in a burst.
const BURST: usize = 8;

type Blocks = Pool<SIZE, COUNT>;
type Memory = Region<'static>;
type Handle<P> = Block<'static, P>;
type Burst<P> = Vec<Handle<P>, BURST>;
type Stock<P> = LocalPool<'static, P, STOCK>;

#[unsafe(no_mangle)]
static POOL: Blocks = Pool::new();
#[unsafe(no_mangle)]
static QUEUE: StaticCell<Queue<'static, Blocks>> = StaticCell::new();
#[unsafe(no_mangle)]
static LOCAL: StaticCell<Stock<Blocks>> = StaticCell::new();

const PAGES: usize = 8 * Region::ALIGNMENT;
const GROUPS: usize = Bookkeeping::elements_for(PAGES / Region::ALIGNMENT);

#[repr(align(64))]
struct Pages([MaybeUninit<u8>; PAGES]);

#[unsafe(no_mangle)]
static PAGES_OF_REGION: ConstStaticCell<Pages> =
    ConstStaticCell::new(Pages([MaybeUninit::zeroed(); PAGES]));
#[unsafe(no_mangle)]
static BOOKKEEPING: ConstStaticCell<[Bookkeeping; GROUPS]> =
    ConstStaticCell::new([const { Bookkeeping::new() }; GROUPS]);
#[unsafe(no_mangle)]
static REGION: StaticCell<Memory> = StaticCell::new();

/// Functions, and one that refers to them all, so that the linker keeps them.
macro_rules! functions {
    ($prefix:literal: $(
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $returned:ty)? $body:block
    )+) => {
        $(
            #[unsafe(export_name = concat!("operation_", $prefix, stringify!($name)))]
            #[inline(never)]
            fn $name($($argument: $type),*) $(-> $returned)? $body
        )+

        pub(super) fn keep() {
            $(black_box($name as *const ());)+
        }
    };
}

/// The operations of a pool, `$made`; `$given` is the parameter for it, if it is not a static.
macro_rules! operations {
    ($prefix:literal, $pool:ty, [$($given:tt)*], $made:expr) => { functions! { $prefix:
        fn pool_get($($given)*) -> Option<Handle<$pool>> { $made.get() }
        fn pool_give_back(block: Handle<$pool>) { drop(block); }
        fn pool_into_raw(block: Handle<$pool>) -> u32 { block.into_raw() }
        fn pool_from_raw($($given)* index: u32) -> Option<Handle<$pool>> {
            #[cfg(feature = "planted")]
            black_box(&[0_u8; COUNT])[index as usize];
            // SAFETY: never run.
            unsafe { $made.from_raw(index) }.ok()
        }
        fn pool_into_raw_ptr(block: Handle<$pool>) -> NonNull<u8> { block.into_raw_ptr() }
        fn pool_from_raw_ptr($($given)* first: NonNull<u8>) -> Option<Handle<$pool>> {
            // SAFETY: never run.
            unsafe { $made.from_raw_ptr(first) }.ok()
        }
        fn pool_from_raw_ptr_burst(
            $($given)* first: &[NonNull<u8>],
            burst: &mut Burst<$pool>,
        ) -> Option<usize> {
            // SAFETY: never run.
            unsafe { $made.from_raw_ptr_burst(first, burst) }.ok()
        }
        fn pool_index_of($($given)* first: NonNull<u8>) -> Option<u32> { $made.index_of(first).ok() }
        fn pool_address_of($($given)* index: u32) -> Option<NonNull<u8>> { $made.address_of(index) }
        fn pool_available($($given)*) -> usize { $made.available() }

        fn block_bytes(block: &Handle<$pool>) -> &[u8] { block }
        fn block_bytes_mut(block: &mut Handle<$pool>) -> &mut [u8] { block }
        fn block_clear(block: &mut Handle<$pool>) { block.clear(); }
        fn block_reset(block: &mut Handle<$pool>, headroom: usize) -> bool {
            block.reset(headroom).is_ok()
        }
        fn block_write_slice(block: &mut Handle<$pool>, bytes: &[u8]) -> bool {
            block.write_slice(bytes).is_ok()
        }
        fn block_append(block: &mut Handle<$pool>, bytes: &[u8]) -> bool {
            block.append(bytes).is_ok()
        }
        fn block_prepend(block: &mut Handle<$pool>, bytes: &[u8]) -> bool {
            block.prepend(bytes).is_ok()
        }
        fn block_trim_front(block: &mut Handle<$pool>, count: usize) -> bool {
            block.trim_front(count).is_ok()
        }
        fn block_trim_back(block: &mut Handle<$pool>, count: usize) -> bool {
            block.trim_back(count).is_ok()
        }
        fn block_resize(block: &mut Handle<$pool>, len: usize) -> bool {
            block.resize(len, 0).is_ok()
        }
        fn block_set_len(block: &mut Handle<$pool>, len: usize) -> bool {
            // SAFETY: never run.
            unsafe { block.set_len(len) }.is_ok()
        }
        fn block_tailroom_mut(block: &mut Handle<$pool>) -> &mut [MaybeUninit<u8>] {
            block.tailroom_mut()
        }
        fn block_write_str(block: &mut Handle<$pool>, text: &str) -> bool {
            fmt::Write::write_str(block, text).is_ok()
        }
        fn block_read(block: &mut Handle<$pool>, bytes: &mut [u8]) -> Option<usize> {
            block.read(bytes).ok()
        }
        fn block_fill_buf(block: &mut Handle<$pool>) -> Option<&[u8]> {
            block.fill_buf().ok()
        }
        fn block_write(block: &mut Handle<$pool>, bytes: &[u8]) -> Option<usize> {
            block.write(bytes).ok()
        }

        fn local_get(local: &mut Stock<$pool>) -> Option<Handle<$pool>> { local.get() }
        fn local_put(local: &mut Stock<$pool>, block: Handle<$pool>) { local.put(block); }
        fn local_get_burst(local: &mut Stock<$pool>, burst: &mut Burst<$pool>) -> usize {
            local.get_burst(burst)
        }
        fn local_put_burst(local: &mut Stock<$pool>, burst: &mut Burst<$pool>) {
            local.put_burst(burst);
        }
        fn local_get_raw_ptr_burst(
            local: &mut Stock<$pool>,
            burst: &mut [MaybeUninit<NonNull<u8>>],
        ) -> usize {
            local.get_raw_ptr_burst(burst)
        }
        fn local_put_raw_ptr_burst(local: &mut Stock<$pool>, burst: &[NonNull<u8>]) -> bool {
            // SAFETY: never run.
            unsafe { local.put_raw_ptr_burst(burst) }.is_ok()
        }
        fn local_get_raw_ptr_burst_unchecked(
            local: &mut Stock<$pool>,
            burst: &mut [MaybeUninit<NonNull<u8>>],
        ) -> usize {
            local.get_raw_ptr_burst_unchecked(burst)
        }
        fn local_put_raw_ptr_burst_unchecked(local: &mut Stock<$pool>, burst: &[NonNull<u8>]) {
            // SAFETY: never run.
            unsafe { local.put_raw_ptr_burst_unchecked(burst) }
        }
        fn local_get_raw_ptr(local: &mut Stock<$pool>) -> Option<NonNull<u8>> {
            local.get_raw_ptr()
        }
        fn local_put_raw_ptr(local: &mut Stock<$pool>, first: NonNull<u8>) -> bool {
            // SAFETY: never run.
            unsafe { local.put_raw_ptr(first) }.is_ok()
        }
        fn local_get_bulk(local: &mut Stock<$pool>, burst: &mut Burst<$pool>) -> bool {
            local.get_bulk(burst)
        }
        fn local_get_raw_ptr_bulk(
            local: &mut Stock<$pool>,
            burst: &mut [MaybeUninit<NonNull<u8>>],
        ) -> bool {
            local.get_raw_ptr_bulk(burst)
        }
        fn local_flush(local: &mut Stock<$pool>) { local.flush(); }

        fn queue_push(queue: &Queue<'static, $pool>, block: Handle<$pool>) -> bool {
            queue.push(block).is_ok()
        }
        fn queue_pop(queue: &Queue<'static, $pool>) -> Option<Handle<$pool>> { queue.pop() }
        fn queue_push_burst(queue: &Queue<'static, $pool>, burst: &mut Burst<$pool>) -> usize {
            queue.push_burst(burst)
        }
        fn queue_pop_burst(queue: &Queue<'static, $pool>, burst: &mut Burst<$pool>) -> usize {
            queue.pop_burst(burst)
        }
        fn queue_push_raw_ptr(queue: &Queue<'static, $pool>, first: NonNull<u8>) -> bool {
            // SAFETY: never run.
            unsafe { queue.push_raw_ptr(first) }.is_ok()
        }
        fn queue_pop_raw_ptr(queue: &Queue<'static, $pool>) -> Option<NonNull<u8>> {
            queue.pop_raw_ptr()
        }
        fn queue_is_full(queue: &Queue<'static, $pool>) -> bool { queue.is_full() }
        fn queue_push_raw_ptr_burst(queue: &Queue<'static, $pool>, burst: &[NonNull<u8>]) -> bool {
            // SAFETY: never run.
            unsafe { queue.push_raw_ptr_burst(burst) }.is_ok()
        }
        fn queue_pop_raw_ptr_burst(
            queue: &Queue<'static, $pool>,
            burst: &mut [MaybeUninit<NonNull<u8>>],
        ) -> usize {
            queue.pop_raw_ptr_burst(burst)
        }
        fn queue_len(queue: &Queue<'static, $pool>) -> usize { queue.len() }
    } };
}

mod of_pool {
    use super::*;

    operations!("", Blocks, [], POOL);
}

mod of_region {
    use super::*;

    operations!("region_", Memory, [region: &'static Memory,], region);
}

/// Statics as large as the types they are named after, because symbols have sizes and types do not.
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
    SIZE_LOCAL_4: LocalPool<'static, Pool<SIZE, 16>, 4>,
    SIZE_LOCAL_64: LocalPool<'static, Pool<SIZE, 16>>,
    SIZE_BOOKKEEPING: Bookkeeping,
    SIZE_BLOCK: Block<'static, Pool<SIZE, 16>>,
}

/// Never run: refers to everything that has to be linked.
#[unsafe(no_mangle)]
extern "C" fn start() {
    keep_sizes();
    of_pool::keep();
    of_region::keep();
    black_box(QUEUE.init_with(|| Queue::new(&POOL)));
    black_box(LOCAL.init_with(|| LocalPool::new(&POOL)));
    let memory = PAGES_OF_REGION.take();
    let made = Region::new(&mut memory.0, Region::ALIGNMENT, BOOKKEEPING.take());
    if let Ok(made) = made {
        black_box(REGION.init_with(|| made));
    }
}

/// Uses its argument, as a handler that prints does: otherwise all panics become the same, and their names
/// are lost.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    loop {
        black_box(info);
    }
}
