//! Four cores share a pool and a queue, in parallel, without an operating system.
//!
//! Each core is a thread of the emulator, so they interleave at any instruction, differently in each run;
//! what they do is the same in all runs. Every byte that is handed on is checked.

#![no_std]
#![no_main]

mod crew;
mod passing;
mod start;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use semihosting::{println, process};

use crate::start::{CORES, park, start_core};

fn run(core: usize) -> ! {
    if core == 0 {
        println!("{CORES} cores, of which {} start now", CORES - 1);
        for other in 1..CORES {
            let answer = start_core(other);
            assert_eq!(answer, 0, "core {other} does not start");
        }
    }
    passing::run(core);
    if core == 0 {
        println!("RESULT PASS");
        process::exit(0);
    }
    park()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // If several cores panic, only one reports it.
    static PANICKED: AtomicBool = AtomicBool::new(false);
    // Relaxed: nothing is handed on.
    if PANICKED.swap(true, Ordering::Relaxed) {
        park();
    }
    println!("failed {}: {info}", passing::scenario());
    println!("RESULT FAIL");
    process::exit(1)
}
