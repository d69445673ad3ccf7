//! Counts the instructions of the hot operations with valgrind's callgrind: a guard against regressions that
//! does not depend on a clock. Each operation has a limit; the run fails above it.
//!
//! The program runs itself under callgrind, twice for each operation, with different counts: the difference
//! leaves out everything except the operation and the loop around it.

use std::error::Error;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::{Command, ExitCode};
use std::ptr::NonNull;
use std::slice;

use blockpool::TransactionMemoryPool;
use blockpool_benches::arguments::Arguments;
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{BurstError, LocalPool, Pool, Queue, Region, heapless};
use clap::Parser;

type Packets = Pool<2048, 1024>;

static POOL: Packets = Pool::new();
static QUEUE: Queue<'static, Packets> = Queue::new(&POOL);

const BURST: usize = 32;
/// The difference between the two counts of a measurement: many bursts.
const TIMES: u64 = 3200;

struct Operation {
    name: &'static str,
    /// Instructions: what was measured when the limit was set, rounded up by about 5 %, since compilers
    /// differ.
    limit: u32,
    /// Runs the operation that many times.
    run: fn(u64),
}

const OPERATIONS: [Operation; 14] = [
    Operation { name: "blockpool_core::LocalPool get, put", limit: 13, run: local_pool_pair },
    Operation {
        name: "blockpool_core::LocalPool get_burst, put_burst of 32, per block",
        limit: 19,
        run: local_pool_bursts,
    },
    Operation {
        name: "LocalPool get_raw_ptr, put_raw_ptr",
        limit: 32,
        run: local_pool_addresses_one_by_one,
    },
    Operation {
        name: "LocalPool get_raw_ptr_burst, put_raw_ptr_burst of 32, per block",
        limit: 32,
        run: local_pool_addresses,
    },
    Operation {
        name: "LocalPool of a Region, get_raw_ptr_burst, put_raw_ptr_burst of 32, per block",
        limit: 43,
        run: region_addresses,
    },
    Operation {
        name: "LocalPool of a Region, get_raw_ptr_burst_unchecked, put_raw_ptr_burst_unchecked of 32, per block",
        limit: 24,
        run: region_addresses_unchecked,
    },
    Operation { name: "Pool get, drop", limit: 32, run: pool_pair },
    Operation { name: "Pool get when exhausted", limit: 73, run: exhausted },
    Operation { name: "Block into_raw, from_raw", limit: 20, run: raw_pair },
    Operation { name: "Queue push, pop", limit: 82, run: queue_pair },
    Operation {
        name: "Queue push_burst, pop_burst of 32, per block",
        limit: 36,
        run: queue_bursts,
    },
    Operation {
        name: "Queue push_raw_ptr_burst, pop_raw_ptr_burst of 32, per block",
        limit: 55,
        run: queue_addresses,
    },
    Operation {
        name: "blockpool::LocalPool get_buffer, return_buffer",
        limit: 49,
        run: local_pair,
    },
    Operation {
        name: "TransactionMemoryPool get_buffer, return_buffer",
        limit: 110,
        run: shared_pair,
    },
];

fn local_pool_pair(times: u64) {
    let mut local = POOL.local_pool();
    for _ in 0..times {
        let block = local.get().expect("one is free");
        black_box(block.index());
        local.put(block);
    }
}

fn local_pool_bursts(times: u64) {
    let mut local = POOL.local_pool();
    let mut blocks = heapless::Vec::<_, BURST>::new();
    for _ in 0..times / BURST as u64 {
        local.get_burst(&mut blocks);
        black_box(&mut blocks);
        local.put_burst(&mut blocks);
    }
}

fn local_pool_addresses_one_by_one(times: u64) {
    let mut local = POOL.local_pool();
    for _ in 0..times {
        let address = local.get_raw_ptr().expect("one is free");
        // SAFETY: the address is used once, here.
        unsafe { local.put_raw_ptr(black_box(address)) }.expect("it was released");
    }
}

fn local_pool_addresses(times: u64) {
    let mut local = POOL.local_pool();
    addresses(
        times,
        &mut local,
        |local, addresses| local.get_raw_ptr_burst(addresses),
        // SAFETY: each address is used once, here.
        |local, addresses| unsafe { local.put_raw_ptr_burst(addresses) },
    );
}

/// A region of 1,024 blocks that is never freed.
fn region() -> &'static Region<'static> {
    const LENGTH: usize = 1024 * 2048;
    let memory = vec![MaybeUninit::uninit(); LENGTH + 64].leak();
    let aligned = memory.as_ptr().align_offset(64);
    let bookkeeping = [const { Bookkeeping::new() }; Bookkeeping::elements_for(1024)];
    let memory = &mut memory[aligned..][..LENGTH];
    let region = Region::new(memory, 2048, Box::leak(Box::new(bookkeeping)));
    Box::leak(Box::new(region.expect("memory as it has to be")))
}

fn region_addresses(times: u64) {
    addresses(
        times,
        &mut LocalPool::<_, 64>::new(region()),
        |local, addresses| local.get_raw_ptr_burst(addresses),
        // SAFETY: each address is used once, here.
        |local, addresses| unsafe { local.put_raw_ptr_burst(addresses) },
    );
}

fn region_addresses_unchecked(times: u64) {
    addresses(
        times,
        &mut LocalPool::<_, 64>::new(region()),
        |local, addresses| local.get_raw_ptr_burst_unchecked(addresses),
        |local, addresses| {
            // SAFETY: each address was taken unchecked and is used once, here.
            unsafe { local.put_raw_ptr_burst_unchecked(addresses) };
            Ok(())
        },
    );
}

fn queue_addresses(times: u64) {
    let mut burst = heapless::Vec::<_, BURST>::new();
    POOL.local_pool().get_burst(&mut burst);
    QUEUE.push_burst(&mut burst);
    addresses(
        times,
        &mut &QUEUE,
        |queue, addresses| queue.pop_raw_ptr_burst(addresses),
        // SAFETY: each address is used once, here.
        |queue, addresses| unsafe { queue.push_raw_ptr_burst(addresses) },
    );
}

/// Takes addresses and gives them back, in bursts.
fn addresses<T>(
    times: u64,
    from: &mut T,
    take: impl Fn(&mut T, &mut [MaybeUninit<NonNull<u8>>]) -> usize,
    give: impl Fn(&mut T, &[NonNull<u8>]) -> Result<(), BurstError>,
) {
    let mut table = [MaybeUninit::new(NonNull::dangling()); BURST];
    for _ in 0..times / BURST as u64 {
        assert_eq!(take(from, &mut table), BURST);
        // SAFETY: every element is initialised.
        let taken = unsafe { slice::from_raw_parts(table.as_ptr().cast(), BURST) };
        give(from, black_box(taken)).expect("they were released");
    }
}

fn pool_pair(times: u64) {
    for _ in 0..times {
        let block = POOL.get().expect("one is free");
        black_box(block.index());
    }
}

fn exhausted(times: u64) {
    let held: Vec<_> = std::iter::from_fn(|| POOL.get()).collect();
    for _ in 0..times {
        black_box(POOL.get().is_none());
    }
    drop(held);
}

fn raw_pair(times: u64) {
    let mut block = POOL.get().expect("one is free");
    for _ in 0..times {
        // SAFETY: the index is used once, here.
        block = unsafe { POOL.from_raw(black_box(block.into_raw())) }.expect("it was released");
    }
}

fn queue_pair(times: u64) {
    let mut block = POOL.get().expect("one is free");
    for _ in 0..times {
        QUEUE.push(block).expect("a block of its pool");
        block = QUEUE.pop().expect("one was pushed");
    }
}

fn queue_bursts(times: u64) {
    let mut blocks = heapless::Vec::<_, BURST>::new();
    POOL.local_pool().get_burst(&mut blocks);
    for _ in 0..times / BURST as u64 {
        QUEUE.push_burst(&mut blocks);
        QUEUE.pop_burst(&mut blocks);
    }
}

fn local_pair(times: u64) {
    let pool = TransactionMemoryPool::new(2048, 1024);
    let mut local = pool.local_pool();
    for _ in 0..times {
        let mut buffer = local.get_buffer();
        black_box(&mut buffer);
        local.return_buffer(buffer);
    }
}

fn shared_pair(times: u64) {
    let pool = TransactionMemoryPool::new(2048, 1024);
    for _ in 0..times {
        let mut buffer = pool.get_buffer();
        black_box(&mut buffer);
        pool.return_buffer(buffer);
    }
}

/// All instructions that this program executes when it runs operation `index` that many times.
fn count(index: usize, times: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([RUN, &index.to_string(), &times.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    let count = collected.and_then(|count| count.trim().parse().ok());
    count.ok_or_else(|| format!("callgrind did not report a count:\n{text}").into())
}

/// Whether every operation stays within its limit.
fn check(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    arguments.warn_unless_any(OPERATIONS.iter().map(|operation| operation.name));
    println!("| instructions of | counted | at most |\n|---|---|---|");
    let mut all = true;
    for (index, operation) in OPERATIONS.iter().enumerate() {
        if !arguments.wants(operation.name) {
            continue;
        }
        let difference = count(index, 2 * TIMES)? - count(index, TIMES)?;
        let each = difference as f64 / TIMES as f64;
        let within = each <= f64::from(operation.limit);
        let verdict = if within { "" } else { ": too many" };
        println!("| {} | {each:.1} | {}{verdict} |", operation.name, operation.limit);
        all &= within;
    }
    Ok(all)
}

/// What this program is passed under callgrind, followed by an index and a count.
const RUN: &str = "--run";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let [_, run, index, times] = &std::env::args().collect::<Vec<_>>()[..]
        && run == RUN
    {
        (OPERATIONS[index.parse::<usize>()?].run)(times.parse()?);
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: instructions are counted by valgrind, which is not installed");
        return Ok(if std::env::var_os("CI").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    }
    Ok(if check(&arguments)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
