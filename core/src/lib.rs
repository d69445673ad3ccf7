//! Lock-free pools of fixed-size byte blocks, in static memory: no heap, no lock, no waiting.
//!
//! For code that must answer in microseconds, or has no allocator at all: packet pipelines (DPDK,
//! AF_XDP), firmware with interrupts and DMA, trading systems. `no_std`, no `alloc`.
//!
//! ```
//! use blockpool_core::{Pool, Queue};
//!
//! type Packets = Pool<2048, 256>;
//! static POOL: Packets = Pool::new();
//! static RECEIVED: Queue<'static, Packets> = Queue::new(&POOL);
//!
//! // In the interrupt handler, or the receiving thread:
//! if let Some(mut block) = POOL.get() {
//!     block.append(b"a packet").expect("it fits");
//!     RECEIVED.push(block).expect("a block of this pool");
//! }
//!
//! // In the main loop, or the next stage:
//! while let Some(block) = RECEIVED.pop() {
//!     assert_eq!(&block[..], b"a packet");
//! } // given back here
//! ```
//!
//! ```text
//!            get                 push                pop                 drop, put
//!  ┌──────┐ ───────► ┌───────┐ ───────► ┌───────┐ ───────► ┌───────┐ ───────────► ┌──────┐
//!  │ Pool │          │ Block │          │ Queue │          │ Block │              │ Pool │
//!  └──────┘          └───────┘          └───────┘          └───────┘              └──────┘
//!  a static          interrupt,         block indices,     another thread:        the same
//!                    thread: fills      never bytes        reads, answers         block again
//! ```
//!
//! # When not to use it
//!
//! - Messages of very different sizes: blocks have one size. Two pools may do; a general allocator
//!   may do better.
//! - Where `Vec<u8>` is wanted and a heap exists: the package `blockpool` is made for that.
//! - A single thread that takes and gives back in pairs: a plain `Vec` of buffers is as fast.
//! - Between processes or hosts: a pool belongs to one process.
//!
//! # Guarantees
//!
//! With the default free list, [`Bitmap`](storage::Bitmap), on a processor with compare-and-swap.
//! Other free lists promise less; see their docs. For other processors see
//! [Features and targets](#features-and-targets).
//!
//! | operation | progress | cost | from an interrupt |
//! |---|---|---|---|
//! | [`get`](BlockPool::get) | lock-free | 1 atomic read-modify-write; a search when the thread's word is empty | yes |
//! | drop of a [`Block`] | lock-free | 1 atomic read-modify-write; sometimes 2 with more than 32 words: 2,048 blocks, 1,024 with 32-bit words | yes |
//! | [`LocalPool::get`], [`LocalPool::put`], and their bursts | wait-free while it has blocks, or room; otherwise lock-free | plain loads and stores; from an empty one a `get`, to a full one an atomic read-modify-write for each word touched: half of what it keeps moves | yes, with its own local pool |
//! | [`LocalPool::flush`], drop of a `LocalPool` | lock-free | 1 atomic read-modify-write for each word touched | yes, with its own local pool |
//! | [`Queue::push`], [`Queue::pop`] | lock-free | 1 atomic read-modify-write; 1 | yes |
//! | [`Queue::push_burst`] | lock-free | 1 atomic read-modify-write for a whole burst | yes |
//! | [`Queue::pop_burst`] | lock-free | 2 atomic read-modify-writes for what was pushed as one burst | yes |
//! | [`Block::into_raw`], [`from_raw`](BlockPool::from_raw) | wait-free; `from_raw` lock-free where the processor has no atomic bit operations | 1 store, 2 with 32-bit words; 1 atomic read-modify-write | yes |
//! | [`from_raw_ptr_burst`](BlockPool::from_raw_ptr_burst) | wait-free | a load and a store for each block, 2 loads with 32-bit words | yes |
//! | [`Queue::push_raw_ptr_burst`], [`Queue::pop_raw_ptr_burst`] | lock-free | 1 atomic read-modify-write to push a burst; 1 for every 32 blocks and 1 for the last to pop one; for each block, a load and 2 stores to push, 2 loads and a store to pop (32-bit words: twice as many, but 3 stores to push) | yes |
//! | [`LocalPool::get_raw_ptr_burst`], [`LocalPool::put_raw_ptr_burst`] | as [`LocalPool::get`], [`LocalPool::put`] | those of `LocalPool` and `from_raw_ptr_burst` together | yes, with its own local pool |
//! | [`LocalPool::get_raw_ptr_burst_unchecked`], [`LocalPool::put_raw_ptr_burst_unchecked`] | as [`LocalPool::get`], [`LocalPool::put`] | those of `LocalPool`; nothing is noted and nothing checked | yes, with its own local pool |
//! | [`available`](BlockPool::available); [`Queue::len`], [`Queue::is_full`] | wait-free; lock-free | loads, O(capacity ÷ word size); O(blocks in the queue) | yes |
//!
//! What never happens; in safe code, the types rule it out:
//!
//! - Two owners of one block, a lost block, a block given back twice. In the raw interface, a check in
//!   every build refuses a block that was not released or was claimed already. Two claims of one block
//!   **at the same time** are told apart only by `from_raw` and `from_raw_ptr`; the bursts by address
//!   trust their caller there.
//! - An operation that waits for another thread, an allocation, a system call. (Without
//!   compare-and-swap, an operation runs with interrupts disabled; with several cores it may wait for
//!   another core's, as the `critical-section` implementation says.)
//! - A read of uninitialised memory, or of another owner's old bytes.
//! - ABA: impossible in the default free list, whose bits do not move; [`Queue`] states its reuse
//!   distance.
//!
//! A thread that dies in the middle of an operation, or is preempted there for good, blocks no other
//! thread. The blocks it owned, was moving, or cached are lost. (With other free lists, other threads
//! may wait for it for ever.)
//!
//! # DMA
//!
//! Give a device the block's address; claim the block back by that address:
//!
//! ```
//! use blockpool_core::Pool;
//!
//! static FRAMES: Pool<1536, 8> = Pool::new();
//!
//! // The block is the device's now. The address is the block's, whatever its headroom.
//! let address = FRAMES.get().expect("one is free").into_raw_ptr();
//! // Clean and invalidate its cache lines, then a barrier; start the device.
//! # unsafe { address.as_ptr().copy_from(b"a frame".as_ptr(), 7) };
//! let received = 7;
//!
//! // The device is done. Invalidate the cache lines again.
//! // SAFETY: it writes no more, and wrote that many bytes.
//! let mut frame = unsafe { FRAMES.from_raw_ptr(address) }?;
//! unsafe { frame.set_len(received) }?;
//! assert_eq!(&frame[..], b"a frame");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cache maintenance and barriers, where the processor needs them, are up to the program: before a
//! block is lent for receiving, so that no dirty line is written over what the device wrote, and again
//! before it is claimed. Blocks of the default alignment of 64 bytes share no cache line of up to 64
//! bytes with another, whatever their size.
//!
//! If the controller does not reach all memory, or the blocks must not be cached, use a [`Region`]
//! there: its memory holds only blocks, whose contents do not matter, so that the section may be
//! `NOLOAD`; the bookkeeping stays in ordinary memory. `core/examples/dma_section.rs` shows it, shared
//! with an interrupt handler. A `Pool` in a section of its own (`link_section`) has its bookkeeping
//! there too: start-up code **must zero the section**, as it does `.bss`, and the processor's atomic
//! instructions must work there, which they may not in memory that is not cached.
//!
//! # Features and targets
//!
//! | target | feature |
//! |---|---|
//! | with compare-and-swap of a pointer's width: x86, AArch64, Arm from v7-M, RISC-V with A | none |
//! | Cortex-M0 and M0+ (`thumbv6m`), RISC-V without A (`riscv32imc`), on one core, in privileged mode | `portable-atomic-unsafe-assume-single-core` |
//! | the same, on several cores (RP2040), or in unprivileged mode | `portable-atomic-critical-section` |
//!
//! Without one of these features, the crate does not compile for such a target; the first error is from
//! the dependency `spin`, which finds no `compare_exchange`. The choice is up to the program, not to a
//! library; the names are those of `heapless`:
//!
//! | feature | atomics |
//! |---|---|
//! | `portable-atomic` | those of that crate, configured by the program |
//! | `portable-atomic-critical-section` | the same, in a critical section of the `critical-section` crate, for which the program links an implementation: that of its HAL (`rp2040-hal`), of its operating system, or `cortex-m`'s `critical-section-single-core` |
//! | `portable-atomic-unsafe-assume-single-core` | the same, by disabling interrupts: **unsound on more than one core** |
//!
//! With the last two, each atomic step runs in a critical section, a few instructions with interrupts
//! disabled, and operations are no longer lock-free. Atomics wider than a pointer are never used.
//!
//! | feature | adds |
//! |---|---|
//! | `defmt` | `defmt::Format` of 1.x for blocks, pools, local pools, queues and errors |
//! | `embedded-io-v0.7` | `Read`, `BufRead` and `Write` of `embedded-io` 0.7 for [`Block`] |
//! | `std` | `Read`, `BufRead` and `Write` of `std::io` for [`Block`] |
//!
//! # Versions
//!
//! Bursts travel in a [`heapless::Vec`], so a new major version of `heapless` (such as 0.10) requires a
//! new major version of this crate.
//!
//! # How it is made
//!
//! ```text
//! sync, align, bug        atomics, cache lines, branches that cannot be taken
//! block_state, error      the state of a block in 64 bits; what can be refused
//! extent, poison          from an address to an index; for AddressSanitizer
//! free_list               which blocks are free: the bitmap, a count, and two to compare
//! ring                    a lock-free queue of indices
//! storage                 where the blocks lie: in place, or in borrowed memory
//! block, burst            handles, one by one and in vectors
//! stock, local_pool       the per-thread cache: indices, then blocks
//! pool, region            a pool over any storage
//! queue                   blocks through a ring
//! ```
//!
//! Each line uses only lines above it. Only the modules that own memory contain `unsafe` (`storage`, and
//! where a free list or a pool is written in place; `block`, `burst`, `pool`, `region`; `local_pool` and
//! `queue` where they take blocks by address; `poison`). No ordering is sequentially consistent, and the
//! default pool is all-zero in memory.

#![no_std]

#[cfg(feature = "std")]
extern crate std;

mod align;
mod block;
mod block_state;
mod bug;
mod burst;
#[cfg(feature = "defmt")]
mod defmt;
#[cfg(feature = "embedded-io-v0.7")]
mod embedded_io;
mod error;
mod extent;
mod free_list;
mod local_pool;
mod poison;
mod pool;
mod queue;
mod region;
mod ring;
#[cfg(feature = "std")]
mod std_io;
mod stock;
pub mod storage;
mod sync;

pub use align::Align;
pub use block::Block;
pub use block_state::{MAX_BLOCK_SIZE, MAX_COUNT};
pub use error::{BurstError, NoRoom, RawError, RegionError};
pub use local_pool::LocalPool;
pub use pool::{BlockPool, Pool};
pub use queue::Queue;
pub use region::Region;
pub use ring::QueueSlot;

/// For `heapless::Vec`, in which bursts travel.
pub use heapless;
