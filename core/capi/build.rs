//! Names the interface that the shared library has, where such libraries carry a name: a program that
//! was linked with it loads no other.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).expect("cargo sets it");
    if variable("CARGO_CFG_TARGET_FAMILY") != "unix"
        || variable("CARGO_CFG_TARGET_VENDOR") == "apple"
    {
        return;
    }
    // Before 1.0, a minor version may change anything.
    let interface = match (variable("CARGO_PKG_VERSION_MAJOR"), variable("CARGO_PKG_VERSION_MINOR"))
    {
        (major, minor) if major == "0" => format!("0.{minor}"),
        (major, _) => major,
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libblockpool.so.{interface}");
}
