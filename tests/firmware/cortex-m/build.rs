//! Passes the linker the board's memory layout.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let board = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let (flash, ram) = if board("MPS2") {
        ("4M", "4M")
    } else if board("MICROBIT") {
        ("256K", "16K")
    } else {
        ("256K", "64K")
    };
    let memory = format!(
        "MEMORY {{\n\
         FLASH : ORIGIN = 0x00000000, LENGTH = {flash}\n\
         RAM : ORIGIN = 0x20000000, LENGTH = {ram}\n\
         }}\n"
    );
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(directory.join("memory.x"), memory)?;
    println!("cargo::rustc-link-search={}", directory.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
