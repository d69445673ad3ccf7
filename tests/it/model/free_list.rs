//! The pools that the models run on.

use arbitrary::Arbitrary;
use blockpool_core::storage::{Bitmap, Counted, HeaplessQueue, SpinStack};
use blockpool_core::{Align, Pool, Queue};

use super::data_range::{self, Content, Edit};
use super::pool::{self, Step};
use super::region;

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bitmap,
    BitmapWithSummary,
    Counted,
    HeaplessQueue,
    SpinStack,
    Region,
}

/// Blocks of 40 bytes, with a gap after each. Enough for a local pool's stock to be full.
type Small<E> = Pool<40, COUNT, Align<64>, E>;
const COUNT: usize = 19;

/// Enough for a summary, the last word not full.
const MANY: usize = 2100;

/// Performs `steps` with a new pool, and checks everything after each.
pub(crate) fn run(kind: Kind, steps: &[Step]) {
    macro_rules! run {
        ($pool:ty) => {{
            let (pool, foreign) = (<$pool>::new(), <$pool>::new());
            pool::run(&pool, &foreign, Queue::new(&pool), steps);
        }};
    }
    match kind {
        Kind::Bitmap => run!(Small<Bitmap>),
        // Unaligned, without gaps.
        Kind::BitmapWithSummary => run!(Pool<5, MANY, Align<1>>),
        Kind::Counted => run!(Small<Counted>),
        Kind::HeaplessQueue => run!(Small<HeaplessQueue<8>>),
        Kind::SpinStack => run!(Small<SpinStack>),
        Kind::Region => region::run(COUNT, steps),
    }
}

/// Applies `edits` to one block.
pub(crate) fn edit_one(edits: &[Edit]) {
    let pool = Pool::<40, 1>::new();
    let mut block = pool.get().expect("it is free");
    let mut content = Content::default();
    for &edit in edits {
        data_range::edit(&mut block, &mut content, edit);
    }
}
