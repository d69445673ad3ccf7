//! Blockpool's own calls: a region in DPDK's memory, a worker for each lcore.

use std::array;
use std::hint::{black_box, spin_loop};
use std::mem::MaybeUninit;
use std::slice;

use blockpool_core::heapless::Vec;
use blockpool_core::{Block, Bookkeeping, Region, Worker};

use crate::contender::Contender;
use crate::dpdk::{CROSSING, Environment, Ring};
use crate::{COUNT, SIZE};

type Frame = Block<'static, Region<'static>>;
type Lcore = Worker<'static, Region<'static>, STOCK>;

/// As a cache of a mempool.
pub const STOCK: usize = 256;

/// A region for ever.
pub fn region(environment: Environment) -> &'static Region<'static> {
    let bookkeeping = Region::bookkeeping_for(COUNT * SIZE, SIZE);
    let bookkeeping: std::vec::Vec<_> =
        std::iter::repeat_with(Bookkeeping::new).take(bookkeeping).collect();
    let memory = environment.memory(COUNT * SIZE);
    // SAFETY: the memory is for ever and for nobody else.
    let region = unsafe { Region::new(memory, COUNT * SIZE, SIZE, bookkeeping.leak()) };
    Box::leak(Box::new(region.expect("memory as it has to be")))
}

fn taken(worker: &mut Lcore) -> Frame {
    loop {
        if let Some(block) = worker.get() {
            return block;
        }
        spin_loop();
    }
}

fn fill<const BURST: usize>(worker: &mut Lcore, blocks: &mut Vec<Frame, BURST>) {
    while !blocks.is_full() {
        if worker.get_burst(blocks) == 0 {
            spin_loop();
        }
    }
}

/// Handles of blocks stay handles.
pub struct Handles(pub &'static Region<'static>);

impl Handles {
    fn bursts<const BURST: usize, const BURSTS: usize>(&self, times: u64) {
        let mut worker = Lcore::with_stock(self.0);
        let mut kept: [Vec<Frame, BURST>; BURSTS] = array::from_fn(|_| Vec::new());
        for _ in 0..times {
            for blocks in &mut kept {
                fill(&mut worker, blocks);
            }
            black_box(&mut kept);
            for blocks in &mut kept {
                worker.put_burst(blocks);
            }
        }
    }
}

impl Contender for Handles {
    fn rounds(&self, keep: usize, burst: usize, times: u64) {
        let mut worker = Lcore::with_stock(self.0);
        match (keep, burst) {
            (1, 1) => {
                for _ in 0..times {
                    let block = black_box(taken(&mut worker));
                    worker.put(block);
                }
            }
            (128, 1) => {
                let mut kept = Vec::<Frame, 128>::new();
                for _ in 0..times {
                    while !kept.is_full() {
                        let _ = kept.push(taken(&mut worker));
                    }
                    black_box(&mut kept);
                    while let Some(block) = kept.pop() {
                        worker.put(block);
                    }
                }
            }
            (4, 4) => self.bursts::<4, 1>(times),
            (32, 32) => self.bursts::<32, 1>(times),
            (64, 64) => self.bursts::<64, 1>(times),
            (128, 32) => self.bursts::<32, 4>(times),
            _ => unreachable!("{keep} kept, bursts of {burst}"),
        }
    }

    fn produce(&self, _: Ring, _: usize, _: u64) {
        unreachable!("a ring of DPDK's has pointers");
    }

    fn consume(&self, _: Ring, _: usize, _: u64) {
        unreachable!("a ring of DPDK's has pointers");
    }

    fn crosses(&self) -> bool {
        false
    }
}

/// Blocks become pointers and come back, each checked.
pub struct Pointers(pub &'static Region<'static>);

fn get_pointers<const BURST: usize>(worker: &mut Lcore, table: &mut [MaybeUninit<*mut u8>]) {
    for part in table.chunks_exact_mut(BURST) {
        let mut taken = 0;
        while taken < BURST {
            taken += worker.get_raw_ptr_burst(&mut part[taken..]);
        }
    }
}

fn put_pointers<const BURST: usize>(worker: &mut Lcore, table: &[*mut u8]) {
    for part in table.chunks(BURST) {
        // SAFETY: pointers that `get_pointers` gave this program, each once.
        let result = unsafe { worker.put_raw_ptr_burst(part) };
        assert_eq!(result, Ok(()));
    }
}

/// A table of pointers that were all null once.
fn written(table: &[MaybeUninit<*mut u8>]) -> &[*mut u8] {
    // SAFETY: every element is initialised.
    unsafe { slice::from_raw_parts(table.as_ptr().cast(), table.len()) }
}

impl Pointers {
    fn bursts<const BURST: usize>(&self, keep: usize, times: u64) {
        let mut worker = Lcore::with_stock(self.0);
        let mut table = [MaybeUninit::new(std::ptr::null_mut()); 128];
        let table = &mut table[..keep];
        for _ in 0..times {
            get_pointers::<BURST>(&mut worker, table);
            black_box(&mut *table);
            put_pointers::<BURST>(&mut worker, written(table));
        }
    }

    fn produced<const BURST: usize>(&self, ring: Ring, count: u64) {
        let mut worker = Lcore::with_stock(self.0);
        let mut table = [MaybeUninit::new(std::ptr::null_mut()); CROSSING];
        for _ in 0..count / CROSSING as u64 {
            get_pointers::<BURST>(&mut worker, &mut table);
            ring.push(written(&table));
        }
    }

    fn consumed<const BURST: usize>(&self, ring: Ring, mut count: u64) {
        let mut worker = Lcore::with_stock(self.0);
        let mut table = [std::ptr::null_mut(); CROSSING];
        while count > 0 {
            let popped = ring.pop(&mut table);
            put_pointers::<BURST>(&mut worker, popped);
            count -= popped.len() as u64;
        }
    }
}

impl Contender for Pointers {
    fn rounds(&self, keep: usize, burst: usize, times: u64) {
        match burst {
            1 => self.bursts::<1>(keep, times),
            4 => self.bursts::<4>(keep, times),
            32 => self.bursts::<32>(keep, times),
            64 => self.bursts::<64>(keep, times),
            _ => unreachable!("bursts of {burst}"),
        }
    }

    fn produce(&self, ring: Ring, burst: usize, count: u64) {
        match burst {
            1 => self.produced::<1>(ring, count),
            _ => self.produced::<CROSSING>(ring, count),
        }
    }

    fn consume(&self, ring: Ring, burst: usize, count: u64) {
        match burst {
            1 => self.consumed::<1>(ring, count),
            _ => self.consumed::<CROSSING>(ring, count),
        }
    }
}
