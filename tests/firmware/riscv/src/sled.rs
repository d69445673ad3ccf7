//! Runs an operation at an exact distance from a timer interrupt.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use firmware_scenarios::{Sled, sweep};
use riscv::register::{mcycle, mepc};

use crate::clint;

/// Up to the interrupt, in timer units: about 2,000 instructions.
const DISTANCE: u32 = 20;

// Sets the timer, jumps to `entry` in the sled, calls the operation, and returns two instruction counts: at
// the end of the operation, and before the sled.
//
// The timer counts once per 100 instructions. To make the interrupt come after the same number of
// instructions each time, the timer is set after a number of no-operations that depends on the count modulo
// 100.
global_asm!(
    ".pushsection .text.sled_run, \"ax\"",
    ".balign 4",
    ".option push",
    ".option norelax",
    ".global sled_run, sled_start, sled_call, sled_back, sled_end",
    "sled_run:", // a0: entry, a1: operation, a2: its argument, a3: compare register, a4: distance
    "addi sp, sp, -16",
    "sw ra, 12(sp)",
    "sw s0, 8(sp)",
    "sw s1, 4(sp)",
    "mv s0, a1",
    "mv t2, a0",
    "mv a0, a2",
    "li t1, 100",
    "csrr t0, mcycle",
    "remu t0, t0, t1",
    "slli t0, t0, 1",
    "la t1, 1f",
    "add t1, t1, t0",
    "jr t1",
    ".option rvc",
    "1:",
    ".rept 100",
    "c.nop",
    ".endr",
    "lui t1, 0x200c", // the timer's low half: 0x200bff8
    "lw t0, -8(t1)",
    "add t0, t0, a4",
    "sw t0, 0(a3)",
    "csrr s1, mcycle",
    "jr t2",
    "sled_start:",
    ".rept 2048",
    "c.nop",
    ".endr",
    "sled_call:",
    "jalr s0",
    "sled_back:",
    "csrr a0, mcycle",
    ".rept 2048",
    "c.nop",
    ".endr",
    "sled_end:",
    "mv a1, s1",
    "lw ra, 12(sp)",
    "lw s0, 8(sp)",
    "lw s1, 4(sp)",
    "addi sp, sp, 16",
    "ret",
    ".option pop",
    ".popsection",
);

/// Instruction counts.
#[repr(C)]
struct Counts {
    end: u32,
    start: u32,
}

unsafe extern "C" {
    fn sled_run(
        entry: usize,
        operation: usize,
        hand: *mut (),
        compare: *mut u32,
        distance: u32,
    ) -> Counts;
    static sled_start: u8;
    static sled_call: u8;
    static sled_back: u8;
    static sled_end: u8;
}

pub(crate) fn sled() -> Sled {
    Sled {
        start: (&raw const sled_start).addr(),
        call: (&raw const sled_call).addr(),
        back: (&raw const sled_back).addr(),
        end: (&raw const sled_end).addr(),
    }
}

fn run(nops: usize, call: &sweep::Call, compare: *mut u32) -> Counts {
    let entry = sled().call - 2 * nops;
    // SAFETY: `nops` is at most the sled's length, the call pairs an operation with its hand, and `compare`
    // may be written.
    unsafe { sled_run(entry, call.operation, call.hand, compare, DISTANCE) }
}

pub(crate) fn run_counted(nops: usize, call: &sweep::Call) -> u32 {
    let mut not_the_timer = 0;
    let Counts { start, end } = run(nops, call, &raw mut not_the_timer);
    end.wrapping_sub(start)
}

static IS_RUNNING: AtomicBool = AtomicBool::new(false);
/// The instruction count at the end of the interrupt.
static RESUMED: AtomicU32 = AtomicU32::new(0);

pub(crate) fn is_running() -> bool {
    IS_RUNNING.load(Ordering::Relaxed)
}

pub(crate) fn run_interrupted(nops: usize, call: &sweep::Call) -> u32 {
    IS_RUNNING.store(true, Ordering::Relaxed);
    let Counts { end, .. } = run(nops, call, clint::COMPARE);
    IS_RUNNING.store(false, Ordering::Relaxed);
    end.wrapping_sub(RESUMED.load(Ordering::Relaxed))
}

pub(crate) fn on_interrupt() {
    clint::no_interrupt();
    sweep::interrupted(mepc::read());
    RESUMED.store(mcycle::read() as u32, Ordering::Relaxed);
}
