//! Everything that one thread can do with a pool: its blocks, local pools, a queue, the raw interface.

use std::collections::VecDeque;
use std::ptr::NonNull;

use arbitrary::Arbitrary;
use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, LocalPool, Queue, RawError};

use super::data_range::{self, Content, Edit};
use crate::harness::assert_whole;

#[path = "raw.rs"]
pub(crate) mod raw;

use raw::Pointers;

const BURST: usize = 3;

type Burst<'p, P> = heapless::Vec<Block<'p, P>, BURST>;

/// An operation. A `u8` selects one of the existing items, a `bool` the local pool; each bit of `Others` says
/// whether that block of a burst is another pool's.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Step {
    Get,
    /// Takes this fraction of the pool, of 255, or as many blocks as are left.
    GetMany(u8),
    LocalGet(bool),
    /// Into a vector that already has some.
    GetBurst(bool, u8),
    Drop(u8),
    DropMany(u8),
    Put(bool, u8),
    PutBurst(bool, u8, Others),
    Flush(bool),
    /// Drops a local pool and makes another, with a limit.
    Renew(bool, u8),
    Edit(u8, Edit),
    Push(u8),
    PushBurst(u8, Others),
    Pop,
    PopBurst(u8),
    IntoRaw(u8),
    IntoRawPtr(u8),
    FromRaw(u8),
    FromRawPtr(u8),
    FromRawTwice(u8),
    FromRawOutOfRange(u32),
    FromRawNotOut(u8),
    FromRawPtrForeign(bool, u8),
    FromRawPtrMisaligned(u16),
    FromRawPtrBurst(Pointers),
    LocalGetRaw(bool, u8),
    LocalPutRaw(bool, Pointers),
    PushRaw(Pointers),
    PopRaw(u8),
    /// Put or push a block of another pool.
    ForeignPut(bool),
    ForeignPush,
}

pub(crate) type Others = u8;

/// A block without a handle.
type Parked = (u32, Content);

/// A pool, and its expected state.
struct System<'p, S: Storage> {
    pool: &'p BlockPool<S>,
    /// Another pool of the same type, whose blocks are refused.
    foreign: &'p BlockPool<S>,
    locals: [LocalPool<'p, BlockPool<S>, 4>; 2],
    /// The most that each may keep.
    limits: [usize; 2],
    queue: Queue<'p, BlockPool<S>>,
    held: Vec<(Block<'p, BlockPool<S>>, Content)>,
    raw: Vec<Parked>,
    queued: VecDeque<Parked>,
    failed_gets: usize,
    peak: usize,
}

fn pick<T>(from: &mut Vec<T>, at: u8) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(usize::from(at) % from.len()))
}

impl<'p, S: Storage> System<'p, S> {
    fn local(&mut self, which: bool) -> &mut LocalPool<'p, BlockPool<S>, 4> {
        &mut self.locals[usize::from(which)]
    }

    fn address(&self, index: u32) -> NonNull<u8> {
        self.pool.address_of(index).expect("a block")
    }

    /// An address `offset` bytes from a block's first byte, within the pool.
    fn inside(&self, index: u32, offset: usize) -> NonNull<u8> {
        // SAFETY: the callers stay within the pool's memory.
        unsafe { self.address(index).add(offset) }
    }

    fn claim(&self, index: u32) -> Result<Block<'p, BlockPool<S>>, RawError> {
        // SAFETY: either the index is in `raw`, so this test is the block's owner, or the claim is one that
        // the pool must refuse.
        unsafe { self.pool.from_raw(index) }
    }

    fn keep_new(&mut self, block: Option<Block<'p, BlockPool<S>>>, expected: bool) {
        assert_eq!(block.is_some(), expected, "a free block is found, no other");
        match block {
            Some(block) => {
                assert_eq!(Content::of(&block), Content::default(), "new blocks are empty");
                self.held.push((block, Content::default()));
            }
            None => self.failed_gets += 1,
        }
    }

    fn get(&mut self) {
        let possible = self.pool.available() > 0;
        self.keep_new(self.pool.get(), possible);
    }

    /// Keeps a block that should be the oldest of the queue.
    fn keep_popped(&mut self, block: Block<'p, BlockPool<S>>) {
        let (index, content) = self.queued.pop_front().expect("only what was pushed comes out");
        assert_eq!(block.index(), index, "first in, first out");
        self.held.push((block, content));
    }

    /// This many blocks of the other pool.
    fn foreign_burst(&self, count: u8) -> Burst<'p, BlockPool<S>> {
        (0..usize::from(count) % (BURST + 1)).map_while(|_| self.foreign.get()).collect()
    }

    /// Blocks that are held, and blocks of the other pool, as `others` says; the held ones also in the form
    /// in which they are remembered.
    fn mixed_burst(&mut self, at: u8, others: Others) -> (Burst<'p, BlockPool<S>>, Vec<Parked>) {
        let (mut burst, mut parked) = (Burst::new(), Vec::new());
        for place in 0..BURST {
            let block = if others & 1 << place != 0 {
                self.foreign.get()
            } else {
                pick(&mut self.held, at).map(|(block, content)| {
                    parked.push((block.index(), content));
                    block
                })
            };
            burst.extend(block);
        }
        (burst, parked)
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Get => self.get(),
            Step::GetMany(part) => {
                let most = self.pool.capacity() * usize::from(part) / 255;
                for _ in 0..most.min(self.pool.available() + 1) {
                    self.get();
                }
            }
            Step::LocalGet(which) => {
                let possible = self.local(which).stock() + self.pool.available() > 0;
                let block = self.local(which).get();
                self.keep_new(block, possible);
            }
            Step::GetBurst(which, filled) => {
                let mut burst = self.foreign_burst(filled);
                let wanted = BURST - burst.len();
                let possible = self.local(which).stock() + self.pool.available();
                assert_eq!(self.local(which).get_burst(&mut burst), wanted.min(possible));
                self.failed_gets += usize::from(possible < wanted);
                for block in burst.into_iter().skip(BURST - wanted) {
                    self.keep_new(Some(block), true);
                }
            }
            Step::Drop(at) => drop(pick(&mut self.held, at)),
            Step::DropMany(part) => {
                let kept = self.held.len() * usize::from(part) / 255;
                self.held.truncate(kept);
            }
            Step::Put(which, at) => {
                if let Some((block, _)) = pick(&mut self.held, at) {
                    let index = block.index();
                    let local = self.local(which);
                    local.put(block);
                    // Last in, first out.
                    let again = local.get().expect("it was just put in");
                    assert_eq!(again.index(), index);
                    local.put(again);
                }
            }
            Step::PutBurst(which, at, others) => {
                let (mut burst, _) = self.mixed_burst(at, others);
                self.local(which).put_burst(&mut burst);
                assert!(burst.is_empty());
            }
            Step::Flush(which) => {
                let all = self.pool.available() + self.local(which).stock();
                self.local(which).flush();
                assert_eq!((self.pool.available(), self.local(which).stock()), (all, 0));
            }
            Step::Renew(which, limit) => {
                let all = self.pool.available() + self.local(which).stock();
                let limit = usize::from(limit) % 6;
                *self.local(which) = LocalPool::with_limit(self.pool, limit);
                self.limits[usize::from(which)] = limit.clamp(1, 4);
                assert_eq!(self.pool.available(), all);
            }
            Step::Edit(at, edit) => {
                if !self.held.is_empty() {
                    let at = usize::from(at) % self.held.len();
                    let (block, content) = &mut self.held[at];
                    data_range::edit(block, content, edit);
                }
            }
            Step::Push(at) => {
                if let Some((block, content)) = pick(&mut self.held, at) {
                    self.queued.push_back((block.index(), content));
                    self.queue.push(block).expect("a block of this pool");
                }
            }
            Step::PushBurst(at, others) => {
                let (mut burst, parked) = self.mixed_burst(at, others);
                let foreigners = burst.len() - parked.len();
                assert_eq!(self.queue.push_burst(&mut burst), parked.len());
                assert_eq!(burst.len(), foreigners, "they stay");
                self.queued.extend(parked);
            }
            Step::Pop => {
                let block = self.queue.pop();
                assert_eq!(block.is_some(), !self.queued.is_empty());
                block.into_iter().for_each(|block| self.keep_popped(block));
            }
            Step::PopBurst(filled) => {
                let mut burst = self.foreign_burst(filled);
                let room = BURST - burst.len();
                let popped = room.min(self.queued.len());
                assert_eq!(self.queue.pop_burst(&mut burst), popped);
                for block in burst.into_iter().skip(BURST - room) {
                    self.keep_popped(block);
                }
            }
            Step::ForeignPut(which) => {
                let stock = self.local(which).stock();
                let block = self.foreign.get().expect("it is free");
                self.local(which).put(block);
                assert_eq!(self.local(which).stock(), stock, "it is no block for this stock");
            }
            Step::ForeignPush => {
                let block = self.foreign.get().expect("it is free");
                let index = block.index();
                let back = self.queue.push(block).expect_err("a block of another pool");
                assert_eq!(back.index(), index);
            }
            _ => self.apply_raw(step),
        }
    }

    fn check(&mut self) {
        let parked = || self.raw.iter().chain(&self.queued).map(|(index, _)| *index);
        let mut indices: Vec<u32> = self.held.iter().map(|(block, _)| block.index()).collect();
        indices.extend(parked());
        let stocks: usize = self.locals.iter().map(LocalPool::stock).sum();
        for (local, &limit) in self.locals.iter().zip(&self.limits) {
            assert!(local.stock() <= limit.min((self.pool.capacity() / 4).max(1)), "it keeps more");
        }
        let out = indices.len() + stocks;
        assert_eq!(self.pool.available() + out, self.pool.capacity(), "blocks are conserved");
        indices.sort_unstable();
        assert!(indices.windows(2).all(|pair| pair[0] != pair[1]), "one owner each");
        for (block, content) in &self.held {
            data_range::check(block, content);
        }
        assert_eq!(self.pool.exhausted_count(), self.failed_gets);
        self.peak = self.peak.max(out);
        assert_eq!(self.pool.high_water_mark().unwrap_or(self.peak), self.peak);
        let queued = self.queued.len();
        assert_eq!((self.queue.len(), self.queue.is_empty()), (queued, queued == 0));
        assert_eq!(self.queue.is_full(), queued == self.pool.capacity());
        assert_eq!(self.queue.capacity(), self.pool.capacity());
        assert_eq!(self.foreign.available(), self.foreign.capacity(), "nothing is kept of it");
    }
}

/// Performs `steps` with `pool`, which is new, and checks everything after each.
pub(crate) fn run<'p, S: Storage>(
    pool: &'p BlockPool<S>,
    foreign: &'p BlockPool<S>,
    queue: Queue<'p, BlockPool<S>>,
    steps: &[Step],
) {
    let mut system = System {
        pool,
        foreign,
        locals: [LocalPool::new(pool), LocalPool::new(pool)],
        limits: [4; 2],
        queue,
        held: Vec::new(),
        raw: Vec::new(),
        queued: VecDeque::new(),
        failed_gets: 0,
        peak: 0,
    };
    for &step in steps {
        system.apply(step);
        system.check();
    }
    for (index, content) in std::mem::take(&mut system.raw) {
        data_range::check(&system.claim(index).expect("it is out"), &content);
    }
    drop(system);
    assert_whole(pool);
}
