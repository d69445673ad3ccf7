//! Pools with most or all of their blocks taken.

use std::hint::black_box;

use super::Work;
use super::random::Random;
use crate::peers::Contender;
use crate::schedule::timed;

/// Every buffer of a bounded contender, in random order.
fn all_of<C: Contender>(
    contender: &C,
    handle: &mut C::Handle,
    random: &mut Random,
) -> Vec<C::Buffer> {
    let count = contender.capacity().expect("has a bound");
    let mut held: Vec<_> = (0..count).map(|_| C::take(handle)).collect();
    random.shuffle(&mut held);
    held
}

fn give_back<C: Contender>(handle: &mut C::Handle, held: impl IntoIterator<Item = C::Buffer>) {
    held.into_iter().for_each(|buffer| C::put(handle, buffer));
}

/// With `percent` of the blocks taken, gives back one of them, chosen at random, and takes another.
///
/// Includes the choice and two accesses to the list of held blocks, the same for every contender.
pub fn churn<C: Contender>(contender: &'static C, percent: usize) -> Work {
    Box::new(move |count| {
        let mut handle = contender.handle();
        let mut random = Random::new();
        let mut held = all_of(contender, &mut handle, &mut random);
        let free = held.split_off(held.len() * percent / 100);
        give_back::<C>(&mut handle, free);
        let mut step = || {
            let chosen = random.below(held.len());
            C::put(&mut handle, held.swap_remove(chosen));
            held.push(C::take(&mut handle));
        };
        (0..super::warm_up(count)).for_each(|_| step());
        let sample = timed(|| (0..count).for_each(|_| step()));
        give_back::<C>(&mut handle, held);
        sample
    })
}

/// With every block taken, asks for one.
pub fn exhausted<C: Contender>(contender: &'static C) -> Work {
    Box::new(move |count| {
        let mut handle = contender.handle();
        let held = all_of(contender, &mut handle, &mut Random::new());
        let handle = black_box(&mut handle);
        let mut ask = || assert!(C::get(handle).is_none(), "every buffer is out");
        (0..super::warm_up(count)).for_each(|_| ask());
        let sample = timed(|| (0..count).for_each(|_| ask()));
        give_back::<C>(handle, held);
        sample
    })
}
