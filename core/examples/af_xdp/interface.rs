//! What there is to know of a network interface.

use std::ffi::CString;
use std::fs;

use crate::error::{CallError, Result};
use crate::message::Address;

#[derive(Debug)]
pub(crate) struct Interface {
    /// The kernel's number of it.
    pub(crate) index: u32,
    pub(crate) address: Address,
}

impl Interface {
    pub(crate) fn named(name: &str) -> Result<Self> {
        let terminated = CString::new(name)?;
        // SAFETY: the name ends with a zero and outlives the call.
        let index = unsafe { libc::if_nametoindex(terminated.as_ptr()) };
        if index == 0 {
            let error = CallError::last("if_nametoindex");
            return Err(format!("interface {name}: {error}").into());
        }
        let address = address(name)?;
        if flags(name)? & libc::IFF_UP == 0 {
            return Err(format!("interface {name} is down: ip link set dev {name} up").into());
        }
        Ok(Self { index, address })
    }
}

fn flags(interface: &str) -> Result<libc::c_int> {
    let text = property(interface, "flags")?;
    let digits = text.strip_prefix("0x").ok_or("the flags are a number in base 16")?;
    Ok(libc::c_int::from_str_radix(digits, 16)?)
}

fn property(interface: &str, name: &str) -> Result<String> {
    let path = format!("/sys/class/net/{interface}/{name}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.trim_end().to_owned())
}

/// A loopback has one of zeros, which is none.
fn address(interface: &str) -> Result<Address> {
    let address =
        property(interface, "address")?.parse().ok().filter(|&address| address != Address::NOBODY);
    let error =
        || format!("interface {interface} has no Ethernet address: no other host can answer to it");
    Ok(address.ok_or_else(error)?)
}
