//! Receives datagrams from a socket straight into pooled buffers, many with one system call.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::Socket;

/// A buffer that a socket can fill.
pub trait ReceiveBuffer {
    /// The room for a datagram.
    fn room(&mut self) -> &mut [MaybeUninit<u8>];

    /// Makes the first `len` bytes of the room the buffer's data.
    ///
    /// # Safety
    ///
    /// They have been written.
    unsafe fn filled(&mut self, len: usize);
}

/// What is known about a datagram besides its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The datagram was longer than the buffer.
    pub truncated: bool,
    /// Who sent it.
    pub source: SocketAddr,
    /// When the kernel received it.
    pub at: Instant,
}

/// The most datagrams received in one call.
pub const BATCH: usize = 32;

/// How long [`Receiver::receive`] waits for a datagram, so that its caller regularly gets to run.
pub const PATIENCE: Duration = Duration::from_millis(20);

#[cfg(target_os = "linux")]
pub use linux::Receiver;
#[cfg(not(target_os = "linux"))]
pub use portable::Receiver;

#[cfg(target_os = "linux")]
mod linux {
    use super::{
        Arrival, BATCH, Duration, Instant, PATIENCE, ReceiveBuffer, Socket, SocketAddr, io,
    };
    use std::mem::zeroed;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::os::fd::AsRawFd;
    use std::ptr;

    /// Space for the control message with the kernel's receive time, aligned like its header.
    type Control = [u64; 8];

    /// Receives batches from a UDP socket with `recvmmsg`.
    pub struct Receiver {
        socket: Socket,
        limit: usize,
        /// Each has room for an IPv4 address as well.
        addresses: [libc::sockaddr_in6; BATCH],
        controls: [Control; BATCH],
    }

    impl Receiver {
        /// Takes over a bound UDP socket, for packets of at most `limit` bytes, however large
        /// the buffers.
        ///
        /// # Errors
        ///
        /// If the socket refuses receive times or a time limit.
        pub fn new(socket: Socket, limit: usize) -> io::Result<Self> {
            let on: libc::c_int = 1;
            // SAFETY: the option's value is an int, and lives during the call.
            let result = unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::SOL_SOCKET,
                    libc::SO_TIMESTAMPNS,
                    (&raw const on).cast(),
                    size_of_val(&on) as libc::socklen_t,
                )
            };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
            socket.set_read_timeout(Some(PATIENCE))?;
            // SAFETY: all-zero is a valid address structure.
            let addresses = unsafe { zeroed() };
            Ok(Self { socket, limit, addresses, controls: [[0; 8]; BATCH] })
        }

        /// Fills the first buffers with the datagrams that have arrived, one each, and calls
        /// `arrived` for each in order with its buffer's index; returns how many there were.
        ///
        /// If none has arrived, returns 0: at once, or after [`PATIENCE`] with `wait`.
        ///
        /// # Errors
        ///
        /// The error of the system call.
        pub fn receive<B: ReceiveBuffer>(
            &mut self,
            buffers: &mut [B],
            wait: bool,
            mut arrived: impl FnMut(usize, Arrival),
        ) -> io::Result<usize> {
            let count = buffers.len().min(BATCH);
            // SAFETY: all-zero is a valid vector of no bytes.
            let mut vectors: [libc::iovec; BATCH] = unsafe { zeroed() };
            // SAFETY: all-zero is a valid message header.
            let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
            for (index, buffer) in buffers[..count].iter_mut().enumerate() {
                let room = buffer.room();
                vectors[index] = libc::iovec {
                    iov_base: room.as_mut_ptr().cast(),
                    iov_len: room.len().min(self.limit),
                };
                let header = &mut headers[index].msg_hdr;
                header.msg_name = (&raw mut self.addresses[index]).cast();
                header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                header.msg_iov = &raw mut vectors[index];
                header.msg_iovlen = 1;
                header.msg_control = (&raw mut self.controls[index]).cast();
                header.msg_controllen = size_of::<Control>();
            }
            let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
            // SAFETY: 1. `count` headers point to addresses, vectors and controls that live and are not
            // touched during the call; 2. each vector is a buffer's own room, borrowed mutably.
            let received = unsafe {
                libc::recvmmsg(
                    self.socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    count as libc::c_uint,
                    flags,
                    ptr::null_mut(),
                )
            };
            let Ok(received) = usize::try_from(received) else {
                let error = io::Error::last_os_error();
                return match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                    _ => Err(error),
                };
            };
            let clocks = Clocks::now();
            for index in 0..received {
                let header = &headers[index];
                let len = header.msg_len as usize;
                // SAFETY: the kernel has written `len` bytes to the room.
                unsafe { buffers[index].filled(len) };
                arrived(
                    index,
                    Arrival {
                        truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                        source: source(&self.addresses[index]),
                        at: clocks.instant_of(receive_time(&header.msg_hdr)),
                    },
                );
            }
            Ok(received)
        }
    }

    /// The sender's address, IPv4 or IPv6.
    fn source(address: &libc::sockaddr_in6) -> SocketAddr {
        if libc::c_int::from(address.sin6_family) == libc::AF_INET {
            // SAFETY: by its family, the kernel wrote an IPv4 address, which is the shorter one.
            let address = unsafe { &*(&raw const *address).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr));
            return SocketAddr::new(ip.into(), u16::from_be(address.sin_port));
        }
        let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
        SocketAddr::new(ip.into(), u16::from_be(address.sin6_port))
    }

    /// The kernel's receive time, since the Unix epoch.
    fn receive_time(header: &libc::msghdr) -> Option<Duration> {
        // SAFETY: the header is as `recvmmsg` left it, and its control space is alive.
        let control = unsafe { libc::CMSG_FIRSTHDR(header) };
        // SAFETY: null, or a control message that the kernel wrote whole into that space.
        let message = unsafe { control.as_ref() }?;
        if (message.cmsg_level, message.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            return None;
        }
        // SAFETY: `control` is not null.
        let data = unsafe { libc::CMSG_DATA(control) };
        // SAFETY: this type of message carries a timespec, which need not be aligned.
        let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
        Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }

    /// Both clocks at the same moment, to turn the kernel's times into instants.
    struct Clocks {
        instant: Instant,
        since_epoch: Option<Duration>,
    }

    impl Clocks {
        fn now() -> Self {
            let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            Self { instant: Instant::now(), since_epoch: since_epoch.ok() }
        }

        /// The instant of `time`; now, if the kernel gave no time or its clock was set in the meantime.
        fn instant_of(&self, time: Option<Duration>) -> Instant {
            let age = self.since_epoch.zip(time).and_then(|(now, time)| now.checked_sub(time));
            age.and_then(|age| self.instant.checked_sub(age)).unwrap_or(self.instant)
        }
    }
}

#[cfg(any(test, not(target_os = "linux")))]
mod portable {
    use super::{Arrival, Instant, MaybeUninit, PATIENCE, ReceiveBuffer, Socket, io};

    /// Receives one datagram at a time. Does not notice a datagram that is longer than its buffer.
    pub struct Receiver {
        socket: Socket,
        limit: usize,
    }

    fn up_to(room: &mut [MaybeUninit<u8>], limit: usize) -> &mut [MaybeUninit<u8>] {
        let limit = limit.min(room.len());
        &mut room[..limit]
    }

    impl Receiver {
        /// Takes over a bound UDP socket, for packets of at most `limit` bytes.
        ///
        /// # Errors
        ///
        /// If the socket refuses a time limit.
        pub fn new(socket: Socket, limit: usize) -> io::Result<Self> {
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(Self { socket, limit })
        }

        /// Like the one for Linux, but receives at most one datagram, whose time is when it was read.
        ///
        /// # Errors
        ///
        /// The error of the system call.
        pub fn receive<B: ReceiveBuffer>(
            &mut self,
            buffers: &mut [B],
            wait: bool,
            mut arrived: impl FnMut(usize, Arrival),
        ) -> io::Result<usize> {
            let Some(buffer) = buffers.first_mut() else {
                return Ok(0);
            };
            self.socket.set_nonblocking(!wait)?;
            let (len, source) = match self.socket.recv_from(up_to(buffer.room(), self.limit)) {
                Ok(received) => received,
                Err(error) => {
                    return match error.kind() {
                        io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted => Ok(0),
                        _ => Err(error),
                    };
                }
            };
            let source = source
                .as_socket()
                .ok_or_else(|| io::Error::other("a datagram without an internet address"))?;
            // SAFETY: `recv_from` has written `len` bytes to the room.
            unsafe { buffer.filled(len) };
            arrived(0, Arrival { truncated: false, source, at: Instant::now() });
            Ok(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, BATCH, PATIENCE, linux, portable};
    use socket2::Socket;
    use std::net::UdpSocket;
    use std::time::Instant;

    fn pair(address: &str) -> (Socket, UdpSocket) {
        let receive = UdpSocket::bind(address).unwrap();
        let send = UdpSocket::bind(address).unwrap();
        send.connect(receive.local_addr().unwrap()).unwrap();
        (receive.into(), send)
    }

    macro_rules! receiver_tests {
        ($name:ident, $receiver:ty, $address:literal, $truncates:expr) => {
            #[test]
            fn $name() {
                let (socket, send) = pair($address);
                let mut receiver = <$receiver>::new(socket, 64).unwrap();
                let mut buffers: Vec<Vec<u8>> =
                    (0..BATCH).map(|_| Vec::with_capacity(100)).collect();
                let nothing = |_: usize, _: Arrival| panic!("nothing was sent");
                assert_eq!(receiver.receive(&mut buffers, false, nothing).unwrap(), 0);
                assert_eq!(receiver.receive(&mut buffers, true, nothing).unwrap(), 0);
                assert_eq!(receiver.receive::<Vec<u8>>(&mut [], false, nothing).unwrap(), 0);

                let before = Instant::now();
                let sent = [&[][..], b"one", &[7; 64], &[8; 65]];
                sent.iter().for_each(|bytes| assert_eq!(send.send(bytes).unwrap(), bytes.len()));
                let mut seen = Vec::new();
                while seen.len() < sent.len() {
                    let mut arrivals = Vec::new();
                    let keep = |index, arrival| arrivals.push((index, arrival));
                    receiver.receive(&mut buffers, true, keep).unwrap();
                    for (index, arrival) in arrivals {
                        seen.push((buffers[index].clone(), arrival));
                    }
                }
                for ((data, arrival), bytes) in seen.iter().zip(sent) {
                    assert_eq!(data[..], bytes[..bytes.len().min(64)]);
                    assert_eq!(arrival.source, send.local_addr().unwrap());
                    assert!(arrival.at <= Instant::now());
                    assert!(arrival.at + PATIENCE > before);
                    assert_eq!(arrival.truncated, $truncates && bytes.len() > 64);
                }
            }
        };
    }

    #[cfg(target_os = "linux")]
    mod batches {
        use super::*;
        receiver_tests!(
            keep_order_source_time_and_truncation,
            linux::Receiver,
            "127.0.0.1:0",
            true
        );
        receiver_tests!(know_ipv6, linux::Receiver, "[::1]:0", true);
    }
    receiver_tests!(
        single_datagrams_keep_order_source_and_time,
        portable::Receiver,
        "127.0.0.1:0",
        false
    );
}
