//! What can go wrong, and what it takes to go right.

use std::error;
use std::fmt;
use std::io;
use std::result;

/// An error is anything that can be shown in a line.
pub(crate) type Result<T> = result::Result<T, Box<dyn error::Error>>;

/// A system call that failed.
#[derive(Debug)]
pub(crate) struct CallError {
    call: &'static str,
    source: io::Error,
}

impl CallError {
    /// The error of the call that this thread made last.
    pub(crate) fn last(call: &'static str) -> Self {
        Self::of(call, io::Error::last_os_error())
    }

    pub(crate) fn of(call: &'static str, source: io::Error) -> Self {
        Self { call, source }
    }

    pub(crate) fn is_one_of(&self, errors: &[i32]) -> bool {
        self.source.raw_os_error().is_some_and(|error| errors.contains(&error))
    }

    /// What the call needs, if the error says so.
    fn needs(&self) -> Option<&'static str> {
        Some(match self.source.raw_os_error()? {
            libc::EPERM | libc::EACCES => "needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, or root",
            libc::EAFNOSUPPORT | libc::ENOSYS | libc::ENOPROTOOPT => {
                "needs a kernel with AF_XDP: CONFIG_XDP_SOCKETS and CONFIG_BPF_SYSCALL"
            }
            libc::EBUSY | libc::EEXIST => {
                "needs an interface without an XDP program, and a queue without an AF_XDP socket"
            }
            libc::ERANGE => "needs packets that fit a page: a smaller MTU, or no --native",
            libc::ENODEV | libc::ENXIO => "needs an interface that exists: ip link",
            libc::EINVAL if self.call == "bind" => "needs a queue that the interface has",
            libc::EOPNOTSUPP => "needs a driver with XDP; without --native, any will do",
            libc::ENETDOWN => "needs an interface that is up: ip link set dev INTERFACE up",
            libc::ENOBUFS | libc::ENOMEM => "needs more memory, or more that is locked: ulimit -l",
            _ => return None,
        })
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.source)?;
        match self.needs() {
            Some(needs) => write!(f, ": {needs}"),
            None => Ok(()),
        }
    }
}

impl error::Error for CallError {}
