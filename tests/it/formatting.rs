//! What formatting shows of each type.

use std::fmt::{Debug, Write};

use blockpool_core::storage::{
    AllFree, Bitmap, Bookkeeping, FreeListKind, HeaplessQueue, SpinStack,
};
use blockpool_core::{Align, LocalPool, NoRoom, Pool, Queue, QueueSlot};

use crate::harness::{Line, bookkeeping, region};

type P = Pool<64, 9>;

fn shown(value: impl Debug) -> String {
    format!("{value:?}")
}

#[test]
fn debug_shows_numbers_and_never_data() {
    let pool = P::new();
    let mut block = pool.get().expect("it is free");
    block.reset(4).expect("it fits");
    block.append(b"secret").expect("it fits");
    assert_eq!(shown(&block), "Block { index: 0, headroom: 4, len: 6, tailroom: 54 }");
    assert_eq!(shown(&pool), "Pool { block_size: 64, capacity: 9, available: 8, .. }");
    let queue = Queue::new(&pool);
    queue.push(block).expect("a block of this pool");
    assert_eq!(shown(&queue), "Queue { len: 1, capacity: 9, .. }");
    let mut local: LocalPool<'_, P, 4> = LocalPool::new(&pool);
    local.put(pool.get().expect("it is free"));
    assert_eq!(shown(&local), "LocalPool { stock: 1, .. }");
}

#[test]
fn debug_of_a_region_says_that_it_is_one() {
    let mut memory =
        vec![Line(*b"secret..secret..secret..secret..secret..secret..secret..secret.."); 5];
    let mut bookkeeping = bookkeeping(5 * 64, 64);
    let region = region(&mut memory, 64, &mut bookkeeping).expect("it serves");
    assert_eq!(shown(&region), "Region { block_size: 64, capacity: 5, available: 5, .. }");
}

#[test]
fn debug_of_a_free_list_does_not_list_its_words() {
    let words = shown(<Bitmap as FreeListKind>::List::<1000>::ALL_FREE);
    assert!(words.contains("InlineWords { count: 1000, .. }"), "{words}");
    assert_eq!(
        shown(<HeaplessQueue<128> as FreeListKind>::List::<100>::ALL_FREE),
        "HeaplessQueue { count: 100, slots: 128, queued: 0, .. }"
    );
    assert_eq!(
        shown(<SpinStack as FreeListKind>::List::<100>::ALL_FREE),
        "SpinStack { count: 100, .. }"
    );
    assert!(shown(Bookkeeping::new()).starts_with("Bookkeeping"));
    assert_eq!(shown(QueueSlot::new()), "QueueSlot(0)");
    assert_eq!(shown(Align::<64>), "Align");
}

#[test]
fn a_refusal_for_want_of_room_tells_both_numbers() {
    let pool = P::new();
    let mut block = pool.get().expect("it is free");
    let error = block.append(&[0; 65]).expect_err("one too many");
    assert_eq!(error, NoRoom { wanted: 65, room: 64 });
    assert_eq!(error.to_string(), "65 bytes wanted, 64 available");
}

#[test]
fn a_block_is_read_and_written_as_a_slice_and_as_text() {
    fn sum(bytes: impl AsRef<[u8]>) -> u32 {
        bytes.as_ref().iter().map(|&byte| u32::from(byte)).sum()
    }
    fn double(mut bytes: impl AsMut<[u8]>) {
        bytes.as_mut().iter_mut().for_each(|byte| *byte *= 2);
    }
    let pool = P::new();
    let mut block = pool.get().expect("it is free");
    block.append(&[1, 2, 3]).expect("it fits");
    double(&mut block);
    assert_eq!(sum(&block), 12);
    block.clear();
    let number = 10;
    write!(block, "{number:04x}").expect("it fits");
    assert_eq!(&block[..], b"000a");
}
