//! Which memory, bookkeeping and slots make a region and its queue, and which are refused.

use arbitrary::Arbitrary;
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{MAX_BLOCK_SIZE, MAX_COUNT, Queue, QueueSlot, Region, RegionError};
use std::iter;
use std::ptr::NonNull;

use super::pool::{self, Step};
use crate::harness::{Line, bookkeeping, region};

/// What is requested.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Where the memory begins, past a multiple of 64.
    pub(crate) offset: u8,
    pub(crate) length: u64,
    pub(crate) block_size: u32,
    pub(crate) bookkeeping: u8,
    pub(crate) places: u8,
}

/// The available memory, in bytes.
const MEMORY: usize = 16 * 1024;

/// The expected result: how many blocks, or why it is refused.
fn expected(asked: Asked) -> Result<usize, RegionError> {
    let (length, block_size) = (asked.length as usize, asked.block_size as usize);
    if block_size % 64 != 0 || block_size == 0 || block_size > MAX_BLOCK_SIZE {
        return Err(RegionError::BlockSize { block_size });
    }
    let by = usize::from(asked.offset) % 64;
    if by != 0 {
        return Err(RegionError::Misaligned { by });
    }
    let blocks = length / block_size;
    if blocks == 0 {
        return Err(RegionError::TooSmall { length, block_size });
    }
    if blocks > MAX_COUNT {
        return Err(RegionError::TooManyBlocks { blocks });
    }
    let given = usize::from(asked.bookkeeping);
    let needed = blocks.div_ceil(usize::BITS as usize);
    if given < needed {
        return Err(RegionError::TooLittleBookkeeping { needed, given });
    }
    Ok(blocks)
}

pub(crate) fn make(asked: Asked) {
    let mut memory = vec![Line([0; 64]); MEMORY / 64 + 4];
    let offset = usize::from(asked.offset);
    let mut asked = asked;
    let expected = match expected(asked) {
        Ok(_) => {
            // No more than there is.
            asked.length = asked.length.min(MEMORY as u64);
            expected(asked)
        }
        refused => refused,
    };
    let first = NonNull::from(&mut memory[..]).cast::<u8>();
    // SAFETY: the memory has 256 bytes more than that.
    let first = unsafe { first.add(offset) };
    let mut books: Vec<_> =
        iter::repeat_with(Bookkeeping::new).take(asked.bookkeeping.into()).collect();
    let (length, block_size) = (asked.length as usize, asked.block_size as usize);
    // SAFETY: either it is refused, or the memory has that many bytes and is used by nothing else.
    let region = unsafe { Region::from_raw_parts(first, length, block_size, &mut books) };
    let region = match (region, expected) {
        (Ok(region), Ok(blocks)) => {
            assert_eq!((region.capacity(), region.block_size()), (blocks, block_size));
            assert_eq!(region.memory(), (first, blocks * block_size));
            assert!(Bookkeeping::elements_for(length / block_size) <= asked.bookkeeping.into());
            region
        }
        (region, expected) => {
            return assert_eq!(region.err(), expected.err());
        }
    };
    let mut places: Vec<_> = iter::repeat_with(QueueSlot::new).take(asked.places.into()).collect();
    let (needed, given) = (region.capacity(), places.len());
    match Queue::with_slots(&region, &mut places) {
        Ok(queue) => assert_eq!((queue.capacity(), given >= needed), (needed, true)),
        Err(refused) => {
            assert!(given < needed);
            assert_eq!(refused, RegionError::TooFewSlots { needed, given });
        }
    }
}

/// Performs `steps` with a region of `count` blocks of 64 bytes.
pub(crate) fn run(count: usize, steps: &[Step]) {
    let (mut memory, mut foreign) = (vec![Line([0; 64]); count], vec![Line([0; 64]); count]);
    let (mut books, mut foreign_books) = (bookkeeping(count * 64, 64), bookkeeping(count * 64, 64));
    let mut places: Vec<_> = iter::repeat_with(QueueSlot::new).take(count).collect();
    let pool = region(&mut memory, 64, &mut books).expect("it serves");
    let foreign = region(&mut foreign, 64, &mut foreign_books).expect("it serves");
    let queue = Queue::with_slots(&pool, &mut places).expect("they are enough");
    pool::run(&pool, &foreign, queue, steps);
}
