//! The raw interface: blocks by index and by address, one by one and in bursts.

use std::num::NonZero;
use std::ptr::NonNull;

use arbitrary::Arbitrary;
use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, BurstError, RawError};

use super::{BURST, Burst, Content, Parked, Step, System, pick};
use crate::harness::written;

/// Pointers to blocks that have no handle, among them one that is refused.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Pointers {
    pub(crate) count: u8,
    pub(crate) at: u8,
    pub(crate) refused: Option<(u8, Refused)>,
}

/// Why a pointer is refused.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Refused {
    Foreign,
    Misaligned,
    /// Repeats the one before it.
    Again,
}

/// The longest burst of pointers.
const POINTERS: usize = 9;

impl<'p, S: Storage> System<'p, S> {
    fn claim_ptr(&self, pointer: NonNull<u8>) -> Result<Block<'p, BlockPool<S>>, RawError> {
        // SAFETY: as in `claim`.
        unsafe { self.pool.from_raw_ptr(pointer) }
    }

    pub(super) fn apply_raw(&mut self, step: Step) {
        match step {
            Step::IntoRaw(at) => {
                if let Some((block, content)) = pick(&mut self.held, at) {
                    self.raw.push((block.into_raw(), content));
                }
            }
            Step::IntoRawPtr(at) => {
                if let Some((block, content)) = pick(&mut self.held, at) {
                    let index = block.index();
                    let pointer = block.into_raw_ptr();
                    assert_eq!(pointer, self.address(index));
                    self.raw.push((index, content));
                }
            }
            Step::FromRaw(at) => {
                if let Some((index, content)) = pick(&mut self.raw, at) {
                    self.held.push((self.claim(index).expect("it is out"), content));
                }
            }
            Step::FromRawPtr(at) => {
                if let Some((index, content)) = pick(&mut self.raw, at) {
                    let block = self.claim_ptr(self.address(index)).expect("it is out");
                    self.held.push((block, content));
                }
            }
            Step::FromRawTwice(at) => {
                if let Some((index, content)) = pick(&mut self.raw, at) {
                    let block = self.claim(index).expect("it is out");
                    let again = self.claim(index).expect_err("it has a handle");
                    assert_eq!(again, RawError::NotReleased { index });
                    self.held.push((block, content));
                }
            }
            Step::FromRawOutOfRange(index) => {
                let capacity = self.pool.capacity();
                let index = index.max(capacity as u32);
                let refused = self.claim(index).expect_err("no such block");
                assert_eq!(refused, RawError::OutOfRange { index, capacity });
            }
            Step::FromRawNotOut(at) => {
                let index = u32::from(at) % self.pool.capacity() as u32;
                if self.raw.iter().all(|(raw, _)| *raw != index) {
                    let refused = RawError::NotReleased { index };
                    assert_eq!(self.claim(index).expect_err("not out"), refused);
                    let pointer = self.address(index);
                    assert_eq!(self.claim_ptr(pointer).expect_err("not out"), refused);
                }
            }
            Step::FromRawPtrForeign(below, by) => {
                let (first, length) = self.pool.memory();
                let (first, by) = (first.addr().get(), usize::from(by));
                let address = if below { first - 1 - by } else { first + length + by };
                let address = NonZero::new(address).expect("a pool does not begin there");
                let refused = self.claim_ptr(NonNull::without_provenance(address));
                assert_eq!(refused.expect_err("outside the pool"), RawError::Foreign);
            }
            Step::FromRawPtrMisaligned(offset) => {
                let offset = usize::from(offset) % self.pool.memory().1;
                let into_block = offset % self.pool.stride();
                if into_block != 0 {
                    let refused = self.claim_ptr(self.inside(0, offset));
                    let refused = refused.expect_err("not its first byte");
                    assert_eq!(refused, RawError::Misaligned { into_block });
                }
            }
            Step::FromRawPtrBurst(pointers) => {
                let (pool, mut burst) = (self.pool, Burst::new());
                let claimed = self.give(pointers, BURST, |_, pointers| {
                    // SAFETY: as in `claim`.
                    let claimed = unsafe { pool.from_raw_ptr_burst(pointers, &mut burst) };
                    claimed.map(|count| assert_eq!(count, burst.len()))
                });
                assert!(burst.iter().map(Block::index).eq(claimed.iter().map(|(index, _)| *index)));
                self.held
                    .extend(burst.into_iter().zip(claimed.into_iter().map(|(_, content)| content)));
            }
            Step::LocalGetRaw(which, count) => {
                let count = usize::from(count) % (POINTERS + 1);
                let possible = self.local(which).stock() + self.pool.available();
                let pointers =
                    written(count, |pointers| self.local(which).get_raw_ptr_burst(pointers));
                assert_eq!(pointers.len(), count.min(possible));
                self.failed_gets += usize::from(possible < count);
                for pointer in pointers {
                    let index = self.pool.index_of(pointer).expect("a block");
                    self.raw.push((index, Content::default()));
                }
            }
            Step::LocalPutRaw(which, pointers) => {
                self.give(pointers, usize::MAX, |system, pointers| {
                    // SAFETY: as in `claim`.
                    unsafe { system.local(which).put_raw_ptr_burst(pointers) }
                });
            }
            Step::PushRaw(pointers) => {
                let pushed = self.give(pointers, usize::MAX, |system, pointers| {
                    // SAFETY: as in `claim`.
                    unsafe { system.queue.push_raw_ptr_burst(pointers) }
                });
                self.queued.extend(pushed);
            }
            Step::PopRaw(count) => {
                let count = usize::from(count) % (POINTERS + 1);
                let pointers = written(count, |pointers| self.queue.pop_raw_ptr_burst(pointers));
                let taken = pointers.len();
                assert_eq!(taken, count.min(self.queued.len()));
                for (pointer, oldest) in pointers.into_iter().zip(self.queued.drain(..taken)) {
                    assert_eq!(self.pool.index_of(pointer), Ok(oldest.0), "first in, first out");
                    self.raw.push(oldest);
                }
            }
            _ => unreachable!("`apply` does all others"),
        }
    }

    /// Hands pointers to `give`, which can accept `room` of them, and checks which ones it accepts and how it
    /// ends. Returns the accepted ones.
    fn give(
        &mut self,
        pointers: Pointers,
        room: usize,
        give: impl FnOnce(&mut Self, &[NonNull<u8>]) -> Result<(), BurstError>,
    ) -> Vec<Parked> {
        let count = usize::from(pointers.count) % (POINTERS + 1);
        let mut given: Vec<Parked> =
            (0..count).map_while(|_| pick(&mut self.raw, pointers.at)).collect();
        let address = |index: &u32| self.address(*index);
        let mut burst: Vec<NonNull<u8>> = given.iter().map(|(index, _)| address(index)).collect();
        let (mut accepted, mut expected) = (given.len().min(room), Ok(()));
        if let Some((at, refused)) = pointers.refused {
            let at = usize::from(at) % (given.len() + 1);
            let before = at.checked_sub(1).map(|before| given[before].0);
            let (pointer, error) = match (refused, before) {
                (Refused::Again, Some(index)) => (address(&index), RawError::NotReleased { index }),
                (Refused::Misaligned, _) if self.pool.stride() > 1 => {
                    (self.inside(0, 1), RawError::Misaligned { into_block: 1 })
                }
                _ => (NonNull::dangling(), RawError::Foreign),
            };
            burst.insert(at, pointer);
            if at < room {
                (accepted, expected) = (at, Err(BurstError { done: at, reason: error }));
            }
        }
        self.raw.extend(given.drain(accepted..));
        assert_eq!(give(self, &burst), expected);
        given
    }
}
