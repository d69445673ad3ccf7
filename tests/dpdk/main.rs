//! The mempool handler of `core/dpdk`, loaded by the installed DPDK programs: packets are forwarded, DPDK's
//! tests pass, and a stopped lcore blocks no other. Of DPDK's own handlers for several lcores, only one has
//! this property.
//!
//! Where DPDK is missing, this says so; that is a failure where everything has to run, as the variable `CI`
//! says. Rights and hugepages may be missing there as well.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod linux;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("skipped: the handler is built for x86-64 Linux");
}
