//! An interrupt at every instruction of an operation.
//!
//! ```text
//!  start the timer    no-operations: `nops`       the operation         no-operations
//! ────────┬──────────────────────────────────────┬─────────────────────┬───────────────────
//!         │◄───────────── always the same number of instructions ──────────►│ interrupt
//! ```
//!
//! With one no-operation less, the interrupt comes one instruction later in the operation, provided that the
//! emulator counts instructions exactly. `others` has what the interrupt does and checks.
//!
//! Two checks show that no instruction is left out: the addresses that the processor returns to begin with
//! that of the call and end with the one after it, with as many steps between as instructions were counted
//! without any interrupt; and no address comes twice in a row. (Where atomics switch interrupts off, one
//! does: the interrupt waits for the end of that section.)

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

/// An operation, an `extern "C" fn(*mut ())`, and what it works on.
#[repr(C)]
pub struct Call {
    pub operation: usize,
    pub hand: *mut (),
}

/// What the interrupt calls.
#[derive(Clone, Copy)]
struct Handler {
    function: fn(*mut (), usize),
    context: *mut (),
}

// SAFETY: main loop and interrupt run on one core.
unsafe impl Send for Handler {}

static HANDLER: Exclusive<Option<Handler>> = Exclusive::new(None);

/// To be called by the interrupt that [`Machine::run_interrupted`](crate::Machine::run_interrupted)
/// causes, with the address that it returns to.
pub fn interrupted(address: usize) {
    if let Some(Handler { function, context }) = HANDLER.with(|handler| *handler) {
        function(context, address);
    }
}
