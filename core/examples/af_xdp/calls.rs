//! The system calls of an AF_XDP socket.

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use blockpool_core::Region;

use crate::error::{CallError, Result};
use crate::interface::Interface;

/// How long to wait for a queue that is in use.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn socket() -> Result<OwnedFd> {
    // SAFETY: refers to nothing in memory.
    let socket = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(CallError::last("socket(AF_XDP)").into());
    }
    // SAFETY: a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// Makes the region the socket's UMEM.
pub(crate) fn register(socket: BorrowedFd<'_>, region: &Region<'_>) -> Result<()> {
    let (first, length) = region.memory();
    let umem = libc::xdp_umem_reg {
        addr: first.as_ptr().expose_provenance() as u64,
        len: length as u64,
        chunk_size: region.block_size() as u32,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    // SAFETY: the option takes this structure. The kernel uses only the blocks that it is lent.
    unsafe { set_option(socket, libc::XDP_UMEM_REG, "setsockopt(XDP_UMEM_REG)", &umem) }
}

/// Makes the socket's four rings, and returns the offsets of their parts in their mappings.
pub(crate) fn make_rings(socket: BorrowedFd<'_>, entries: u32) -> Result<libc::xdp_mmap_offsets> {
    for (option, name) in [
        (libc::XDP_UMEM_FILL_RING, "setsockopt(XDP_UMEM_FILL_RING)"),
        (libc::XDP_UMEM_COMPLETION_RING, "setsockopt(XDP_UMEM_COMPLETION_RING)"),
        (libc::XDP_RX_RING, "setsockopt(XDP_RX_RING)"),
        (libc::XDP_TX_RING, "setsockopt(XDP_TX_RING)"),
    ] {
        // SAFETY: the option takes a 32-bit number.
        unsafe { set_option(socket, option, name, &entries) }?;
    }
    // SAFETY: the option returns this structure, which is plain numbers.
    unsafe { option(socket, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS, "getsockopt(XDP_MMAP_OFFSETS)") }
}

/// Waits while the queue is in use: the kernel closes a socket a moment after its process has ended.
pub(crate) fn bind(socket: BorrowedFd<'_>, interface: &Interface, queue: u32) -> Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        // Every driver can do that; without copies, few can.
        sxdp_flags: libc::XDP_COPY,
        sxdp_ifindex: interface.index,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    let size = size_of_val(&address) as libc::socklen_t;
    let begin = Instant::now();
    loop {
        // SAFETY: the address is as long as stated and outlives the call.
        if unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) } == 0 {
            return Ok(());
        }
        let error = CallError::last("bind");
        if !error.is_one_of(&[libc::EBUSY]) || begin.elapsed() > PATIENCE {
            return Err(error.into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What a call did besides sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing. Packets may be left.
    Only,
    /// The interface dropped one packet, the last of this call. Packets may be left.
    AndDropped,
}

/// Has the kernel send what the transmit ring holds: at most 32 packets, so it takes several calls.
pub(crate) fn send(socket: BorrowedFd<'_>) -> Result<Sent> {
    let (socket, dont_wait) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
    // SAFETY: refers to nothing in memory.
    if unsafe { libc::sendto(socket, ptr::null(), 0, dont_wait, ptr::null(), 0) } >= 0 {
        return Ok(Sent::Only);
    }
    let error = CallError::last("sendto");
    if error.is_one_of(&[libc::EBUSY]) {
        return Ok(Sent::AndDropped);
    }
    // There is more to send, or the kernel could not take a packet now.
    if error.is_one_of(&[libc::EAGAIN, libc::ENOBUFS, libc::EINTR]) {
        return Ok(Sent::Only);
    }
    Err(error.into())
}

/// Sleeps until a packet has come, for at most a millisecond; returns whether none has.
pub(crate) fn poll(socket: BorrowedFd<'_>) -> Result<bool> {
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure, which outlives the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 1) };
    if ready < 0 {
        let error = CallError::last("poll");
        // Interrupted by a signal: the caller checks whether the program is to end.
        return if error.is_one_of(&[libc::EINTR]) { Ok(false) } else { Err(error.into()) };
    }
    Ok(poll.revents & libc::POLLIN == 0)
}

pub(crate) fn statistics(socket: BorrowedFd<'_>) -> Result<libc::xdp_statistics> {
    // SAFETY: the option returns this structure, which is plain numbers.
    unsafe { option(socket, libc::SOL_XDP, libc::XDP_STATISTICS, "getsockopt(XDP_STATISTICS)") }
}

/// Fails, once, after the interface was deleted or moved to another namespace.
pub(crate) fn check_interface(socket: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: the option returns a number.
    let error: libc::c_int =
        unsafe { option(socket, libc::SOL_SOCKET, libc::SO_ERROR, "getsockopt(SO_ERROR)") }?;
    if error == 0 { Ok(()) } else { Err("the interface is gone".into()) }
}

/// # Safety
///
/// The option takes a `T`, and the memory at its addresses is valid for what is done with it.
unsafe fn set_option<T>(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    name: &'static str,
    value: &T,
) -> Result<()> {
    let (socket, size) = (socket.as_raw_fd(), size_of::<T>() as libc::socklen_t);
    let value: *const T = value;
    // SAFETY: the value is as long as stated; by the caller's promise, the option takes it.
    if unsafe { libc::setsockopt(socket, libc::SOL_XDP, option, value.cast(), size) } < 0 {
        return Err(CallError::last(name).into());
    }
    Ok(())
}

/// # Safety
///
/// The option returns a `T`, for which any bytes are valid, zeros too.
unsafe fn option<T>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    name: &'static str,
) -> Result<T> {
    // SAFETY: by the caller's promise, zeros are a valid value.
    let mut value: T = unsafe { mem::zeroed() };
    let mut size = size_of::<T>() as libc::socklen_t;
    let (socket, target) = (socket.as_raw_fd(), (&raw mut value).cast());
    // SAFETY: value and size outlive the call, and the value may be written for that size.
    if unsafe { libc::getsockopt(socket, level, option, target, &raw mut size) } < 0 {
        return Err(CallError::last(name).into());
    }
    Ok(value)
}
