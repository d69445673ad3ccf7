//! What an AF_XDP socket needs to know about a network interface.
//!
//! Asked of the kernel through rtnetlink(7), all at once: so it holds for this process's network
//! namespace, which `/sys/class/net` need not do, and alternative names count.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};

use crate::error::{CallError, Result};
use crate::message::Address;

/// linux/if_arp.h: the addresses are those of Ethernet.
const ETHERNET: u16 = libc::ARPHRD_ETHER;

/// Bytes of `struct nlmsghdr`, `struct ifinfomsg` and `struct rtattr`.
const HEADER: usize = 16;
const LINK: usize = 16;
const ATTRIBUTE: usize = 4;

/// The longest alternative name, `ALTIFNAMSIZ`, including its terminating zero.
const LONGEST_NAME: usize = 128;

#[derive(Debug)]
pub(crate) struct Interface {
    /// The kernel's index for it.
    pub(crate) index: u32,
    pub(crate) address: Address,
}

impl Interface {
    pub(crate) fn named(name: &str) -> Result<Self> {
        if name.is_empty() || name.len() >= LONGEST_NAME || name.contains('\0') {
            return Err(format!("{name:?} is no interface's name").into());
        }
        let reply = ask(name).map_err(|error| format!("interface {name}: {error}"))?;
        let link = Link::parse(&reply)?;
        let Some(address) = link.address.filter(|&address| address != Address::NOBODY) else {
            let error = "has no Ethernet address: no other host can answer to it";
            return Err(format!("interface {name} {error}").into());
        };
        if link.flags & libc::IFF_UP as u32 == 0 {
            return Err(format!("interface {name} is down: ip link set dev {name} up").into());
        }
        Ok(Self { index: link.index, address })
    }
}

/// The kernel's answer to a question about the interface with this name.
fn ask(name: &str) -> Result<Vec<u8>> {
    // SAFETY: names nothing in memory.
    let socket = unsafe {
        libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE)
    };
    if socket < 0 {
        return Err(CallError::last("socket(AF_NETLINK)").into());
    }
    // SAFETY: a descriptor that nobody else has.
    let mut socket = File::from(unsafe { OwnedFd::from_raw_fd(socket) });
    socket.write_all(&question(name)).map_err(|error| CallError::of("write(AF_NETLINK)", error))?;
    let mut reply = vec![0; 64 << 10];
    let length =
        socket.read(&mut reply).map_err(|error| CallError::of("read(AF_NETLINK)", error))?;
    reply.truncate(length);
    // An error, as a negative number, instead of an interface.
    if u16_at(&reply, 4) == Some(libc::NLMSG_ERROR as u16) {
        let number = u32_at(&reply, HEADER).map_or(0, |number| number.cast_signed().wrapping_neg());
        return Err(CallError::of("RTM_GETLINK", io::Error::from_raw_os_error(number)).into());
    }
    Ok(reply)
}

/// RTM_GETLINK, with one attribute. Kernels before 5.5 do not know the other one, for longer names.
fn question(name: &str) -> Vec<u8> {
    let kind = if name.len() < libc::IFNAMSIZ { libc::IFLA_IFNAME } else { libc::IFLA_ALT_IFNAME };
    let attribute = ATTRIBUTE + name.len() + 1;
    let length = HEADER + LINK + attribute;
    let mut question = Vec::with_capacity(length);
    question.extend((length as u32).to_ne_bytes());
    question.extend(libc::RTM_GETLINK.to_ne_bytes());
    question.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    // Sequence and port: there is only one question. Then: no particular interface.
    question.extend([0; 8 + LINK]);
    question.extend((attribute as u16).to_ne_bytes());
    question.extend(kind.to_ne_bytes());
    question.extend(name.bytes().chain([0]));
    question
}

/// What an answer says.
struct Link {
    index: u32,
    flags: u32,
    /// If it is an Ethernet address.
    address: Option<Address>,
}

impl Link {
    fn parse(reply: &[u8]) -> Result<Self> {
        let unexpected = || "RTM_GETLINK: the kernel's answer is not one about an interface";
        if u16_at(reply, 4) != Some(libc::RTM_NEWLINK) {
            return Err(unexpected().into());
        }
        let kind = u16_at(reply, HEADER + 2).ok_or_else(unexpected)?;
        let index = u32_at(reply, HEADER + 4).ok_or_else(unexpected)?;
        let flags = u32_at(reply, HEADER + 8).ok_or_else(unexpected)?;
        let mut address = None;
        let mut rest = reply.get(HEADER + LINK..).ok_or_else(unexpected)?;
        while let (Some(length), Some(attribute)) = (u16_at(rest, 0), u16_at(rest, 2)) {
            let length = usize::from(length);
            let content = rest.get(ATTRIBUTE..length).ok_or_else(unexpected)?;
            if attribute == libc::IFLA_ADDRESS && kind == ETHERNET {
                address = content.try_into().ok().map(Address::new);
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(Self { index, flags, address })
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}
