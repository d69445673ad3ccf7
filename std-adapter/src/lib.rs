//! A pool of byte buffers that are allocated once, and a bounded queue that carries them from thread to
//! thread.
//!
//! For services that read messages of a bounded size and must answer in microseconds: while the pool has
//! buffers, taking one and giving it back do not call the allocator; when it has none, `get` falls back
//! to the heap and counts it, and `try_get` returns `None`. **The shared pool is not lock-free**: it
//! spins while another thread is preempted inside it; see [Guarantees](#guarantees).
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
//! - In a process that forks after making the pool. The child has a copy of the pool as it was at that moment: the buffers
//!   that other threads held are gone, and the child hangs for ever if one of them was in the middle of
//!   an operation, since that thread does not exist there. Fork before the pool is made, or call
//!   nothing but `exec` in the child.
//! - For a lower mean cost alone: allocators with per-thread caches (jemalloc) take and give back on
//!   one thread faster than the shared pool does. What the pool adds is memory of a known size, touched at
//!   start-up, and a counter of exhaustion. [`LocalPool`] is the fast path.
//! - For messages without a bound on their size: buffers that outgrow twice the pool's buffer size are
//!   freed on return.
//!
//! # Guarantees
//!
//! | operation | progress | cost | may call the allocator |
//! |---|---|---|---|
//! | [`TransactionMemoryPool::get_buffer`] | spins while another thread is preempted inside an operation | O(1); one atomic read-modify-write when uncontended | yes, when the pool is empty; counted |
//! | [`TransactionMemoryPool::try_get_buffer`] | the same | the same | no |
//! | [`TransactionMemoryPool::return_buffer`] | the same | the same | frees what does not fit, or finds the pool full; counted |
//! | [`TransactionMemoryPool::get`], [`try_get`](TransactionMemoryPool::try_get), drop of a [`PooledBuffer`] | the same | one more read-modify-write each, for the reference count | as `get_buffer`, `try_get_buffer`, `return_buffer` |
//! | [`LocalPool::get_buffer`], [`try_get_buffer`](LocalPool::try_get_buffer) of a buffer that is kept; [`return_buffer`](LocalPool::return_buffer) with room for it | wait-free | O(1); no atomic read-modify-write | frees what does not fit; counted |
//! | the same from an empty, or to a full local pool; its `flush` and drop | as the shared pool | up to 64 shared operations | as the shared pool |
//! | [`LocalPool::get`], [`try_get`](LocalPool::try_get), [`put`](LocalPool::put) | as these | one more read-modify-write each, for the reference count | as these |
//! | [`TransactionQueue::push`], [`TransactionQueue::pop`] | spins while another thread is preempted inside an operation | O(1); one atomic read-modify-write when uncontended | no |
//!
//! A buffer that is handed out is empty and holds at least the pool's buffer size; the type system gives
//! it one owner. This crate contains no unsafe code.
//!
//! No operation may be called from an interrupt or signal handler.
//!
//! # In async code
//!
//! All types are `Send`, and all but [`LocalPool`] are used through `&self`; guards may be held across an
//! `.await` and dropped by any task. Operations are short and never wait for a buffer: a get from an empty
//! pool falls back or returns `None`, a pop from an empty queue returns `None` and wakes nobody, so a task
//! that must sleep until an item arrives needs a channel that carries the guards. Flush a [`LocalPool`]
//! before an `.await` that may take long.
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
//! - `sync`: the atomics, the queue and the thread-local variables that the pool uses
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
