//! Two network namespaces, joined by a cable, for tests of programs that send packets.

use std::io::ErrorKind;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use super::tally::Missing;

/// The interface at either end of the cable.
pub(crate) const INTERFACE: &str = "cable";

pub(crate) fn missing() -> Option<Missing> {
    // SAFETY: only reads this process's user ID.
    if unsafe { libc::geteuid() } != 0 {
        return Some(Missing::Ability("network namespaces and XDP programs need root".to_owned()));
    }
    match Command::new("ip").arg("-Version").output() {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let error = "`ip` is missing; on Debian, apt-get install iproute2";
            return Some(Missing::Tool(error.to_owned()));
        }
        Err(error) => return Some(Missing::Tool(format!("ip: {error}"))),
    }
    // SAFETY: passes no pointer.
    let socket = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW, 0) };
    if socket < 0 {
        let error = std::io::Error::last_os_error();
        return Some(Missing::Ability(format!("a socket of AF_XDP: {error}")));
    }
    // SAFETY: nothing else owns the descriptor; it is closed here.
    drop(unsafe { OwnedFd::from_raw_fd(socket) });
    Network::lay().err().map(Missing::Ability)
}

/// Removed on drop.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) left: Namespace,
    pub(crate) right: Namespace,
}

impl Network {
    pub(crate) fn lay() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: the count only has to be unique.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("blockpool-{}-{count}-{side}", process::id());
        let left = Namespace::add(name("left"))?;
        let right = Namespace::add(name("right"))?;
        let ends = [
            ["link", "add", INTERFACE, "netns", &left.name],
            ["type", "veth", "peer", "name", INTERFACE],
        ];
        ip(&[ends.as_flattened(), &["netns", &right.name]].concat())?;
        for side in [&left, &right] {
            ip(&["-netns", &side.name, "link", "set", "dev", INTERFACE, "up"])?;
        }
        Ok(Self { left, right })
    }
}

#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    fn add(name: String) -> Result<Self, String> {
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    /// A command that becomes `program`, in this namespace.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            println!("{error}");
        }
    }
}

/// Calls `ip`, which has to succeed.
pub(crate) fn ip(arguments: &[&str]) -> Result<(), String> {
    let line = format!("ip {}", arguments.join(" "));
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}
