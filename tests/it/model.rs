//! Random sequences of operations against plain models. The seed is a constant, so a failure is reproducible;
//! it prints the shortest sequence of operations that shows it.
//!
//! The modules perform the operations and know what each should do; this file selects the sequences to try.
//! The fuzz targets in `tests/fuzz` try others with the same modules.

pub(crate) mod adapter;
mod data_range;
pub(crate) mod free_list;
pub(crate) mod pool;
pub(crate) mod region;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use data_range::Edit;
use free_list::Kind;
use pool::Step;
use pool::raw::{Pointers, Refused};
use region::Asked;

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0xB10C),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    use Edit::*;
    let byte = any::<u8>;
    prop_oneof![
        1 => byte().prop_map(Reset),
        1 => Just(Clear),
        3 => (byte(), byte()).prop_map(|(n, first)| Append(n, first)),
        3 => (byte(), byte()).prop_map(|(n, first)| Prepend(n, first)),
        1 => (byte(), byte()).prop_map(|(n, first)| WriteSlice(n, first)),
        1 => byte().prop_map(Format),
        2 => byte().prop_map(TrimFront),
        2 => byte().prop_map(TrimBack),
        2 => (byte(), byte()).prop_map(|(n, value)| Resize(n, value)),
        1 => (byte(), byte()).prop_map(|(at, value)| Overwrite(at, value)),
        1 => (byte(), byte()).prop_map(|(n, first)| FillTail(n, first)),
        1 => (byte(), byte()).prop_map(|(n, first)| FillThroughPointer(n, first)),
        1 => byte().prop_map(SetLen),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let (at, which) = (any::<u8>, any::<bool>);
    let taken_and_given = prop_oneof![
        3 => Just(Get),
        1 => at().prop_map(GetMany),
        4 => which().prop_map(LocalGet),
        2 => (which(), at()).prop_map(|(which, filled)| GetBurst(which, filled)),
        2 => at().prop_map(Drop),
        1 => at().prop_map(DropMany),
        4 => (which(), at()).prop_map(|(which, at)| Put(which, at)),
        2 => (which(), at(), 0..8_u8).prop_map(|(which, at, others)| PutBurst(which, at, others)),
        1 => which().prop_map(Flush),
        1 => (which(), at()).prop_map(|(which, limit)| Renew(which, limit)),
        1 => which().prop_map(ForeignPut),
    ];
    let queued = prop_oneof![
        4 => at().prop_map(Push),
        2 => (at(), 0..8_u8).prop_map(|(at, others)| PushBurst(at, others)),
        2 => at().prop_map(|at| PushBurst(at, 0)),
        3 => Just(Pop),
        2 => at().prop_map(PopBurst),
        1 => Just(ForeignPush),
    ];
    let raw = prop_oneof![
        2 => at().prop_map(IntoRaw),
        2 => at().prop_map(IntoRawPtr),
        2 => at().prop_map(FromRaw),
        2 => at().prop_map(FromRawPtr),
        1 => at().prop_map(FromRawTwice),
        1 => any::<u32>().prop_map(FromRawOutOfRange),
        1 => at().prop_map(FromRawNotOut),
        1 => (which(), at()).prop_map(|(below, by)| FromRawPtrForeign(below, by)),
        1 => any::<u16>().prop_map(FromRawPtrMisaligned),
    ];
    let pointers = || {
        let refused = prop_oneof![
            1 => Just(Refused::Foreign),
            1 => Just(Refused::Misaligned),
            2 => Just(Refused::Again),
        ];
        let refused = proptest::option::weighted(0.3, (at(), refused));
        (at(), at(), refused).prop_map(|(count, at, refused)| Pointers { count, at, refused })
    };
    let pointed_to = prop_oneof![
        2 => pointers().prop_map(FromRawPtrBurst),
        4 => (which(), at()).prop_map(|(which, count)| LocalGetRaw(which, count)),
        3 => (which(), pointers()).prop_map(|(which, pointers)| LocalPutRaw(which, pointers)),
        3 => pointers().prop_map(PushRaw),
        3 => at().prop_map(PopRaw),
    ];
    let edited = (at(), edit()).prop_map(|(at, edit)| Edit(at, edit));
    prop_oneof![4 => taken_and_given, 2 => queued, 2 => raw, 2 => pointed_to, 1 => edited]
}

macro_rules! free_lists {
    ($($name:ident: $kind:ident, $cases:literal,)+) => {$(
        proptest! {
            #![proptest_config(config($cases))]
            #[test]
            fn $name(steps in vec(step(), 0..100)) {
                free_list::run(Kind::$kind, &steps);
            }
        }
    )+};
}

free_lists! {
    blocks_and_their_data_are_conserved_by_bitmap: Bitmap, 250,
    blocks_and_their_data_are_conserved_by_bitmap_with_summary: BitmapWithSummary, 20,
    blocks_and_their_data_are_conserved_by_counted: Counted, 150,
    blocks_and_their_data_are_conserved_by_heapless_queue: HeaplessQueue, 150,
    blocks_and_their_data_are_conserved_by_spin_stack: SpinStack, 150,
    blocks_and_their_data_are_conserved_by_region: Region, 150,
}

/// Values at and around valid ones, and far from them.
fn asked() -> impl Strategy<Value = Asked> {
    let length = prop_oneof![0..20_000_u64, (0..50_u64).prop_map(|n| n << 33), any::<u64>()];
    let block_size = prop_oneof![
        6 => (0..40_u32).prop_map(|lines| lines * 64),
        1 => (0..5_u32).prop_map(|lines| 65_536 - 128 + lines * 64),
        1 => any::<u32>(),
    ];
    let offset = prop_oneof![4 => Just(0_u8), 1 => Just(64), 1 => any::<u8>()];
    (offset, length, block_size, 0..8_u8, any::<u8>()).prop_map(
        |(offset, length, block_size, bookkeeping, places)| Asked {
            offset,
            length,
            block_size,
            bookkeeping,
            places,
        },
    )
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn the_data_range_changes_as_asked_or_not_at_all(edits in vec(edit(), 0..60)) {
        free_list::edit_one(&edits);
    }

    #[test]
    fn a_region_is_made_of_what_serves_and_nothing_else(asked in asked()) {
        region::make(asked);
    }
}
