//! One thread writes packets into blocks and pushes them; another pops, reads and gives them back.
//!
//! ```sh
//! cargo run -p blockpool-core --example hand_over
//! ```

use std::fmt::Write;
use std::thread;

use blockpool_core::{Pool, Queue};

type Packets = Pool<2048, 64>;

static POOL: Packets = Pool::new();
static RECEIVED: Queue<'static, Packets> = Queue::new(&POOL);

const PACKETS: usize = 10_000;

fn main() {
    let receiver = thread::spawn(|| {
        let mut local = POOL.local_pool();
        for number in 0..PACKETS {
            let mut block = loop {
                match local.get() {
                    Some(block) => break block,
                    // Every block is in use: the other thread is behind.
                    None => thread::yield_now(),
                }
            };
            write!(block, "packet {number}").expect("it fits into 2,048 bytes");
            RECEIVED.push(block).expect("a block of this pool");
        }
    });

    let mut received = 0;
    while received < PACKETS {
        match RECEIVED.pop() {
            Some(block) => {
                assert_eq!(&block[..], format!("packet {received}").as_bytes());
                received += 1;
            }
            None => thread::yield_now(),
        }
    }
    receiver.join().expect("it does not panic");
    println!(
        "{received} packets through {} blocks; {} are free; {} times none was",
        POOL.capacity(),
        POOL.available(),
        POOL.exhausted_count()
    );
}
