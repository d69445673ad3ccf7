//! What the pipeline sends: generated transactions, or a recording.

use std::path::Path;

use serde::Serialize;

use crate::input::capture::{self, Capture, CaptureError, shown};
use crate::input::transactions;
use crate::limits;
use crate::options::Options;
use crate::pipeline::{Pattern, Schedule, Traffic};

/// Transactions generated at start, then sent repeatedly.
const TRANSACTIONS: usize = 4096;

const DEFAULT_RATE: u64 = 20_000;

/// Packets, when they are sent, and their description in words.
pub struct Load {
    pub traffic: Traffic,
    pub input: String,
    pub recording: Option<Recording>,
}

/// What is known about a recording, as reported.
#[derive(Debug, Serialize)]
pub struct Recording {
    pub packets: u64,
    /// From the first packet to the last, or `None` if it has no times, or they are not used.
    pub seconds: Option<f64>,
    /// Stamps that jumped, for which no time passes.
    pub jumps: usize,
    pub without_payload: usize,
    pub cut_short: usize,
    pub too_long: usize,
    /// Where and how it ends in the middle of a record, if it does.
    pub cut: Option<String>,
    /// Whether its compressed data is followed by something that is not part of it.
    pub trailing: bool,
}

impl Load {
    /// What the options ask for.
    ///
    /// # Errors
    ///
    /// If a recording cannot be used.
    pub fn new(options: &Options) -> Result<Self, CaptureError> {
        match &options.input {
            Some(path) => Self::recorded(path, options),
            None => Ok(Self::made(options)),
        }
    }

    /// Whether it is sent as recorded, so that patterns do not matter.
    pub fn is_timed(&self) -> bool {
        matches!(self.traffic.schedule, Schedule::Recorded(_))
    }

    /// Transactions generated from the seed.
    fn made(options: &Options) -> Self {
        let packets = transactions::generate(options.seed, TRANSACTIONS, options.v1);
        let rate = options.rate.unwrap_or(DEFAULT_RATE);
        let lengths = || packets.iter().map(Vec::len);
        let input = format!(
            "{TRANSACTIONS} signed transactions of {} to {} bytes ({} on average), repeated, {rate} per second",
            lengths().min().unwrap_or(0),
            lengths().max().unwrap_or(0),
            lengths().sum::<usize>() / TRANSACTIONS,
        );
        let schedule = Schedule::Rate { rate, pattern: Pattern::Steady };
        Self { traffic: Traffic { packets, schedule }, input, recording: None }
    }

    /// The packets of a recording.
    fn recorded(path: &Path, options: &Options) -> Result<Self, CaptureError> {
        let capture = capture::read(path, limits::memory().as_ref())?;
        if let Some(fault) = capture.cut.clone().filter(|_| options.strict) {
            return Err(CaptureError::Damaged { path: shown(path), fault });
        }
        let is_timed = capture.has_timing() && options.rate.is_none() && options.pattern.is_empty();
        let recording = Recording {
            packets: capture.packets.len() as u64,
            seconds: is_timed.then(|| capture.length().as_secs_f64()),
            jumps: capture.jumps.count,
            without_payload: capture.left_out.without_payload,
            cut_short: capture.left_out.cut_short,
            too_long: capture.left_out.too_long,
            cut: capture.cut.as_ref().map(ToString::to_string),
            trailing: capture.trailing,
        };
        let mut input = in_words(path, &capture);
        let Capture { packets, jumps, .. } = capture;
        let (offsets, packets): (Vec<_>, Vec<_>) =
            packets.into_iter().map(|packet| (packet.offset, packet.data)).unzip();
        let schedule = match recording.seconds {
            Some(seconds) => {
                input += &format!(", repeated, as recorded: {seconds:.3} s");
                Schedule::Recorded(offsets)
            }
            None => {
                let rate = options.rate.unwrap_or(DEFAULT_RATE);
                input += &format!(", repeated, {rate} per second");
                Schedule::Rate { rate, pattern: Pattern::Steady }
            }
        };
        if jumps.count > 0 {
            let (stamps, first) = (plural(jumps.count, "stamp"), jumps.first + 1);
            input += &format!("; {stamps} jumped (first: packet {first}), which counts as no time");
        }
        let traffic = Traffic { packets, schedule };
        Ok(Self { traffic, input, recording: Some(recording) })
    }
}

/// How many packets of which file, and what was skipped.
fn in_words(path: &Path, capture: &Capture) -> String {
    let packets = plural(capture.packets.len(), "packet");
    let mut words = format!("{packets} of {}", shown(path).display());
    if capture.left_out.count() > 0 {
        words += &format!(" (skipped: {})", capture.left_out);
    }
    words
}

/// A count with its noun, singular or plural.
fn plural(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
