//! Linux: `/proc` and the control groups' files.

use procfs::process::{LimitValue, Limits, Process, Status};
use procfs::{Current, Meminfo};

use super::Room;
use super::groups::Groups;

/// Memory that can be taken without evicting anything and without being killed for it.
pub fn memory() -> Option<Room> {
    let machine = Meminfo::current().ok().and_then(|memory| memory.mem_available);
    let machine = machine.map(|bytes| Room { bytes, whose: "this machine has to spare".into() });
    let groups = Groups::of_this_process().into_iter().flat_map(|groups| groups.memory());
    groups.chain(machine).min_by_key(|room| room.bytes)
}

/// Address space that can be taken, whether or not memory backs it.
pub fn address_space() -> Option<Room> {
    let (limits, status) = of_this_process()?;
    let room = |limit, used: Option<u64>, name: &str| {
        let LimitValue::Value(limit) = limit else {
            return None;
        };
        let whose = format!("`ulimit {name}` leaves of its {} MiB", limit >> 20);
        Some(Room { bytes: limit.saturating_sub(used? << 10), whose })
    };
    [
        room(limits.max_address_space.soft_limit, status.vmsize, "-v"),
        room(limits.max_data_size.soft_limit, status.vmdata, "-d"),
    ]
    .into_iter()
    .flatten()
    .min_by_key(|room| room.bytes)
}

/// What keeps this process from starting one more thread, if that is known. Call it while the threads that
/// were not refused still run.
pub fn of_threads() -> Option<String> {
    if let Some(limit) = Groups::of_this_process().and_then(|groups| groups.tasks()) {
        return Some(limit);
    }
    // A thread's stack.
    const STACK: u64 = 2 << 20;
    if let Some(room) = address_space().filter(|room| room.bytes <= STACK) {
        return Some(format!(
            "its stack is more than the {} KiB that {}",
            room.bytes >> 10,
            room.whose
        ));
    }
    match of_this_process()?.0.max_processes.soft_limit {
        LimitValue::Value(limit) => {
            Some(format!("`ulimit -u` allows this user {limit} threads in all"))
        }
        LimitValue::Unlimited => None,
    }
}

/// The memory of this process now.
pub fn resident() -> Option<u64> {
    of_this_process()?.1.vmrss.map(|kib| kib << 10)
}

/// The peak memory of this process.
pub fn peak_resident() -> Option<u64> {
    of_this_process()?.1.vmhwm.map(|kib| kib << 10)
}

fn of_this_process() -> Option<(Limits, Status)> {
    let process = Process::myself().ok()?;
    process.limits().ok().zip(process.status().ok())
}
