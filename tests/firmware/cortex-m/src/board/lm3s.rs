//! TI LM3S6965: general-purpose timers 0 and 1, 12.5 MHz after reset.

use super::{Interrupt, Timer};
use firmware_scenarios::Counter;

/// An instruction takes a nanosecond.
pub(crate) const SYST: Counter = Counter { ticks: 1, instructions: 80 };

pub(super) const RECEIVE: Timer =
    Timer { registers: 0x4003_0000, interrupt: Interrupt(19), priority: 0x80, period: 79 };
pub(super) const URGENT: Timer =
    Timer { registers: 0x4003_1000, interrupt: Interrupt(21), priority: 0, period: 47 };

const RUN_MODE_CLOCK_GATING: *mut u32 = 0x400f_e104 as *mut u32;

impl Timer {
    pub(crate) fn start(&self) {
        // SAFETY: a system control register, which nothing else uses.
        unsafe { RUN_MODE_CLOCK_GATING.write_volatile(3 << 16) };
        // 32 bits, periodic, interrupt at the end of each period.
        for (register, value) in [(0x0, 0), (0x4, 2), (0x28, self.period), (0x18, 1), (0xc, 1)] {
            self.write(register, value);
        }
    }

    pub(crate) fn stop(&self) {
        self.write(0xc, 0);
    }

    pub(crate) fn acknowledge(&self) {
        self.write(0x24, 1);
    }
}
