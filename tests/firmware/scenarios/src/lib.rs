//! What the firmware does with the pool, on every machine.
//!
//! - [`at_rest`]: where blocks lie, and what is given back on drop.
//! - [`device`]: interrupts of two priorities and the main loop share a pool and a queue.
//! - [`sweep`]: an interrupt at every instruction of an operation.
//!
//! A machine defines how to print and how its interrupts come. Lines that begin with `passed`, `failed`,
//! `figure` or `RESULT` are for the program that reads them; others are for people.

#![no_std]

pub mod at_rest;
pub mod device;
mod exclusive;
pub mod sweep;

use blockpool_core::RawError;
use core::fmt;

/// What a machine has to provide.
pub trait Machine {
    /// Prints a line.
    fn print(line: fmt::Arguments<'_>);

    /// Starts two periodic interrupts, which call [`device::receive`] and, at a higher priority,
    /// [`device::urgent`].
    fn start_interrupts();

    /// Stops them.
    fn stop_interrupts();

    /// Runs `work` with interrupts off.
    fn without_interrupts<R>(work: impl FnOnce() -> R) -> R;

    /// How fast the counter of [`run_counted`](Self::run_counted) counts.
    const COUNTER: Counter;

    /// Where the no-operations are.
    fn sled() -> Sled;

    /// Starts the counter, runs the last `nops` no-operations of the sled and then the operation, and returns
    /// the counter's value.
    fn run_counted(nops: usize, call: &sweep::Call) -> u32;

    /// Starts the timer, runs the last `nops` no-operations of the sled and then the operation. A
    /// fixed number of instructions after the start an interrupt calls [`sweep::interrupted`].
    ///
    /// Returns, up to a constant, how many instructions of the interrupted code ran between the end of the
    /// interrupt and the end of the operation.
    fn run_interrupted(nops: usize, call: &sweep::Call) -> u32;
}

/// Counts `ticks` per `instructions`, two numbers without a common divisor.
pub struct Counter {
    pub ticks: u32,
    pub instructions: u32,
}

/// No-operations of two bytes each, from address `start` to `call`, where an instruction calls the operation.
/// The operation returns to `back`, and nothing else happens until `end`.
#[derive(Clone, Copy)]
pub struct Sled {
    pub start: usize,
    pub call: usize,
    pub back: usize,
    pub end: usize,
}

impl Sled {
    /// How many no-operations there are before the call.
    pub fn nops(&self) -> usize {
        (self.call - self.start) / 2
    }
}

/// Runs all scenarios, prints the verdict and returns it.
pub fn run<M: Machine>() -> bool {
    let verdicts = [at_rest::run::<M>(), device::run::<M>(), sweep::run::<M>()];
    let passed = verdicts.iter().all(|&passed| passed);
    M::print(format_args!("RESULT {}", if passed { "PASS" } else { "FAIL" }));
    passed
}

/// Prints the result of a scenario, and returns whether it passed.
fn verdict<M: Machine>(scenario: &str, passed: bool, text: fmt::Arguments<'_>) -> bool {
    M::print(format_args!("{} {scenario}: {text}", if passed { "passed" } else { "failed" }));
    passed
}

/// Claims a block, which succeeds only once.
fn claim_once<B>(claim: impl Fn() -> Result<B, RawError>) -> Option<B> {
    let block = claim().ok()?;
    matches!(claim(), Err(RawError::NotReleased { .. })).then_some(block)
}
