//! Compiles `src/handler.c` with the headers of the DPDK that is installed.

fn main() {
    println!("cargo::rerun-if-changed=src/handler.c");
    let mut build = cc::Build::new();
    // Only for its headers: the program that loads the handler brings DPDK.
    let dpdk = match pkg_config::Config::new().cargo_metadata(false).probe("libdpdk") {
        Ok(dpdk) => dpdk,
        Err(error) => {
            println!("cargo::error=DPDK's headers are needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    build.file("src/handler.c").includes(&dpdk.include_paths);
    // DPDK's own flags, without which its headers do not compile for every processor.
    build
        .flag("-ftls-model=initial-exec")
        .flag("-march=corei7")
        .flag("-include")
        .flag("rte_config.h");
    // Nothing in Rust refers to it: it registers itself when it is loaded.
    build.link_lib_modifier("+whole-archive").warnings_into_errors(true).compile("handler");
}
