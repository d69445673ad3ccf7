//! Blockpool's own calls: a region in DPDK's memory, a local pool for each lcore.

use std::array;
use std::hint::{black_box, spin_loop};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use blockpool_core::heapless::Vec;
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{Block, LocalPool, Region};

use crate::contender::Contender;
use crate::dpdk::{Environment, Ring};
use crate::pointers::Pointers;
use crate::{COUNT, SIZE};

type Frame = Block<'static, Region<'static>>;
pub type Lcore = LocalPool<'static, Region<'static>, STOCK>;

/// As many as in a mempool's cache.
pub const STOCK: usize = 256;

/// A region that is never freed.
pub fn region(environment: Environment) -> &'static Region<'static> {
    let bookkeeping = Bookkeeping::elements_for(COUNT);
    let bookkeeping: std::vec::Vec<_> =
        std::iter::repeat_with(Bookkeeping::new).take(bookkeeping).collect();
    let memory = environment.memory(COUNT * SIZE);
    // SAFETY: the memory is never freed and used by nothing else.
    let region = unsafe { Region::from_raw_parts(memory, COUNT * SIZE, SIZE, bookkeeping.leak()) };
    Box::leak(Box::new(region.expect("memory as it has to be")))
}

fn taken(local: &mut Lcore) -> Frame {
    loop {
        if let Some(block) = local.get() {
            return block;
        }
        spin_loop();
    }
}

fn fill<const BURST: usize>(local: &mut Lcore, blocks: &mut Vec<Frame, BURST>) {
    while !blocks.is_full() {
        if local.get_burst(blocks) == 0 {
            spin_loop();
        }
    }
}

/// A contender that keeps the handles of its blocks.
pub struct Handles(pub &'static Region<'static>);

impl Handles {
    fn bursts<const BURST: usize, const BURSTS: usize>(&self, times: u64) {
        let mut local = Lcore::new(self.0);
        let mut kept: [Vec<Frame, BURST>; BURSTS] = array::from_fn(|_| Vec::new());
        for _ in 0..times {
            for blocks in &mut kept {
                fill(&mut local, blocks);
            }
            black_box(&mut kept);
            for blocks in &mut kept {
                local.put_burst(blocks);
            }
        }
    }
}

impl Contender for Handles {
    fn rounds(&self, keep: usize, burst: usize, times: u64) {
        let mut local = Lcore::new(self.0);
        match (keep, burst) {
            (1, 1) => {
                for _ in 0..times {
                    let block = black_box(taken(&mut local));
                    local.put(block);
                }
            }
            (128, 1) => {
                let mut kept = Vec::<Frame, 128>::new();
                for _ in 0..times {
                    while !kept.is_full() {
                        let _ = kept.push(taken(&mut local));
                    }
                    black_box(&mut kept);
                    while let Some(block) = kept.pop() {
                        local.put(block);
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

/// A local pool by its unchecked calls.
pub struct Unchecked(pub Lcore);

impl Pointers for Unchecked {
    fn get(&mut self, table: &mut [MaybeUninit<*mut u8>]) -> usize {
        self.0.get_raw_ptr_burst_unchecked(non_null_to_write(table))
    }

    unsafe fn put(&mut self, table: &[*mut u8]) -> bool {
        // SAFETY: `get` handed them out, so none is null.
        let table = unsafe { non_null(table) };
        // SAFETY: the caller's promise.
        unsafe { self.0.put_raw_ptr_burst_unchecked(table) };
        true
    }
}

fn non_null_to_write(table: &mut [MaybeUninit<*mut u8>]) -> &mut [MaybeUninit<NonNull<u8>>] {
    // SAFETY: a non-null pointer has the same layout, and only non-null ones are written.
    unsafe { &mut *(ptr::from_mut(table) as *mut [MaybeUninit<NonNull<u8>>]) }
}

/// # Safety
///
/// None is null.
unsafe fn non_null(table: &[*mut u8]) -> &[NonNull<u8>] {
    // SAFETY: the caller's promise.
    unsafe { &*(ptr::from_ref(table) as *const [NonNull<u8>]) }
}

impl Pointers for Lcore {
    fn get(&mut self, table: &mut [MaybeUninit<*mut u8>]) -> usize {
        self.get_raw_ptr_burst(non_null_to_write(table))
    }

    unsafe fn put(&mut self, table: &[*mut u8]) -> bool {
        // SAFETY: `get` handed them out, so none is null.
        let table = unsafe { non_null(table) };
        // SAFETY: the caller's promise.
        unsafe { self.put_raw_ptr_burst(table) }.is_ok()
    }
}
