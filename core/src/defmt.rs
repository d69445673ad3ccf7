//! What goes to a log through `defmt`: as by `Debug`.

use defmt::{Format, Formatter, write};

use crate::align::Alignment;
use crate::block::Block;
use crate::free::InPlace;
use crate::memory::BlockPool;
use crate::pool::Pool;
use crate::queue::Queue;
use crate::region::Region;
use crate::worker::Worker;

/// Number and room, not the data.
impl<P: BlockPool> Format for Block<'_, P> {
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

impl<const SIZE: usize, const COUNT: usize, A: Alignment, F: InPlace> Format
    for Pool<SIZE, COUNT, A, F>
{
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "Pool {{ block_size: {=usize}, capacity: {=usize}, available: {=usize}, .. }}",
            self.block_size(),
            self.capacity(),
            self.available()
        );
    }
}

impl Format for Region<'_> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "Region {{ block_size: {=usize}, capacity: {=usize}, available: {=usize}, .. }}",
            self.block_size(),
            self.capacity(),
            self.available()
        );
    }
}

impl<P: BlockPool> Format for Queue<'_, P> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(
            fmt,
            "Queue {{ len: {=usize}, capacity: {=usize}, .. }}",
            self.len(),
            self.capacity()
        );
    }
}

impl<P: BlockPool, const STOCK: usize> Format for Worker<'_, P, STOCK> {
    fn format(&self, fmt: Formatter<'_>) {
        write!(fmt, "Worker {{ stock: {=usize}, .. }}", self.stock());
    }
}
