//! Every contender, in the order of the tables.

use std::alloc::System;

use blockpool_core::storage::{Counted, HeaplessQueue, SpinStack};
use blockpool_core::{Align, Pool};

use super::region::region;
use super::{
    Allocator, BLOCK_SIZE, Bare, BitOfAWord, Boxed, COUNT, Enqueued, Guarded, InBitset, Local,
    Locked, Nothing, Objects, Original, Pages, Private, Recycled, SMALL, Segments, Sharded, Shared,
    Things, Transactions, TwoAtomicOperations, UnsharedStack, UnsharedVectors, Visitor, singletons,
};

/// A pool of `blockpool-core` with another free list.
pub type With<K> = Pool<BLOCK_SIZE, COUNT, Align<64>, K>;

/// The pool that the local pool and every comparison use.
pub static BITMAP: Pool<BLOCK_SIZE, COUNT> = Pool::new();
static COUNTED: With<Counted> = Pool::new();
static HEAPLESS: With<HeaplessQueue<COUNT>> = Pool::new();
static SPIN: With<SpinStack> = Pool::new();

/// All contenders.
pub fn all(visitor: &mut impl Visitor) {
    visitor.visit(Nothing);
    visitor.visit(UnsharedStack);
    visitor.visit(UnsharedVectors);
    visitor.visit(TwoAtomicOperations);
    visitor.visit(BitOfAWord);
    core(visitor);
    vectors(visitor);
    queues(visitor);
    pools(visitor);
    allocators(visitor);
}

/// `blockpool-core`, through its local pool and with every free list.
pub fn core(visitor: &mut impl Visitor) {
    visitor.visit(Private(&BITMAP));
    visitor.visit(Shared { name: POOL_NAME, less: "", pool: &BITMAP });
    visitor.visit(Shared { name: "`Pool`, `Counted`", less: "", pool: &COUNTED });
    visitor.visit(Shared {
        name: "`Pool`, `HeaplessQueue`",
        less: "finds none at times while another thread is inside, and is asked again",
        pool: &HEAPLESS,
    });
    visitor.visit(Shared { name: "`Pool`, `SpinStack`", less: "a lock", pool: &SPIN });
}

/// `blockpool`, and what it is primarily compared with.
pub fn vectors(visitor: &mut impl Visitor) {
    visitor.visit(Local::default());
    visitor.visit(Transactions::new(BLOCK_SIZE, COUNT));
    visitor.visit(Guarded::default());
    visitor.visit(Original::default());
    visitor.visit(Bare::new(BLOCK_SIZE, COUNT));
    visitor.visit(Segments::default());
}

fn queues(visitor: &mut impl Visitor) {
    visitor.visit(Enqueued::default());
    visitor.visit(Things::default());
}

fn pools(visitor: &mut impl Visitor) {
    visitor.visit(Boxed::<singletons::Boxes, _>::new(COUNT));
    visitor.visit(InBitset::<singletons::Bits>::new(COUNT));
    visitor.visit(Objects::default());
    visitor.visit(Locked::default());
    visitor.visit(Pages::default());
    visitor.visit(Sharded::default());
}

/// No pool at all.
pub fn allocators(visitor: &mut impl Visitor) {
    visitor.visit(Recycled);
    heap(visitor);
}

fn heap(visitor: &mut impl Visitor) {
    visitor.visit(Allocator { name: MALLOC, allocator: System });
    #[cfg(feature = "jemalloc")]
    visitor.visit(Allocator { name: JEMALLOC, allocator: tikv_jemallocator::Jemalloc });
    #[cfg(feature = "mimalloc")]
    visitor.visit(Allocator { name: "mimalloc", allocator: mimalloc::MiMalloc });
}

/// A pool with its default free list, without a local pool.
pub const POOL_NAME: &str = "`Pool`, `Bitmap`";
/// The system's allocator, `glibc` on most Linux systems.
pub const MALLOC: &str = "`malloc` of the system";
/// The allocator of Solana's validators.
pub const JEMALLOC: &str = "jemalloc";

/// The contenders whose single operations are timed.
pub fn timed(visitor: &mut impl Visitor) {
    visitor.visit(Nothing);
    visitor.visit(Private(&BITMAP));
    visitor.visit(Shared { name: POOL_NAME, less: "", pool: &BITMAP });
    visitor.visit(Shared { name: "`Pool`, `SpinStack`", less: "a lock", pool: &SPIN });
    visitor.visit(Local::default());
    visitor.visit(Transactions::new(BLOCK_SIZE, COUNT));
    visitor.visit(Original::default());
    visitor.visit(Bare::new(BLOCK_SIZE, COUNT));
    visitor.visit(Enqueued::default());
    visitor.visit(Objects::default());
    heap(visitor);
}

/// Pools of `count` blocks of `size` bytes, which may be arbitrarily large.
pub fn of_size(visitor: &mut impl Visitor, size: usize, count: usize) {
    let region = region(size, count);
    visitor.visit(Private(region));
    visitor.visit(Shared { name: "`Region`", less: "", pool: region });
    visitor.visit(Transactions::new(size, count));
    visitor.visit(Bare::new(size, count));
}

/// Contenders with 1,024 blocks, for patterns that take nearly all of them. Blocks are small, since none is
/// touched.
pub fn of_1_024(visitor: &mut impl Visitor) {
    const COUNT: usize = 1024;
    static POOL: Pool<SMALL, COUNT> = Pool::new();
    visitor.visit(Private(&POOL));
    visitor.visit(Shared { name: POOL_NAME, less: "", pool: &POOL });
    visitor.visit(Bare::new(SMALL, COUNT));
    visitor.visit(Enqueued::default());
    visitor.visit(Boxed::<singletons::SmallBoxes, _>::new(COUNT));
    visitor.visit(InBitset::<singletons::SmallBits>::new(COUNT));
}

/// Like [`of_1_024`], with 65,536 blocks.
pub fn of_65_536(visitor: &mut impl Visitor) {
    const COUNT: usize = 65_536;
    static POOL: Pool<SMALL, COUNT> = Pool::new();
    visitor.visit(Private(&POOL));
    visitor.visit(Shared { name: POOL_NAME, less: "", pool: &POOL });
    visitor.visit(Bare::new(SMALL, COUNT));
    visitor.visit(Boxed::<singletons::ManyBoxes, _>::new(COUNT));
    visitor.visit(InBitset::<singletons::ManyBits>::new(COUNT));
}
