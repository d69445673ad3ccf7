//! Reads recorded input: network captures and files of transactions.
//!
//! | format | recognised by | gives |
//! |---|---|---|
//! | pcap | first four bytes; either byte order, micro- or nanoseconds | UDP payloads with their times |
//! | pcapng | first four bytes; any number of sections and interfaces | UDP payloads with their times |
//! | transactions | a name ending in `.txs`, or no name (a pipe), if neither of the above | every transaction, without times |
//!
//! Each may be compressed with gzip or zstd. In a file of transactions, each one follows its length, a
//! little-endian `u16`, and nothing else is in the file.
//!
//! UDP is found in IP packets, version 4 and 6, bare or after Ethernet, VLAN tags, Linux cooked and loopback
//! headers, PPP, PPPoE, MPLS, the log of Linux's packet filter, and in IP in IP.

mod clock;
mod payload;
mod records;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use clock::Jumps;
use clock::Stamp;
use payload::Link;
use records::Record;

pub use super::content::is_standard_input;
use super::content::{self, Refused};
use crate::limits::Room;

/// The longest payload of a datagram over IPv4: 64 KiB minus the headers of IP and UDP.
pub const LONGEST_PAYLOAD: usize = 65_507;

/// One recorded packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Time since the first packet; zero where times are not recorded, never less than that of the previous
    /// packet.
    pub offset: Duration,
    /// What it carries; never empty, at most [`LONGEST_PAYLOAD`] bytes.
    pub data: Vec<u8>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The packets, in the file's order; at least one.
    pub packets: Vec<Packet>,
    /// Stamps for which no time passes: see [`Jumps`].
    pub jumps: Jumps,
    /// What was left out.
    pub left_out: LeftOut,
    /// Where the file ends in the middle of a record.
    pub cut: Option<Fault>,
    /// The compressed data is followed by something else, which was not read.
    pub trailing: bool,
}

/// Packets that a file has but that cannot be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// They carry no UDP payload, or are fragments of one.
    pub without_payload: usize,
    /// Not all of their bytes were recorded.
    pub cut_short: usize,
    /// They are longer than any datagram can carry.
    pub too_long: usize,
    /// Where the first one that is too long starts in the file.
    pub first_too_long: usize,
    /// The first link type that this reader does not understand.
    pub unknown_link: Option<u16>,
}

impl LeftOut {
    /// The number of packets left out.
    pub fn count(&self) -> usize {
        self.without_payload + self.cut_short + self.too_long
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count() == 0 {
            return write!(f, "no packets at all");
        }
        write!(f, "{} without a UDP payload", self.without_payload)?;
        if let Some(link) = self.unknown_link {
            write!(f, " (link type {link} is not understood)")?;
        }
        write!(f, ", {} cut short", self.cut_short)?;
        if self.too_long > 0 {
            let (count, first) = (self.too_long, self.first_too_long);
            write!(
                f,
                ", {count} longer than the {LONGEST_PAYLOAD} bytes that a datagram carries (the \
                 first at byte {first})"
            )?;
        }
        Ok(())
    }
}

impl Capture {
    /// Whether the file says when packets came, and not all came at once.
    pub fn has_timing(&self) -> bool {
        !self.length().is_zero()
    }

    /// From the first packet to the last.
    pub fn length(&self) -> Duration {
        self.packets.last().map_or(Duration::ZERO, |last| last.offset)
    }
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The file, decompressed, or its packets are too large to be kept in memory.
    #[error(
        "{} takes more than {} MiB, a quarter of the {} MiB that {}; it is read whole, so cut it \
         into pieces",
        path.display(),
        room.bytes >> 22,
        room.bytes >> 20,
        room.whose
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is available, and what limits it.
        room: Room,
    },
    /// The file has no bytes.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is not a capture: it starts with {start}, which is neither pcap nor pcapng, \
         and its name does not end in .txs, which would make it a file of transactions",
        path.display()
    )]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        start: String,
    },
    /// The file is damaged, or ends before its first packet does.
    #[error("{}, {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: Fault,
    },
    /// The file is sound but has nothing to replay.
    #[error("{} holds no UDP payload: {left_out}", path.display())]
    NoPayload {
        /// The file.
        path: PathBuf,
        /// Why there is none.
        left_out: LeftOut,
    },
}

/// Whether `data` starts like an uncompressed capture.
pub fn is_capture(data: &[u8]) -> bool {
    records::is_pcap(data) || records::is_pcapng(data)
}

/// How messages refer to the file.
pub fn shown(path: &Path) -> PathBuf {
    if is_standard_input(path) { PathBuf::from("standard input") } else { path.to_owned() }
}

/// Reads a capture or a file of transactions; from standard input, if `path` is `-`.
///
/// Reads the whole file into memory, and copies each payload. Never panics, whatever the content. A file that
/// ends in the middle of a record is used up to there, which [`Capture::cut`] reports. Any other damage is an
/// error.
///
/// # Errors
///
/// If the file cannot be read, takes more than a quarter of the `room` in memory, is something else, is
/// damaged, or holds nothing to replay.
pub fn read(path: &Path, room: Option<&Room>) -> Result<Capture, CaptureError> {
    let limit = room.map_or(u64::MAX / 2, |room| room.bytes / 4);
    let shown = shown(path);
    let content = content::read(path, limit).map_err(|refused| match (refused, room) {
        (Refused::TooLarge, Some(room)) => {
            CaptureError::TooLarge { path: shown.clone(), room: room.clone() }
        }
        (Refused::TooLarge, None) => CaptureError::Unreadable {
            path: shown.clone(),
            source: io::ErrorKind::FileTooLarge.into(),
        },
        (Refused::Unreadable(source), _) => {
            CaptureError::Unreadable { path: shown.clone(), source }
        }
    })?;
    let cut = || Fault::cut(content.data.len(), "more compressed data", 0);
    let named = content.name.as_deref().map(ends_in_txs);
    let mut capture = decode_as(&shown, &content.data, named.unwrap_or(true), room).map_err(
        |error| match error {
            CaptureError::Damaged { path, mut fault }
                if named.is_none() && fault.of_transactions =>
            {
                fault.expected += " (neither pcap nor pcapng, so read as transactions)";
                CaptureError::Damaged { path, fault }
            }
            // Too little was left to recognise the format.
            CaptureError::Empty { path } | CaptureError::NotACapture { path, .. }
                if content.cut =>
            {
                CaptureError::Damaged { path, fault: cut() }
            }
            error => error,
        },
    )?;
    if content.cut && capture.cut.is_none() {
        capture.cut = Some(cut());
    }
    capture.trailing = content.trailing;
    Ok(capture)
}

/// Decodes `data`, the content of the file at `path`. Like [`read`], with the same errors, but without a
/// limit.
pub fn decode(path: &Path, data: &[u8]) -> Result<Capture, CaptureError> {
    decode_as(path, data, ends_in_txs(path), None)
}

fn ends_in_txs(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txs"))
}

fn decode_as(
    path: &Path,
    data: &[u8],
    may_be_transactions: bool,
    room: Option<&Room>,
) -> Result<Capture, CaptureError> {
    if data.is_empty() {
        return Err(CaptureError::Empty { path: path.to_owned() });
    }
    let limit = room.map_or(u64::MAX, |room| room.bytes / 4);
    let mut collector = Collector { room: Some(limit), ..Collector::default() };
    let outcome = if records::is_pcap(data) {
        records::walk_pcap(data, |record| collector.add(&record))
    } else if records::is_pcapng(data) {
        records::walk_pcapng(data, |record| collector.add(&record))
    } else if may_be_transactions {
        let untimed = Stamp { interface: 0, ns: None };
        walk_transactions(data, |offset, transaction| collector.keep(offset, transaction, untimed))
            .map_err(|fault| Fault { of_transactions: true, ..fault })
    } else {
        return Err(CaptureError::NotACapture {
            path: path.to_owned(),
            start: hexadecimal(&data[..data.len().min(8)]),
        });
    };
    let Collector { packets, stamps, left_out, room: left } = collector;
    if let (None, Some(room)) = (left, room) {
        return Err(CaptureError::TooLarge { path: path.to_owned(), room: room.clone() });
    }
    let cut = match outcome {
        Ok(()) => None,
        Err(fault) if fault.is_cut && !packets.is_empty() => Some(fault),
        Err(fault) => return Err(CaptureError::Damaged { path: path.to_owned(), fault }),
    };
    if packets.is_empty() {
        return Err(CaptureError::NoPayload { path: path.to_owned(), left_out });
    }
    let (times, jumps) = clock::times(&stamps);
    let packets = packets.into_iter().zip(times);
    let packets = packets.map(|(data, offset)| Packet { offset, data }).collect();
    Ok(Capture { packets, jumps, left_out, cut, trailing: false })
}

/// Hands every transaction of a length-prefixed file to `each`.
fn walk_transactions<'a>(
    data: &'a [u8],
    mut each: impl FnMut(usize, &'a [u8]),
) -> Result<(), Fault> {
    let mut offset = 0;
    while offset < data.len() {
        let rest = &data[offset..];
        let Some((length, rest)) = rest.split_first_chunk() else {
            return Err(Fault::cut(offset, "a length of 2 bytes", rest.len()));
        };
        let length = usize::from(u16::from_le_bytes(*length));
        if length == 0 {
            return Err(Fault::new(offset, "a transaction's length", "0"));
        }
        let Some(transaction) = rest.get(..length) else {
            let expected = format!("a transaction of {length} bytes");
            return Err(Fault::cut(offset + 2, expected, rest.len()));
        };
        each(offset, transaction);
        offset += 2 + length;
    }
    Ok(())
}

/// Gathers what is worth keeping.
#[derive(Default)]
struct Collector {
    packets: Vec<Vec<u8>>,
    /// One for each packet.
    stamps: Vec<Stamp>,
    left_out: LeftOut,
    /// Bytes that may still be kept; `None` once they were not enough.
    room: Option<u64>,
}

impl Collector {
    /// Keeps the record's UDP payload, or counts why there is none.
    fn add(&mut self, record: &Record<'_>) {
        if !record.whole {
            self.left_out.cut_short += 1;
            return;
        }
        let link = Link::from_number(record.link);
        if link.is_none() {
            self.left_out.unknown_link.get_or_insert(record.link);
        }
        match link.and_then(|link| link.udp_payload(record.frame)) {
            Some(payload) => self.keep(record.offset, payload, record.stamp),
            None => self.left_out.without_payload += 1,
        }
    }

    /// Keeps `data` of the record at `offset` in the file, if it can be sent.
    fn keep(&mut self, offset: usize, data: &[u8], stamp: Stamp) {
        if data.len() > LONGEST_PAYLOAD {
            if self.left_out.too_long == 0 {
                self.left_out.first_too_long = offset;
            }
            self.left_out.too_long += 1;
            return;
        }
        // Twice: vectors grow by copying, and packets and stamps then become one vector.
        const OF_EACH: usize = 2 * (size_of::<Vec<u8>>() + size_of::<Stamp>());
        let taken = (OF_EACH + data.len().next_multiple_of(32)) as u64;
        self.room = self.room.and_then(|room| room.checked_sub(taken));
        if self.room.is_some() {
            self.packets.push(data.to_vec());
            self.stamps.push(stamp);
        }
    }
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the decompressed file the wrong record or field starts.
    pub offset: usize,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// The file ends before the end of what should be there.
    is_cut: bool,
    of_transactions: bool,
}

impl Fault {
    fn new(offset: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            offset,
            expected: expected.into(),
            found: found.into(),
            is_cut: false,
            of_transactions: false,
        }
    }

    /// The file ends `left` bytes after `offset`, before the end of what should be there.
    fn cut(offset: usize, expected: impl Into<String>, left: usize) -> Self {
        let found = format!("the end of the file after {left} bytes");
        Self { is_cut: true, ..Self::new(offset, expected, found) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: expected {}, found {}", self.offset, self.expected, self.found)
    }
}

/// Bytes as shown in errors.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// The path of the file `name` of the shared test data, or `None`, with a message, where it is absent.
#[cfg(test)]
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if path.exists() {
        Some(path)
    } else {
        skipped(format_args!("no recording {name} beside the checkout"));
        None
    }
}

/// Reports that a test is skipped, and why, past the harness, which hides what tests print.
#[cfg(test)]
fn skipped(why: fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

#[cfg(test)]
mod tests;
