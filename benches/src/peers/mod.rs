//! What the pools are compared with, and the pools themselves: one trait, one `impl` for each.

pub mod all;
mod allocators;
mod floors;
mod ours;
mod pools;
mod queues;
pub mod region;
mod singletons;
mod statics;
#[cfg(test)]
mod tests;
mod vectors;

pub use allocators::{Allocator, Recycled};
pub use floors::{BitOfAWord, Nothing, TwoAtomicOperations, UnsharedStack, UnsharedVectors};
pub use ours::{Private, Shared};
pub use pools::{Locked, Objects, Pages, Sharded};
pub use queues::{Bare, Enqueued, Segments, Things};
pub use statics::{Boxed, InBitset};
pub use vectors::{Guarded, Local, Original, Transactions};

use std::hint::{black_box, spin_loop};

use blockpool_core::heapless::Vec;

/// Bytes in a block or buffer.
pub const BLOCK_SIZE: usize = 2048;
/// Bytes in a block that is not touched.
const SMALL: usize = 64;
/// Blocks of bounded contenders, and buffers that the others start with.
pub const COUNT: usize = 1024;
/// Buffers in a burst.
pub const BURST: usize = 32;

/// Buffers on their way, in a vector that does not allocate.
pub type Burst<B> = Vec<B, BURST>;

/// What several threads do with a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Each takes and gives back.
    Alike,
    /// One takes, another gives back.
    HandOver,
}

/// Something that buffers are taken from and given back to.
///
/// It lives as long as the program, as pools do, so handles and buffers need no lifetime.
pub trait Contender: Sync + 'static {
    /// What a thread works with; each thread has its own.
    type Handle;
    /// A buffer that is taken. Another thread may give it back.
    type Buffer: Send;

    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// What it lacks compared with others, such as a bound or a check. Empty if nothing is known.
    fn less(&self) -> String {
        String::new()
    }

    /// The number of buffers, if it is bounded.
    fn capacity(&self) -> Option<usize>;

    /// Why threads cannot use it together, if they cannot.
    fn refuses(&self, _: Threads) -> Option<&'static str> {
        None
    }

    /// A handle for the calling thread.
    fn handle(&'static self) -> Self::Handle;

    /// Takes a buffer, or nothing if there is none.
    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer>;

    /// Takes a buffer. If a contender spuriously finds none, this retries until it gets one, so that cost
    /// shows in the time.
    ///
    /// Implement this where a get cannot fail: an `Option` around it would be a detour.
    fn take(handle: &mut Self::Handle) -> Self::Buffer {
        loop {
            if let Some(buffer) = Self::get(handle) {
                return buffer;
            }
            spin_loop();
        }
    }

    /// Writes [`marked`] bytes to the front of the buffer, in the way that its type provides.
    fn touch(buffer: &mut Self::Buffer);

    /// The first byte that [`touch`](Self::touch) writes.
    fn first_byte(buffer: &Self::Buffer) -> *const u8;

    /// Gives a buffer back.
    fn put(handle: &mut Self::Handle, buffer: Self::Buffer);

    /// Takes buffers until the burst is full or none is left.
    fn get_burst(handle: &mut Self::Handle, burst: &mut Burst<Self::Buffer>) {
        while !burst.is_full() {
            let Some(buffer) = Self::get(handle) else { return };
            let _ = burst.push(buffer);
        }
    }

    /// Gives all buffers of a burst back.
    fn put_burst(handle: &mut Self::Handle, burst: &mut Burst<Self::Buffer>) {
        while let Some(buffer) = burst.pop() {
            Self::put(handle, buffer);
        }
    }
}

/// What every contender writes to a buffer: by value, so that the length is known where it is copied; opaque
/// to the compiler, so that it has to be copied.
#[inline]
pub fn marked() -> [u8; 8] {
    black_box([1; 8])
}

/// Takes a full burst.
#[inline]
pub fn take_burst<C: Contender>(handle: &mut C::Handle, burst: &mut Burst<C::Buffer>) {
    C::get_burst(handle, burst);
    while !burst.is_full() {
        spin_loop();
        C::get_burst(handle, burst);
    }
}

/// Something to do with each contender, whatever its type.
pub trait Visitor {
    /// Does it with one contender.
    fn visit<C: Contender>(&mut self, contender: C);
}

/// The name of the baseline that all others are compared with.
pub const BASELINE: &str = "`ArrayQueue<Vec<u8>>`, bare";
