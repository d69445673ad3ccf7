//! Starting with a large pool: when its memory becomes resident, and which step waits for it.

use std::hint::black_box;
use std::time::Instant;

use blockpool::TransactionMemoryPool;
use blockpool_benches::limits;
use blockpool_benches::markdown::{figure, table};
use blockpool_benches::patterns::nanoseconds;
use blockpool_benches::peers::region::Memory;
use blockpool_benches::peers::{BLOCK_SIZE, marked};
use blockpool_core::Region;

const GIB: usize = 1 << 30;

/// The cost of an operation.
struct Cost {
    ns: f64,
    /// Page faults of the program during the operation, if the system reports them.
    faults: Option<u64>,
}

impl Cost {
    fn of<R>(work: impl FnOnce() -> R) -> (Self, R) {
        let (begin, before) = (Instant::now(), page_faults());
        let result = work();
        let faults = page_faults().zip(before).map(|(after, before)| after - before);
        (Self { ns: nanoseconds(begin.elapsed()), faults }, result)
    }

    fn cells(&self, each: usize) -> [String; 2] {
        let time = match each {
            1 => format!("{} ms", figure(self.ns / 1e6)),
            _ => format!("{} ns", figure(self.ns / each as f64)),
        };
        [time, self.faults.map_or("n/a".into(), |faults| faults.to_string())]
    }
}

/// Creates large pools and takes each block once.
pub(crate) fn report(quick: bool) -> String {
    let wanted = if quick { GIB / 4 } else { GIB };
    let limit = limits::memory().map(|room| room.bytes).map_or(wanted, |bytes| bytes as usize / 2);
    let count = wanted.min(limit) / BLOCK_SIZE;
    let head = ["", "made in", "page faults", "first get and touch, each", "page faults"];
    let rows = [
        ("`Region`, memory as it comes", of_region(count, false)),
        ("`Region`, every page touched before", of_region(count, true)),
        ("`TransactionMemoryPool`", of_vectors(count)),
    ];
    let rows = rows.map(|(name, (made, used))| {
        let cells = made.cells(1).into_iter().chain(used.cells(count));
        std::iter::once(name.to_owned()).chain(cells).collect()
    });
    let mib = count * BLOCK_SIZE / (1 << 20);
    format!("{count} blocks of {BLOCK_SIZE} bytes, {mib} MiB.\n\n{}", table(&head, rows))
}

fn of_region(count: usize, prefault: bool) -> (Cost, Cost) {
    let mut bookkeeping = Vec::new();
    let mut memory = None;
    let (made, region) = Cost::of(|| {
        let memory = memory.insert(Memory::new(count * BLOCK_SIZE));
        if prefault {
            memory.touch();
        }
        memory.region(BLOCK_SIZE, &mut bookkeeping)
    });
    let mut held = Vec::with_capacity(count);
    // Touches the list's memory in advance, so that only the pool's is measured.
    held.resize_with(count, || None);
    let (used, ()) = Cost::of(|| take_all(&region, &mut held));
    (made, used)
}

fn take_all<'r, 'm>(
    region: &'r Region<'m>,
    held: &mut [Option<blockpool_core::Block<'r, Region<'m>>>],
) {
    for slot in held {
        let mut block = region.get().expect("one is free");
        block.write_slice(&marked()).expect("it fits");
        *slot = Some(block);
    }
}

fn of_vectors(count: usize) -> (Cost, Cost) {
    let (made, pool) = Cost::of(|| TransactionMemoryPool::new(BLOCK_SIZE, count));
    let mut held = vec![Vec::new(); count];
    let (used, ()) = Cost::of(|| {
        for slot in &mut held {
            let mut buffer = pool.get_buffer();
            buffer.extend_from_slice(&marked());
            *slot = buffer;
        }
    });
    black_box(held);
    (made, used)
}

/// Page faults of the program so far: pages that it asked for and had to wait for.
#[cfg(unix)]
fn page_faults() -> Option<u64> {
    // SAFETY: a struct of integers; all zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the usage is valid for writes.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    (failed == 0).then_some((usage.ru_minflt + usage.ru_majflt) as u64)
}

#[cfg(not(unix))]
fn page_faults() -> Option<u64> {
    None
}
