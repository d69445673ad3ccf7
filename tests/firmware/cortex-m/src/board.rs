//! The boards: two periodic timers each, and the clock of SysTick.

#[cfg(feature = "lm3s")]
#[path = "board/lm3s.rs"]
mod chosen;
#[cfg(feature = "microbit")]
#[path = "board/microbit.rs"]
mod chosen;
#[cfg(feature = "mps2")]
#[path = "board/mps2.rs"]
mod chosen;

pub(crate) use chosen::SYST;
use chosen::{RECEIVE, URGENT};
use cortex_m::interrupt::InterruptNumber;

/// The number of an interrupt.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(u16);

// SAFETY: every value is the number of one of the board's interrupts.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// A periodic timer.
#[derive(Clone, Copy)]
pub(crate) struct Timer {
    registers: usize,
    pub(crate) interrupt: Interrupt,
    /// Lower numbers take precedence.
    pub(crate) priority: u8,
    period: u32,
}

impl Timer {
    pub(crate) const RECEIVE: Self = RECEIVE;
    pub(crate) const URGENT: Self = URGENT;

    pub(crate) fn is(&self, interrupt: i16) -> bool {
        i16::try_from(self.interrupt.0) == Ok(interrupt)
    }

    fn write(&self, register: usize, value: u32) {
        let address = (self.registers + register) as *mut u32;
        // SAFETY: a register of the timer, which nothing else uses.
        unsafe { address.write_volatile(value) };
    }
}
