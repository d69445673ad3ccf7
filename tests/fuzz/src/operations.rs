//! Bytes as operations on the pools, checked with the models of `tests/it/model`.

use arbitrary::{Arbitrary, Unstructured};

use crate::model::free_list::{self, Kind};
use crate::model::{adapter, pool, region};

/// More would be slow and would show nothing new.
const MOST_STEPS: usize = 200;

fn take<'a, T: Arbitrary<'a>>(bytes: &mut Unstructured<'a>) -> Vec<T> {
    let steps = bytes.arbitrary_iter().map(|steps| steps.map_while(Result::ok));
    steps.map(|steps| steps.take(MOST_STEPS).collect()).unwrap_or_default()
}

/// Memory for a region, or a kind of free list and operations on a pool with it.
pub fn core(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    if let Ok(true) = bytes.arbitrary() {
        if let Ok(asked) = bytes.arbitrary() {
            region::make(asked);
        }
    } else if let Ok(kind) = bytes.arbitrary::<Kind>() {
        free_list::run(kind, &take::<pool::Step>(&mut bytes));
    }
}

/// Sizes and operations on a pool of byte vectors.
pub fn adapter(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    if let Ok(sizes) = bytes.arbitrary() {
        adapter::run(sizes, &take::<adapter::Step>(&mut bytes));
    }
}
