//! The end of a cable at which this process sends and receives frames.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;

use crate::linux::network::{INTERFACE, Namespace};

/// Far longer than a frame takes.
const LIMIT_S: libc::time_t = 30;

pub(crate) struct Wire(OwnedFd);

impl Wire {
    /// Joins a namespace's network. Only IPv4 frames arrive: the kernel sends IPv6 frames of its own.
    pub(crate) fn open(namespace: &Namespace) -> Result<Self, String> {
        let name = &namespace.name;
        let file = File::open(format!("/run/netns/{name}"));
        let file = file.map_err(|error| format!("{name}: {error}"))?;
        let enter_and_open = || {
            // SAFETY: passes no pointer; changes only this thread, which ends soon.
            check(unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) })?;
            open()
        };
        // Each thread has its own namespace, and a socket stays in the one where it was created.
        let socket = thread::scope(|scope| scope.spawn(enter_and_open).join());
        let socket = socket.map_err(|_| "a panic".to_owned())?;
        socket.map(Self).map_err(|error| format!("a socket in {name}: {error}"))
    }

    pub(crate) fn send(&self, frame: &[u8]) -> Result<(), String> {
        // SAFETY: reads the frame, whose length is passed.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent == frame.len() as isize {
            return Ok(());
        }
        Err(format!("a frame was not sent: {}", io::Error::last_os_error()))
    }

    pub(crate) fn receive(&self) -> Result<Vec<u8>, String> {
        let mut frame = vec![0; 2048];
        let buffer = frame.as_mut_ptr().cast();
        // SAFETY: writes the buffer, whose length is passed.
        let received = unsafe { libc::recv(self.0.as_raw_fd(), buffer, frame.len(), 0) };
        let Ok(received) = usize::try_from(received) else {
            return Err(format!("no frame arrives: {}", io::Error::last_os_error()));
        };
        frame.truncate(received);
        Ok(frame)
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A socket for frames at the namespace's end of the cable.
fn open() -> io::Result<OwnedFd> {
    let protocol = (libc::ETH_P_IP as u16).to_be();
    // It receives nothing until it is bound.
    // SAFETY: passes no pointer.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    let socket = check(socket)?;
    // SAFETY: nothing else owns the descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };

    let name = CString::new(INTERFACE)?;
    // SAFETY: reads the name, which ends with a NUL.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: all-zero is a valid address.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = index.cast_signed();
    let size = size_of_val(&address) as libc::socklen_t;
    // SAFETY: reads the address, whose length is passed.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) })?;

    let limit = libc::timeval { tv_sec: LIMIT_S, tv_usec: 0 };
    let size = size_of_val(&limit) as libc::socklen_t;
    // SAFETY: reads the limit, whose length is passed and whose type is the one that the option expects.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const limit).cast(),
            size,
        )
    })?;
    Ok(socket)
}
