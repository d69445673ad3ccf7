//! The example `af_xdp` of the core, run between two network namespaces: every packet arrives as it was
//! sent or is accounted for, and every block comes back.
//!
//! It needs root and `ip`, and says so where they are missing. `ip` is missed where everything has to
//! run, which the variable `CI` tells; rights, or a kernel with AF_XDP, are not.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../support/cargo.rs"]
mod cargo;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod checks;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../support/child.rs"]
mod child;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod example;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod listeners;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../support/network.rs"]
mod network;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod pings;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod refusals;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod report;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../support/selection.rs"]
mod selection;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod streams;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> std::process::ExitCode {
    report::main()
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("skipped: AF_XDP needs 64-bit Linux");
}
