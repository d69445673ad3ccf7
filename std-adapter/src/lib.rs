//! A pool of byte buffers that are allocated once, and a bounded queue that carries them from thread to
//! thread.
//!
//! For services that read messages of a bounded size and must answer in microseconds: after start-up,
//! taking a buffer and giving it back do not call the allocator, and a pool that runs empty falls back
//! to the heap and counts it. **The shared pool is not lock-free**: it spins while another thread is
//! preempted inside it; see [Guarantees](#guarantees).
//!
//! ```
//! use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
//! use std::time::Instant;
//!
//! let pool = TransactionMemoryPool::new(1232, 1024); // 1,024 buffers of 1,232 bytes
//! let queue = TransactionQueue::new(1024);
//!
//! let mut data = pool.get();
//! data.extend_from_slice(b"a packet from the network");
//! let source = ([127, 0, 0, 1], 8001).into();
//! queue.push(ReceivedTransaction { data, source, received: Instant::now() }).unwrap();
//!
//! let transaction = queue.pop().unwrap(); // on any other thread
//! assert_eq!(&transaction.data[..8], b"a packet");
//! drop(transaction);
//! assert_eq!(pool.available_buffers(), 1024);
//! ```
//!
//! # When not to use it
//!
//! - In an interrupt or signal handler, between threads of different real-time priority, or without an
//!   operating system: the shared pool and the queue wait while another thread is preempted in the middle
//!   of an operation. The package `blockpool-core` does not.
//! - On both sides of a `fork`. The child has a copy of the pool as it was at that moment: the buffers
//!   that other threads held are gone, and the child hangs for ever if one of them was in the middle of
//!   an operation, since that thread does not exist there. Fork before the pool is made, or call
//!   nothing but `exec` in the child.
//! - For a lower mean cost alone: allocators with per-thread caches (jemalloc) take and give back on
//!   one thread faster than the shared pool does. What the pool adds is bounded memory, no page faults
//!   after start-up, and a counter of exhaustion. [`LocalPool`] is the fast path.
//! - For messages without a bound on their size: buffers that outgrow twice the pool's buffer size are
//!   freed on return.
//!
//! # Guarantees
//!
//! | operation | progress | cost | may call the allocator |
//! |---|---|---|---|
//! | [`TransactionMemoryPool::get_buffer`] | spins while another thread is preempted inside an operation | O(1); one atomic read-modify-write when uncontended | yes, when the pool is empty; counted |
//! | [`TransactionMemoryPool::try_get_buffer`] | the same | the same | no |
//! | [`TransactionMemoryPool::return_buffer`] | the same | the same | frees what does not fit; counted |
//! | [`TransactionMemoryPool::get`], drop of a [`PooledBuffer`] | the same | one more read-modify-write each, for the reference count | as above |
//! | [`LocalPool`], with a buffer, or room for one | wait-free | O(1); no atomic read-modify-write | frees what does not fit; counted |
//! | [`LocalPool`], empty or full | as the shared pool | up to 32 shared operations | as the shared pool |
//! | [`TransactionQueue::push`], [`TransactionQueue::pop`] | spins while another thread is preempted inside an operation | O(1); one atomic read-modify-write when uncontended | no |
//!
//! A buffer that is handed out is empty and holds at least the pool's buffer size; it has one owner, by
//! type. This crate contains no unsafe code.
//!
//! # Modules
//!
//! All are private; their types are re-exported here.
//!
//! - `transaction_pool`: [`TransactionMemoryPool`], the shared pool; over `shared`, its state, and `fit`,
//!   the rule for which buffers it accepts
//! - `pooled_buffer`: [`PooledBuffer`], a buffer that returns when dropped
//! - `local_pool`: [`LocalPool`], the per-thread cache
//! - `transaction_queue`: [`TransactionQueue`] and [`ReceivedTransaction`]
//! - `sync`: the atomics, the queue and the thread-local variables that the pool is made of
//! - `pool_error`: [`PoolError`], why a pool cannot be made

#![forbid(unsafe_code)]

mod fit;
mod local_pool;
mod pool_error;
mod pooled_buffer;
mod shared;
mod sync;
mod transaction_pool;
mod transaction_queue;

pub use local_pool::LocalPool;
pub use pool_error::PoolError;
pub use pooled_buffer::PooledBuffer;
pub use transaction_pool::TransactionMemoryPool;
pub use transaction_queue::{ReceivedTransaction, TransactionQueue};
