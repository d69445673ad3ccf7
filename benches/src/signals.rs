//! Signals that the program does not handle itself.

#[cfg(unix)]
pub use unix::keeping_ignored;
#[cfg(not(unix))]
pub use unknown::keeping_ignored;

#[cfg(unix)]
mod unix {
    use std::mem::MaybeUninit;

    /// The signals that `handle` sets handlers for.
    const HANDLED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

    /// Calls `handle`, then ignores again the signals that were ignored before: `nohup`, and a shell that
    /// starts a program in the background, ignore them on purpose. From then on, a file that exceeds its size
    /// limit is an error instead of a signal.
    pub fn keeping_ignored<T>(handle: impl FnOnce() -> T) -> T {
        let ignored = HANDLED.map(is_ignored);
        let result = handle();
        let restored = HANDLED.into_iter().zip(ignored).filter(|(_, ignored)| *ignored);
        for signal in restored.map(|(signal, _)| signal).chain([libc::SIGXFSZ]) {
            // SAFETY: ignoring a signal calls nothing.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        result
    }

    fn is_ignored(signal: libc::c_int) -> bool {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: the action is valid for writes; none is set.
        let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
        // SAFETY: if the call succeeded, it wrote the action.
        asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(not(unix))]
mod unknown {
    pub fn keeping_ignored<T>(handle: impl FnOnce() -> T) -> T {
        handle()
    }
}
