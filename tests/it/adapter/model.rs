//! Random sequences of operations against a plain model.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::adapter::{self, From, Sizes, Step};
use crate::model::config;

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let (at, which) = (any::<u8>, any::<bool>);
    let from = || prop_oneof![Just(From::Shared), which().prop_map(From::Local)];
    // Mostly lengths that fit, some beyond.
    let length = || prop_oneof![4 => 0..=64_u16, 1 => any::<u16>()];
    let buffers = prop_oneof![
        6 => from().prop_map(Get),
        2 => from().prop_map(TryGet),
        8 => (from(), at(), length()).prop_map(|(to, at, length)| Return(to, at, length)),
        1 => at().prop_map(Lose),
        1 => (from(), any::<u16>()).prop_map(|(to, capacity)| ReturnForeign(to, capacity)),
        1 => which().prop_map(Flush),
        1 => which().prop_map(Renew),
        1 => Just(HighWaterMark),
    ];
    let guards = prop_oneof![
        3 => Just(Guard),
        1 => Just(TryGuard),
        2 => (at(), length()).prop_map(|(at, length)| Write(at, length)),
        2 => at().prop_map(DropGuard),
        1 => at().prop_map(Detach),
        3 => at().prop_map(Push),
        3 => Just(Pop),
        1 => Just(Clone),
    ];
    prop_oneof![3 => buffers, 2 => guards]
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let buffer_size = prop_oneof![1 => 0..3_u8, 4 => 32..100_u8];
    let pool_capacity = prop_oneof![0..10_u8, 10..200_u8];
    (buffer_size, pool_capacity, 0..10_u8).prop_map(|(buffer_size, pool_capacity, places)| Sizes {
        buffer_size,
        pool_capacity,
        places,
    })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn buffers_are_conserved_and_new_ones_fit_and_are_empty(
        sizes in sizes(),
        steps in vec(step(), 0..300),
    ) {
        adapter::run(sizes, &steps);
    }
}
