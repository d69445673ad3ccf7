//! Recordings: their times, what is left out of them, and how they are passed in.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::program::{SHORT, error, file, number, pipeline, report, run, text};

/// A pcap of UDP packets without a link header, each with its index as payload and one of the stamps.
fn pcap(name: &str, stamps_us: impl IntoIterator<Item = u64>) -> PathBuf {
    let mut file_bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    file_bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0]);
    for (number, stamp) in (0_u32..).zip(stamps_us) {
        let payload = number.to_le_bytes();
        let length = 28 + payload.len() as u8;
        let mut packet = vec![0x45, 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 7, 208, 0, length - 20, 0, 0]);
        packet.extend(payload);
        let size = u32::from(length);
        for word in [(stamp / 1_000_000) as u32, (stamp % 1_000_000) as u32, size, size] {
            file_bytes.extend(word.to_le_bytes());
        }
        file_bytes.extend(packet);
    }
    let path = file(name);
    fs::write(&path, file_bytes).expect("a file can be written");
    path
}

/// A stamp for each of 2,001 packets, a millisecond apart.
fn every_millisecond() -> impl Iterator<Item = u64> {
    (0..2001).map(|number| 1_700_000_000_000_000 + 1000 * number)
}

/// Replays `input` for 1.2 s, warm-up included.
fn replay(name: &str, input: &Path) -> (String, Value) {
    let input = input.to_str().expect("text");
    let arguments = ["--input", input, "--duration", "1", "--pool", "core", "--work", "none"];
    let (output, report) = run(&format!("{name}.json"), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), report)
}

#[test]
fn one_stamp_far_off_does_not_end_a_recording() {
    let day = 86_400_000_000;
    let jump = |index| {
        every_millisecond().enumerate().map(move |(n, us)| if n == index { us + day } else { us })
    };
    for (name, index, first) in [("jump", 100, 101), ("jump-last", 2000, 2001)] {
        let (text, report) = replay(name, &pcap(&format!("{name}.pcap"), jump(index)));
        // 1,201 are due; even a machine that stalls for half a second sends this many.
        assert!(number_sent(&report) > 600, "{report}");
        assert_eq!(number(&report, "/recording/jumps"), 1);
        assert!(text.contains(&format!("1 stamp jumped (first: packet {first})")), "{text}");
        assert!(text.contains("of 2001 packets were sent; "), "{text}");
    }
}

fn number_sent(report: &Value) -> u64 {
    number(report, "/runs/0/sent")
}

#[test]
fn a_silence_longer_than_the_run_is_told() {
    let gap =
        every_millisecond().enumerate().map(|(n, us)| if n > 0 { us + 5_000_000 } else { us });
    let (text, report) = replay("gap", &pcap("gap.pcap", gap));
    assert_eq!(number_sent(&report), 1);
    assert_eq!(report["runs"][0]["ended"], "nothing due");
    let told = "1 of 2001 packets were sent; the next one is due 3.801 s after the end of the run";
    assert!(text.contains(told), "{text}");
    assert_eq!(report["recording"]["seconds"], 7.0);
}

#[test]
fn a_last_stamp_that_runs_back_leaves_the_times_of_all_others() {
    let back = every_millisecond().take(50).chain([1_699_000_000_000_000]);
    let (text, report) = replay("back", &pcap("back.pcap", back));
    assert!(text.contains("as recorded: 0.049 s; 1 stamp jumped (first: packet 51)"), "{text}");
    let told = text.contains("the whole recording was sent ") && text.contains(" times; then");
    assert!(told && number_sent(&report) > 600, "{text}");
}

/// Runs with these arguments and this standard input, and returns the JSON output.
fn fed(name: &str, arguments: &[&str], input: &[u8]) -> Value {
    let json = file(name);
    let mut command = pipeline();
    command.args(SHORT).args(arguments).arg("--json").arg(&json).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    report(&json)
}

#[test]
#[cfg(unix)]
fn recordings_come_compressed_and_by_pipes() {
    use flate2::{Compression, write::GzEncoder};
    let plain = fs::read(pcap("plain.pcap", every_millisecond())).expect("there");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).expect("to memory");
    let gzip = encoder.finish().expect("to memory");
    let zstd = zstd::encode_all(&plain[..], 0).expect("to memory");
    for (name, content) in [("plain", &plain), ("gzip", &gzip), ("zstd", &zstd)] {
        let path = file(&format!("{name}.bin"));
        fs::write(&path, content).expect("a file can be written");
        let by_name =
            fed(&format!("{name}1.json"), &["--input", path.to_str().expect("text")], b"");
        let by_pipe = fed(&format!("{name}2.json"), &["--input", "-"], content);
        let by_device = fed(&format!("{name}3.json"), &["--input", "/dev/stdin"], content);
        for report in [by_name, by_pipe, by_device] {
            assert_eq!(number(&report, "/recording/packets"), 2001, "{name}");
        }
    }
    let transactions = [[1, 0, 9].repeat(3), vec![2, 0, 9, 9]].concat();
    let report = fed("pipe.json", &["--input", "-"], &transactions);
    assert_eq!(number(&report, "/recording/packets"), 4);
}

#[test]
fn a_recording_that_is_cut_off_is_used_with_a_warning_or_refused_on_request() {
    let path = pcap("whole.pcap", every_millisecond());
    let mut content = fs::read(path).expect("there");
    content.pop();
    let path = file("cut.pcap");
    fs::write(&path, content).expect("a file can be written");
    let mut command = pipeline();
    command.args(SHORT).arg("--input").arg(&path);
    let output = command.output().expect("it starts");
    assert!(output.status.success());
    let warning = text(&output.stderr);
    // After a header of 24 bytes, 2,000 records of 48.
    assert!(warning.contains("warning: ") && warning.contains("byte 96024: "), "{warning}");
    assert!(text(&output.stdout).contains("Input: 2000 packets"));
    let refused = error(command.arg("--strict"));
    assert!(refused.contains("cut.pcap, byte 96024: "), "{refused}");
}

#[test]
fn stamps_that_all_jump_are_counted_and_no_times() {
    let slow = (0..50).map(|number| 1_700_000_000_000_000 + 61_000_000 * number);
    let input = pcap("slow.pcap", slow);
    let (text, report) = replay("slow", &input);
    assert_eq!(number(&report, "/recording/jumps"), 49);
    assert!(text.contains("20000 per second; 49 stamps jumped (first: packet 2)"), "{text}");
}

#[test]
fn a_record_that_no_datagram_carries_is_counted_with_its_place() {
    let lengths = [100_u16, 65_508, 200];
    let record = |length: u16| [&length.to_le_bytes()[..], &vec![7; length.into()]].concat();
    let path = file("long.txs");
    fs::write(&path, lengths.map(record).concat()).expect("a file can be written");
    let (text, report) = replay("long", &path);
    assert_eq!(
        (number(&report, "/recording/packets"), number(&report, "/recording/too_long")),
        (2, 1)
    );
    let told = "1 longer than the 65507 bytes that a datagram carries (the first at byte 102)";
    assert!(text.contains(told), "{text}");
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (input, why) in [(folder, "directory"), ("/nowhere", "No such file")] {
        let error = error(pipeline().args(SHORT).args(["--input", input]));
        assert!(
            error.contains(&format!("cannot read {input}: ")) && error.contains(why),
            "{error}"
        );
    }
    #[cfg(unix)]
    {
        let device = error(pipeline().args(SHORT).args(["--input", "/dev/zero"]));
        assert!(device.contains("cannot read /dev/zero: it is a device"), "{device}");
        let nothing = error(pipeline().args(SHORT).args(["--input", "-"]));
        assert!(nothing.contains("standard input is empty"), "{nothing}");
    }
}
