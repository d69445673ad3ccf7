//! The command line of the pipeline.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::pipeline::{Check, Pattern};
use crate::pipeline_pools::PoolKind;

/// Sends Solana transactions over UDP loopback through a pipeline that receives, queues and checks them,
/// once for each buffer pool; compares the pools and recommends one, and its size.
///
/// Without options: signed transactions, generated at start in the sizes that validators see; each pool
/// under steady and under bursty load; half a minute.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, allow_negative_numbers = true)]
pub struct Options {
    /// Pools to run, one after the other, separated by commas [default: all]
    ///
    /// `jemalloc` and `mimalloc` need a build with the features of these names, and are then part of `all`.
    #[arg(long, value_enum, value_delimiter = ',', hide_default_value = true)]
    pub pool: Vec<PoolKind>,

    /// Load patterns, separated by commas: `steady` spaces packets evenly, `bursty` sends those of each
    /// 10 ms at once; with --input, instead of the recorded times [default: steady,bursty]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub pattern: Vec<Pattern>,

    /// What the workers do with each transaction
    #[arg(long, value_enum, default_value_t = Check::Verify)]
    pub work: Check,

    /// Transactions sent per second [default: 20000; with --input, the recorded times if the file
    /// has them]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate: Option<u64>,

    /// Seconds each run lasts, after 0.2 s of warm-up
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub duration: Duration,

    /// Worker threads, in addition to one that sends and one that receives
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,

    /// Buffers in each pool, and slots in its queue
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..=1 << 24))]
    pub capacity: u32,

    /// Bytes in a buffer: the longest packet that it can hold [default: 1232, or 4096 with --v1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_504))]
    pub buffer_size: Option<u32>,

    /// Seed of the generated keys, amounts and sizes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Also generate transactions of version 1, up to 4096 bytes
    #[arg(long)]
    pub v1: bool,

    /// Send the packets of FILE instead: pcap or pcapng (UDP payloads), or transactions prefixed by 16-bit
    /// little-endian lengths (.txs); repeated until the time is up
    ///
    /// FILE may be compressed with gzip or zstd, and may be a pipe; `-` is standard input. Data from a pipe
    /// that is not a capture is read as transactions. Packets without a UDP payload, and truncated ones, are
    /// skipped and counted.
    ///
    /// The recorded times are kept, packet by packet, by the clock of each packet's interface. A step of more
    /// than 1 s back or 60 s ahead counts as a jump of the clock, not as time; so does one of more than 1 s
    /// ahead if a later packet's time stamp falls within it. A clock that jumps back to where it was
    /// continues as before. A step of up to 1 s back counts as no time. The report says how many jumps
    /// there were.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "v1"])]
    pub input: Option<PathBuf>,

    /// Reject an --input that ends in the middle of a record, instead of using the complete records
    #[arg(long, requires = "input")]
    pub strict: bool,

    /// Write the figures to FILE as JSON
    ///
    /// The file is replaced when all runs have ended. `-` is standard output; the text then goes to standard
    /// error. Ctrl-C ends the runs early: text and figures cover what was measured until then, and say so. A
    /// second Ctrl-C ends the program at once, and nothing is written.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("not between 0.1 and 86400 seconds".to_owned())
    }
}

impl Options {
    /// The pools to run.
    pub fn pools(&self) -> Vec<PoolKind> {
        if self.pool.is_empty() || self.pool.contains(&PoolKind::All) {
            PoolKind::all()
        } else {
            let mut pools = Vec::new();
            self.pool
                .iter()
                .for_each(|pool| pools.extend((!pools.contains(pool)).then_some(*pool)));
            pools
        }
    }

    /// The load patterns to run, if a rate is given or taken.
    pub fn patterns(&self) -> Vec<Pattern> {
        if self.pattern.is_empty() {
            vec![Pattern::Steady, Pattern::Bursty]
        } else {
            self.pattern.clone()
        }
    }

    /// Bytes in a buffer.
    pub fn buffer_size(&self) -> usize {
        self.buffer_size.unwrap_or(if self.v1 { 4096 } else { 1232 }) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Options;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn bad_values_are_refused() {
        let refused = |arguments: &[&str]| {
            Options::try_parse_from([&["pipeline"], arguments].concat()).is_err()
        };
        assert!(!refused(&["--duration", "0.5", "--pool", "core,malloc"]));
        assert!(refused(&["--duration", "0"]));
        assert!(refused(&["--duration", "NaN"]));
        assert!(refused(&["--rate", "0"]));
        assert!(refused(&["--workers", "0"]));
        assert!(refused(&["--capacity", "1"]));
        assert!(refused(&["--buffer-size", "0"]));
        assert!(refused(&["--pool", "fastest"]));
        assert!(refused(&["--input", "x", "--v1"]));
    }
}
