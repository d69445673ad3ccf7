//! Runs an operation at an exact distance from a SysTick interrupt.

use core::arch::{global_asm, naked_asm};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use cortex_m_rt::ExceptionFrame;
use firmware_scenarios::{Sled, sweep};

use crate::board::SYST;

/// SysTick's registers, and bits of the first one.
const CONTROL: usize = 0;
const RELOAD: usize = 4;
const ENABLE: u32 = 1;
const INTERRUPT: u32 = 2;
const PROCESSOR_CLOCK: u32 = 4;
/// Up to the first interrupt, and up to the second one.
const FIRST: u32 = period(2_000);
const SECOND: u32 = period(4_000);
const LONGEST: u32 = 0xff_ffff;

/// A number of instructions, as a value for SysTick's reload register.
const fn period(instructions: u32) -> u32 {
    instructions * SYST.ticks / SYST.instructions - 1
}

// Starts SysTick's period, jumps to `entry` in the sled, calls the operation, and returns SysTick's value at
// the end of the operation.
global_asm!(
    ".pushsection .text.sled_run, \"ax\"",
    ".syntax unified",
    ".thumb_func",
    ".global sled_run, sled_start, sled_call, sled_back, sled_end",
    "sled_run:", // r0: entry, r1: operation, r2: its argument, r3: for the control register
    "push {{r4, r5, r6, lr}}",
    "ldr r5, =0xe000e010", // SysTick
    "mov r4, r1",
    "movs r6, #0",
    "str r6, [r5, #8]",
    "str r3, [r5]",
    "mov r3, r0",
    "mov r0, r2",
    "bx r3",
    ".pool",
    "sled_start:",
    ".rept 2048",
    "nop",
    ".endr",
    "sled_call:",
    "blx r4",
    "sled_back:",
    "ldr r0, [r5, #8]",
    ".rept 4096",
    "nop",
    ".endr",
    "sled_end:",
    "str r6, [r5]",
    "pop {{r4, r5, r6, pc}}",
    ".popsection",
);

unsafe extern "C" {
    fn sled_run(entry: usize, operation: usize, hand: *mut (), control: u32) -> u32;
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

/// Writes one of SysTick's registers.
fn write(register: usize, value: u32) {
    let register = (0xe000_e010 + register) as *mut u32;
    // SAFETY: a register of SysTick, which only this module uses.
    unsafe { register.write_volatile(value) };
}

fn run(nops: usize, call: &sweep::Call, period: u32, control: u32) -> u32 {
    write(RELOAD, period);
    // Addresses of Thumb code are odd.
    let entry = (sled().call - 2 * nops) | 1;
    // SAFETY: `nops` is at most the sled's length, and the call pairs an operation with its hand.
    unsafe { sled_run(entry, call.operation, call.hand, control) }
}

pub(crate) fn run_counted(nops: usize, call: &sweep::Call) -> u32 {
    let value = run(nops, call, LONGEST, ENABLE | PROCESSOR_CLOCK);
    // It counts down from zero and wraps to the greatest value.
    value.wrapping_neg() & LONGEST
}

/// Where the second interrupt returned to.
static BEHIND: AtomicUsize = AtomicUsize::new(0);
static IS_SECOND: AtomicBool = AtomicBool::new(false);

/// Another period begins when the first interrupt ends, so the second interrupt comes in the no-operations
/// after the operation: the fewer of them have run, the more of the operation ran after the first.
pub(crate) fn run_interrupted(nops: usize, call: &sweep::Call) -> u32 {
    IS_SECOND.store(false, Ordering::Relaxed);
    BEHIND.store(0, Ordering::Relaxed);
    run(nops, call, FIRST, ENABLE | INTERRUPT | PROCESSOR_CLOCK);
    let Sled { back, end, .. } = sled();
    let behind = BEHIND.load(Ordering::Relaxed);
    assert!((back..end).contains(&behind), "no second interrupt behind the operation");
    ((end - behind) / 2) as u32
}

/// Passes the address of the interrupted code's saved registers to the handler, and writes what it returns to
/// SysTick's control register after setting SysTick's value to zero.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn SysTick() {
    naked_asm!(
        "mov r0, sp",
        "push {{r4, lr}}",
        "bl {handler}",
        "ldr r1, =0xe000e010",
        "movs r2, #0",
        "str r2, [r1, #8]",
        "str r0, [r1]",
        "pop {{r4, pc}}",
        ".pool",
        handler = sym on_interrupt,
    )
}

extern "C" fn on_interrupt(frame: &ExceptionFrame) -> u32 {
    write(CONTROL, 0);
    let address = frame.pc() as usize;
    if IS_SECOND.load(Ordering::Relaxed) {
        BEHIND.store(address, Ordering::Relaxed);
        return 0;
    }
    IS_SECOND.store(true, Ordering::Relaxed);
    sweep::interrupted(address);
    write(RELOAD, SECOND);
    ENABLE | INTERRUPT | PROCESSOR_CLOCK
}
