//! DPDK's own tests of what uses mempools, with the handler.

use std::path::Path;

use crate::build::Built;
use crate::eal::{self, Ended, HANDLER, Memory, Setup};
use crate::report::{Check, Outcome};

const SUITES: [&str; 5] = ["mempool", "mbuf", "ring_pmd", "reorder", "ipfrag"];

pub(crate) fn checks() -> Vec<Check> {
    let check = |suite| Check::new(format!("suite/{suite}"), move |built| passes(built, suite));
    SUITES.into_iter().map(check).collect()
}

fn run(built: &Built, suite: &str, handler: &str) -> Result<Ended, String> {
    let setup = Setup { handler, memory: Memory::Plain { mib: 512 }, ..Setup::new(built) };
    let mut command = setup.command(Path::new("dpdk-test"))?;
    command.env("DPDK_TEST", format!("{suite}_autotest"));
    eal::run(command, built)
}

fn passes(built: &Built, suite: &str) -> Outcome {
    let is_ok = |ended: &Ended| ended.output.lines().any(|line| line == "Test OK");
    let ended = run(built, suite, HANDLER)?.success()?;
    if !is_ok(&ended) {
        return Err(ended.to_string().into());
    }
    // Its pools have the handler that was asked for, for without one there are none.
    let ended = run(built, suite, "no-such-handler")?;
    if is_ok(&ended) || ended.status == Some(0) {
        return Err(format!("it passes with an unknown handler: {ended}").into());
    }
    Ok("Test OK".to_owned())
}
