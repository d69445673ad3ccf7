//! Tests that span the crates, one module a topic. Each test is named for the property it shows.

mod adapter;
mod bursts;
mod corpora;
// Of the handler for DPDK, which nothing can be linked with but a program of DPDK's.
#[path = "../../core/dpdk/src/chunks.rs"]
mod dpdk_chunks;
mod drop_order;
mod engines;
mod exhaustion;
#[cfg(target_os = "linux")]
mod fork;
mod harness;
mod histories;
mod layout;
mod literal_shape;
mod model;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod no_std;
mod raw;
mod region;
mod requeue;
mod send_sync;
mod shown;
#[cfg(target_os = "linux")]
mod signal;
mod stress;
