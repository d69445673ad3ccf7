//! The scenarios on Arm Cortex-M.
//!
//! Two of the board's timers are the interrupts of scenario `device`. In scenario `sweep` the processor's own
//! timer, SysTick, interrupts at every instruction.

#![no_std]
#![no_main]

mod board;
mod sled;

use board::Timer;
use core::fmt;
use cortex_m::interrupt;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use firmware_scenarios::{Counter, Machine, Sled, device, sweep};
use semihosting::{println, process};

struct CortexM;

/// The board's interrupts: with a device crate, each would have its own handler.
#[exception]
unsafe fn DefaultHandler(interrupt: i16) {
    if Timer::RECEIVE.is(interrupt) {
        // A packet has arrived: the lower of two priorities.
        Timer::RECEIVE.acknowledge();
        device::receive();
    } else if Timer::URGENT.is(interrupt) {
        // Comes at any time, even while the handler above runs.
        Timer::URGENT.acknowledge();
        device::urgent();
    } else {
        panic!("interrupt {interrupt}");
    }
}

#[entry]
fn main() -> ! {
    let passed = firmware_scenarios::run::<CortexM>();
    process::exit(if passed { 0 } else { 1 })
}

impl Machine for CortexM {
    fn print(line: fmt::Arguments<'_>) {
        println!("{line}");
    }

    fn start_interrupts() {
        let mut nvic = cortex_m::Peripherals::take().expect("called once").NVIC;
        for timer in [Timer::RECEIVE, Timer::URGENT] {
            // SAFETY: no critical section relies on a priority.
            unsafe { nvic.set_priority(timer.interrupt, timer.priority) };
            timer.start();
            // SAFETY: both handlers may run from now on.
            unsafe { NVIC::unmask(timer.interrupt) };
        }
    }

    fn stop_interrupts() {
        for timer in [Timer::RECEIVE, Timer::URGENT] {
            NVIC::mask(timer.interrupt);
            timer.stop();
        }
    }

    fn without_interrupts<R>(work: impl FnOnce() -> R) -> R {
        interrupt::free(|_| work())
    }

    const COUNTER: Counter = board::SYST;

    fn sled() -> Sled {
        sled::sled()
    }

    fn run_counted(nops: usize, call: &sweep::Call) -> u32 {
        sled::run_counted(nops, call)
    }

    fn run_interrupted(nops: usize, call: &sweep::Call) -> u32 {
        sled::run_interrupted(nops, call)
    }
}

/// Most likely a stack overflow.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    println!("failed fault: {:#x}\nRESULT FAIL", frame.pc());
    process::exit(1)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("failed panic: {info}\nRESULT FAIL");
    process::exit(1)
}
