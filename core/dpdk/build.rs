//! Compiles `src/handler.c` with the headers of the DPDK that is installed.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/handler.c");
    let flags = match dpdk_flags() {
        Ok(flags) => flags,
        Err(error) => {
            println!("cargo::error=DPDK's headers are needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    let mut build = cc::Build::new();
    build.file("src/handler.c").flags(flags.split_whitespace());
    // The program that loads the handler has EAL's variables already, so they need no lookup by call.
    build.flag("-ftls-model=initial-exec");
    // Nothing in Rust refers to it: it registers itself when it is loaded.
    build.link_lib_modifier("+whole-archive").warnings_into_errors(true).compile("handler");
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
