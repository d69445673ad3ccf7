//! The scenarios on 32-bit RISC-V: QEMU's machine `virt`.
//!
//! It has one timer. In scenario `device` the timer is the higher interrupt, and from time to time raises the
//! software interrupt, whose handler lets the timer interrupt it. In scenario `sweep` the timer interrupts at
//! every instruction.

#![no_std]
#![no_main]

mod clint;
mod sled;

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use firmware_scenarios::{Counter, Machine, Sled, device, sweep};
use riscv::interrupt::{self, Interrupt};
use riscv_rt::{core_interrupt, entry};
use semihosting::{println, process};

struct RiscV;

/// A packet has arrived: the lower of two priorities.
#[core_interrupt(Interrupt::MachineSoft)]
fn receive() {
    clint::raise_software_interrupt(false);
    // It must not interrupt itself.
    interrupt::disable_interrupt(Interrupt::MachineSoft);
    // SAFETY: this is an interrupt handler, and every other one may run now.
    unsafe { interrupt::nested(device::receive) };
    // SAFETY: the same as before.
    unsafe { interrupt::enable_interrupt(Interrupt::MachineSoft) };
}

/// In timer units: 100 instructions.
const URGENT_PERIOD: u32 = 47;
const RECEIVE_PERIOD: u32 = 79;
/// When the next interrupts are due.
static URGENT_AT: AtomicU32 = AtomicU32::new(0);
static RECEIVE_AT: AtomicU32 = AtomicU32::new(0);

/// Comes at any time, even during the handler above.
#[core_interrupt(Interrupt::MachineTimer)]
fn timer() {
    if sled::is_running() {
        return sled::on_interrupt();
    }
    let now = clint::now();
    if due(&RECEIVE_AT, RECEIVE_PERIOD, now) {
        clint::raise_software_interrupt(true);
    }
    if due(&URGENT_AT, URGENT_PERIOD, now) {
        device::urgent();
    }
    arm();
}

/// Whether an interrupt is due; if so, it is due again a period later.
fn due(at: &AtomicU32, period: u32, now: u32) -> bool {
    let next = at.load(Ordering::Relaxed);
    let due = now >= next;
    if due {
        at.store(next + period, Ordering::Relaxed);
    }
    due
}

fn arm() {
    let next = URGENT_AT.load(Ordering::Relaxed).min(RECEIVE_AT.load(Ordering::Relaxed));
    clint::interrupt_at(next);
}

#[entry]
fn main() -> ! {
    let passed = firmware_scenarios::run::<RiscV>();
    process::exit(if passed { 0 } else { 1 })
}

impl Machine for RiscV {
    fn print(line: fmt::Arguments<'_>) {
        println!("{line}");
    }

    fn start_interrupts() {
        let now = clint::now();
        URGENT_AT.store(now + URGENT_PERIOD, Ordering::Relaxed);
        RECEIVE_AT.store(now + RECEIVE_PERIOD, Ordering::Relaxed);
        arm();
        for interrupt in [Interrupt::MachineTimer, Interrupt::MachineSoft] {
            // SAFETY: both handlers may run from now on.
            unsafe { interrupt::enable_interrupt(interrupt) };
        }
        // SAFETY: as above.
        unsafe { interrupt::enable() };
    }

    fn stop_interrupts() {
        clint::no_interrupt();
        interrupt::disable_interrupt(Interrupt::MachineSoft);
    }

    fn without_interrupts<R>(work: impl FnOnce() -> R) -> R {
        interrupt::free(work)
    }

    const COUNTER: Counter = Counter { ticks: 1, instructions: 1 };

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

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("failed panic: {info}\nRESULT FAIL");
    process::exit(1)
}
