//! Passes the linker its memory layout.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-arg-bins=-T{folder}/virt.x");
    println!("cargo::rerun-if-changed=virt.x");
    println!("cargo::rerun-if-changed=build.rs");
}
