//! A UDP service: one thread receives into pooled buffers, another answers; a full queue sheds load.
//!
//! ```sh
//! cargo run -p blockpool --example udp_service
//! ```

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};

const LARGEST: usize = 1232;
const REQUESTS: usize = 1000;

/// Receives until the end, and returns how many packets found the queue full.
fn receive(
    socket: &UdpSocket,
    pool: &TransactionMemoryPool,
    queue: &TransactionQueue,
    end: &AtomicBool,
) -> io::Result<usize> {
    let mut shed = 0;
    while !end.load(Relaxed) {
        // Never from the heap: while no buffer is free, packets wait in the socket.
        let Some(mut data) = pool.try_get() else {
            thread::yield_now();
            continue;
        };
        data.resize(LARGEST, 0);
        let (length, source) = match socket.recv_from(&mut data) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue; // to see whether this is the end
            }
            Err(error) => return Err(error),
        };
        data.truncate(length);
        let item = ReceivedTransaction { data, source, received: Instant::now() };
        shed += usize::from(queue.push(item).is_err());
    }
    Ok(shed)
}

fn answer(socket: &UdpSocket, queue: &TransactionQueue, end: &AtomicBool) -> io::Result<()> {
    let mut answer = Vec::with_capacity(2 * LARGEST);
    while !end.load(Relaxed) {
        let Some(item) = queue.pop() else {
            thread::yield_now();
            continue;
        };
        answer.clear();
        answer.extend_from_slice(b"answer to ");
        answer.extend_from_slice(&item.data);
        socket.send_to(&answer, item.source)?;
    }
    Ok(())
}

/// Sends one request after the other, and returns how many were answered.
fn client(server: SocketAddr) -> io::Result<usize> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut answered = 0;
    for number in 0..REQUESTS {
        let request = format!("request {number}");
        socket.send(request.as_bytes())?;
        let mut answer = [0; 2 * LARGEST];
        if let Ok(length) = socket.recv(&mut answer) {
            answered += usize::from(answer[..length].ends_with(request.as_bytes()));
        }
    }
    Ok(answered)
}

fn main() -> io::Result<()> {
    let pool = TransactionMemoryPool::new(LARGEST, 256);
    let queue = TransactionQueue::new(128);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let end = AtomicBool::new(false);

    let (answered, shed) = thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(&socket, &pool, &queue, &end));
        let worker = scope.spawn(|| answer(&socket, &queue, &end));
        let answered = socket.local_addr().and_then(client);
        end.store(true, Relaxed);
        worker.join().expect("no panic")?;
        Ok::<_, io::Error>((answered?, receiver.join().expect("no panic")?))
    })?;
    println!(
        "{answered} of {REQUESTS} answered, {shed} shed; {} of {} buffers are free, {} from the heap",
        pool.available(),
        pool.capacity(),
        pool.heap_fallbacks()
    );
    Ok(())
}
