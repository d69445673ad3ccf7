//! The core-local interruptor: a 10 MHz timer and the software interrupt.

const SOFTWARE_INTERRUPT: *mut u32 = 0x0200_0000 as *mut u32;
pub(crate) const COMPARE: *mut u32 = 0x0200_4000 as *mut u32;
const TIME: *const u32 = 0x0200_bff8 as *const u32;

/// The timer's low half, which wraps after about seven minutes.
pub(crate) fn now() -> u32 {
    // SAFETY: a register that can be read at any time.
    unsafe { TIME.read_volatile() }
}

/// Makes the timer interrupt due at `time`.
pub(crate) fn interrupt_at(time: u32) {
    no_interrupt();
    // SAFETY: a register that only this module and `sled` write.
    unsafe { COMPARE.write_volatile(time) };
}

/// Makes the timer interrupt not due until the low half is about to wrap.
pub(crate) fn no_interrupt() {
    // SAFETY: as above.
    unsafe { COMPARE.write_volatile(u32::MAX) };
    // SAFETY: the register's high half.
    unsafe { COMPARE.wrapping_add(1).write_volatile(0) };
}

pub(crate) fn raise_software_interrupt(raise: bool) {
    // SAFETY: a register that only this module writes.
    unsafe { SOFTWARE_INTERRUPT.write_volatile(u32::from(raise)) };
}
