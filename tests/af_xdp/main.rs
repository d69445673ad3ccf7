//! The core's `af_xdp` example, run between two network namespaces: every packet arrives unchanged or is
//! accounted for, and every block comes back.
//!
//! It needs root and `ip`, and says so where they are missing. Where everything has to run, as the variable
//! `CI` says, a missing `ip` is a failure; missing rights or a kernel without AF_XDP are not.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod linux;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn main() {
    println!("skipped: AF_XDP needs 64-bit Linux");
}
