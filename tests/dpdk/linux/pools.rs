//! What mempools with the handler do when they are used incorrectly or in rare ways.

use crate::linux::Check;
use crate::linux::build::Built;
use crate::linux::eal::{self, HANDLER, Memory, Setup};
use crate::linux::hugepages::Hugepages;
use crate::linux::tally::Missing;
use crate::linux::tally::Outcome;
use crate::linux::testpmd::Testpmd;

/// The cases in `pools.c`.
const CASES: [&str; 7] = [
    "more-than-there-are",
    "put-twice",
    "two-pools",
    "many-pieces",
    "too-small-a-piece",
    "populated-after-a-failure",
    "freed-and-made-again",
];

pub(crate) fn checks() -> Vec<Check> {
    let check = |case| Check::new(format!("pools/{case}"), move |built| succeeds(built, case));
    let unknown = Check::new("pools/unknown-handler", unknown_handler);
    let shared = Check::new("pools/two-processes", a_secondary_process_shares);
    CASES.into_iter().map(check).chain([unknown, shared]).collect()
}

fn succeeds(built: &Built, case: &str) -> Outcome {
    let program = built.compile("pools")?;
    let mut command = Setup::new(built).command(&program)?;
    command.args([HANDLER, case]);
    eal::run(command, built)?.success()?;
    Ok("as expected".to_owned())
}

fn a_secondary_process_shares(built: &Built) -> Outcome {
    const MIB: u32 = 64;
    // SAFETY: only reads this process's user ID.
    if unsafe { libc::geteuid() } != 0 {
        return Err(Missing::Ability("hugepages are mounted by root".to_owned()).into());
    }
    let _hugepages = Hugepages::reserve(u64::from(MIB / 2))?;
    let program = built.compile("processes")?;
    let setup = Setup { memory: Memory::Shared { mib: MIB }, ..Setup::new(built) };
    let mut command = setup.command(&program)?;
    command.arg(HANDLER);
    eal::run(command, built)?.success()?;
    Ok("they share it".to_owned())
}

fn unknown_handler(built: &Built) -> Outcome {
    let setup = Setup { handler: "no-such-handler", devices: &["net_null0"], ..Setup::new(built) };
    let Err(error) = Testpmd::start(&setup, "") else {
        return Err("it starts".to_owned().into());
    };
    let line = "Creation of mbuf pool for socket 0 failed: Invalid argument";
    if error.contains("status Some(1)") && error.contains(line) {
        Ok(line.to_owned())
    } else {
        Err(error.into())
    }
}
