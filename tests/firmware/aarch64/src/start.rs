//! From reset to Rust, on each core.
//!
//! The memory management unit is switched on first. While it is off, all memory counts as device memory,
//! where the exclusive loads and stores that implement atomics need not work, and an unaligned access faults.
//! The emulator is lenient about the former; a real processor is not, so this does what firmware has to do:
//! the memory that cores share is normal, cacheable, inner shareable. (Firmware for a real processor has to
//! invalidate its caches first; the emulator has none.)

use core::arch::{asm, global_asm};

/// How many cores the machine has.
pub(crate) const CORES: usize = 4;

/// Identity mapping in blocks of 1 GiB, at the first level of translation: devices, then memory, then
/// nothing.
#[repr(C, align(4096))]
struct Table([u64; 4]);

const BLOCK: u64 = 0b01;
const ACCESSED: u64 = 1 << 10;
const INNER_SHAREABLE: u64 = 0b11 << 8;
const NEVER_EXECUTED: u64 = 1 << 54 | 1 << 53;
/// Indices into `MEMORY_KINDS`.
const NORMAL: u64 = 0 << 2;
const DEVICE: u64 = 1 << 2;

#[unsafe(no_mangle)]
static TRANSLATION: Table = Table([
    BLOCK | ACCESSED | DEVICE | NEVER_EXECUTED,
    0x4000_0000 | BLOCK | ACCESSED | INNER_SHAREABLE | NORMAL,
    0,
    0,
]);

/// `MAIR_EL1`: index 0 is normal memory, write-back, allocated on read and write; index 1 is a device.
const MEMORY_KINDS: u64 = 0xff;
/// `TCR_EL1`: 32-bit addresses, 4 KiB pages, tables in memory of the kind above, nothing in the upper half.
const TRANSLATION_CONTROL: u64 = 32 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12 | 1 << 23;
/// `SCTLR_EL1`: translation, data cache, instruction cache.
const SYSTEM_CONTROL: u64 = 1 | 1 << 2 | 1 << 12;

global_asm!(
    ".section .text.start, \"ax\"",
    ".global start",
    "start:", // core 0
    "adrp x1, bss_begin",
    "add x1, x1, :lo12:bss_begin",
    "adrp x2, bss_end",
    "add x2, x2, :lo12:bss_end",
    "0: cmp x1, x2",
    "b.hs 1f",
    "stp xzr, xzr, [x1], #16",
    "b 0b",
    "1: mov x0, #0",
    ".global start_another",
    "start_another:", // x0: the number of the core
    // Vector registers, which the compiler uses for copies.
    "mov x1, #(3 << 20)",
    "msr cpacr_el1, x1",
    "ldr x1, ={memory_kinds}",
    "msr mair_el1, x1",
    "ldr x1, ={translation_control}",
    "msr tcr_el1, x1",
    "adrp x1, TRANSLATION",
    "msr ttbr0_el1, x1",
    "adrp x1, vectors",
    "add x1, x1, :lo12:vectors",
    "msr vbar_el1, x1",
    "isb",
    "tlbi vmalle1",
    "dsb nsh",
    "isb",
    "mrs x1, sctlr_el1",
    "ldr x2, ={system_control}",
    "orr x1, x1, x2",
    "msr sctlr_el1, x1",
    "isb",
    "adrp x1, stacks_end",
    "add x1, x1, :lo12:stacks_end",
    "ldr x2, =STACK_SIZE",
    "msub x1, x0, x2, x1",
    "mov sp, x1",
    "bl run_core",
    // Exceptions, none of which is expected: all 16 entries are the same.
    ".balign 2048",
    "vectors:",
    ".rept 16",
    "mrs x0, esr_el1",
    "mrs x1, elr_el1",
    "mrs x2, far_el1",
    "b exception",
    ".balign 128",
    ".endr",
    ".ltorg",
    memory_kinds = const MEMORY_KINDS,
    translation_control = const TRANSLATION_CONTROL,
    system_control = const SYSTEM_CONTROL,
);

#[unsafe(no_mangle)]
extern "C" fn run_core(core: usize) -> ! {
    enable_timer();
    crate::run(core)
}

#[unsafe(no_mangle)]
extern "C" fn exception(syndrome: u64, at: u64, address: u64) -> ! {
    panic!("exception {syndrome:#x} at {at:#x}, address {address:#x}")
}

/// Starts another core through the power interface (PSCI) that the emulator implements: the answer is 0 on
/// success.
pub(crate) fn start_core(core: usize) -> i64 {
    const CPU_ON: u64 = 0xC400_0003;
    unsafe extern "C" {
        fn start_another();
    }
    let answer;
    // SAFETY: the core starts on its own stack, and shares only what is `Sync` with this one.
    unsafe {
        asm!(
            "hvc #0",
            inout("x0") CPU_ON => answer,
            in("x1") core,
            in("x2") start_another as unsafe extern "C" fn() as usize,
            in("x3") core,
            clobber_abi("C"),
        );
    }
    answer
}

/// Sleeps for about 20 microseconds, so that a host with fewer cores can run the others in the meantime.
pub(crate) fn rest() {
    const TICKS: usize = 1250;
    // SAFETY: 1. The virtual timer belongs to this core, and nothing else uses it. 2. Interrupts are masked
    // from reset on, so the timer's interrupt only ends the wait, and goes away when the timer is switched
    // off.
    unsafe {
        asm!(
            "msr cntv_tval_el0, {ticks}",
            "msr cntv_ctl_el0, {on}",
            "isb",
            "wfi",
            "msr cntv_ctl_el0, xzr",
            "isb",
            ticks = in(reg) TICKS,
            on = in(reg) 1_usize,
            options(nostack),
        );
    }
}

/// Routes the virtual timer's interrupt to this core. The emulated machine has a version 2 GIC.
pub(crate) fn enable_timer() {
    const DISTRIBUTOR: usize = 0x0800_0000;
    const INTERFACE: usize = 0x0801_0000;
    const VIRTUAL_TIMER: u32 = 27;
    let registers = [
        (DISTRIBUTOR, 1),
        // Each core has its own copy of the first 32 interrupts.
        (DISTRIBUTOR + 0x100, 1 << VIRTUAL_TIMER),
        (INTERFACE + 4, 0xff), // any priority
        (INTERFACE, 1),
    ];
    for (register, value) in registers {
        // SAFETY: these addresses are the interrupt controller's registers, and writing them does only what
        // is described above.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
    }
}

/// Never returns.
pub(crate) fn park() -> ! {
    loop {
        // SAFETY: only waits for an event.
        unsafe { asm!("wfe", options(nomem, nostack)) };
    }
}
