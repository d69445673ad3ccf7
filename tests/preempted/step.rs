//! One operation, stopped before one of its instructions.
//!
//! The thread sets its processor's trap flag, so that every instruction raises `SIGTRAP` on it. The handler
//! counts them, and stops at the wanted one: it waits until it is released (a preempted thread), it runs
//! other code on top (an interrupt), or it ends the process (a crash). No debugger, no privileges, no change
//! to the code under test.

use std::arch::asm;
use std::cell::Cell;
use std::mem;
use std::ops::Range;
use std::panic;
use std::ptr;
use std::slice;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use iced_x86::{Decoder, DecoderOptions, Register};

/// The trap flag of the flags register.
const TRAP_FLAG: i64 = 1 << 8;

thread_local! {
    /// What this thread is in the middle of; null if nothing.
    static CURRENT: Cell<*const Step<'static>> = const { Cell::new(ptr::null()) };
}

/// What happens at the wanted instruction.
pub(crate) enum Stop<'a> {
    /// The thread sleeps until [`Step::go_on`].
    Sleep,
    /// This runs on the same thread, in the signal handler.
    Interrupt(&'a dyn Fn()),
    /// The process ends.
    Exit,
}

/// Before which instruction a run is stopped, counted from 0; not at all if it has fewer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Instruction(usize),
    /// Counts only those that read or write the subject: to all other threads, a stop before another
    /// instruction looks like a stop before the next of these.
    Access(usize),
}

/// A run of one operation.
pub(crate) struct Step<'a> {
    /// The addresses of the subject.
    subject: Range<usize>,
    at: At,
    stop: Stop<'a>,
    instructions: AtomicUsize,
    accesses: AtomicUsize,
    address: AtomicUsize,
    /// A futex: how far the run has got.
    progress: AtomicU32,
    was_stopped: AtomicBool,
    /// A futex: 1 when the thread may continue.
    may_go_on: AtomicU32,
}

/// Values of `Step::progress`.
const RUNS: u32 = 0;
const STOPPED: u32 = 1;
const ENDED: u32 = 2;

// SAFETY: everything that several threads use is atomic; `stop` holds what may not be shared, and only the
// thread that runs the operation uses it.
unsafe impl Sync for Step<'_> {}

impl<'a> Step<'a> {
    pub(crate) fn new<S>(subject: &S, at: At, stop: Stop<'a>) -> Self {
        let start = ptr::from_ref(subject).addr();
        Self {
            subject: start..start + size_of::<S>(),
            at,
            stop,
            instructions: AtomicUsize::new(0),
            accesses: AtomicUsize::new(0),
            address: AtomicUsize::new(0),
            progress: AtomicU32::new(RUNS),
            was_stopped: AtomicBool::new(false),
            may_go_on: AtomicU32::new(0),
        }
    }

    /// Runs `operation` on this thread.
    pub(crate) fn run<R>(&self, operation: impl FnOnce() -> R) -> R {
        install();
        CURRENT.set(ptr::from_ref(self).cast());
        let stepping = Stepping(self);
        // SAFETY: pushes and pops one word below the stack pointer, which asm! without `nostack`
        // may; sets the trap flag, whose signal is handled.
        unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
        let result = std::hint::black_box(operation());
        drop(stepping);
        result
    }

    /// Waits until the operation was stopped or has ended, but no longer than `patience`.
    pub(crate) fn wait(&self, patience: Duration) {
        self.wait_while(RUNS, patience);
    }

    /// Waits until a stopped operation has ended, but no longer than `patience`.
    pub(crate) fn wait_for_the_end(&self, patience: Duration) {
        self.wait_while(STOPPED, patience);
    }

    fn wait_while(&self, progress: u32, patience: Duration) {
        let begun = Instant::now();
        // Pairs with the stores in `Stepping::drop` and `stop_here`.
        while self.progress.load(Ordering::Acquire) == progress && begun.elapsed() < patience {
            futex_wait(&self.progress, progress, patience);
        }
    }

    /// Whether the operation has been stopped so far.
    pub(crate) fn stopped(&self) -> bool {
        // Pairs with the store in `stop_here`.
        self.was_stopped.load(Ordering::Acquire)
    }

    /// Whether the operation has ended.
    pub(crate) fn ended(&self) -> bool {
        // Pairs with the store in `Stepping::drop`.
        self.progress.load(Ordering::Acquire) == ENDED
    }

    /// Where it was stopped.
    pub(crate) fn address(&self) -> usize {
        self.address.load(Ordering::Relaxed)
    }

    /// How many instructions were counted.
    pub(crate) fn instructions(&self) -> usize {
        self.instructions.load(Ordering::Relaxed)
    }

    /// How many of them read or wrote the subject; counted only if requested.
    pub(crate) fn accesses(&self) -> usize {
        self.accesses.load(Ordering::Relaxed)
    }

    /// Lets a sleeping thread continue.
    pub(crate) fn go_on(&self) {
        // Pairs with the load in `stop_here`.
        self.may_go_on.store(1, Ordering::Release);
        futex_wake(&self.may_go_on);
    }

    /// Counts the next instruction, and returns whether it is the wanted one. Runs in the signal handler.
    fn is_wanted(&self, registers: &[libc::greg_t]) -> bool {
        let number = self.instructions.fetch_add(1, Ordering::Relaxed);
        match self.at {
            At::Instruction(wanted) => number == wanted,
            At::Access(wanted) => {
                accesses(registers, &self.subject)
                    && self.accesses.fetch_add(1, Ordering::Relaxed) == wanted
            }
        }
    }

    /// Runs in the signal handler, and calls only what a handler may.
    fn stop_here(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
        // Pairs with the load in `stopped`.
        self.was_stopped.store(true, Ordering::Release);
        // Pairs with the load in `wait_while`.
        self.progress.store(STOPPED, Ordering::Release);
        futex_wake(&self.progress);
        match self.stop {
            Stop::Sleep => {
                // Pairs with the store in `go_on`.
                while self.may_go_on.load(Ordering::Acquire) == 0 {
                    futex_wait(&self.may_go_on, 0, Duration::from_secs(1));
                }
            }
            Stop::Interrupt(code) => {
                let this = CURRENT.replace(ptr::null());
                code();
                CURRENT.set(this);
            }
            // SAFETY: ends the process at once, without any clean-up.
            Stop::Exit => unsafe { libc::_exit(0) },
        }
    }
}

/// Ends the stepping of this thread, during a panic too.
struct Stepping<'a>(&'a Step<'a>);

impl Drop for Stepping<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: as in `run`; clears the trap flag.
        unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
        CURRENT.set(ptr::null());
        // Pairs with the load in `wait_while`.
        self.0.progress.store(ENDED, Ordering::Release);
        futex_wake(&self.0.progress);
    }
}

/// Runs `operation`, and counts its instructions.
pub(crate) fn count<R>(operation: impl FnOnce() -> R) -> (R, usize) {
    let step = Step::new(&(), At::Instruction(usize::MAX), Stop::Sleep);
    let result = step.run(operation);
    (result, step.instructions())
}

/// Whether the next instruction reads or writes one of these addresses. Neither allocates nor locks.
fn accesses(registers: &[libc::greg_t], addresses: &Range<usize>) -> bool {
    /// The length of the longest instruction, in bytes.
    const LONGEST: usize = 15;
    /// In the processor's numbering.
    const NUMBERED: [i32; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    let next = registers[libc::REG_RIP as usize];
    // SAFETY: code is never the last part of its file that is mapped: constants follow it.
    let bytes = unsafe { slice::from_raw_parts(next as *const u8, LONGEST) };
    let instruction = Decoder::with_ip(64, bytes, next as u64, DecoderOptions::NONE).decode();
    // Of the segments, only those of thread-local variables have a base, and the subject is not in them.
    let value = |register: Register, _, _| {
        let register = register.full_register();
        let general = register.is_gpr().then(|| registers[NUMBERED[register.number()] as usize]);
        Some(general.unwrap_or_default() as u64)
    };
    // 0 if it is not in memory.
    let at = |operand| instruction.virtual_address(operand, 0, value);
    let size = instruction.memory_size().size();
    (0..instruction.op_count()).filter_map(at).any(|first| {
        let first = first as usize;
        first < addresses.end && addresses.start < first.saturating_add(size)
    })
}

extern "C" fn on_trap(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: a word of this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above. The operation finds it unchanged.
    let before = unsafe { *errno };
    // SAFETY: the kernel hands the interrupted context to a handler with SA_SIGINFO.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    // SAFETY: null, or the step that `run` on this thread borrows.
    let step = unsafe { CURRENT.get().as_ref() };
    let last = step.is_none_or(|step| {
        let wanted = step.is_wanted(registers);
        if wanted {
            step.stop_here(registers[libc::REG_RIP as usize] as usize);
        }
        wanted
    });
    if last {
        // The rest runs at full speed.
        registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Builds the decoder's tables, which a signal handler must not do.
        let _ = Decoder::new(64, &[], DecoderOptions::NONE).decode();
        // SAFETY: all-zero is a valid sigaction.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_trap as *const () as usize;
        // SA_NODEFER: code that runs in the handler may itself be counted.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        // SAFETY: `on_trap` is a handler for SA_SIGINFO.
        let done = unsafe { libc::sigaction(libc::SIGTRAP, &action, ptr::null_mut()) };
        assert_eq!(done, 0, "a handler for SIGTRAP cannot be installed");

        // A panic is reported at full speed.
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            CURRENT.set(ptr::null());
            report(panic);
        }));
    });
}

/// Sleeps while `word` is `value`, but not much longer than `most`.
fn futex_wait(word: &AtomicU32, value: u32, most: Duration) {
    let most = libc::timespec {
        tv_sec: most.as_secs() as libc::time_t,
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: reads the word, which is borrowed, and the time.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &raw const most)
    };
}

fn futex_wake(word: &AtomicU32) {
    // SAFETY: wakes the threads that wait for this word; does not access it.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}
