//! See `operations.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blockpool_fuzz::operations::core(bytes));
