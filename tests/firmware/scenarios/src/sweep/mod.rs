//! An interrupt at every instruction of an operation.
//!
//! ```text
//!  start the timer    no-operations: `nops`       the operation         no-operations
//! ────────┬──────────────────────────────────────┬─────────────────────┬───────────────────
//!         │◄───────────── always the same number of instructions ──────────►│ interrupt
//! ```
//!
//! With one no-operation less the interrupt comes one instruction later in the operation, where the
//! emulator counts instructions exactly. What the interrupt does, and checks, is in `others`.
//!
//! That none is left out shows in two ways: the addresses that the processor returns to begin with
//! that of the call and end with the one behind it, with as many steps between as instructions were
//! counted without any interrupt; and no address comes twice in a row. (Where atomics switch
//! interrupts off, it does: then the interrupt waits for the end of that section.)

mod numbers;
mod others;
mod pooled;
mod queued;
mod run;
mod scenario;
mod subject;
mod sweeper;

use crate::exclusive::Exclusive;
pub use scenario::run;

/// An operation to be called with what it works on: an `extern "C" fn(*mut ())`.
#[repr(C)]
pub struct Call {
    pub operation: usize,
    pub hand: *mut (),
}

/// What the interrupt is for.
#[derive(Clone, Copy)]
struct Handler {
    function: fn(*mut (), usize),
    context: *mut (),
}

// SAFETY: main loop and interrupt are on one core.
unsafe impl Send for Handler {}

static HANDLER: Exclusive<Option<Handler>> = Exclusive::new(None);

/// To be called by the interrupt that [`Machine::run_interrupted`](crate::Machine::run_interrupted)
/// causes, with the address that it returns to.
pub fn interrupted(address: usize) {
    if let Some(Handler { function, context }) = HANDLER.with(|handler| *handler) {
        function(context, address);
    }
}
