//! Estimates how much memory a run takes, before it takes it.

use blockpool::ReceivedTransaction;
use blockpool_core::QueueSlot;
use blockpool_core::storage::Bookkeeping;

use crate::limits::{self, Room};
use crate::options::Options;
use crate::pipeline::{AllocatedBuffer, bytes_of_thread};
use crate::pipeline_pools::{PoolKind, block_size};

/// The memory of the pools, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Taken as soon as a run starts.
    pub at_start: u64,
    /// Taken at most, when every slot of the queue is in use.
    pub at_most: u64,
}

/// Address space of a thread's stack.
const STACK: u64 = 2 << 20;

/// The system's memory for a socket's buffer: it counts twice the size that is asked for.
const SOCKET_BUFFER: u64 = 16 << 20;

const PAGE: u64 = 4096;

/// What mimalloc touches before its first allocation, as measured.
#[cfg(feature = "mimalloc")]
const MIMALLOC: u64 = 4 << 20;

/// Elements of a block of `SegQueue`.
const SEGMENT: u64 = 31;

/// What an `ArrayQueue` of `T` keeps for each of its slots.
const fn place_of<T>() -> u64 {
    (size_of::<T>() + size_of::<usize>()).next_multiple_of(align_of::<T>()) as u64
}

/// What glibc's `malloc` takes for an allocation: its size and one word, in steps of two words.
fn by_malloc(size: u64) -> u64 {
    (size + 8).next_multiple_of(16).max(32)
}

/// What an allocator with four size classes per doubling takes for an allocation.
#[cfg(any(feature = "jemalloc", feature = "mimalloc"))]
fn by_size_class(size: u64) -> u64 {
    size.next_multiple_of((size.next_power_of_two() / 8).max(16))
}

impl Needed {
    /// The memory of a pool, its queue and what the stages measure with.
    pub fn by(pool: PoolKind, buffer_size: usize, capacity: usize, workers: usize) -> Self {
        let count = capacity as u64;
        let size = buffer_size as u64;
        let vectors = place_of::<ReceivedTransaction<Vec<u8>>>();
        let allocated = |bytes: u64| (place_of::<ReceivedTransaction<AllocatedBuffer>>(), bytes);
        // For each buffer: from the start, and in addition when the queue is full.
        let (at_start, later) = match pool {
            PoolKind::All => unreachable!("stands for the others"),
            PoolKind::Original => {
                // A segment: its elements, each with a state, and a link.
                let segment = by_malloc((size_of::<Vec<u8>>() as u64 + 8) * SEGMENT + 8);
                // Only its first page, which `malloc` writes to, is resident before a buffer is used.
                let first = by_malloc(size).min(PAGE);
                (first + segment.div_ceil(SEGMENT) + vectors, by_malloc(size) - first)
            }
            PoolKind::ArrayQueue | PoolKind::Local => {
                (by_malloc(size) + place_of::<Vec<u8>>() + vectors, 0)
            }
            PoolKind::Core => {
                // Depends on the number of blocks, not on their size.
                let elements = Bookkeeping::elements_for(capacity);
                let bookkeeping = (elements * size_of::<Bookkeeping>()) as u64;
                let of_each = block_size(buffer_size) + size_of::<QueueSlot>();
                (of_each as u64 + bookkeeping.div_ceil(count), 0)
            }
            PoolKind::Malloc => allocated(by_malloc(size)),
            #[cfg(feature = "jemalloc")]
            PoolKind::Jemalloc => allocated(by_size_class(size)),
            #[cfg(feature = "mimalloc")]
            PoolKind::Mimalloc => allocated(by_size_class(size)),
        };
        let threads = (workers as u64 + 2) * bytes_of_thread();
        let own = match pool {
            #[cfg(feature = "mimalloc")]
            PoolKind::Mimalloc => MIMALLOC,
            _ => 0,
        };
        let at_start = at_start * count + threads + own;
        Self { at_start, at_most: at_start + later * count }
    }

    /// What the most demanding runs need at the start, and at most; pools are run one after the other.
    pub fn of(options: &Options) -> Self {
        let by = |pool: PoolKind| {
            let (capacity, workers) = (options.capacity as usize, options.workers.into());
            Self::by(pool, options.buffer_size(), capacity, workers)
        };
        let more = |one: Self, other: Self| Self {
            at_start: one.at_start.max(other.at_start),
            at_most: one.at_most.max(other.at_most),
        };
        options.pools().into_iter().map(by).reduce(more).expect("one pool at least")
    }

    /// Rejects what would not fit.
    ///
    /// # Errors
    ///
    /// What is too much, and what limits it.
    pub fn fits(self, options: &Options) -> Result<(), String> {
        let refused = |needed: u64, what: &str, room: &Room| {
            format!(
                "{} buffers of {} bytes and what belongs to them need up to {} MiB of {what}, more than \
                 the {} MiB that {}; see --capacity, --buffer-size and --workers",
                options.capacity,
                options.buffer_size(),
                needed.div_ceil(1 << 20),
                room.bytes >> 20,
                room.whose,
            )
        };
        let memory = self.at_most + SOCKET_BUFFER;
        if let Some(room) = limits::memory().filter(|room| memory > room.bytes) {
            return Err(refused(memory, "memory", &room));
        }
        let addresses = self.at_most + (u64::from(options.workers) + 2) * STACK;
        match limits::address_space() {
            Some(room) if addresses > room.bytes => Err(refused(addresses, "address space", &room)),
            _ => Ok(()),
        }
    }
}

/// Returns to the system the memory that a dropped pool has left in glibc's `malloc`. Otherwise `malloc`
/// would keep it, the next pool's memory would come on top, and a run would depend on those before it.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches no memory that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Needed;
    use crate::options::Options;
    use crate::pipeline_pools::PoolKind;

    /// With large buffers, the pool that may take the most in the end takes little at the start.
    #[test]
    fn all_pools_need_what_the_largest_needs_from_the_start_and_at_most() {
        let arguments = ["pipeline", "--buffer-size", "65000", "--capacity", "4096"];
        let all = Needed::of(&Options::parse_from(arguments));
        let each = PoolKind::all().into_iter().map(|pool| Needed::by(pool, 65_000, 4096, 1));
        let each: Vec<Needed> = each.collect();
        assert_eq!(Some(all.at_start), each.iter().map(|needed| needed.at_start).max());
        assert_eq!(Some(all.at_most), each.iter().map(|needed| needed.at_most).max());
        assert!(all.at_start > 65_000 * 4096);
    }
}
