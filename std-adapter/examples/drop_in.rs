//! The interface of the pool that it replaces: `new`, `get_buffer`, `return_buffer`.
//!
//! ```sh
//! cargo run -p blockpool --example drop_in
//! ```

use blockpool::TransactionMemoryPool;

fn main() {
    // All memory is allocated and touched here.
    let pool = TransactionMemoryPool::new(1232, 4096);

    let mut buffer = pool.get_buffer();
    buffer.extend_from_slice(b"a transaction");
    pool.return_buffer(buffer);

    // More than there are: the heap steps in, and the pool counts it.
    let buffers: Vec<_> = (0..4100).map(|_| pool.get_buffer()).collect();
    buffers.into_iter().for_each(|buffer| pool.return_buffer(buffer));
    println!(
        "{} of {} buffers are free; at most {} were out; {} came from the heap, {} were freed",
        pool.available_buffers(),
        pool.total_allocated(),
        pool.high_water_mark(),
        pool.heap_fallbacks(),
        pool.discarded()
    );
}
