//! Compiles `src/handler.c` with the headers of the installed DPDK.

use std::path::Path;
use std::process::Command;

mod object_file;

/// What DPDK's `RTE_MEMPOOL_REGISTER_OPS(handler)` defines: it runs when the library is loaded.
const REGISTRATION: &str = "mp_hdlr_init_handler";

fn main() {
    let flags = match dpdk_flags() {
        Ok(flags) => flags,
        Err(error) => {
            println!("cargo::error=DPDK's headers are needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    // Another DPDK may have another table of handler operations.
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    let folders = flags.split_whitespace().filter_map(|flag| flag.strip_prefix("-I"));
    for header in folders.map(|folder| Path::new(folder).join("rte_mempool.h")) {
        if header.exists() {
            println!("cargo::rerun-if-changed={}", header.display());
        }
    }
    let mut build = cc::Build::new();
    build.flags(flags.split_whitespace());
    // The program that loads the handler already has EAL's variables, so they need no lookup call.
    build.flag("-ftls-model=initial-exec");
    match object_file::compile(&build, "src/handler.c", REGISTRATION) {
        // Not in a library: the linker takes only what it needs from one, and nothing in Rust refers to
        // this.
        Ok(object) => println!("cargo::rustc-cdylib-link-arg={}", object.display()),
        Err(error) => println!("cargo::error={error}"),
    }
}

/// The compiler flags that DPDK needs, and no others: the program that loads the handler brings DPDK.
fn dpdk_flags() -> Result<String, String> {
    let output = Command::new("pkg-config").args(["--cflags", "libdpdk"]).output();
    let output = output.map_err(|error| format!("pkg-config: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().replace('\n', "; "));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
