//! How a pool behaves as it grows, in blocks, bytes and threads, and what it costs to start one: `--help`
//! lists the options.

mod start;

use std::time::Duration;

use blockpool_benches::arguments::Arguments;
use blockpool_benches::interleave::{Group, Summary, calibrated, run};
use blockpool_benches::markdown::{figure, heading, table};
use blockpool_benches::patterns::{Work, pairs};
use blockpool_benches::peers::{BLOCK_SIZE, COUNT, Contender, Visitor, all};
use blockpool_benches::schedule::{cores, pin_to_last};
use clap::Parser;

/// Turns per contender, and the duration of a sample.
const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 2;
const SAMPLE: Duration = Duration::from_millis(5);
/// With more threads than cores, where threads have to take turns.
const CROWDED_SAMPLE: Duration = Duration::from_millis(60);

/// Plans a column of a table: pairs on the given number of threads.
struct Column<'g> {
    name: &'static str,
    threads: usize,
    group: &'g mut Vec<Group>,
}

impl Visitor for Column<'_> {
    fn visit<C: Contender>(&mut self, contender: C) {
        let contender: &'static C = Box::leak(Box::new(contender));
        let (work, time): (Work, _) = match self.threads {
            1 => (pairs::one_thread(contender), SAMPLE),
            threads if threads <= cores() => (pairs::threads(contender, threads), SAMPLE),
            threads => (pairs::threads(contender, threads), CROWDED_SAMPLE),
        };
        if self.group.last().is_none_or(|group| group.columns != [self.name]) {
            self.group.push(Group::new(&[self.name]));
        }
        let group = self.group.last_mut().expect("one was just added");
        group.add(contender.name(), calibrated(work, time));
    }
}

fn main() {
    let arguments = Arguments::parse();
    println!("{}\n", heading());
    pin_to_last();
    let rounds = if arguments.quick { QUICK_ROUNDS } else { ROUNDS };

    let blocks = "blocks: pairs on one thread, blocks of 64 bytes";
    let bytes = "bytes: pairs on one thread, 1,024 blocks";
    let threads = &format!("threads: pairs on {} cores, 8,192 blocks of 2 KiB", cores());
    let start = "start: memory made and touched";
    arguments.warn_unless_any([blocks, bytes, threads, start]);

    if arguments.wants(blocks) {
        let counts = [
            ("64", 64),
            ("1,024", 1024),
            ("16,384", 16_384),
            ("65,536", 65_536),
            ("262,144", 262_144),
            ("1,048,576", 1_048_576),
            ("4,194,304", 4_194_304),
        ];
        report(blocks, rounds, counts.map(|(name, count)| (name, 64, count, 1)));
    }
    if arguments.wants(bytes) {
        let sizes =
            [("64 B", 64), ("512 B", 512), ("2 KiB", 2048), ("16 KiB", 16_384), ("64 KiB", 65_536)];
        report(bytes, rounds, sizes.map(|(name, size)| (name, size, COUNT, 1)));
    }
    if arguments.wants(threads) {
        let counts = [("1", 1), ("2", 2), ("4", 4), ("8", 8), ("16", 16), ("32", 32), ("64", 64)];
        // Enough for the stock of 64 local pools.
        report(threads, rounds, counts.map(|(name, count)| (name, BLOCK_SIZE, 8 * COUNT, count)));
    }
    if arguments.wants(start) {
        println!("## {start}\n\n{}\n", start::report(arguments.quick));
    }
}

/// Measures and prints a table. Each column has a name, a block size, a number of blocks and a number of
/// threads.
fn report<const N: usize>(
    title: &str,
    rounds: usize,
    columns: [(&'static str, usize, usize, usize); N],
) {
    let mut groups = Vec::new();
    for (name, size, count, threads) in columns {
        all::of_size(&mut Column { name, threads, group: &mut groups }, size, count);
    }
    run(&mut groups, rounds, |_| ());
    let contenders = groups[0].series.iter().map(|series| series.contender);
    let rows = contenders.map(|contender| {
        let cell = |group: &Group| {
            let samples = group.samples(group.columns[0], contender).expect("in every group");
            let Summary { median, least, greatest } = Summary::of(&samples);
            format!("{} ({}-{})", figure(median), figure(least), figure(greatest))
        };
        std::iter::once(contender.to_owned()).chain(groups.iter().map(cell)).collect()
    });
    let mut head = vec![""];
    head.extend(columns.map(|column| column.0));
    println!(
        "## {title}\n\nns a pair, of all threads together: the median of {rounds} rounds, (the \
         least to the greatest).\n\n{}\n",
        table(&head, rows)
    );
}
