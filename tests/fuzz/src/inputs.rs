//! Bytes as files that the pipeline may read, and as packets that it may receive.

use std::path::Path;

use blockpool_benches::input::capture::{self, Capture, CaptureError};
use blockpool_benches::input::verify;

/// Packets of one file whose signatures are checked: checking is slow.
const MOST_CHECKED: usize = 4;

/// The content of a file with this name gives packets or a clear error.
fn decode(name: &str, bytes: &[u8]) -> Result<Capture, CaptureError> {
    let result = capture::decode(Path::new(name), bytes);
    match &result {
        Ok(capture) => {
            assert!(!capture.packets.is_empty());
            let sizes = capture.packets.iter().map(|packet| packet.data.len());
            assert!(sizes.clone().all(|size| (1..=capture::LONGEST_PAYLOAD).contains(&size)));
            assert!(capture.packets.is_sorted_by_key(|packet| packet.offset));
            assert!(capture.cut.as_ref().is_none_or(|fault| fault.offset <= bytes.len()));
            let kept: usize = sizes.sum();
            assert!(kept <= bytes.len(), "{kept} bytes of packets from {}", bytes.len());
            let records = capture.packets.len() + capture.left_out.count();
            assert!(records <= bytes.len(), "{records} packets from {} bytes", bytes.len());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(name) && text.len() < 500, "{text}");
            if let CaptureError::Damaged { fault, .. } = error {
                let offset = fault.offset;
                assert!(offset <= bytes.len(), "byte {offset} of {}: {text}", bytes.len());
            }
        }
    }
    result
}

/// A pcap or pcapng file.
pub fn capture(bytes: &[u8]) {
    let _ = decode("recording", bytes);
}

/// A file of transactions, each of which a worker checks; and one packet.
pub fn transactions(bytes: &[u8]) {
    let _ = verify::parse(bytes);
    let Ok(capture) = decode("recording.txs", bytes) else { return };
    let packets: Vec<_> =
        capture.packets.iter().take(MOST_CHECKED).map(|packet| &packet.data).collect();
    let mut results = Vec::new();
    verify::verify_batch(&packets, &mut results);
    assert_eq!(results.len(), packets.len());
}
