//! The bitmap, with and without a summary.

use loom::sync::atomic::AtomicUsize as LoomAtomic;
use loom::sync::atomic::Ordering::{Acquire, Release};

use super::free_lists::settled;
use super::{Model, bounded, every};
use crate::free_list::{Bitmap, BitmapList, FreeList, GROUP, Words};
use crate::harness::{Payload, address_with_home, three, two};
use crate::sync::{AtomicUsize, set_stack_address};

/// For `Words::WITHOUT_SUMMARY`: every word is read, or the summary first.
const WORDS: usize = usize::MAX;
const SUMMARY: usize = 0;

pub(super) fn models() -> Vec<Model> {
    let mut models = vec![
        every(one_number_goes_from_hand_to_hand),
        every(numbers_of_a_word_for_two),
        bounded(3, numbers_taken_by_some_go_from_hand_to_hand),
        every(two_numbers_for_two_suffice::<WORDS>).variant("words"),
        every(two_numbers_for_two_suffice::<SUMMARY>).variant("summary"),
        bounded(3, numbers_come_and_go::<WORDS>).variant("words"),
        bounded(3, numbers_come_and_go::<SUMMARY>).variant("summary"),
        bounded(2, three_take_and_give_back),
        bounded(2, two_givers_and_a_taker),
        bounded(3, a_number_given_back_is_found_again),
        bounded(3, given_then_told_is_found::<2, WORDS>(1, 0, false)).variant("words"),
    ];
    for (bound, taker, marker, noted) in [
        (3, 0, 0, false),
        (3, 0, 0, true),
        (3, 0, 1, false),
        (3, 0, 1, true),
        (2, 1, 0, false),
        (3, 1, 0, true),
        (2, 1, 1, false),
        (3, 1, 1, true),
    ] {
        let run = given_then_told_is_found::<2, SUMMARY>(taker, marker, noted);
        let noted = if noted { "-noted" } else { "" };
        let variant = format!("2-words-from-{taker}-and-{marker}{noted}");
        models.push(bounded(bound, run).variant(&variant));
    }
    for (taker, marker) in [(1, 0), (2, 1)] {
        let run = given_then_told_is_found::<3, SUMMARY>(taker, marker, true);
        let variant = format!("3-words-from-{taker}-and-{marker}-noted");
        models.push(bounded(2, run).variant(&variant));
    }
    models
}

/// One free index in each word, so that every word matters; a summary above more than `WITHOUT_SUMMARY`
/// words.
#[derive(Debug)]
struct Sparse<const GROUPS: usize, const WITHOUT_SUMMARY: usize> {
    words: [AtomicUsize; GROUPS],
    summary: AtomicUsize,
    hints: [AtomicUsize; GROUPS],
}

impl<const GROUPS: usize, const WITHOUT_SUMMARY: usize> Words for Sparse<GROUPS, WITHOUT_SUMMARY> {
    const WITHOUT_SUMMARY: usize = WITHOUT_SUMMARY;

    fn capacity(&self) -> usize {
        GROUPS * GROUP
    }

    fn word(&self, group: usize) -> &AtomicUsize {
        &self.words[group]
    }

    fn summary(&self, _: usize) -> &AtomicUsize {
        &self.summary
    }

    fn hint(&self, group: usize) -> Option<&AtomicUsize> {
        self.hints.get(group)
    }
}

/// A bitmap, and what the owners of its indices write.
struct Set<const GROUPS: usize, const WITHOUT_SUMMARY: usize> {
    bitmap: BitmapList<Sparse<GROUPS, WITHOUT_SUMMARY>>,
    payload: Payload<GROUPS>,
    /// Stack addresses of threads that look first in each group.
    homes: [usize; GROUPS],
}

impl<const GROUPS: usize, const WITHOUT_SUMMARY: usize> Set<GROUPS, WITHOUT_SUMMARY> {
    fn new() -> Self {
        let bitmap = BitmapList::with_words(Sparse {
            words: [const { AtomicUsize::new(usize::MAX << 1) }; GROUPS],
            summary: AtomicUsize::new(0),
            hints: [const { AtomicUsize::new(0) }; GROUPS],
        });
        // Settles everything.
        let _ = format!("{bitmap:?}");
        let homes = core::array::from_fn(|group| address_with_home(&bitmap, group));
        Self { bitmap, payload: Payload::new(), homes }
    }

    /// With every index out.
    fn all_out() -> Self {
        let set = Self::new();
        (0..GROUPS).for_each(|group| assert_eq!(set.take(group), Some(group)));
        set
    }

    /// Takes an index as a thread whose home is a group. Here indices are named by their groups.
    fn take(&self, home: usize) -> Option<usize> {
        set_stack_address(self.homes[home]);
        let group = self.bitmap.take()? as usize / GROUP;
        self.payload.touch(group);
        Some(group)
    }

    fn take_some(&self, home: usize) -> Option<usize> {
        set_stack_address(self.homes[home]);
        let mut numbers = [0; 2];
        if self.bitmap.take_some(&mut numbers, None) == 0 {
            return None;
        }
        let group = numbers[0] as usize / GROUP;
        self.payload.touch(group);
        Some(group)
    }

    fn give_back(&self, group: usize) {
        self.payload.touch(group);
        self.bitmap.give_back((group * GROUP) as u32);
    }

    fn take_and_give_back(&self, home: usize) -> bool {
        let taken = self.take(home);
        taken.inspect(|&group| self.give_back(group)).is_some()
    }

    /// How many can be taken when no other thread is there.
    fn left(&self) -> usize {
        core::iter::from_fn(|| self.take(0)).count()
    }
}

/// T1 with G1.
fn one_number_goes_from_hand_to_hand() {
    let set = Set::<1, WORDS>::new();
    two(|| set.take_and_give_back(0), || set.take_and_give_back(0));
    assert_eq!(set.left(), 1, "a number is hidden");
}

/// Two threads that want different bits of one word only delay each other briefly: retrying endlessly would
/// take more steps than loom allows.
fn numbers_of_a_word_for_two() {
    let set = settled::<Bitmap>();
    let side = || set.take().map(|number| set.give_back(number)).is_some();
    assert_eq!(two(side, side), (true, true), "none, though one was free");
    assert_eq!(set.available(), 3);
}

/// T2 with G1.
fn numbers_taken_by_some_go_from_hand_to_hand() {
    let set = Set::<2, SUMMARY>::new();
    let side = || {
        for _ in 0..2 {
            if let Some(group) = set.take_some(0) {
                set.give_back(group);
            }
        }
    };
    two(side, side);
    assert_eq!(set.left(), 2, "a number is hidden");
}

/// A search may miss an index only because of another thread's take: one take for each index missed. Here the
/// other thread takes once, so the search cannot miss both.
fn two_numbers_for_two_suffice<const WITHOUT_SUMMARY: usize>() {
    let set = Set::<2, WITHOUT_SUMMARY>::new();
    let found = two(|| set.take_and_give_back(0), || set.take_and_give_back(0));
    assert_eq!(found, (true, true), "none, though one was free");
    assert_eq!(set.left(), 2, "a number is hidden");
}

/// T1 with G1, at two words.
fn numbers_come_and_go<const WITHOUT_SUMMARY: usize>() {
    let set = Set::<2, WITHOUT_SUMMARY>::new();
    let side = || (0..2).for_each(|_| _ = set.take_and_give_back(0));
    two(side, side);
    assert_eq!(set.left(), 2, "a number is hidden");
}

/// M1 with G1: whatever is noted about words that fill and empty, nothing stays hidden.
fn three_take_and_give_back() {
    let set = Set::<2, SUMMARY>::new();
    let side = |home| set.take_and_give_back(home);
    three(|| side(0), || side(1), || side(1));
    assert_eq!(set.left(), 2, "a number is hidden");
}

/// M1 with G1, at two words.
fn two_givers_and_a_taker() {
    let set = Set::<2, SUMMARY>::all_out();
    let ((), (), taken) = three(|| set.give_back(0), || set.give_back(1), || set.take(0));
    assert_eq!(set.left() + taken.iter().len(), 2, "a number is hidden");
}

/// M1 with G1: one marks while the other gives back and searches.
fn a_number_given_back_is_found_again() {
    let set = Set::<2, SUMMARY>::all_out();
    let give_and_take = || {
        set.give_back(0);
        set.take(1)
    };
    let (_, taken) = two(|| set.take_and_give_back(1), give_and_take);
    assert_eq!(set.left() + taken.iter().len(), 1, "a number is hidden");
}

/// C1 with C2, S1 with S2, M1 with G1: an index is given back, another thread is told so and takes, while a
/// third one searches and notes what it finds full. Only if the third one takes the index may the second one
/// find none. `taker` and `marker` are the groups where these look first; `noted`: the summary already says
/// that all are out.
fn given_then_told_is_found<const GROUPS: usize, const WITHOUT_SUMMARY: usize>(
    taker: usize,
    marker: usize,
    noted: bool,
) -> impl Fn() + Send + Sync {
    move || {
        let set = Set::<GROUPS, WITHOUT_SUMMARY>::all_out();
        if noted {
            assert_eq!(set.take(0), None);
        }
        let given = LoomAtomic::new(0);
        let give_and_tell = || {
            set.give_back(0);
            given.store(1, Release);
        };
        // `None` if it was not told.
        let take_if_told = || (given.load(Acquire) == 1).then(|| set.take(taker));
        let ((), marker, taker) = three(give_and_tell, || set.take(marker), take_if_told);
        assert!(taker != Some(None) || marker.is_some(), "given back, told, and not found");
        let taken = marker.iter().len() + taker.flatten().iter().len();
        assert_eq!(set.left() + taken, 1, "a number is hidden, or taken twice");
    }
}
