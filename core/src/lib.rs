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
//! With the default free list, [`Bitmap`](storage::Bitmap). Other free lists do not promise the same
//! progress; their docs say so first.
//!
//! | operation | progress | cost | from an interrupt |
//! |---|---|---|---|
//! | [`get`](BlockPool::get) | lock-free | 1 atomic read-modify-write; a search when the thread's word is empty | yes |
//! | drop of a [`Block`] | lock-free | 1 atomic read-modify-write; sometimes 2 with more than 32 words: 2,048 blocks, 1,024 with 32-bit words | yes |
//! | [`LocalPool::get`], [`LocalPool::put`] | wait-free except refill and flush, which are lock-free | plain loads and stores; refill and flush move half of what it keeps | yes, with its own local pool |
//! | [`Queue::push`], [`Queue::pop`] | lock-free | 2 atomic read-modify-writes, 1 | yes |
//! | [`Queue::push_burst`], [`Queue::pop_burst`] | lock-free | 2 atomic read-modify-writes, 2, for a whole burst | yes |
//! | [`Block::into_raw`], [`from_raw`](BlockPool::from_raw) | wait-free; `from_raw` lock-free where the processor has no atomic bit operations | 1 store, 2 with 32-bit words; 1 atomic read-modify-write | yes |
//! | [`from_raw_ptr_burst`](BlockPool::from_raw_ptr_burst) | wait-free | a load and a store for each block, 2 loads with 32-bit words | yes |
//! | [`Queue::push_raw_ptr_burst`], [`Queue::pop_raw_ptr_burst`] | lock-free | 2 atomic read-modify-writes to push a burst; 1 for every 32 blocks and 1 for the last to pop one; for each block, a load and 2 stores to push, 2 loads and a store to pop (32-bit words: twice as many, but 3 stores to push) | yes |
//! | [`LocalPool::get_raw_ptr_burst`], [`LocalPool::put_raw_ptr_burst`] | as [`LocalPool::get`], [`LocalPool::put`] | those of `LocalPool` and `from_raw_ptr_burst` together | yes, with its own local pool |
//!
//! What never happens; in safe code, the types rule it out:
//!
//! - Two owners of one block, a lost block, a block given back twice. In the raw interface, a check in
//!   every build lets each `into_raw` be undone exactly once.
//! - An operation that waits for another thread, an allocation, a system call.
//! - A read of uninitialised memory, or of another owner's old bytes.
//! - ABA: impossible in the default free list, whose bits do not move; [`Queue`] states its reuse
//!   distance.
//!
//! A thread that dies in the middle of an operation, or is preempted there for good, blocks no other
//! thread. Lost with it are the blocks that it owned, those of the operation (one, or the burst), and
//! those that its local pool kept. (With other free lists, other threads may wait for it for ever.)
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
//! let mut frame = unsafe { FRAMES.from_raw_ptr(address) }?;
//! unsafe { frame.set_len(received) }?;
//! assert_eq!(&frame[..], b"a frame");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If the controller does not reach all memory, place the static with a `link_section`. **That section
//! must be zeroed before the pool is used**, as start-up code does with `.bss`: a pool's bookkeeping
//! lies with its blocks, and would otherwise be garbage. In a section that nobody zeroes, make a
//! [`Region`]: its memory holds only blocks, and their contents do not matter.
//! `core/examples/dma_section.rs` shows it.
//!
//! Cache maintenance, where the processor needs it, is up to the program. A block that is aligned to a
//! multiple of the cache line's size shares no line with another, whatever its size.
//!
//! # Features and targets
//!
//! | target | feature |
//! |---|---|
//! | with compare-and-swap of a pointer's width: x86, AArch64, Arm from v7-M, RISC-V with A | none |
//! | Cortex-M0 (`thumbv6m`), RISC-V without A (`riscv32imc`), on one core | `portable-atomic-unsafe-assume-single-core` |
//! | the same, on several cores, or where interrupts may not be disabled | `portable-atomic-critical-section` |
//!
//! Without one of these features, the crate does not compile for such a target; the first error is from
//! the dependency `spin`, which finds no `compare_exchange`. The choice is up to the program, not to a
//! library; the names are those of `heapless`:
//!
//! | feature | atomics |
//! |---|---|
//! | `portable-atomic` | those of that crate, configured by the program |
//! | `portable-atomic-critical-section` | the same, through the `critical-section` crate, for which the program provides an implementation |
//! | `portable-atomic-unsafe-assume-single-core` | the same, by disabling interrupts: unsound on more than one core |
//!
//! With the last two, operations disable interrupts and are no longer lock-free. Atomics wider than a
//! pointer are never used.
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
