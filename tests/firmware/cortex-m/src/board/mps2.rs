//! Arm MPS2: APB timers 0 and 1, 25 MHz.

use super::{Interrupt, Timer};
use firmware_scenarios::Counter;

/// An instruction takes a nanosecond.
pub(crate) const SYST: Counter = Counter { ticks: 1, instructions: 40 };

pub(super) const RECEIVE: Timer =
    Timer { registers: 0x4000_0000, interrupt: Interrupt(8), priority: 0x80, period: 157 };
pub(super) const URGENT: Timer =
    Timer { registers: 0x4000_1000, interrupt: Interrupt(9), priority: 0, period: 97 };

impl Timer {
    pub(crate) fn start(&self) {
        // Reload value and value; then enabled, with interrupts.
        for (register, value) in [(0x8, self.period), (0x4, self.period), (0x0, 0b1001)] {
            self.write(register, value);
        }
    }

    pub(crate) fn stop(&self) {
        self.write(0x0, 0);
    }

    pub(crate) fn acknowledge(&self) {
        self.write(0xc, 1);
    }
}
