//! The types that the macros of `heapless` and `atomic-pool` make: each is a pool.

#![expect(clippy::manual_div_ceil, reason = "in the macro of `atomic-pool`")]

use super::statics::Bytes;
use super::{BLOCK_SIZE, COUNT, SMALL};

heapless::box_pool!(Boxes: Bytes<BLOCK_SIZE>);
heapless::box_pool!(SmallBoxes: Bytes<SMALL>);
heapless::box_pool!(ManyBoxes: Bytes<SMALL>);

atomic_pool::pool!(pub Bits: [Bytes<BLOCK_SIZE>; COUNT]);
atomic_pool::pool!(pub SmallBits: [Bytes<SMALL>; COUNT]);
atomic_pool::pool!(pub ManyBits: [Bytes<SMALL>; 65_536]);
