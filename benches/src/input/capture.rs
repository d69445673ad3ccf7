//! Reads recorded input: network captures and files of transactions.
//!
//! | format | told by | gives |
//! |---|---|---|
//! | pcap | first four bytes; either byte order, micro- or nanoseconds | UDP payloads with their times |
//! | pcapng | first four bytes; any number of sections and interfaces | UDP payloads with their times |
//! | transactions | a name that ends in `.txs`, if it is neither of the above | every transaction, without times |
//!
//! In a file of transactions, each stands after its length, a little-endian `u16`, and nothing else
//! is in the file.
//!
//! UDP is found in Ethernet (VLAN tags included), Linux cooked, loopback and bare IP packets,
//! version 4 and 6.

mod payload;
mod records;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use payload::Link;
use records::Record;

/// One recorded packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Time since the first packet; zero where times are not recorded or run backwards past it.
    pub offset: Duration,
    /// What it carries; never empty.
    pub data: Vec<u8>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The packets, in the file's order; at least one.
    pub packets: Vec<Packet>,
    /// Packets left out because they carry no UDP payload, or are fragments of one.
    pub skipped: usize,
    /// Packets left out because not all of their bytes were recorded.
    pub cut_short: usize,
}

impl Capture {
    /// Whether the file says when packets came: the last one later than the first.
    pub fn has_timing(&self) -> bool {
        self.packets.last().is_some_and(|last| !last.offset.is_zero())
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
        /// What the operating system says.
        source: io::Error,
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
    /// The file ends too early or is damaged.
    #[error("{}, byte {offset}: expected {expected}, found {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file the record starts, or the field, that is wrong.
        offset: usize,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The file is sound but has nothing to replay.
    #[error(
        "{} holds no UDP payload: {skipped} packets carry something else, {cut_short} are cut short{}",
        path.display(),
        unknown_link.map_or_else(String::new, |link| format!("; link type {link} is not understood"))
    )]
    NoPayload {
        /// The file.
        path: PathBuf,
        /// Packets that carry something else.
        skipped: usize,
        /// Packets of which not all bytes were recorded.
        cut_short: usize,
        /// The first link type met that this reader does not understand.
        unknown_link: Option<u16>,
    },
}

/// Reads a capture or a file of transactions.
///
/// Reads the whole file into memory, and copies each payload. Never panics, whatever the bytes. A
/// file that is damaged anywhere is an error, even if packets could be read up to there: a replay
/// that quietly ends early would be taken for the whole one.
pub fn read(path: &Path) -> Result<Capture, CaptureError> {
    // A device has no end.
    let regular = |file: fs::Metadata| {
        if file.is_file() { Ok(()) } else { Err(io::Error::other("it is no regular file")) }
    };
    let data = fs::metadata(path).and_then(regular).and_then(|()| fs::read(path));
    let data = data.map_err(|source| CaptureError::Unreadable { path: path.to_owned(), source })?;
    decode(path, &data)
}

/// Reads `data`, the content of the file at `path`. As [`read`], whose errors these are.
pub fn decode(path: &Path, data: &[u8]) -> Result<Capture, CaptureError> {
    if data.is_empty() {
        return Err(CaptureError::Empty { path: path.to_owned() });
    }
    let mut collector = Collector::default();
    let outcome = if records::is_pcap(data) {
        records::walk_pcap(data, |record| collector.add(&record))
    } else if records::is_pcapng(data) {
        records::walk_pcapng(data, |record| collector.add(&record))
    } else if path.extension().is_some_and(|extension| extension == "txs") {
        walk_transactions(data, |transaction| collector.keep(transaction, None))
    } else {
        return Err(CaptureError::NotACapture {
            path: path.to_owned(),
            start: hexadecimal(&data[..data.len().min(8)]),
        });
    };
    outcome.map_err(|fault| CaptureError::Damaged {
        path: path.to_owned(),
        offset: fault.offset,
        expected: fault.expected,
        found: fault.found,
    })?;
    if collector.packets.is_empty() {
        return Err(CaptureError::NoPayload {
            path: path.to_owned(),
            skipped: collector.skipped,
            cut_short: collector.cut_short,
            unknown_link: collector.unknown_link,
        });
    }
    Ok(Capture {
        packets: collector.packets,
        skipped: collector.skipped,
        cut_short: collector.cut_short,
    })
}

/// Hands every transaction of a length-prefixed file to `each`.
fn walk_transactions<'a>(data: &'a [u8], mut each: impl FnMut(&'a [u8])) -> Result<(), Fault> {
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
        each(transaction);
        offset += 2 + length;
    }
    Ok(())
}

/// Gathers what is worth keeping.
#[derive(Default)]
struct Collector {
    packets: Vec<Packet>,
    skipped: usize,
    cut_short: usize,
    unknown_link: Option<u16>,
    /// When the first kept packet that has a time was captured.
    first_ns: Option<i128>,
}

impl Collector {
    /// Keeps the record's UDP payload, or counts why there is none.
    fn add(&mut self, record: &Record<'_>) {
        if !record.whole {
            self.cut_short += 1;
            return;
        }
        let link = Link::from_number(record.link);
        if link.is_none() {
            self.unknown_link.get_or_insert(record.link);
        }
        match link.and_then(|link| link.udp_payload(record.frame)) {
            Some(payload) => self.keep(payload, record.stamp_ns),
            None => self.skipped += 1,
        }
    }

    /// Keeps `data`; a packet without a time gets that of the packet before it.
    fn keep(&mut self, data: &[u8], stamp_ns: Option<i128>) {
        let offset = match stamp_ns {
            Some(stamp_ns) => {
                let since_first = stamp_ns - *self.first_ns.get_or_insert(stamp_ns);
                duration(since_first)
            }
            None => self.packets.last().map_or(Duration::ZERO, |packet| packet.offset),
        };
        self.packets.push(Packet { offset, data: data.to_vec() });
    }
}

/// `nanoseconds` as a duration, negative ones as zero.
fn duration(nanoseconds: i128) -> Duration {
    let nanoseconds = nanoseconds.max(0);
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32)
}

/// What is wrong with a file, and where.
#[derive(Debug)]
struct Fault {
    offset: usize,
    expected: String,
    found: String,
}

impl Fault {
    fn new(offset: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { offset, expected: expected.into(), found: found.into() }
    }

    /// The file ends `left` bytes after `offset`, before what should be there does.
    fn cut(offset: usize, expected: impl Into<String>, left: usize) -> Self {
        Self::new(offset, expected, format!("the end of the file after {left} bytes"))
    }
}

/// Bytes as they are shown in errors.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// Where the file `name` of the shared test data lies, or `None`, said aloud, where it is absent.
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

/// Says that a test is skipped, and why: past the harness, which hides what tests print.
#[cfg(test)]
fn skipped(why: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

#[cfg(test)]
mod tests {
    use std::env;

    use proptest::prelude::*;

    use super::{
        records::build::{Order, frame},
        *,
    };
    use crate::input::verify::verify_batch;

    const ORDER: Order = Order { big_endian: false };

    /// A pcap with frames that carry `payloads`, a millisecond apart.
    fn pcap(payloads: &[&[u8]]) -> Vec<u8> {
        let mut file = ORDER.pcap(0xa1b2_c3d4, 1);
        for (index, payload) in payloads.iter().enumerate() {
            let frame = frame(payload);
            file.extend(ORDER.record(1, 1000 * index as u32, &frame, frame.len()));
        }
        file
    }

    fn pcapng(payloads: &[&[u8]]) -> Vec<u8> {
        let mut file = ORDER.section();
        file.extend(ORDER.interface(0, None, None));
        for (index, payload) in payloads.iter().enumerate() {
            let frame = frame(payload);
            file.extend(ORDER.enhanced(0, 1000 * index as u64, &frame, frame.len()));
        }
        file
    }

    fn transactions(payloads: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        for payload in payloads {
            file.extend((payload.len() as u16).to_le_bytes());
            file.extend(*payload);
        }
        file
    }

    fn decode_as(name: &str, data: &[u8]) -> Result<Capture, CaptureError> {
        decode(Path::new(name), data)
    }

    #[test]
    fn the_same_payloads_come_out_of_every_format() {
        let payloads: [&[u8]; 3] = [b"one", b"two", b"three"];
        let milliseconds = [0, 1, 2].map(Duration::from_millis);
        for (name, file, offsets) in [
            ("a.pcap", pcap(&payloads), milliseconds),
            // The name does not matter where the content is known.
            ("b.txs", pcapng(&payloads), milliseconds),
            ("c.txs", transactions(&payloads), [Duration::ZERO; 3]),
        ] {
            let capture = decode_as(name, &file).unwrap();
            let expected: Vec<Packet> = payloads
                .iter()
                .zip(offsets)
                .map(|(data, offset)| Packet { offset, data: data.to_vec() })
                .collect();
            assert_eq!(capture.packets, expected, "{name}");
            assert_eq!(capture.has_timing(), !name.starts_with('c'));
            assert_eq!((capture.skipped, capture.cut_short), (0, 0));
        }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let whole = frame(b"whole");
        let mut arp = whole.clone();
        arp[12..14].copy_from_slice(&[0x08, 0x06]);
        let mut file = ORDER.pcap(0xa1b2_c3d4, 1);
        file.extend(ORDER.record(5, 0, &arp, arp.len()));
        file.extend(ORDER.record(9, 0, &whole, whole.len()));
        file.extend(ORDER.record(9, 1, &whole, whole.len() + 1));
        file.extend(ORDER.record(7, 0, &whole, whole.len()));
        let capture = decode_as("a.pcap", &file).unwrap();
        assert_eq!(capture.packets.len(), 2);
        assert_eq!(capture.skipped, 1);
        assert_eq!(capture.cut_short, 1);
        // Time starts with the first packet kept and does not run backwards past it.
        assert!(capture.packets.iter().all(|packet| packet.offset.is_zero()));
    }

    #[test]
    fn packets_without_a_time_come_with_the_one_before() {
        let frame = frame(b"x");
        let mut file = ORDER.section();
        file.extend(ORDER.interface(0, None, None));
        file.extend(ORDER.simple(&frame, frame.len()));
        let untimed = decode_as("a.pcapng", &file).unwrap();
        assert!(!untimed.has_timing());
        file.extend(ORDER.enhanced(0, 10, &frame, frame.len()));
        file.extend(ORDER.enhanced(0, 30, &frame, frame.len()));
        file.extend(ORDER.simple(&frame, frame.len()));
        let timed = decode_as("a.pcapng", &file).unwrap();
        assert!(timed.has_timing());
        let offsets: Vec<_> = timed.packets.iter().map(|packet| packet.offset).collect();
        assert_eq!(offsets, [0, 0, 20, 20].map(Duration::from_micros));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let text = |name: &str, data: &[u8]| decode_as(name, data).unwrap_err().to_string();
        assert_eq!(text("a.pcap", b""), "a.pcap is empty");
        assert!(
            text("a.zip", b"PK\x03\x04 and so on")
                .starts_with("a.zip is not a capture: it starts with 50 4b 03 04 20 61 6e 64, ")
        );
        assert_eq!(
            text("a.txs", &[3, 0, 1]),
            "a.txs, byte 2: expected a transaction of 3 bytes, \
             found the end of the file after 1 bytes"
        );
        assert_eq!(
            text("a.txs", &[1, 0, 1, 9]),
            "a.txs, byte 3: expected a length of 2 bytes, found the end of the file after 1 bytes"
        );
        assert_eq!(
            text("a.txs", &[0, 0]),
            "a.txs, byte 0: expected a transaction's length, found 0"
        );
        assert_eq!(
            text("a.pcap", &ORDER.pcap(0xa1b2_c3d4, 1)),
            "a.pcap holds no UDP payload: 0 packets carry something else, 0 are cut short"
        );
        let mut usb = ORDER.pcap(0xa1b2_c3d4, 189);
        usb.extend(ORDER.record(0, 0, b"usb", 3));
        assert_eq!(
            text("a.pcap", &usb),
            "a.pcap holds no UDP payload: 1 packets carry something else, 0 are cut short; \
             link type 189 is not understood"
        );
        let error = read(Path::new("no such file.pcap")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no such file.pcap: "));
    }

    /// Decodes `data` cut at every length up to `limit`; a cut file never has all its packets.
    fn cut_everywhere(name: &str, data: &[u8], limit: usize) {
        let all = decode_as(name, data).unwrap().packets;
        for length in 0..limit.min(data.len()) {
            match decode_as(name, &data[..length]) {
                Ok(capture) => {
                    assert!(capture.packets.len() < all.len());
                    assert_eq!(capture.packets, all[..capture.packets.len()]);
                }
                Err(CaptureError::Damaged { offset, .. }) => assert!(offset <= length),
                // Cut between two records, before the first payload.
                Err(CaptureError::NoPayload { .. }) => {}
                Err(CaptureError::Empty { .. }) => assert_eq!(length, 0),
                Err(CaptureError::NotACapture { .. }) => assert!(length < 4),
                Err(other) => panic!("{length} bytes: {other}"),
            }
        }
    }

    /// Decodes the first `limit` bytes of `data` with one byte changed, for every byte.
    fn flip_everywhere(name: &str, data: &[u8], limit: usize) {
        let mut data = data[..limit.min(data.len())].to_vec();
        for index in 0..data.len() {
            let byte = data[index];
            for flipped in [byte ^ 1, byte ^ 0x80, !byte] {
                data[index] = flipped;
                if let Err(CaptureError::Damaged { offset, .. }) = decode_as(name, &data) {
                    assert!(offset <= data.len());
                }
            }
            data[index] = byte;
        }
    }

    #[test]
    fn small_files_may_be_cut_or_changed_anywhere() {
        let payloads: [&[u8]; 3] = [b"one", &[2; 60], b"three"];
        for (name, file) in [
            ("a.pcap", pcap(&payloads)),
            ("a.pcapng", pcapng(&payloads)),
            ("a.txs", transactions(&payloads)),
        ] {
            cut_everywhere(name, &file, file.len());
            flip_everywhere(name, &file, file.len());
        }
    }

    #[test]
    fn recorded_votes_are_read_and_verify() {
        let Some(path) = shared_data("cluster-votes.txs") else {
            return;
        };
        let capture = read(&path).unwrap();
        assert_eq!(capture.packets.len(), 63);
        assert!(!capture.has_timing());
        let packets: Vec<&[u8]> = capture.packets.iter().map(|p| &p.data[..]).collect();
        let mut results = Vec::new();
        verify_batch(&packets, &mut results);
        assert_eq!(results, [Ok(()); 63]);

        let data = fs::read(&path).unwrap();
        cut_everywhere("a.txs", &data, 4096);
        flip_everywhere("a.txs", &data, 2048);
    }

    #[test]
    fn recorded_shreds_are_read() {
        let Some(path) = shared_data("demo-shreds.pcap") else {
            return;
        };
        let capture = read(&path).unwrap();
        assert_eq!(capture.packets.len(), 512);
        assert_eq!((capture.skipped, capture.cut_short), (0, 0));
        assert!(capture.has_timing());
        assert!(capture.packets.iter().all(|packet| [1203, 1228].contains(&packet.data.len())));

        let data = fs::read(&path).unwrap();
        cut_everywhere("a.pcap", &data, 4096);
        flip_everywhere("a.pcap", &data, 4096);
    }

    /// The captures among the sources of `pcap-parser`, which cargo keeps in its home.
    #[test]
    fn foreign_captures_are_read_or_refused() {
        let home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(env::home_dir()?.join(".cargo")));
        let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
        let assets: Vec<PathBuf> = registries
            .into_iter()
            .flatten()
            .flatten()
            .map(|registry| registry.path().join("pcap-parser-0.17.0/assets"))
            .filter_map(|assets| fs::read_dir(assets).ok())
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        if assets.is_empty() {
            skipped(format_args!("cargo keeps no sources of pcap-parser 0.17.0 here"));
        }
        for path in assets {
            let outcome = read(&path);
            let data = fs::read(&path).unwrap();
            flip_everywhere("a", &data, 2048);
            if path.ends_with("wireshark_samples-test.pcapng") {
                let capture = outcome.unwrap();
                let total = capture.packets.len() + capture.skipped + capture.cut_short;
                assert_eq!(total, 5898);
                assert!(capture.has_timing());
                cut_everywhere("a.pcapng", &data, 4096);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_never_panic(
            start in prop::sample::select(vec![0xa1b2_c3d4_u32, 0xd4c3_b2a1, 0x0a0d_0d0a, 0]),
            rest in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut data = start.to_le_bytes().to_vec();
            data.extend(&rest);
            let _ = decode_as("a.txs", &data);
            let _ = decode_as("a.bin", &rest);
            // Behind good headers, so that records are reached.
            let _ = decode_as("a", &[ORDER.pcap(0xa1b2_3c4d, 1), rest.clone()].concat());
            let head = [ORDER.section(), ORDER.interface(0, None, None)].concat();
            for kind in [1, 2, 3, 6] {
                let _ = decode_as("a", &[head.clone(), ORDER.block(kind, &rest)].concat());
            }
        }
    }
}
