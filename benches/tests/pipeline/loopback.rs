//! Unusual loopback interfaces, each in a network namespace of the test.

use std::process::{Command, Output};

use crate::program::{SHORT, skipped, text, tiny};

/// Runs the pipeline in its own network namespace, after `prepare`; `None` if that is not possible.
fn run_after(prepare: &str) -> Option<Output> {
    let possible = Command::new("unshare").args(["--net", "ip", "-brief", "link"]).output();
    match possible {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            skipped(&format!("a network namespace: {}", text(&output.stderr).trim_end()));
            return None;
        }
        Err(error) => {
            skipped(&format!("`unshare`, of util-linux: {error}"));
            return None;
        }
    }
    let script = format!("set -e; {prepare}; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", &script, "sh"]).arg(env!("CARGO_BIN_EXE_pipeline"));
    Some(command.args(SHORT).arg("--input").arg(tiny()).output().expect("it starts"))
}

#[test]
fn a_loopback_interface_that_is_down_is_named_with_the_remedy() {
    let Some(output) = run_after("true") else { return };
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(" a UDP socket to 127.0.0.1"), "{error}");
    assert!(error.contains("`ip link set lo up`"), "{error}");
}

#[test]
fn ipv6_serves_where_there_is_no_ipv4() {
    let without_ipv4 = "ip link set lo up; ip -4 address flush dev lo; ip -6 address show dev lo \
                        | grep -q ::1";
    let Some(output) = run_after(without_ipv4) else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
}
