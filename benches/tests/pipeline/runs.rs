//! Whole runs.

use std::fs;
use std::process::Stdio;

use blockpool_benches::input::transactions;
use serde_json::Value;

use crate::program::{FEW, accounted, file, number, pipeline, report, run, text};

/// Runs with enough samples for a verdict: which pools, and how it ends.
#[test]
fn the_verdict_tells_which_pool_how_large_and_what_tail() {
    let arguments = ["--rate", "5000", "--duration", "0.5", "--pool", "core,malloc"];
    let output = pipeline().args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    let told = [
        "Recommended: ",
        "Size: ",
        "Latency under steady load",
        "Latency under bursty load",
        "Pool overhead",
    ];
    assert!(told.iter().all(|words| out.contains(words)), "{out}");
}

#[test]
fn time_is_up_when_it_is_up_whatever_the_rate() {
    let arguments = ["--rate", "10000000", "--duration", "0.2", "--work", "none", "--pool", "core"];
    let (output, report) = run("fast.json", &[&arguments[..], &["--pattern", "steady"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    // A machine that keeps up would send 4,000,000; none does.
    assert!(accounted(&report["runs"][0]), "{report}");
    assert!(number(&report["runs"][0], "/sent") < 4_000_000, "{report}");
}

#[test]
fn figures_of_before_are_kept_until_there_are_new_ones() {
    let json = file("kept.json");
    fs::write(&json, "before").expect("a file can be written");
    let output = pipeline().args(["--input", "/nowhere", "--json"]).arg(&json).output();
    assert_eq!(output.expect("it starts").status.code(), Some(1));
    assert_eq!(fs::read(&json).expect("it is there"), b"before");
}

#[test]
fn every_pool_brings_every_transaction_through_without_allocating() {
    let (output, report) = run("all.json", &FEW);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let runs = report["runs"].as_array().expect("runs");
    assert!(runs.len() >= 10, "five pools, two patterns");
    for run in runs {
        assert!(accounted(run), "{run}");
        let (sent, valid) = (number(run, "/sent"), number(run, "/valid"));
        assert!(valid > 0 && valid == sent, "{run}");
        let pool = run["pool"].as_str().expect("a name");
        assert!(text(&output.stdout).contains(pool));
        match pool {
            "array-queue" | "local" | "core" => {
                assert_eq!(number(run, "/hot_path_allocations"), 0, "{run}");
                assert_eq!(number(run, "/heap_fallbacks"), 0, "{run}");
            }
            "malloc" => assert!(number(run, "/hot_path_allocations") > 0, "{run}"),
            _ => {}
        }
        assert!(number(run, "/high_water_mark") > 0, "{run}");
    }
    assert!(text(&output.stdout).contains("No recommendation: "), "from so few transactions");
}

#[test]
fn sizes_that_are_not_the_default_and_every_kind_of_work_run() {
    for work in ["none", "parse", "verify"] {
        let arguments = ["--v1", "--capacity", "300", "--workers", "2", "--pattern", "bursty"];
        let arguments = [&FEW[..], &arguments, &["--pool", "core,local", "--work", work]].concat();
        let (output, report) = run(&format!("{work}.json"), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(number(&report, "/buffer_size"), 4096);
        let runs = report["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), 2);
        assert!(runs.iter().all(|run| accounted(run) && number(run, "/valid") > 0), "{report}");
    }
}

#[test]
fn what_is_wrong_with_a_transaction_is_counted_by_reason() {
    let mut packets = transactions::generate(7, 5, false);
    *packets[1].last_mut().expect("bytes") ^= 1;
    packets[2].truncate(70);
    packets[3] = vec![0; 1400];
    let input = file("damaged.txs");
    let framed = packets
        .iter()
        .flat_map(|packet| [&(packet.len() as u16).to_le_bytes()[..], packet].concat());
    fs::write(&input, framed.collect::<Vec<u8>>()).expect("a file can be written");
    let input = input.to_str().expect("text");
    let arguments = [&FEW[..], &["--pool", "core", "--pattern", "steady", "--input", input]];
    let (output, report) = run("damaged.json", &arguments.concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = &report["runs"][0];
    assert!(accounted(run), "{run}");
    for path in ["/invalid/bad signature", "/invalid/malformed", "/dropped/too_long", "/valid"] {
        assert!(number(run, path) > 0, "{path} of {run}");
    }
}

#[test]
fn a_file_that_cannot_be_replayed_is_an_error_that_names_the_offset() {
    let input = file("cut.txs");
    fs::write(&input, [5, 0, 1, 2, 3]).expect("a file can be written");
    let output = pipeline().arg("--input").arg(&input).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("byte 2") && error.contains("cut.txs"), "{error}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_run_in_order_with_what_was_measured() {
    use std::io::{BufRead, BufReader, Read};
    let json = file("interrupted.json");
    let mut child = pipeline()
        .args(["--pool", "core", "--pattern", "steady", "--duration", "3600", "--rate", "500"])
        .arg("--json")
        .arg(&json)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    // The facts are printed first, once the handler is in place.
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("Pools:") {
        line.clear();
        assert!(out.read_line(&mut line).expect("it tells") > 0, "it ended by itself");
    }
    let id = i32::try_from(child.id()).expect("process numbers are small");
    // SAFETY: sends a signal to the child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(rest.contains("Interrupted"), "{rest}");
    let report = report(&json);
    assert_eq!(report["interrupted"], Value::Bool(true));
    assert!(report["runs"].as_array().expect("runs").iter().all(accounted));
}
