//! Whole files: made here, recorded, damaged.

use std::{env, fs};

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
        // The name does not matter where the content is recognised.
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
        assert_eq!((capture.left_out.count(), capture.cut.is_some()), (0, false));
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
    assert_eq!(capture.left_out.without_payload, 1);
    assert_eq!(capture.left_out.cut_short, 1);
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
    assert_eq!(text("a.txs", &[0, 0]), "a.txs, byte 0: expected a transaction's length, found 0");
    assert_eq!(
        text("a.pcap", &ORDER.pcap(0xa1b2_c3d4, 1)),
        "a.pcap holds no UDP payload: no packets at all"
    );
    let mut usb = ORDER.pcap(0xa1b2_c3d4, 189);
    usb.extend(ORDER.record(0, 0, b"usb", 3));
    assert_eq!(
        text("a.pcap", &usb),
        "a.pcap holds no UDP payload: 1 without a UDP payload (link type 189 is not \
         understood), 0 cut short"
    );
    let error = read(Path::new("no such file.pcap"), None).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no such file.pcap: "));
}

#[test]
fn a_file_that_is_cut_off_is_used_up_to_there() {
    let cut = |name: &str, data: &[u8]| {
        let capture = decode_as(name, data).unwrap();
        (capture.packets.len(), capture.cut.expect("it is cut").to_string())
    };
    assert_eq!(
        cut("a.txs", &[1, 0, 1, 9]),
        (1, "byte 3: expected a length of 2 bytes, found the end of the file after 1 bytes".into())
    );
    let file = pcap(&[b"one", b"two"]);
    let (packets, place) = cut("a.pcap", &file[..file.len() - 1]);
    let start = 24 + (file.len() - 24) / 2;
    assert_eq!(packets, 1);
    assert!(place.starts_with(&format!("byte {start}: expected a packet of 45 bytes")), "{place}");
}

#[test]
fn what_no_datagram_can_carry_is_left_out_with_its_place() {
    let sizes = [LONGEST_PAYLOAD, LONGEST_PAYLOAD + 1, 5, 65_535];
    let payloads = sizes.map(|size| vec![7; size]);
    let file = transactions(&payloads.each_ref().map(|payload| &payload[..]));
    let capture = decode_as("a.txs", &file).unwrap();
    let kept: Vec<_> = capture.packets.iter().map(|packet| packet.data.len()).collect();
    assert_eq!(kept, [LONGEST_PAYLOAD, 5]);
    assert_eq!((capture.left_out.too_long, capture.left_out.first_too_long), (2, sizes[0] + 2));
    let text = capture.left_out.to_string();
    assert!(
        text.contains("2 longer than the 65507 bytes") && text.contains("byte 65509"),
        "{text}"
    );

    let only = transactions(&[&payloads[1]]);
    let error = decode_as("a.txs", &only).unwrap_err().to_string();
    assert!(error.contains("1 longer than the 65507 bytes"), "{error}");
}

/// Decodes `data` cut at every length up to `limit`; a cut file never has all its packets.
fn cut_everywhere(name: &str, data: &[u8], limit: usize) {
    let all = decode_as(name, data).unwrap().packets;
    for length in 0..limit.min(data.len()) {
        match decode_as(name, &data[..length]) {
            Ok(capture) => {
                assert!(capture.packets.len() < all.len());
                assert!(capture.cut.is_none_or(|fault| fault.offset <= length));
                assert_eq!(capture.packets, all[..capture.packets.len()]);
            }
            Err(CaptureError::Damaged { fault, .. }) => assert!(fault.offset <= length),
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
            if let Err(CaptureError::Damaged { fault, .. }) = decode_as(name, &data) {
                assert!(fault.offset <= data.len());
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

/// Captures that were once misread, and how many packets other tools read from each.
#[test]
fn captures_that_were_misread_are_read() {
    for (name, packets) in [
        ("02-opb.pcapng", 2),
        ("24-version-2.3.pcap", 1),
        ("25-fcs.pcap", 1),
        ("28-ppp.pcap", 1),
        ("31-qinq4.pcap", 1),
    ] {
        let Some(path) = shared_data(&format!("cases/{name}")) else {
            continue;
        };
        let capture = read(&path, None).unwrap();
        assert_eq!((capture.packets.len(), capture.left_out.count()), (packets, 0), "{name}");
    }
}

#[test]
fn recorded_votes_are_read_and_verify() {
    let Some(path) = shared_data("cluster-votes.txs") else {
        return;
    };
    let capture = read(&path, None).unwrap();
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
    let capture = read(&path, None).unwrap();
    assert_eq!(capture.packets.len(), 512);
    assert_eq!((capture.left_out.count(), capture.cut.is_some()), (0, false));
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
        let outcome = read(&path, None);
        let data = fs::read(&path).unwrap();
        flip_everywhere("a", &data, 2048);
        if path.ends_with("wireshark_samples-test.pcapng") {
            let capture = outcome.unwrap();
            let total = capture.packets.len() + capture.left_out.count();
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
        // After good headers, so that records are reached.
        let _ = decode_as("a", &[ORDER.pcap(0xa1b2_3c4d, 1), rest.clone()].concat());
        let head = [ORDER.section(), ORDER.interface(0, None, None)].concat();
        for kind in [1, 2, 3, 6] {
            let _ = decode_as("a", &[head.clone(), ORDER.block(kind, &rest)].concat());
        }
    }
}
