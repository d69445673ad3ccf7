//! Compiles `src/loops.c` with the headers of the DPDK that is installed, and links with that.

fn main() {
    println!("cargo::rerun-if-changed=src/loops.c");
    let dpdk = match pkg_config::Config::new().probe("libdpdk") {
        Ok(dpdk) => dpdk,
        Err(error) => {
            println!("cargo::error=DPDK is needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    let mut build = cc::Build::new();
    build.file("src/loops.c").includes(&dpdk.include_paths).opt_level(3);
    build.flag("-march=native").flag("-include").flag("rte_config.h");
    build.warnings_into_errors(true).compile("loops");
}
