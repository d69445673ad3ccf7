//! What mempools with the handler do when they are used as they should not be, or seldom are.

use crate::build::Built;
use crate::eal::{self, HANDLER, Setup};
use crate::report::{Check, Outcome};
use crate::testpmd::Testpmd;

/// Of `pools.c`.
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
    CASES.into_iter().map(check).chain([unknown]).collect()
}

fn succeeds(built: &Built, case: &str) -> Outcome {
    let program = built.compile("pools")?;
    let mut command = Setup::new(built).command(&program)?;
    command.args([HANDLER, case]);
    eal::run(command, built)?.success()?;
    Ok("as expected".to_owned())
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
