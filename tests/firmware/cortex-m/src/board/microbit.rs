//! BBC micro:bit, an nRF51822: timers 0 and 1, 16 MHz.

use super::{Interrupt, Timer};
use firmware_scenarios::Counter;

/// An instruction takes a nanosecond.
pub(crate) const SYST: Counter = Counter { ticks: 2, instructions: 125 };

pub(super) const RECEIVE: Timer =
    Timer { registers: 0x4000_8000, interrupt: Interrupt(8), priority: 0xc0, period: 157 };
pub(super) const URGENT: Timer =
    Timer { registers: 0x4000_9000, interrupt: Interrupt(9), priority: 0, period: 97 };

const EVENT_COMPARE_0: usize = 0x140;

impl Timer {
    pub(crate) fn start(&self) {
        // Not divided, 16 bits; cleared at the compare value; interrupt; start.
        let settings =
            [(0x510, 0), (0x508, 0), (0x540, self.period), (0x200, 1), (0x304, 1 << 16), (0x0, 1)];
        for (register, value) in settings {
            self.write(register, value);
        }
    }

    pub(crate) fn stop(&self) {
        self.write(0x4, 1);
    }

    pub(crate) fn acknowledge(&self) {
        self.write(EVENT_COMPARE_0, 0);
    }
}
