//! What the pipeline reports at its end.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::input::verify::Invalid;
use crate::load::Recording;
use crate::machine::Fact;
use crate::pipeline::{Ended, Outcome, Summary};
use crate::pipeline_pools::{Fallbacks, PoolKind};

/// Everything, as `--json` writes it. Times are in nanoseconds, sizes in bytes.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Vec<Fact>,
    /// The smallest step of the clock used.
    pub clock_step_ns: u64,
    /// The time that reading it takes; part of every time of a single call.
    pub clock_read_ns: f64,
    /// What was sent: words for a person.
    pub input: String,
    pub recording: Option<Recording>,
    pub buffer_size: usize,
    pub capacity: usize,
    pub workers: usize,
    pub memory: Memory,
    pub work: String,
    pub runs: Vec<Run>,
    /// Whether the program was told to end early.
    pub interrupted: bool,
}

/// Memory of the program.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// Of the pool that takes the most, with input and program; before any was made.
    pub estimated_bytes: u64,
    /// The peak, where the system reports it.
    pub peak_bytes: Option<u64>,
}

/// One pool under one load. Counts are of the whole run; times and allocations leave out the
/// warm-up.
#[derive(Debug, Serialize)]
pub struct Run {
    pub pool: PoolKind,
    pub pattern: String,
    pub seconds: f64,
    pub sent: u64,
    /// Why no more was sent.
    pub ended: &'static str,
    /// How long after the end the next packet is due, if none was due any more.
    pub next_due_seconds: Option<f64>,
    pub received: u64,
    /// Passed the check.
    pub valid: u64,
    pub invalid: BTreeMap<&'static str, u64>,
    pub dropped: Dropped,
    pub get: Summary,
    pub give_back: Summary,
    /// From the kernel's receive time to the buffer's return.
    pub end_to_end: Summary,
    /// By the stages, pool and queue included.
    pub hot_path_allocations: u64,
    /// By parsing and verifying.
    pub check_allocations: u64,
    /// Times that the receiving stage found no buffer.
    pub exhausted: u64,
    #[serde(flatten)]
    pub fallbacks: Fallbacks,
    /// The most buffers in use at once.
    pub high_water_mark: u64,
    /// Share of the stages' busy time that get and give-back took.
    pub pool_share_percent: f64,
    /// The stages' busy time for each transaction.
    pub busy_ns_per_transaction: f64,
}

/// Transactions that were sent but not checked.
#[derive(Debug, Serialize)]
pub struct Dropped {
    /// Before the program saw them: the socket's buffer was full.
    pub kernel: u64,
    /// Longer than a buffer.
    pub too_long: u64,
    pub queue_full: u64,
}

impl Dropped {
    fn total(&self) -> u64 {
        self.kernel + self.too_long + self.queue_full
    }
}

impl Run {
    /// Puts together what a run saw.
    pub fn new(
        pool: PoolKind,
        pattern: &str,
        outcome: &Outcome,
        fallbacks: Fallbacks,
        capacity: usize,
    ) -> Self {
        let Outcome { elapsed, sent, received, worked } = outcome;
        let (get, give_back) = (received.get.summary(), worked.give_back.summary());
        let busy_ns = (received.busy + worked.busy).as_nanos() as f64;
        let end_to_end = worked.end_to_end.summary();
        let pool_ns = get.mean_ns.unwrap_or(0.0) * received.gets as f64
            + give_back.mean_ns.unwrap_or(0.0) * end_to_end.samples as f64;
        // Buffers that workers give back are counted a batch at a time, so the mark can read high.
        let most = match pool {
            PoolKind::Core => capacity as u64,
            PoolKind::ArrayQueue | PoolKind::Local if fallbacks.heap_fallbacks == 0 => {
                capacity as u64
            }
            _ => u64::MAX,
        };
        let reasons = Invalid::ALL.iter().map(|reason| reason.as_str());
        Self {
            pool,
            pattern: pattern.to_owned(),
            seconds: elapsed.as_secs_f64(),
            sent: sent.packets,
            ended: match sent.ended {
                Ended::TimeUp => "time up",
                Ended::NothingDue(_) => "nothing due",
                Ended::Stopped => "interrupted",
            },
            next_due_seconds: match sent.ended {
                Ended::NothingDue(after) => Some(after.as_secs_f64()),
                Ended::TimeUp | Ended::Stopped => None,
            },
            received: received.datagrams,
            valid: worked.valid,
            invalid: reasons.zip(worked.invalid).collect(),
            dropped: Dropped {
                kernel: sent.packets.saturating_sub(received.datagrams),
                too_long: received.truncated,
                queue_full: received.queue_full,
            },
            get,
            give_back,
            end_to_end,
            hot_path_allocations: received.allocations + worked.allocations,
            check_allocations: worked.check_allocations,
            exhausted: received.exhausted,
            fallbacks,
            high_water_mark: received.high_water_mark.min(most),
            busy_ns_per_transaction: busy_ns / (end_to_end.samples.max(1) as f64),
            pool_share_percent: if busy_ns > 0.0 { 100.0 * pool_ns / busy_ns } else { 0.0 },
        }
    }

    fn name(&self) -> String {
        format!("{}, {}", self.pool.name(), self.pattern)
    }

    fn invalid(&self) -> u64 {
        self.invalid.values().sum()
    }

    /// Transactions that arrived, whatever the check said.
    pub fn done(&self) -> u64 {
        self.valid + self.invalid()
    }

    /// Whether the pool was large enough.
    pub fn sufficed(&self) -> bool {
        self.exhausted == 0 && self.fallbacks.heap_fallbacks == 0 && self.dropped.queue_full == 0
    }
}

/// Nanoseconds in a unit that a person reads.
pub fn time(ns: Option<f64>) -> String {
    let Some(ns) = ns else {
        return "-".into();
    };
    match ns {
        _ if ns < 99.95 => format!("{ns:.1} ns"),
        _ if ns < 1e4 => format!("{ns:.0} ns"),
        _ if ns < 1e5 => format!("{:.1} µs", ns / 1e3),
        _ if ns < 1e7 => format!("{:.0} µs", ns / 1e3),
        _ => format!("{:.0} ms", ns / 1e6),
    }
}

/// A table with right-aligned columns but for the first `left`.
fn table<const N: usize>(
    left: usize,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
    rows.into_iter().for_each(|row| _ = table.add_row(row));
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

impl Report {
    /// The machine, before anything is run.
    pub fn facts(&self) -> String {
        let mut text = String::from("Machine (! = makes tail latencies longer)\n");
        for fact in &self.machine {
            let mark = if fact.noisy.is_some() { '!' } else { ' ' };
            let why = fact.noisy.map(|why| format!(": {why}")).unwrap_or_default();
            let _ = writeln!(text, "  {mark} {:<24} {}{why}", fact.name, fact.value);
        }
        let _ = writeln!(
            text,
            "    {:<24} steps of {} ns, {:.0} ns to read\n\nInput: {}\n\
             Pools: {} buffers for packets of up to {} bytes; {} worker{}, work: {}\n\
             Memory: about {} MiB, input and program included",
            "clock",
            self.clock_step_ns,
            self.clock_read_ns,
            self.input,
            self.capacity,
            self.buffer_size,
            self.workers,
            if self.workers == 1 { "" } else { "s" },
            self.work,
            self.memory.estimated_bytes.div_ceil(1 << 20),
        );
        text
    }

    /// The tables and what follows from them.
    pub fn results(&self) -> String {
        let mut text = String::from("Transactions\n");
        let passed = match self.work.as_str() {
            "none" => "passed on",
            "parse" => "parsed",
            _ => "verified",
        };
        text += &table(
            1,
            [
                "pool, load",
                "sent",
                passed,
                "invalid",
                "dropped",
                "no buffer",
                "from heap",
                "allocations",
                "most in use",
                "pool's share",
            ],
            self.runs.iter().map(|run| {
                [
                    run.name(),
                    run.sent.to_string(),
                    run.valid.to_string(),
                    run.invalid().to_string(),
                    run.dropped.total().to_string(),
                    run.exhausted.to_string(),
                    run.fallbacks.heap_fallbacks.to_string(),
                    run.hot_path_allocations.to_string(),
                    run.high_water_mark.to_string(),
                    format!("{:.2} %", run.pool_share_percent),
                ]
            }),
        );
        text += "\n  counts: of the whole run, including the warm-up\n  \
                 no buffer: how often the receiver found every buffer in use, and tried again\n  \
                 from heap: buffers allocated because the pool was empty\n  \
                 allocations: on the hot path after the warm-up, by receiver, pool and queue, not by \
                 the check\n  \
                 most in use: buffers in use at once, including a batch kept ready for receiving\n  \
                 pool's share: of the time that receiver and workers were busy, the part spent in get \
                 and give-back\n";
        self.details(&mut text);
        self.replayed(&mut text);
        text += "\nLatency\n";
        text += &table(
            2,
            ["pool, load", "what", "mean", "p50", "p99", "p99.9", "max"],
            self.runs.iter().flat_map(|run| {
                let rows = [
                    ("get", run.get),
                    ("give back", run.give_back),
                    ("end to end", run.end_to_end),
                ];
                rows.map(|(what, times)| {
                    let name = if what == "get" { run.name() } else { String::new() };
                    [
                        name,
                        what.to_owned(),
                        time(times.mean_ns),
                        time(times.p50_ns),
                        time(times.p99_ns),
                        time(times.p999_ns),
                        time(times.max_ns),
                    ]
                })
            }),
        );
        let _ = writeln!(
            text,
            "\n  get, give back: mean and p50 from batches timed as a whole (of one call, where packets \
             arrive one by one);\n  p99 and above from single calls, including {:.0} ns for reading the \
             clock\n  \
             end to end: from the kernel's receive time to the buffer's return\n  \
             -: too few samples",
            self.clock_read_ns
        );
        text
    }

    /// How much of a recording was sent, and why no more.
    fn replayed(&self, text: &mut String) {
        let Some(Recording { packets, seconds, .. }) = self.recording else {
            return;
        };
        *text += "\nRecording\n";
        for run in &self.runs {
            let sent = run.sent;
            let is_whole = sent >= packets;
            let much = match is_whole {
                true => format!(
                    "the whole recording was sent {:.1} times",
                    sent as f64 / packets as f64
                ),
                false => format!("{sent} of {packets} packets were sent"),
            };
            let why = match run.next_due_seconds {
                _ if run.ended == "interrupted" => "then the run was interrupted".to_owned(),
                Some(after) if seconds.is_some() && !is_whole => {
                    format!(
                        "the next one is due {after:.3} s after the end of the run (see --duration)"
                    )
                }
                _ => "then the time was up".to_owned(),
            };
            let _ = writeln!(text, "  {}: {much}; {why}", run.name());
        }
    }

    /// Reasons, where there are any.
    fn details(&self, text: &mut String) {
        for run in &self.runs {
            let mut reasons: Vec<String> = run
                .invalid
                .iter()
                .map(|(reason, count)| (*reason, *count))
                .chain([
                    ("dropped by the kernel, the socket's buffer was full", run.dropped.kernel),
                    ("dropped, longer than a buffer", run.dropped.too_long),
                    ("dropped, the queue was full", run.dropped.queue_full),
                ])
                .filter(|(_, count)| *count > 0)
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            if run.fallbacks.discarded > 0 {
                reasons.push(format!("{} buffers discarded", run.fallbacks.discarded));
            }
            if !reasons.is_empty() {
                let _ = writeln!(text, "  {}: {}", run.name(), reasons.join("; "));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_have_the_unit_a_person_expects() {
        let texts =
            [0.0, 12.34, 99.96, 1234.0, 56_789.0, 456_789.0, 98_765_432.0].map(Some).map(time);
        assert_eq!(texts, ["0.0 ns", "12.3 ns", "100 ns", "1234 ns", "56.8 µs", "457 µs", "99 ms"]);
    }
}
