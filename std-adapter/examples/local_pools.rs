//! A per-thread cache for each thread, and the guards that come from it.
//!
//! ```sh
//! cargo run -p blockpool --example local_pools
//! ```

use std::io::Write;
use std::thread;

use blockpool::TransactionMemoryPool;

fn main() {
    let pool = TransactionMemoryPool::new(4096, 1024);
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let pool = pool.clone();
            thread::spawn(move || {
                // Made where it is used; flushed when it is dropped.
                let mut local = pool.local_pool();
                for number in 0..100_000 {
                    let mut buffer = local.get_buffer();
                    write!(buffer, "{thread}: {number}").expect("a vector grows");
                    local.return_buffer(buffer);
                }
                // A guard may leave the thread: it returns to the shared pool.
                local.get()
            })
        })
        .collect();
    for thread in threads {
        let guard = thread.join().expect("no panic");
        println!("a buffer of {} bytes, from another thread", guard.capacity());
    }
    println!("{} of {} buffers are free", pool.available(), pool.capacity());
}
