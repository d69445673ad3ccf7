//! The most that this process may use, as limited by the machine, a control group (a container) or `ulimit`.

#[cfg(target_os = "linux")]
mod groups;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{address_space, memory, of_threads, peak_resident, resident};
#[cfg(not(target_os = "linux"))]
pub use unknown::{address_space, memory, of_threads, peak_resident, resident};

/// How much is available, and what limits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub bytes: u64,
    /// As in "…, more than the 3 MiB that `whose`".
    pub whose: String,
}

/// A system whose limits are not queried.
#[cfg(not(target_os = "linux"))]
mod unknown {
    use super::Room;

    pub fn memory() -> Option<Room> {
        None
    }

    pub fn address_space() -> Option<Room> {
        None
    }

    pub fn of_threads() -> Option<String> {
        None
    }

    pub fn resident() -> Option<u64> {
        None
    }

    pub fn peak_resident() -> Option<u64> {
        None
    }
}
