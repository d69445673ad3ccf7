//! Pools and free lists against their [model](super::model).

use std::iter;

use blockpool_core::storage::{
    AllFree, Bitmap, Counted, FreeList, FreeListKind, SpinStack, Storage,
};
use blockpool_core::{Align, Block, BlockPool, Pool};

use super::linearize::{History, Operation, is_linearizable};
use super::model::{SetStep, is_linearizable_by_number};
use super::record::{Clock, Player, check, record};
use crate::harness::Random;

type SetOperation = Operation<SetStep>;

/// What is taken from and given back to. Cheap to copy.
trait Subject: Copy + Send {
    type Held: Send;
    /// Whether two are given back at one instant, in one word or behind a lock.
    const GIVES_BACK_TOGETHER: bool;

    fn take(self) -> Option<Self::Held>;
    fn give_back(self, held: Self::Held);
    fn number(held: &Self::Held) -> u32;

    fn take_two(self) -> heapless::Vec<Self::Held, 2> {
        self.take().into_iter().collect()
    }

    /// Gives back two with one operation.
    fn give_back_two(self, two: [Self::Held; 2]) {
        two.into_iter().for_each(|held| self.give_back(held));
    }
}

impl<'p, S: Storage> Subject for &'p BlockPool<S> {
    type Held = Block<'p, BlockPool<S>>;
    const GIVES_BACK_TOGETHER: bool = false;

    fn take(self) -> Option<Block<'p, BlockPool<S>>> {
        self.get()
    }

    fn give_back(self, held: Block<'p, BlockPool<S>>) {
        drop(held);
    }

    fn number(held: &Block<'p, BlockPool<S>>) -> u32 {
        held.index()
    }
}

struct ByIndex<'e, F>(&'e F);

impl<F> Clone for ByIndex<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for ByIndex<'_, F> {}

impl<F: FreeList> Subject for ByIndex<'_, F> {
    type Held = u32;
    const GIVES_BACK_TOGETHER: bool = true;

    fn take(self) -> Option<u32> {
        self.0.take()
    }

    fn give_back(self, held: u32) {
        self.0.give_back(held);
    }

    fn number(held: &u32) -> u32 {
        *held
    }

    fn take_two(self) -> heapless::Vec<u32, 2> {
        let mut two = [0; 2];
        let taken = self.0.take_some(&mut two, None);
        two[..taken].iter().copied().collect()
    }

    fn give_back_two(self, two: [u32; 2]) {
        self.0.give_back_all(&two);
    }
}

/// How the used numbers are spread: `number` is the bit `number / apart`.
#[derive(Clone, Copy)]
struct Spread {
    apart: u32,
    count: u32,
}

impl Spread {
    fn has(self, number: u32) -> bool {
        number.is_multiple_of(self.apart) && number / self.apart < self.count
    }

    fn bit(self, number: u32) -> u64 {
        assert!(self.has(number), "{number} was not given back");
        1 << (number / self.apart)
    }

    fn all(self) -> u64 {
        (1 << self.count) - 1
    }
}

struct Party<S: Subject> {
    subject: S,
    spread: Spread,
    held: heapless::Vec<S::Held, 8>,
    /// Whether to give back two with one operation, where they take effect at one instant.
    by_two: bool,
}

impl<S: Subject> Party<S> {
    fn bit(&self, held: &S::Held) -> u64 {
        self.spread.bit(S::number(held))
    }

    fn take(&mut self, clock: &Clock, two: bool) -> SetOperation {
        let mut taken = heapless::Vec::<_, 2>::new();
        let subject = self.subject;
        let mut operation = if two {
            clock.time(|| taken = subject.take_two(), |()| heapless::Vec::new())
        } else {
            clock.time(|| taken.extend(subject.take()), |()| heapless::Vec::new())
        };
        let bits = taken.iter().map(|held| self.bit(held)).sum();
        let step = if bits == 0 { SetStep::AllOut } else { SetStep::Take(bits) };
        operation.steps = [step].into_iter().collect();
        self.held.extend(taken);
        operation
    }

    fn give(&mut self, clock: &Clock, place: usize) -> SetOperation {
        let (subject, held) = (self.subject, self.held.swap_remove(place));
        let bit = self.bit(&held);
        clock.time(|| subject.give_back(held), |()| [SetStep::Give(bit)].into_iter().collect())
    }

    fn give_two(&mut self, clock: &Clock) -> Option<SetOperation> {
        let two = [self.held.pop()?, self.held.pop()?];
        let bits = two.iter().map(|held| self.bit(held)).sum();
        let subject = self.subject;
        Some(
            clock.time(
                || subject.give_back_two(two),
                |()| [SetStep::Give(bits)].into_iter().collect(),
            ),
        )
    }
}

impl<S: Subject> Player for Party<S> {
    type Step = SetStep;

    fn prepare(&mut self) {
        while let Some(held) = self.held.pop() {
            self.subject.give_back(held);
        }
    }

    fn act(&mut self, clock: &Clock, random: &mut Random) -> Option<SetOperation> {
        let count = self.held.len();
        match random.below(8) {
            0..=2 if count < 6 => Some(self.take(clock, false)),
            3 if count < 6 => Some(self.take(clock, true)),
            4 if self.by_two && count >= 2 => self.give_two(clock),
            _ if count > 0 => Some(self.give(clock, random.below(count))),
            _ => Some(self.take(clock, false)),
        }
    }

    /// Takes all that is left.
    fn finish(&mut self, clock: &Clock) -> Vec<SetOperation> {
        let mut all = Vec::new();
        let mut left = heapless::Vec::<_, 8>::new();
        loop {
            all.push(self.take(clock, false));
            if all.last().is_some_and(|last| last.steps[0] == SetStep::AllOut) {
                left.into_iter().for_each(|held| self.subject.give_back(held));
                return all;
            }
            left.extend(self.held.pop());
        }
    }
}

impl<S: Subject> Drop for Party<S> {
    fn drop(&mut self) {
        self.prepare();
    }
}

/// Two threads, then three, using only some of the numbers.
fn check_histories<S: Subject>(
    subject: S,
    spread: Spread,
    by_two: bool,
    is_right: impl Fn(&History<SetStep>) -> bool,
) {
    let mut all: Vec<_> = iter::from_fn(|| subject.take()).collect();
    let used = |held: &mut S::Held| spread.has(S::number(held));
    all.extract_if(.., used).for_each(|held| subject.give_back(held));
    let party = |()| Party { subject, spread, held: heapless::Vec::new(), by_two };
    check(|seed| record([(); 2].map(party), 200, 8, seed), &is_right);
    check(|seed| record([(); 3].map(party), 200, 6, seed), &is_right);
    all.into_iter().for_each(|held| subject.give_back(held));
}

/// In one word, or behind a lock.
fn check_strictly<S: Subject>(subject: S, count: u32) {
    let spread = Spread { apart: 1, count };
    check_histories(subject, spread, S::GIVES_BACK_TOGETHER, |history| {
        is_linearizable(&spread.all(), history)
    });
}

/// One number in each of several words.
fn check_by_number(subject: impl Subject, spread: Spread) {
    check_histories(subject, spread, false, |history| {
        is_linearizable_by_number(spread.all(), history)
    });
}

type List<K, const COUNT: usize> = <K as FreeListKind>::List<COUNT>;

fn all_free<K: FreeListKind, const COUNT: usize>() -> List<K, COUNT> {
    AllFree::ALL_FREE
}

#[test]
fn a_pool_of_one_word_is_linearizable() {
    check_strictly(&Pool::<8, 2>::new(), 2);
    check_strictly(&Pool::<8, 64>::new(), 4);
}

#[test]
fn free_lists_of_one_word_or_behind_a_lock_are_linearizable() {
    check_strictly(ByIndex(&all_free::<Bitmap, 3>()), 3);
    check_strictly(ByIndex(&all_free::<SpinStack, 3>()), 3);
    check_strictly(&Pool::<8, 3, Align<64>, Counted>::new(), 3);
}

#[test]
fn each_number_of_several_words_is_linearizable_by_itself() {
    static POOL: Pool<8, 256> = Pool::new();
    check_by_number(&POOL, Spread { apart: 64, count: 3 });
    check_by_number(ByIndex(&all_free::<Bitmap, 130>()), Spread { apart: 64, count: 3 });
}

#[test]
fn each_number_of_a_set_with_summary_is_linearizable_by_itself() {
    static POOL: Pool<8, 2049> = Pool::new();
    check_by_number(&POOL, Spread { apart: 512, count: 5 });
    static LIST: List<Bitmap, 4097> = AllFree::ALL_FREE;
    check_by_number(ByIndex(&LIST), Spread { apart: 2048, count: 3 });
}
