//! Tests that span the crates, one module per topic. Each test is named for the property it shows.

mod adapter;
mod address_bursts;
mod bare_heapless_queue;
mod bursts;
mod corpora;
mod documents;
// Part of the DPDK handler, which only programs of DPDK can be linked with.
#[path = "../../core/dpdk/src/chunks.rs"]
mod dpdk_chunks;
mod drop_order;
mod exhaustion;
#[cfg(target_os = "linux")]
mod fork;
mod formatting;
mod free_lists;
mod harness;
mod histories;
mod layout;
mod model;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod no_std;
mod region;
mod released_blocks;
mod send_sync;
#[cfg(target_os = "linux")]
mod signal;
mod starvation;
mod stress;
