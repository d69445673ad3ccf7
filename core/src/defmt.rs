//! Output through `defmt`, the same as that of `Debug`.

use defmt::{Format, Formatter, write};

use crate::block::Block;
use crate::local_pool::LocalPool;
use crate::pool::BlockPool;
use crate::queue::Queue;
use crate::storage::{PoolType, Storage};

/// Shows the index and the room, not the data.
impl<P: PoolType> Format for Block<'_, P> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "Block {{ index: {=u32}, headroom: {=usize}, len: {=usize}, tailroom: {=usize} }}",
            self.index(),
            self.headroom(),
            self.len(),
            self.tailroom()
        );
    }
}

impl<S: Storage> Format for BlockPool<S> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "{=str} {{ block_size: {=usize}, capacity: {=usize}, available: {=usize}, .. }}",
            S::NAME,
            self.block_size(),
            self.capacity(),
            self.available()
        );
    }
}

impl<P: PoolType> Format for Queue<'_, P> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "Queue {{ len: {=usize}, capacity: {=usize}, .. }}",
            self.len(),
            self.capacity()
        );
    }
}

impl<P: PoolType, const STOCK: usize> Format for LocalPool<'_, P, STOCK> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(fmt, "LocalPool {{ stock: {=usize}, .. }}", self.stock());
    }
}
