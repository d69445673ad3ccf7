//! Sets of bare indices: the free list of large pools, blocks to be claimed, and three that fail.

use blockpool_core::storage::{Bitmap, FreeList, FreeListKind};
use blockpool_core::{Align, Block, Pool};
use core::cell::Cell;
use core::mem;
use core::sync::atomic::{AtomicU32, Ordering};

use super::subject::{Numbers, Operation, Subject};

/// A set of numbers.
pub(super) trait Set: Sized + 'static {
    /// The numbers, in order.
    const NUMBERS: &'static [u32];

    const FIRST_IN_FIRST_OUT: bool = false;

    /// Makes a set, which may still be without its numbers.
    ///
    /// # Safety
    ///
    /// As for [`Subject::make`].
    unsafe fn make(place: *mut Self);

    /// Adds the numbers.
    fn fill(&'static self) {}

    fn take(&'static self) -> Option<u32>;

    /// Returns whether it was taken back.
    fn give_back(&'static self, number: u32) -> bool;
}

pub(super) struct Hand<S: 'static> {
    set: &'static S,
    one: Option<u32>,
}

impl<S: Set> Subject for S {
    const CAPACITY: usize = S::NUMBERS.len();
    const FIRST_IN_FIRST_OUT: bool = S::FIRST_IN_FIRST_OUT;

    type Hand = Hand<S>;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { <S as Set>::make(place) };
        // SAFETY: just made.
        unsafe { &*place }.fill();
    }

    fn index(number: u32) -> usize {
        S::NUMBERS.binary_search(&number).expect("a number of this set")
    }

    fn get(&'static self) -> Option<u32> {
        self.take()
    }

    fn put(&'static self, number: u32) -> bool {
        self.give_back(number)
    }

    fn hand(&'static self, numbers: &[u32]) -> Self::Hand {
        Hand { set: self, one: numbers.first().copied() }
    }

    fn numbers_of(hand: Self::Hand) -> Numbers {
        hand.one.into_iter().collect()
    }
}

impl<S: Set> Hand<S> {
    extern "C" fn take(&mut self) {
        self.one = self.set.take();
    }

    extern "C" fn give_back(&mut self) {
        if let Some(number) = self.one.take() {
            // If it is refused, it is lost.
            self.set.give_back(number);
        }
    }
}

pub(super) fn operations<S: Set>() -> [Operation<S>; 2] {
    [
        Operation {
            got_all: |hand| hand.one.is_some(),
            wants: 1,
            ..Operation::new("set/take", Hand::<S>::take)
        },
        Operation { handed: 1, ..Operation::new("set/give-back", Hand::<S>::give_back) },
    ]
}

type List<const COUNT: usize> = <Bitmap as FreeListKind>::List<COUNT>;

/// More than 32 words, so that the free list keeps a summary of them. All but a few numbers stay out forever.
pub(super) struct ManyWords(List<1056>);

impl Set for ManyWords {
    const NUMBERS: &'static [u32] = &[0, 31, 500, 501, 1023, 1055];

    unsafe fn make(place: *mut Self) {
        // All-zero is the free list with every number free. As a value it would not fit on a small stack.
        // SAFETY: the caller's promise.
        unsafe { place.write_bytes(0, 1) };
    }

    fn fill(&'static self) {
        let mut some = [0; 32];
        while self.0.take_some(&mut some, None) > 0 {}
        for &number in Self::NUMBERS {
            self.0.give_back(number);
        }
    }

    fn take(&'static self) -> Option<u32> {
        self.0.take()
    }

    fn give_back(&'static self, number: u32) -> bool {
        self.0.give_back(number);
        true
    }
}

/// Blocks that were given up by index: taking one means claiming it.
pub(super) struct Claimed {
    pool: Pool<8, 8, Align<8>>,
    /// By index; used only by the owner of that index.
    blocks: [Cell<Option<Block<'static, Pool<8, 8, Align<8>>>>>; 8],
}

impl Set for Claimed {
    const NUMBERS: &'static [u32] = EIGHT;

    unsafe fn make(place: *mut Self) {
        let blocks = [const { Cell::new(None) }; 8];
        // SAFETY: the caller's promise.
        unsafe { place.write(Self { pool: Pool::new(), blocks }) };
    }

    fn fill(&'static self) {
        while let Some(block) = self.pool.get() {
            let _number = block.into_raw();
        }
    }

    fn take(&'static self) -> Option<u32> {
        // SAFETY: the block's owner gave it up to the first that claims it.
        let claim = |number| unsafe { self.pool.from_raw(number) };
        let block = (0..8).find_map(|number| claim(number).ok())?;
        let number = block.index();
        // If another owner's block is there, this does not give it back.
        mem::forget(self.blocks[number as usize].replace(Some(block)));
        Some(number)
    }

    fn give_back(&'static self, number: u32) -> bool {
        self.blocks[number as usize].take().map(Block::into_raw) == Some(number)
    }
}

const EIGHT: &[u32] = &[0, 1, 2, 3, 4, 5, 6, 7];

/// Deliberately wrong: reads a set of bits and writes it in two steps.
pub(super) struct Torn(AtomicU32);

impl Set for Torn {
    const NUMBERS: &'static [u32] = EIGHT;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { place.write(Self(AtomicU32::new(0xff))) };
    }

    fn take(&'static self) -> Option<u32> {
        let free = self.0.load(Ordering::Relaxed);
        self.0.store(free & free.wrapping_sub(1), Ordering::Relaxed);
        (free != 0).then(|| free.trailing_zeros())
    }

    fn give_back(&'static self, number: u32) -> bool {
        let free = self.0.load(Ordering::Relaxed);
        self.0.store(free | 1 << number, Ordering::Relaxed);
        true
    }
}

/// Deliberately wrong, as a queue: gives up if another take came in between, and hands out the lowest number,
/// not the oldest.
pub(super) struct GivesUp {
    set: List<8>,
    taken: AtomicU32,
}

impl Set for GivesUp {
    const NUMBERS: &'static [u32] = EIGHT;
    const FIRST_IN_FIRST_OUT: bool = true;

    unsafe fn make(place: *mut Self) {
        // SAFETY: the caller's promise; all-zero is the free list with every number free.
        unsafe { place.write_bytes(0, 1) };
    }

    fn take(&'static self) -> Option<u32> {
        let before = self.taken.load(Ordering::Relaxed);
        let number = self.set.take()?;
        if self.taken.load(Ordering::Relaxed) != before {
            self.set.give_back(number);
            return None;
        }
        self.taken.store(before.wrapping_add(1), Ordering::Relaxed);
        Some(number)
    }

    fn give_back(&'static self, number: u32) -> bool {
        self.set.give_back(number);
        true
    }
}

/// A bare `heapless` queue with as many slots as numbers.
pub(super) struct Bare(heapless::mpmc::Queue<u32, 8>);

impl Set for Bare {
    const NUMBERS: &'static [u32] = EIGHT;

    unsafe fn make(place: *mut Self) {
        #[expect(deprecated, reason = "to show why it is deprecated for this use")]
        let queue = heapless::mpmc::Queue::new();
        // SAFETY: the caller's promise.
        unsafe { place.write(Self(queue)) };
    }

    fn fill(&'static self) {
        assert!(Self::NUMBERS.iter().all(|&number| self.give_back(number)));
    }

    fn take(&'static self) -> Option<u32> {
        self.0.dequeue()
    }

    fn give_back(&'static self, number: u32) -> bool {
        self.0.enqueue(number).is_ok()
    }
}
