//! Ctrl-C ends the program in an orderly way; if the reader of its output is gone, it ends at once.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{CallError, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

extern "C" fn request(_: libc::c_int) {
    // Relaxed, here and below: nothing else is published.
    REQUESTED.store(true, Ordering::Relaxed);
}

/// Whether the program is to end.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// From now on, SIGINT and SIGTERM only request the end.
pub(crate) fn on_signals() -> Result<()> {
    // SAFETY: plain numbers and addresses, for which zero is valid: no flags, no signals blocked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = request as extern "C" fn(libc::c_int) as usize;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler does nothing that a signal handler must not.
        if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } < 0 {
            return Err(CallError::last("sigaction").into());
        }
    }
    Ok(())
}

/// From now on, SIGPIPE ends the program, as it does other programs: without this, printing panics.
pub(crate) fn on_closed_output() {
    // SAFETY: no handler is set, and no other thread runs. It cannot fail for this signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
