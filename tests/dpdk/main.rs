//! The mempool handler of `core/dpdk`, loaded by DPDK's own programs as they are installed: packets
//! are forwarded, DPDK's tests pass, and an lcore that is stopped holds up nobody. Of DPDK's own
//! handlers for several lcores, that is so with one only.
//!
//! Where DPDK is missing, this says so; that is a failure where everything has to run, which the
//! variable `CI` tells. Rights and hugepages may be missing there too.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod build;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod capture;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../support/cargo.rs"]
mod cargo;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../support/child.rs"]
mod child;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod eal;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod flags;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod forwarding;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod hugepages;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../support/network.rs"]
mod network;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod pipeline;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod pools;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod preempted;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod report;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "../support/selection.rs"]
mod selection;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod suites;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod testpmd;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod wire;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    report::main()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("skipped: the handler is built for x86-64 Linux");
}
