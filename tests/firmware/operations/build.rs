//! Passes the linker its memory layout, and makes it emit which symbol refers to which.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rustc-link-arg-bins=-T{folder}/operations.x");
    println!("cargo::rustc-link-arg-bins=--emit-relocs");
    println!("cargo::rerun-if-changed=operations.x");
    println!("cargo::rerun-if-changed=build.rs");
}
