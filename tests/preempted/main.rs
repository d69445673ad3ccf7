//! Stops operations before each of their instructions while others continue: an operation without a finding
//! here is lock-free by test, not by name.
//!
//! Limitations: it sees one memory order, that of one processor, and nothing within an instruction; x86-64
//! Linux only. `tests/loom` covers weak memory.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod explore;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod memory;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod others;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod ours;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod peers;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod row;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../support/selection.rs"]
mod selection;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod step;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod subject;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod table;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    table::main()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("skipped: stopping at every instruction needs x86-64 Linux");
}
