//! Tests that span the crates, one module a topic. Each test is named for the property it shows.

mod adapter;
mod bursts;
mod corpora;
// Of the handler for DPDK, which nothing can be linked with but a program of DPDK's.
mod address_bursts;
mod bare_heapless_queue;
#[path = "../../core/dpdk/src/chunks.rs"]
mod dpdk_chunks;
mod drop_order;
mod exhaustion;
#[cfg(target_os = "linux")]
mod fork;
mod formatting;
mod free_lists;
mod given_up_blocks;
mod harness;
mod histories;
mod layout;
mod model;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod no_std;
mod region;
mod send_sync;
#[cfg(target_os = "linux")]
mod signal;
mod starvation;
mod stress;
