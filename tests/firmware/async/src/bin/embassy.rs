//! A task that waits for packets and for free blocks, with embassy.
//!
//! The timer interrupt plays a device that receives and sends: it pushes a packet at every tick, and has sent
//! an answer at every other one. So the task finds the pool exhausted, and waits until a block comes back.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering};

use atomic_waker::AtomicWaker;
use blockpool_core::{Pool, Queue};
use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use embassy_executor::Spawner;
use firmware_async::wait;
// The vectors of the board's interrupts.
use lm3s6965 as _;
use semihosting::{println, process};

type Packets = Pool<64, 4>;

static POOL: Packets = Pool::new();
static RECEIVED: Queue<'static, Packets> = Queue::new(&POOL);
static TO_SEND: Queue<'static, Packets> = Queue::new(&POOL);

/// Something is in `RECEIVED`.
static ARRIVED: AtomicWaker = AtomicWaker::new();
/// Something went back to `POOL`.
static FREED: AtomicWaker = AtomicWaker::new();

static DROPPED: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    static mut TICK: u32 = 0;
    *TICK += 1;
    if let Some(mut packet) = POOL.get() {
        packet.append(&TICK.to_le_bytes()).expect("4 of 64 bytes");
        RECEIVED.push(packet).expect("a block of this pool");
        ARRIVED.wake();
    } else {
        DROPPED.store(DROPPED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
    if TICK.is_multiple_of(2)
        && let Some(sent) = TO_SEND.pop()
    {
        drop(sent);
        FREED.wake();
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut timer = Peripherals::take().expect("taken once").SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(999);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();

    let (mut last, mut exhausted) = (0, 0);
    for _ in 0..200 {
        let packet = wait(&ARRIVED, || RECEIVED.pop()).await;
        let number = u32::from_le_bytes(packet[..].try_into().expect("4 bytes"));
        assert!(number > last, "in order");
        last = number;

        let mut answer = match POOL.get() {
            Some(block) => block,
            None => {
                exhausted += 1;
                wait(&FREED, || POOL.get()).await
            }
        };
        answer.append(&packet).expect("as large");
        TO_SEND.push(answer).expect("a block of this pool");
        drop(packet);
        FREED.wake();
    }

    timer.disable_interrupt();
    while RECEIVED.pop().or_else(|| TO_SEND.pop()).is_some() {}
    let dropped = DROPPED.load(Ordering::Relaxed);
    let passed = POOL.available() == POOL.capacity() && exhausted > 0;
    let verdict = if passed { "passed" } else { "failed" };
    println!(
        "{verdict} example-embassy: 200 answers, {dropped} packets dropped, {exhausted} waits for a block"
    );
    println!("RESULT {}", if passed { "PASS" } else { "FAIL" });
    process::exit(i32::from(!passed))
}
