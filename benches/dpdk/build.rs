//! Compiles `src/loops.c` with the headers of the installed DPDK, and links with that DPDK.

#[path = "../../core/dpdk/object_file.rs"]
mod object_file;

fn main() {
    let dpdk = match pkg_config::Config::new().probe("libdpdk") {
        Ok(dpdk) => dpdk,
        Err(error) => {
            println!("cargo::error=DPDK is needed (Debian: libdpdk-dev): {error}");
            return;
        }
    };
    let mut build = cc::Build::new();
    build.includes(&dpdk.include_paths).opt_level(3);
    build.flag("-march=native").flag("-include").flag("rte_config.h");
    match object_file::compile(&build, "src/loops.c", "loops_rounds") {
        Ok(object) => println!("cargo::rustc-link-arg-bins={}", object.display()),
        Err(error) => println!("cargo::error={error}"),
    }
}
