//! Compiles `src/handler.c` with the headers of the DPDK that is installed.

use std::path::Path;
use std::process::Command;

mod object_file;

/// What DPDK's `RTE_MEMPOOL_REGISTER_OPS(handler)` makes: runs when the library is loaded.
const REGISTRATION: &str = "mp_hdlr_init_handler";

fn main() {
    let flags = match dpdk_flags() {
        Ok(flags) => flags,
        Err(error) => {
            println!("cargo::error=DPDK's headers are needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    // Another DPDK: another table of what a handler does.
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    let folders = flags.split_whitespace().filter_map(|flag| flag.strip_prefix("-I"));
    for header in folders.map(|folder| Path::new(folder).join("rte_mempool.h")) {
        if header.exists() {
            println!("cargo::rerun-if-changed={}", header.display());
        }
    }
    let mut build = cc::Build::new();
    build.flags(flags.split_whitespace());
    // The program that loads the handler has EAL's variables already, so they need no lookup by call.
    build.flag("-ftls-model=initial-exec");
    match object_file::compile(&build, "src/handler.c", REGISTRATION) {
        // Nothing in Rust refers to it, so it is not in a library, of which the linker takes what it
        // needs.
        Ok(object) => println!("cargo::rustc-cdylib-link-arg={}", object.display()),
        Err(error) => println!("cargo::error={error}"),
    }
}

/// What DPDK wants to be compiled with. Only that: the program that loads the handler brings DPDK.
fn dpdk_flags() -> Result<String, String> {
    let output = Command::new("pkg-config").args(["--cflags", "libdpdk"]).output();
    let output = output.map_err(|error| format!("pkg-config: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().replace('\n', "; "));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
