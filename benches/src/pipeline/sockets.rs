//! Two UDP sockets on the loopback interface.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Socket, Type};

use super::error::RunError;

/// A socket to receive from, and one that sends to it: over IPv4 or, where there is none, over IPv6.
pub(super) fn pair() -> Result<(Socket, UdpSocket), RunError> {
    let by_ipv4 = pair_at(Ipv4Addr::LOCALHOST.into());
    by_ipv4.or_else(|error| pair_at(Ipv6Addr::LOCALHOST.into()).map_err(|_| error))
}

fn pair_at(address: IpAddr) -> Result<(Socket, UdpSocket), RunError> {
    let unused = SocketAddr::new(address, 0);
    let failed = |attempt: String| {
        move |source: io::Error| {
            let remedy = match source.kind() {
                ErrorKind::AddrNotAvailable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::NetworkDown => Some(
                    "the loopback interface is down or has no address, neither of IPv4 nor of \
                     IPv6: `ip link set lo up` starts it"
                        .to_owned(),
                ),
                _ => None,
            };
            RunError::System { attempt, source, remedy }
        }
    };
    let bind = || failed(format!("bind a UDP socket to {address}"));
    let receiving = receiving_socket(unused).map_err(bind())?;
    let sending = UdpSocket::bind(unused).map_err(bind())?;
    let bound = receiving.local_addr().map_err(bind())?;
    let bound = bound.as_socket().expect("bound to an internet address");
    sending.connect(bound).map_err(failed(format!("connect a UDP socket to {bound}")))?;
    Ok((receiving, sending))
}

/// A socket with as large a buffer as the system allows.
fn receiving_socket(address: SocketAddr) -> io::Result<Socket> {
    const WANTED: usize = 8 << 20;
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    // With the privilege to do so, beyond the system's limit. A smaller buffer only drops earlier.
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let wanted = WANTED as libc::c_int;
        // SAFETY: the option's value is an int, and lives during the call.
        let _ = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                (&raw const wanted).cast(),
                size_of_val(&wanted) as libc::socklen_t,
            )
        };
    }
    if socket.recv_buffer_size()? < WANTED {
        let _ = socket.set_recv_buffer_size(WANTED);
    }
    socket.bind(&address.into())?;
    Ok(socket)
}
