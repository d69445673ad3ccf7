//! Local pools that hand out blocks as pointers and check each pointer that comes back.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::slice;

use crate::contender::Contender;
use crate::dpdk::{CROSSING, Ring};

/// The local pool of one lcore.
pub trait Pointers {
    /// Takes blocks into the front of the table, and returns how many.
    fn get(&mut self, table: &mut [MaybeUninit<*mut u8>]) -> usize;
    /// Gives blocks back, and returns whether all were accepted.
    ///
    /// # Safety
    ///
    /// `get` handed out each of them, and nobody else has it.
    unsafe fn put(&mut self, table: &[*mut u8]) -> bool;
}

/// Makes local pools of one kind.
pub struct Made<F>(pub F);

fn get<const BURST: usize>(local: &mut impl Pointers, table: &mut [MaybeUninit<*mut u8>]) {
    for part in table.chunks_exact_mut(BURST) {
        let mut taken = 0;
        while taken < BURST {
            taken += local.get(&mut part[taken..]);
        }
    }
}

fn put<const BURST: usize>(local: &mut impl Pointers, table: &[*mut u8]) {
    for part in table.chunks(BURST) {
        // SAFETY: `get` handed out these pointers, and each is given back once.
        assert!(unsafe { local.put(part) });
    }
}

/// A table whose pointers were all initialised, to null.
fn written(table: &[MaybeUninit<*mut u8>]) -> &[*mut u8] {
    // SAFETY: every element is initialised.
    unsafe { slice::from_raw_parts(table.as_ptr().cast(), table.len()) }
}

impl<W: Pointers, F: Fn() -> W> Made<F> {
    fn bursts<const BURST: usize>(&self, keep: usize, times: u64) {
        let mut local = self.0();
        let mut table = [MaybeUninit::new(std::ptr::null_mut()); 128];
        let table = &mut table[..keep];
        for _ in 0..times {
            get::<BURST>(&mut local, table);
            black_box(&mut *table);
            put::<BURST>(&mut local, written(table));
        }
    }

    fn produced<const BURST: usize>(&self, ring: Ring, count: u64) {
        let mut local = self.0();
        let mut table = [MaybeUninit::new(std::ptr::null_mut()); CROSSING];
        for _ in 0..count / CROSSING as u64 {
            get::<BURST>(&mut local, &mut table);
            ring.push(written(&table));
        }
    }

    fn consumed<const BURST: usize>(&self, ring: Ring, mut count: u64) {
        let mut local = self.0();
        let mut table = [std::ptr::null_mut(); CROSSING];
        while count > 0 {
            let popped = ring.pop(&mut table);
            put::<BURST>(&mut local, popped);
            count -= popped.len() as u64;
        }
    }
}

impl<W: Pointers, F: Fn() -> W + Sync> Contender for Made<F> {
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
