//! Passes the linker the board's memory layout.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(
        directory.join("memory.x"),
        "MEMORY {\n\
         FLASH : ORIGIN = 0x00000000, LENGTH = 256K\n\
         RAM : ORIGIN = 0x20000000, LENGTH = 64K\n\
         }\n",
    )?;
    println!("cargo::rustc-link-search={}", directory.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
