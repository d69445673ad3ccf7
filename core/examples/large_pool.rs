//! A pool of a gigabyte, made on the heap without passing over the stack.
//!
//! ```sh
//! cargo run -p blockpool-core --example large_pool
//! ```

use std::thread;

use blockpool_core::storage::Counted;
use blockpool_core::{Align, LocalPool, Pool, heapless};

/// 262,144 blocks of 4 KiB, each on a page of its own, with a high-water mark.
type Pages = Pool<4096, 262_144, Align<4096>, Counted>;

fn main() {
    // Memory is reserved here; a page is used when its block is first written to.
    let memory = Box::leak(Box::<Pages>::new_uninit());
    let pool: &'static Pages = Pool::init(memory);

    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut local = LocalPool::<_, 128>::new(pool);
                let mut burst = heapless::Vec::<_, 32>::new();
                for _ in 0..1000 {
                    assert!(local.get_bulk(&mut burst), "32 blocks, or none");
                    for block in &mut burst {
                        block.append(b"a page").expect("it fits");
                    }
                    local.put_burst(&mut burst);
                }
            });
        }
    });
    println!(
        "{} of {} blocks are free, at most {} were out at once",
        pool.available(),
        pool.capacity(),
        pool.high_water_mark().unwrap_or_default()
    );
}
