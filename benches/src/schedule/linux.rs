//! Linux: affinity, scheduling class, processor time of a thread.

use std::mem::{size_of_val, zeroed};
use std::time::Duration;

pub(super) fn allowed_cores() -> Vec<usize> {
    // SAFETY: a set of bits; all zero is valid.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the set is valid for writes of its size.
    unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    let cores = (0..libc::CPU_SETSIZE as usize).filter(|&core| {
        // SAFETY: the index is within the set.
        unsafe { libc::CPU_ISSET(core, &set) }
    });
    cores.collect()
}

pub(super) fn restrict_to(cores: &[usize]) {
    // SAFETY: a set of bits; all zero is valid.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    for &core in cores {
        // SAFETY: the index comes from a set of this size.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: the set is valid for reads of its size. A refusal leaves the thread where it is.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

pub(super) fn become_ordinary() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters are valid for reads. Threads may always give up priority.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) };
}

/// The real-time priority of the calling thread, if it has one.
pub fn real_time_priority() -> Option<i32> {
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters are valid for writes.
    unsafe { libc::sched_getparam(0, &raw mut parameters) };
    (parameters.sched_priority > 0).then_some(parameters.sched_priority)
}

/// How long the calling thread has been on a processor.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is valid for writes.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
