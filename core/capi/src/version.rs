//! Which version of the library a program runs with.

use std::ffi::c_char;

/// The version as a number: 1,000,000 × major + 1,000 × minor + patch.
const NUMBER: u32 = 1_000_000 * part(env!("CARGO_PKG_VERSION_MAJOR"))
    + 1_000 * part(env!("CARGO_PKG_VERSION_MINOR"))
    + part(env!("CARGO_PKG_VERSION_PATCH"));

const fn part(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(part) => part,
        Err(_) => panic!("a version consists of numbers"),
    }
}

/// The version of the library that the program runs with; `BLOCKPOOL_VERSION` is that of the header
/// that it was compiled with.
#[unsafe(no_mangle)]
extern "C" fn blockpool_version() -> u32 {
    NUMBER
}

/// The same as text, like `BLOCKPOOL_VERSION_TEXT`.
#[unsafe(no_mangle)]
extern "C" fn blockpool_version_text() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
