//! See `inputs.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blockpool_fuzz::inputs::capture(bytes));
