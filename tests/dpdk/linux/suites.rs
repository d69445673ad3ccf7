//! DPDK's own tests of code that uses mempools, run with the handler.

use std::path::Path;

use crate::linux::Check;
use crate::linux::build::Built;
use crate::linux::eal::{self, Ended, HANDLER, Memory, Setup};
use crate::linux::tally::Outcome;

/// Names, each with the devices it needs.
const SUITES: [(&str, &[&str]); 17] = [
    ("mempool", &[]),
    ("mbuf", &[]),
    ("ring_pmd", &[]),
    ("reorder", &[]),
    ("ipfrag", &[]),
    ("bitratestats", &[]),
    ("cksum", &[]),
    ("distributor", &[]),
    ("event_crypto_adapter", &[]),
    ("event_eth_tx_adapter", &[]),
    ("latencystats", &[]),
    ("link_bonding", &[]),
    ("link_bonding_mode4", &[]),
    ("link_bonding_rssconf", &[]),
    ("sched", &[]),
    ("cryptodev_null", &["crypto_null"]),
    ("cryptodev_openssl", &["crypto_openssl"]),
];

/// Whose `test_tlb_verify_slave_link_status_change_failover` expects a timer to act when it wants: with DPDK's
/// default handler, too, it fails in one run of 30. It passes in one of three, or something is wrong.
const TIMED: &str = "link_bonding";

pub(crate) fn checks() -> Vec<Check> {
    let check = |(suite, devices)| {
        Check::new(format!("suite/{suite}"), move |built| passes(built, suite, devices))
    };
    SUITES.into_iter().map(check).collect()
}

fn run(built: &Built, suite: &str, devices: &[&str], handler: &str) -> Result<Ended, String> {
    let memory = Memory::Plain { mib: 512 };
    let setup = Setup { handler, memory, devices, ..Setup::new(built) };
    let mut command = setup.command(Path::new("dpdk-test"))?;
    command.env("DPDK_TEST", format!("{suite}_autotest"));
    eal::run(command, built)
}

fn passes(built: &Built, suite: &str, devices: &[&str]) -> Outcome {
    let is_ok = |ended: &Ended| ended.output.lines().any(|line| line == "Test OK");
    let attempts = if suite == TIMED { 3 } else { 1 };
    let mut failed = 0;
    loop {
        let ended = run(built, suite, devices, HANDLER)?;
        if ended.status == Some(0) && is_ok(&ended) {
            break;
        }
        failed += 1;
        if failed == attempts {
            return Err(ended.to_string().into());
        }
    }
    // Its pools do use the requested handler: with an unknown one, they cannot be created.
    let ended = run(built, suite, devices, "no-such-handler")?;
    if is_ok(&ended) || ended.status == Some(0) {
        return Err(format!("it passes with an unknown handler: {ended}").into());
    }
    Ok(if failed == 0 { "Test OK".to_owned() } else { format!("Test OK after {failed} failures") })
}
