//! The work that is measured, as each contender does it.

use crate::dpdk::{Mempool, Ring};

/// Gets objects and puts them back, on several lcores at once.
pub trait Contender: Sync {
    /// Gets `keep` objects in bursts, and puts them back in bursts, `times` times.
    fn rounds(&self, keep: usize, burst: usize, times: u64);
    /// Gets `count` objects, a multiple of a crossing, in bursts, and pushes them.
    fn produce(&self, ring: Ring, burst: usize, count: u64);
    /// Pops `count` objects and puts them back in bursts.
    fn consume(&self, ring: Ring, burst: usize, count: u64);

    /// Whether objects can cross to another lcore.
    fn crosses(&self) -> bool {
        true
    }
}

impl Contender for Mempool {
    fn rounds(&self, keep: usize, burst: usize, times: u64) {
        Mempool::rounds(*self, keep, burst, times);
    }

    fn produce(&self, ring: Ring, burst: usize, count: u64) {
        Mempool::produce(*self, ring, burst, count);
    }

    fn consume(&self, ring: Ring, burst: usize, count: u64) {
        Mempool::consume(*self, ring, burst, count);
    }
}
