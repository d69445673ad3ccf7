//! Counts what the hot operations cost, with valgrind: a guard against regressions that does not depend on a
//! clock. Each operation has limits; the run fails above them.
//!
//! - Instructions, by callgrind. The program runs itself twice for each operation, with different counts: the
//!   difference leaves out everything except the operation and the loop around it.
//! - Cache lines, of all memory but the stack, from the trace of lackey: those are what moves when another core
//!   has used them.

use std::collections::BTreeSet;
use std::error::Error;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::{Command, ExitCode};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use blockpool::TransactionMemoryPool;
use blockpool_benches::arguments::Arguments;
use blockpool_core::storage::Bookkeeping;
use blockpool_core::{BurstError, LocalPool, Pool, Queue, Region, heapless};
use clap::Parser;
use crossbeam::utils::CachePadded;

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
    /// Cache lines: what was measured, rounded up to a tenth.
    lines: f64,
    /// Runs the operation that many times.
    run: fn(u64),
}

const OPERATIONS: [Operation; 14] = [
    Operation {
        name: "blockpool_core::LocalPool get, put",
        limit: 15,
        lines: 0.0,
        run: local_pool_pair,
    },
    Operation {
        name: "blockpool_core::LocalPool get_burst, put_burst of 32, per block",
        limit: 19,
        lines: 0.2,
        run: local_pool_bursts,
    },
    Operation {
        name: "LocalPool get_raw_ptr, put_raw_ptr",
        limit: 32,
        lines: 1.0,
        run: local_pool_addresses_one_by_one,
    },
    Operation {
        name: "LocalPool get_raw_ptr_burst, put_raw_ptr_burst of 32, per block",
        limit: 32,
        lines: 0.2,
        run: local_pool_addresses,
    },
    Operation {
        name: "LocalPool of a Region, get_raw_ptr_burst, put_raw_ptr_burst of 32, per block",
        limit: 43,
        lines: 0.3,
        run: region_addresses,
    },
    Operation {
        name: "LocalPool of a Region, get_raw_ptr_burst_unchecked, put_raw_ptr_burst_unchecked of 32, per block",
        limit: 24,
        lines: 0.1,
        run: region_addresses_unchecked,
    },
    Operation { name: "Pool get, drop", limit: 33, lines: 1.0, run: pool_pair },
    Operation { name: "Pool get when exhausted", limit: 76, lines: 17.0, run: exhausted },
    Operation { name: "Block into_raw, from_raw", limit: 20, lines: 1.0, run: raw_pair },
    Operation { name: "Queue push, pop", limit: 82, lines: 3.0, run: queue_pair },
    Operation {
        name: "Queue push_burst, pop_burst of 32, per block",
        limit: 36,
        lines: 0.3,
        run: queue_bursts,
    },
    Operation {
        name: "Queue push_raw_ptr_burst, pop_raw_ptr_burst of 32, per block",
        limit: 55,
        lines: 0.3,
        run: queue_addresses,
    },
    Operation {
        name: "blockpool::LocalPool get_buffer, return_buffer",
        limit: 49,
        lines: 1.0,
        run: local_pair,
    },
    Operation {
        name: "TransactionMemoryPool get_buffer, return_buffer",
        limit: 110,
        lines: 7.6,
        run: shared_pair,
    },
];

/// Written to before each operation, or burst: where it begins in a trace.
static MARK: CachePadded<AtomicU64> = CachePadded::new(AtomicU64::new(0));

fn marked(times: u64) -> impl Iterator<Item = u64> {
    (0..times).inspect(|_| MARK.store(0, Relaxed))
}

fn local_pool_pair(times: u64) {
    let mut local = POOL.local_pool();
    for _ in marked(times) {
        let block = local.get().expect("one is free");
        black_box(block.index());
        local.put(block);
    }
}

fn local_pool_bursts(times: u64) {
    let mut local = POOL.local_pool();
    let mut blocks = heapless::Vec::<_, BURST>::new();
    for _ in marked(times / BURST as u64) {
        local.get_burst(&mut blocks);
        black_box(&mut blocks);
        local.put_burst(&mut blocks);
    }
}

fn local_pool_addresses_one_by_one(times: u64) {
    let mut local = POOL.local_pool();
    for _ in marked(times) {
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
    for _ in marked(times / BURST as u64) {
        assert_eq!(take(from, &mut table), BURST);
        // SAFETY: every element is initialised.
        let taken = unsafe { slice::from_raw_parts(table.as_ptr().cast(), BURST) };
        give(from, black_box(taken)).expect("they were released");
    }
}

fn pool_pair(times: u64) {
    for _ in marked(times) {
        let block = POOL.get().expect("one is free");
        black_box(block.index());
    }
}

fn exhausted(times: u64) {
    let held: Vec<_> = std::iter::from_fn(|| POOL.get()).collect();
    for _ in marked(times) {
        black_box(POOL.get().is_none());
    }
    drop(held);
}

fn raw_pair(times: u64) {
    let mut block = POOL.get().expect("one is free");
    for _ in marked(times) {
        // SAFETY: the index is used once, here.
        block = unsafe { POOL.from_raw(black_box(block.into_raw())) }.expect("it was released");
    }
}

fn queue_pair(times: u64) {
    let mut block = POOL.get().expect("one is free");
    for _ in marked(times) {
        QUEUE.push(block).expect("a block of its pool");
        block = QUEUE.pop().expect("one was pushed");
    }
}

fn queue_bursts(times: u64) {
    let mut blocks = heapless::Vec::<_, BURST>::new();
    POOL.local_pool().get_burst(&mut blocks);
    for _ in marked(times / BURST as u64) {
        QUEUE.push_burst(&mut blocks);
        QUEUE.pop_burst(&mut blocks);
    }
}

fn local_pair(times: u64) {
    let pool = TransactionMemoryPool::new(2048, 1024);
    let mut local = pool.local_pool();
    for _ in marked(times) {
        let mut buffer = local.get_buffer();
        black_box(&mut buffer);
        local.return_buffer(buffer);
    }
}

fn shared_pair(times: u64) {
    let pool = TransactionMemoryPool::new(2048, 1024);
    for _ in marked(times) {
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

/// How many cache lines that program touches each time that it runs operation `index`, on average.
fn count_lines(index: usize) -> Result<f64, Box<dyn Error>> {
    const LINE: u64 = 64;
    /// Far more than is used of it.
    const STACK: u64 = 1 << 20;
    const TIMES: u64 = 16 * BURST as u64;
    let output = Command::new("valgrind")
        .args(["--tool=lackey", "--trace-mem=yes"])
        .arg(std::env::current_exe()?)
        .args([RUN, &index.to_string(), &TIMES.to_string()])
        .output()?;
    let addresses = String::from_utf8(output.stdout)?;
    let mut addresses = addresses.split_whitespace().map(|text| u64::from_str_radix(text, 16));
    let (Some(Ok(mark)), Some(Ok(stack))) = (addresses.next(), addresses.next()) else {
        return Err("the program did not print its addresses".into());
    };
    // The lines touched after each mark, those after the last one among them.
    let mut touched: Vec<BTreeSet<u64>> = Vec::new();
    for access in String::from_utf8_lossy(&output.stderr).lines() {
        // A load, store or both: ` L 1234abcd,8`.
        let Some(access) = [" L ", " S ", " M "].iter().find_map(|kind| access.strip_prefix(kind))
        else {
            continue;
        };
        let address = access.split(',').next().unwrap_or_default();
        let address = u64::from_str_radix(address, 16)?;
        if address == mark {
            touched.push(BTreeSet::new());
        } else if address.abs_diff(stack) > STACK
            && let Some(lines) = touched.last_mut()
        {
            lines.insert(address / LINE);
        }
    }
    let each = TIMES as usize / touched.len().max(1);
    // Without the first half, which makes a steady state, and the last, after which the program ends.
    let (_, steady) = touched.split_at(touched.len() / 2);
    let [steady @ .., _] = steady else { return Err("lackey traced no operation".into()) };
    let lines: usize = steady.iter().map(BTreeSet::len).sum();
    Ok(lines as f64 / (steady.len() * each) as f64)
}

/// Whether every operation stays within its limits.
fn check(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    arguments.warn_unless_any(OPERATIONS.iter().map(|operation| operation.name));
    println!("| | instructions | at most | cache lines | at most |\n|---|---|---|---|---|");
    let mut all = true;
    for (index, operation) in OPERATIONS.iter().enumerate() {
        if !arguments.wants(operation.name) {
            continue;
        }
        let Operation { name, limit, lines: most, .. } = *operation;
        let difference = count(index, 2 * TIMES)? - count(index, TIMES)?;
        let instructions = difference as f64 / TIMES as f64;
        let lines = count_lines(index)?;
        let within = instructions <= f64::from(limit) && lines <= most;
        let verdict = if within { "" } else { ": too many" };
        println!("| {name} | {instructions:.1} | {limit} | {lines:.2} | {most}{verdict} |");
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
        println!("{:x} {:x}", (&raw const MARK).addr(), (&raw const times).addr());
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
