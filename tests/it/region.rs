//! Blocks in memory given at run time.

use std::iter;
use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;

use blockpool_core::storage::Bookkeeping;
use blockpool_core::{MAX_BLOCK_SIZE, Queue, QueueSlot, Region, RegionError};

use crate::harness::{Line, Mapping, assert_whole, bookkeeping, region, scope, take_all};
use crate::stress::stress;

const PAGE: usize = 4096;

fn slots(count: usize) -> Vec<QueueSlot> {
    iter::repeat_with(QueueSlot::new).take(count).collect()
}

/// Makes a region that must be refused, over memory of which only the address and length are looked at.
#[track_caller]
fn refused(
    address: usize,
    length: usize,
    block_size: usize,
    elements: usize,
) -> (RegionError, String) {
    let first = NonNull::without_provenance(address.try_into().expect("not zero"));
    let mut bookkeeping: Vec<_> = iter::repeat_with(Bookkeeping::new).take(elements).collect();
    // SAFETY: it is refused, so there is no block through which to reach the memory.
    let result = unsafe { Region::from_raw_parts(first, length, block_size, &mut bookkeeping) };
    let error = result.expect_err("it does not serve");
    (error, error.to_string())
}

#[test]
fn misaligned_memory_is_refused() {
    for by in [1, 8, 63] {
        let (error, text) = refused(PAGE + by, PAGE, 64, 1);
        assert_eq!(error, RegionError::Misaligned { by });
        assert_eq!(text, format!("the memory begins {by} bytes past a multiple of 64"));
    }
}

#[test]
fn an_unfit_block_size_is_refused() {
    for block_size in [0, 1, 63, 65, 2047, MAX_BLOCK_SIZE + 64, usize::MAX] {
        let (error, text) = refused(PAGE, 1 << 20, block_size, 1 << 10);
        assert_eq!(error, RegionError::BlockSize { block_size });
        assert_eq!(
            text,
            format!(
                "a block size of {block_size} bytes is not a multiple of 64 from 64 to {MAX_BLOCK_SIZE}"
            )
        );
    }
}

#[test]
fn memory_below_one_block_is_refused() {
    for length in [0, 1, 2047] {
        let block_size = 2048;
        let (error, text) = refused(PAGE, length, block_size, 1);
        assert_eq!(error, RegionError::TooSmall { length, block_size });
        assert_eq!(
            text,
            format!("{length} bytes of memory are too small for a block of 2048 bytes")
        );
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn more_blocks_than_there_are_indices_are_refused() {
    use blockpool_core::MAX_COUNT;
    let blocks = MAX_COUNT + 1;
    let (error, text) = refused(PAGE, blocks * 64, 64, 1);
    assert_eq!(error, RegionError::TooManyBlocks { blocks });
    assert_eq!(text, format!("the memory holds {blocks} blocks; a region has at most 536870912"));
}

#[test]
fn too_little_bookkeeping_is_refused() {
    let group = usize::BITS as usize;
    for (blocks, needed) in [(1, 1), (group, 1), (group + 1, 2)] {
        assert_eq!(Bookkeeping::elements_for(blocks), needed);
        let given = needed - 1;
        let (error, text) = refused(PAGE, blocks * 64, 64, given);
        assert_eq!(error, RegionError::TooLittleBookkeeping { needed, given });
        assert_eq!(
            text,
            format!("the blocks need {needed} elements of bookkeeping, {given} were given")
        );
    }
    assert_eq!(Bookkeeping::elements_for(0), 0);
}

#[test]
fn too_few_slots_for_a_queue_are_refused() {
    let mut memory = vec![Line([0; 64]); 5];
    let mut bookkeeping = bookkeeping(5 * 64, 64);
    let mut few = slots(4);
    let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
    let (needed, given) = (5, 4);
    let error = Queue::with_slots(&region, &mut few).expect_err("one is missing");
    assert_eq!(error, RegionError::TooFewSlots { needed, given });
    assert_eq!(error.to_string(), "the queue needs 5 slots, one for each block; 4 were given");
}

#[test]
fn slots_may_live_shorter_than_their_region() {
    // For every `'m`: the compiler shortens it to the life of the slots.
    fn is_empty<'m>(region: &Region<'m>, slots: &mut [QueueSlot]) -> bool {
        Queue::with_slots(region, slots).expect("they are enough").is_empty()
    }
    let mut memory = vec![Line([0; 64]); 5];
    let mut bookkeeping = bookkeeping(5 * 64, 64);
    let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
    assert!(is_empty(&region, &mut slots(5)));
}

#[test]
fn block_i_lies_at_i_times_the_block_size() {
    for block_size in [64, 192, 2048, MAX_BLOCK_SIZE] {
        let mut memory = vec![Line([0; 64]); 3 * MAX_BLOCK_SIZE / 64];
        let length = size_of_val(&memory[..]);
        let mut bookkeeping = bookkeeping(length, block_size);
        let base = memory.as_ptr().addr();
        let region = region(&mut memory, block_size, &mut bookkeeping).expect("it serves");
        assert_eq!(region.capacity(), length / block_size);
        assert_eq!(region.block_size(), block_size);
        let (first, bytes) = region.memory();
        assert_eq!(first.addr().get(), base);
        assert_eq!(bytes, region.capacity() * block_size);
        for block in take_all(&region) {
            let offset = block.index() as usize * block_size;
            assert_eq!(block.as_ptr().addr(), base + offset);
            assert_eq!(block.capacity(), block_size);
        }
        assert_whole(&region);
    }
}

#[test]
fn only_blocks_are_written_and_the_rest_stays_unused() {
    const UNTOUCHED: Line = Line([0xEE; 64]);
    // Three blocks of three lines and one more line.
    let mut memory = vec![UNTOUCHED; 10];
    let mut bookkeeping = bookkeeping(10 * 64, 192);
    {
        let region = region(&mut memory, 192, &mut bookkeeping).expect("it serves");
        let mut blocks = take_all(&region);
        assert_eq!(blocks.len(), 3);
        for block in &mut blocks {
            block.resize(192, block.index() as u8).expect("it fits");
        }
    }
    for (index, line) in memory.iter().enumerate() {
        let expected = match index / 3 {
            3 => UNTOUCHED,
            block => Line([block as u8; 64]),
        };
        assert_eq!(*line, expected, "line {index}");
    }
}

#[test]
fn bookkeeping_and_slots_may_hold_anything() {
    let mut memory = vec![Line([0; 64]); 70];
    let mut bookkeeping = bookkeeping(70 * 64, 64);
    let mut ring = slots(75);
    for _ in 0..3 {
        let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
        let queue = Queue::with_slots(&region, &mut ring).expect("they are enough");
        assert!(queue.is_empty());
        assert_whole(&region);
        // Left behind: blocks out, blocks raw, and a queue that keeps its blocks.
        let mut blocks = take_all(&region);
        for _ in 0..30 {
            let block = blocks.pop().expect("there are 70");
            queue.push(block).expect("a block of this region");
        }
        let _raw = blocks.pop().map(|block| block.into_raw());
        mem::forget(queue);
        blocks.into_iter().for_each(mem::forget);
    }
}

#[test]
fn every_block_has_one_owner_and_none_is_lost_on_the_heap() {
    // The third has a summary above its words.
    for (lines, block_size) in [(3, 64), (4 * 150, 256), (2100, 64)] {
        let mut memory = vec![Line([0; 64]); lines];
        let mut bookkeeping = bookkeeping(lines * 64, block_size);
        let mut ring = slots(lines);
        let region = region(&mut memory, block_size, &mut bookkeeping).expect("it serves");
        let queue = Queue::with_slots(&region, &mut ring).expect("they are enough");
        stress(&region, &queue);
    }
}

#[test]
fn every_block_has_one_owner_and_none_is_lost_in_a_mapping() {
    let mut mapping = Mapping::new(40 * PAGE);
    let mut bookkeeping = bookkeeping(40 * PAGE, PAGE);
    let mut ring = slots(40);
    let region = region(mapping.lines(), PAGE, &mut bookkeeping).expect("it serves");
    for block in take_all(&region) {
        assert_eq!(block.as_ptr().addr() % PAGE, 0);
    }
    let queue = Queue::with_slots(&region, &mut ring).expect("they are enough");
    stress(&region, &queue);
}

#[test]
fn a_queue_holds_all_blocks_of_its_region_in_order() {
    let mut memory = vec![Line([0; 64]); 67];
    let mut bookkeeping = bookkeeping(67 * 64, 64);
    let mut ring = slots(67);
    let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
    let queue = Queue::with_slots(&region, &mut ring).expect("they are enough");
    for _ in 0..3 {
        let blocks = take_all(&region);
        let order: Vec<u32> = blocks.iter().map(|block| block.index()).collect();
        for block in blocks {
            queue.push(block).expect("a block of this region");
        }
        assert_eq!((queue.len(), queue.capacity()), (67, 67));
        let popped: Vec<u32> = iter::from_fn(|| queue.pop()).map(|block| block.index()).collect();
        assert_eq!(popped, order);
    }
    drop(queue);
    assert_whole(&region);
}

#[test]
fn every_block_of_a_region_keeps_its_own_data_range() {
    const COUNT: usize = 130;
    let mut memory = vec![Line([0; 64]); 2 * COUNT];
    let mut bookkeeping = bookkeeping(2 * COUNT * 64, 128);
    let mut ring = slots(COUNT);
    let region = region(&mut memory, 128, &mut bookkeeping).expect("it serves");
    let queue = Queue::with_slots(&region, &mut ring).expect("they are enough");
    let range = |index: u32| (index as usize % 60, index as usize % 61);
    for raw in [true, false] {
        let mut blocks = take_all(&region);
        for block in &mut blocks {
            let (headroom, len) = range(block.index());
            block.reset(headroom).expect("it fits");
            block.resize(len, 0).expect("it fits");
        }
        let blocks: Vec<_> = if raw {
            let numbers: Vec<u32> = blocks.into_iter().map(|block| block.into_raw()).collect();
            // SAFETY: the indices come from `into_raw`.
            let claim = |number| unsafe { region.from_raw(number) };
            numbers.into_iter().map(|number| claim(number).expect("it is out")).collect()
        } else {
            blocks.into_iter().for_each(|block| queue.push(block).expect("its own"));
            iter::from_fn(|| queue.pop()).collect()
        };
        assert_eq!(blocks.len(), COUNT);
        assert!(blocks.iter().all(|block| (block.headroom(), block.len()) == range(block.index())));
    }
}

#[test]
fn regions_over_halves_of_one_mapping_do_not_touch_each_other() {
    let mut mapping = Mapping::new(32 * PAGE);
    let (mut low_books, mut high_books) =
        (bookkeeping(16 * PAGE, 2048), bookkeeping(16 * PAGE, 64));
    {
        let (low, high) = mapping.lines().split_at_mut(16 * PAGE / 64);
        let low = region(low, 2048, &mut low_books).expect("it serves");
        let high = region(high, 64, &mut high_books).expect("it serves");
        scope(|scope| {
            for (region, value) in [(&low, 0x10_u8), (&high, 0x80)] {
                scope.spawn(move || {
                    for mut block in take_all(region) {
                        let size = block.capacity();
                        block.resize(size, value).expect("it fits");
                    }
                });
            }
        });
        assert_whole(&low);
        assert_whole(&high);
    }
    let (low, high) = mapping.lines().split_at(16 * PAGE / 64);
    assert!(low.iter().all(|line| *line == Line([0x10; 64])));
    assert!(high.iter().all(|line| *line == Line([0x80; 64])));
}

#[test]
fn a_region_over_a_slice_needs_no_promise() {
    let mut memory = [MaybeUninit::<Line>::uninit(); 7];
    let first = memory.as_ptr().addr();
    // SAFETY: any bytes are allowed in it.
    let bytes = unsafe { memory[..].align_to_mut::<MaybeUninit<u8>>() }.1;
    let mut bookkeeping = bookkeeping(7 * 64, 128);
    let too_few = Region::new(&mut bytes[..64], 128, &mut bookkeeping);
    assert_eq!(
        too_few.expect_err("no block fits"),
        RegionError::TooSmall { length: 64, block_size: 128 }
    );
    let misaligned = Region::new(&mut bytes[1..], 128, &mut bookkeeping);
    assert_eq!(misaligned.expect_err("not at a line"), RegionError::Misaligned { by: 1 });
    let region = Region::new(bytes, 128, &mut bookkeeping).expect("three blocks, and a line");
    assert_eq!((region.capacity(), region.memory().0.addr().get()), (3, first));
    assert_whole(&region);
}

#[test]
fn a_counted_region_knows_the_most_blocks_that_were_out() {
    let mut memory = vec![Line([0; 64]); 100];
    let mut bookkeeping = bookkeeping(100 * 64, 64);
    let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
    assert_eq!(region.high_water_mark(), None);
    // Out before it counts, and without a handle.
    let raw = region.get().expect("it is free").into_raw();
    let region = region.counted();
    assert_eq!(region.high_water_mark(), Some(1));
    drop([region.get(), region.get()]);
    let mut slots = slots(100);
    let queue = Queue::with_slots(&region, &mut slots).expect("one for each");
    queue.push(region.get().expect("it is free")).expect("a block of this region");
    assert_eq!((region.high_water_mark(), region.available()), (Some(3), 98));
    drop(queue);
    // SAFETY: released above, and claimed once.
    drop(unsafe { region.from_raw(raw) }.expect("it is out"));
    assert_whole(&region);
}
