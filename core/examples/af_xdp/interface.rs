//! What there is to know of a network interface.

use std::ffi::CString;
use std::fs;

use crate::error::{CallError, Result};
use crate::message::Address;

#[derive(Debug)]
pub(crate) struct Interface {
    name: String,
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
        let address = attribute(name, "address")?.parse()?;
        Ok(Self { name: name.to_owned(), index, address })
    }

    /// How many packets that were to be sent the interface dropped, since it exists.
    pub(crate) fn transmit_dropped(&self) -> Result<u64> {
        Ok(attribute(&self.name, "statistics/tx_dropped")?.parse()?)
    }
}

fn attribute(interface: &str, attribute: &str) -> Result<String> {
    let path = format!("/sys/class/net/{interface}/{attribute}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.trim_end().to_owned())
}
