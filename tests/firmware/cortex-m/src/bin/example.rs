//! The shortest complete firmware: an interrupt receives, the main loop works.
//!
//! To adapt it to another microcontroller, set its memory in `build.rs` and use its device in place of
//! `SysTick`.

#![no_std]
#![no_main]

use blockpool_core::{Pool, Queue};
use cortex_m::peripheral::{Peripherals, syst::SystClkSource};
use cortex_m_rt::{entry, exception};
use semihosting::{println, process};

/// 16 blocks of 64 bytes.
type Blocks = Pool<64, 16>;

static POOL: Blocks = Pool::new();
static RECEIVED: Queue<'static, Blocks> = Queue::new(&POOL);

/// The device has data. Neither call waits for the code it interrupted.
#[exception]
fn SysTick() {
    // If there is none, the main loop is behind and has all blocks, so this packet is lost.
    if let Some(mut block) = POOL.get() {
        block.append(b"a packet").expect("it fits");
        RECEIVED.push(block).expect("a block of this pool");
    }
}

#[entry]
fn main() -> ! {
    let mut timer = Peripherals::take().expect("the only call").SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(1_000);
    timer.enable_counter();
    timer.enable_interrupt();

    let mut packets = 0;
    while packets < 100 {
        while let Some(block) = RECEIVED.pop() {
            assert_eq!(&block[..], b"a packet");
            packets += 1;
        } // given back here
        // Not `wfi`, which would sleep even if a packet has just come: the return from an interrupt leaves an
        // event pending, which ends this wait at once.
        cortex_m::asm::wfe();
    }
    // Nothing arrives any more: the last packets go back.
    cortex_m::interrupt::disable();
    while RECEIVED.pop().is_some() {}
    assert_eq!(POOL.available(), POOL.capacity());
    println!("passed example: {packets} packets, every block is free again\nRESULT PASS");
    process::exit(0)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("{info}");
    process::exit(1)
}
