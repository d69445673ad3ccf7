//! Fixed-size byte blocks in static memory, taken, handed on and given back without a lock, a heap
//! or a wait.
//!
//! For code that must answer in microseconds, or has no allocator at all: packet pipelines (DPDK,
//! AF_XDP), firmware with interrupts and DMA, trading systems. `no_std`, no `alloc`.
//!
//! ```text
//!            get                 push                pop                 drop, put
//!  ┌──────┐ ───────► ┌───────┐ ───────► ┌───────┐ ───────► ┌───────┐ ───────────► ┌──────┐
//!  │ Pool │          │ Block │          │ Queue │          │ Block │              │ Pool │
//!  └──────┘          └───────┘          └───────┘          └───────┘              └──────┘
//!  a static          interrupt,         block numbers,     another thread:        the same
//!                    thread: fills      never bytes        reads, answers         block again
//! ```
//!
//! # When not to use it
//!
//! - Messages of very different sizes: blocks have one size. Two pools may do, a general allocator
//!   may do better.
//! - Where `Vec<u8>` is wanted and a heap exists: the package `blockpool` is made for that.
//! - A single thread that takes and gives back in pairs: a plain `Vec` of buffers is as fast.
//! - Between processes or hosts: a pool belongs to one process.
//!
//! # Example
//!
//! ```
//! use blockpool_core::{Pool, Queue};
//!
//! static POOL: Pool<2048, 256> = Pool::new();
//! static RECEIVED: Queue<'static, Pool<2048, 256>> = Queue::new(&POOL);
//!
//! // In the interrupt handler, or the receiving thread:
//! if let Some(mut block) = POOL.get() {
//!     block.append(b"a packet").expect("it fits");
//!     RECEIVED.push(block).expect("a block of this pool");
//! }
//!
//! // In the main loop, or a worker:
//! while let Some(block) = RECEIVED.pop() {
//!     assert_eq!(&block[..], b"a packet");
//! } // given back here
//! ```
//!
//! # Guarantees
//!
//! With the default engine, [`Bitmap`]. The other engines do not make the first promise; their docs
//! say so first.
//!
//! | operation | progress | cost | from an interrupt |
//! |---|---|---|---|
//! | [`Pool::get`] | lock-free | 1 atomic read-modify-write; a search when the thread's word is empty | yes |
//! | drop of a [`Block`] | lock-free | 1 atomic read-modify-write; at times 2, beyond 32 words: 2,048 blocks, 1,024 with 32-bit words | yes |
//! | [`Worker::get`], [`Worker::put`] | wait-free but for refill and flush, these lock-free | plain loads and stores; half a stock at a time | a worker of its own |
//! | [`Queue::push`], [`Queue::pop`] | lock-free | 2 atomic read-modify-writes, 1 | yes |
//! | [`Queue::push_burst`], [`Queue::pop_burst`] | lock-free | 2 atomic read-modify-writes, 2, for a whole burst | yes |
//! | [`Block::into_raw`], [`Pool::from_raw`] | wait-free; `from_raw` lock-free where the processor has no atomic bit operations | 1 store, 2 with 32-bit words; 1 atomic read-modify-write | yes |
//! | [`Pool::from_raw_ptr_burst`] | wait-free | a load and 1 store for each block, 2 loads with 32-bit words | yes |
//! | [`Queue::push_raw_ptr_burst`], [`Queue::pop_raw_ptr_burst`] | lock-free | 2 atomic read-modify-writes for a whole burst, 1 for each 32 of one and 1 for its last; a load and 2 stores for each block, 2 loads and a store (32-bit words: twice as many, but 3 stores to push) | yes |
//! | [`Worker::get_raw_ptr_burst`], [`Worker::put_raw_ptr_burst`] | as [`Worker::get`], [`Worker::put`] | as those of `Worker` and `from_raw_ptr_burst` | a worker of its own |
//!
//! What never happens, in safe code by type:
//!
//! - Two owners of one block, a lost block, a block given back twice. Over the raw interface a check
//!   in every build lets a block be claimed once for each time that it was given up.
//! - An operation that waits for another thread, an allocation, a system call.
//! - A read of uninitialised memory, or of another owner's old bytes.
//! - A reuse (ABA) distance left unstated: bits do not move in the default free set, so it has none;
//!   the queue's stands at [`Queue`].
//!
//! A thread that dies in the middle of an operation, or is never run again, holds up nobody. With it
//! go the blocks that it owned, and those of the operation: one, or the burst; with a worker, its
//! stock. Everything else goes on. (Not so with the engines that are there to be compared.)
//!
//! There is no `unsafe` outside the modules that own memory (`block`, `bookkeeping`, `pool`, `region`,
//! `memory`, `poison`; in `worker` where it takes addresses for blocks), no sequentially consistent
//! ordering, and the default pool is all-zero in memory.
//!
//! # DMA
//!
//! A device gets a block's address, and gives it back by address:
//!
//! ```
//! use blockpool_core::{Align, Pool};
//!
//! // 32 bytes are a cache line of a Cortex-M7.
//! static FRAMES: Pool<1536, 8, Align<32>> = Pool::new();
//!
//! // For a descriptor: the block is the device's now.
//! let address = FRAMES.get().expect("one is free").into_raw_ptr();
//! # unsafe { address.as_ptr().copy_from(b"a frame".as_ptr(), 7) };
//! let received = 7;
//!
//! // The device is done. SAFETY: it writes no more, and wrote that many bytes.
//! let mut frame = unsafe { FRAMES.from_raw_ptr(address.as_ptr()) }?;
//! unsafe { frame.set_len(received) }?;
//! assert_eq!(&frame[..], b"a frame");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where the controller does not reach all memory, a `link_section` at the static says where it lies.
//! **That section must be zeroed before the pool is used**, as start-up code does with `.bss`: with the
//! blocks lies what the pool knows about them, and whatever was there before is taken for it. For a
//! section that nobody zeroes there is [`Region`]: only blocks lie in its memory, and it does not matter
//! what they hold.
//!
//! ```
//! use blockpool_core::{Align, Bookkeeping, Region};
//! use core::mem::MaybeUninit;
//! use core::ptr::NonNull;
//! use static_cell::ConstStaticCell;
//!
//! #[repr(align(64))]
//! struct Memory(MaybeUninit<[u8; 8 * 1536]>);
//!
//! #[cfg_attr(target_os = "none", unsafe(link_section = ".dma"))]
//! static mut MEMORY: Memory = Memory(MaybeUninit::uninit());
//! static BOOKKEEPING: ConstStaticCell<[Bookkeeping; Region::bookkeeping_for(8 * 1536, 1536)]> =
//!     ConstStaticCell::new([const { Bookkeeping::new() }; Region::bookkeeping_for(8 * 1536, 1536)]);
//!
//! let bookkeeping = BOOKKEEPING.take(); // panics the second time: there is one region
//! let first = NonNull::new(&raw mut MEMORY).expect("a static").cast();
//! // SAFETY: a static of that length, used by nothing else.
//! let frames = unsafe { Region::new(first, size_of::<Memory>(), 1536, bookkeeping) }?;
//! assert_eq!(frames.get().expect("one is free").headroom(), 0);
//! # Ok::<(), blockpool_core::RegionError>(())
//! ```
//!
//! Cache maintenance, where the processor needs it, is the program's. A block that is aligned to a
//! multiple of the cache line's size shares no line with another, whatever its size.
//!
//! # Features and targets
//!
//! | target | feature |
//! |---|---|
//! | with compare-and-swap of a pointer's width: x86, AArch64, Arm from v7-M, RISC-V with A | none |
//! | Cortex-M0 (`thumbv6m`), RISC-V without A (`riscv32imc`), on one core | `portable-atomic-unsafe-assume-single-core` |
//! | the same, on several cores or without the right to switch interrupts off | `portable-atomic-critical-section` |
//!
//! Without one, such a target does not compile: the dependency `spin` says first that it finds no
//! `compare_exchange`. They are for the program to choose, not for a library, and named as those of
//! `heapless`:
//!
//! | feature | atomics |
//! |---|---|
//! | `portable-atomic` | of that crate, configured by the program |
//! | `portable-atomic-critical-section` | the same, by the `critical-section` crate, for which the program has an implementation |
//! | `portable-atomic-unsafe-assume-single-core` | the same, by switching interrupts off: unsound on more than one core |
//!
//! With the last two, operations wait with interrupts off and are not lock-free any more. Atomics
//! wider than a pointer are never used.
//!
//! | feature | adds |
//! |---|---|
//! | `defmt` | `defmt::Format` of 1.x for blocks, pools, workers, queues and errors |
//! | `embedded-io-v0.7` | `Read`, `BufRead` and `Write` of `embedded-io` 0.7 for [`Block`] |

#![no_std]

mod align;
mod block;
mod bookkeeping;
#[cfg(feature = "defmt")]
mod defmt;
#[cfg(feature = "embedded-io-v0.7")]
mod embedded_io;
mod error;
mod free;
mod memory;
mod poison;
mod pool;
mod queue;
mod range;
mod region;
mod ring;
mod stride;
mod sync;
mod worker;

pub use align::{Align, Alignment};
pub use block::Block;
pub use bookkeeping::{Bookkeeping, Borrowed};
pub use error::{NoRoom, RawError, RegionError, TooFewPlaces};
pub use free::{
    Bitmap, Counted, FreeSet, HeaplessQueue, InPlace, Inline, Neighbours, Returning, SpinStack,
};
pub use memory::BlockPool;
pub use pool::Pool;
pub use queue::Queue;
pub use range::{MAX_BLOCK_SIZE, MAX_COUNT};
pub use region::Region;
pub use ring::Place;
pub use worker::Worker;

/// For the vectors that bursts travel in: `heapless::Vec`.
pub use heapless;
