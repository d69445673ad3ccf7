//! A UDP service: one thread receives into pooled buffers, another answers; a full queue sheds load.
//!
//! ```sh
//! cargo run -p blockpool --example udp_service
//! ```

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};

const REQUESTS: usize = 1000;

/// Sends one request after the other, and returns how many were answered.
fn client(server: SocketAddr) -> std::io::Result<usize> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut answered = 0;
    for number in 0..REQUESTS {
        let request = format!("request {number}");
        socket.send_to(request.as_bytes(), server)?;
        let mut answer = [0; 1232];
        if let Ok(length) = socket.recv(&mut answer) {
            answered += usize::from(answer[..length].ends_with(request.as_bytes()));
        }
    }
    // The end.
    socket.send_to(&[], server)?;
    Ok(answered)
}

fn main() -> std::io::Result<()> {
    let pool = TransactionMemoryPool::new(1232, 256);
    let queue = TransactionQueue::new(128);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let server = socket.local_addr()?;

    let receiver = thread::spawn({
        let (pool, queue, socket) = (pool.clone(), queue.clone(), socket.try_clone()?);
        move || -> std::io::Result<usize> {
            let mut shed = 0;
            loop {
                let mut data = pool.get();
                data.resize(1232, 0);
                let (length, source) = socket.recv_from(&mut data)?;
                data.truncate(length);
                let received = ReceivedTransaction { data, source, received: Instant::now() };
                let mut item = received;
                // The last one, which is empty, must arrive.
                while let Err(refused) = queue.push(item) {
                    if length > 0 {
                        shed += 1;
                        break;
                    }
                    item = refused;
                }
                if length == 0 {
                    return Ok(shed);
                }
            }
        }
    });
    let worker = thread::spawn(move || -> std::io::Result<()> {
        loop {
            match queue.pop() {
                Some(item) if item.data.is_empty() => return Ok(()),
                Some(item) => {
                    let answer = [b"answer to ", &item.data[..]].concat();
                    socket.send_to(&answer, item.source)?;
                }
                None => thread::yield_now(),
            }
        }
    });

    let answered = client(server)?;
    let shed = receiver.join().expect("no panic")?;
    worker.join().expect("no panic")?;
    println!(
        "{answered} of {REQUESTS} answered, {shed} shed; {} of {} buffers are free, {} from the heap",
        pool.available(),
        pool.capacity(),
        pool.heap_fallbacks()
    );
    Ok(())
}
