//! Processes that tests start.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The process ends when this one does, even if a signal ends it, and at the latest after `limit_s`.
pub(crate) fn limit(command: &mut Command, limit_s: libc::c_uint) {
    let set = move || {
        // SAFETY: may be called between fork and exec; the alarm stays set in the new program.
        unsafe { libc::alarm(limit_s) };
        // SAFETY: as before; the new program keeps this attribute, too.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        Ok(())
    };
    // SAFETY: as above, and the closure does nothing else.
    unsafe { command.pre_exec(set) };
}
