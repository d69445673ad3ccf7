//! The boards: two periodic timers each, their interrupts' vectors and the clock of SysTick.

#[cfg(feature = "lm3s")]
#[path = "board/lm3s.rs"]
mod chosen;
#[cfg(feature = "microbit")]
#[path = "board/microbit.rs"]
mod chosen;
#[cfg(feature = "mps2")]
#[path = "board/mps2.rs"]
mod chosen;

use crate::{receive, urgent};
pub(crate) use chosen::SYST;
use chosen::{RECEIVE, URGENT};
use cortex_m::interrupt::InterruptNumber;

/// The number of an interrupt.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(u16);

// SAFETY: all of them are numbers of interrupts of the board.
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
    /// Lower numbers go first.
    pub(crate) priority: u8,
    period: u32,
}

impl Timer {
    pub(crate) const RECEIVE: Self = RECEIVE;
    pub(crate) const URGENT: Self = URGENT;

    fn write(&self, register: usize, value: u32) {
        let address = (self.registers + register) as *mut u32;
        // SAFETY: a register of the timer, which nobody else uses.
        unsafe { address.write_volatile(value) };
    }
}

/// The part of the vector table that is the board's.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<extern "C" fn()>; 32] = {
    let mut vectors: [Option<extern "C" fn()>; 32] = [None; 32];
    vectors[RECEIVE.interrupt.0 as usize] = Some(receive);
    vectors[URGENT.interrupt.0 as usize] = Some(urgent);
    vectors
};
