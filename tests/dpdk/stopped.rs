//! An lcore stopped in the middle of an operation: whom does it hold up?

use crate::build::Built;
use crate::eal::{self, HANDLER, Memory, Setup};
use crate::report::{Check, Outcome};

/// What `stopped_lcore.c` found: at how many stops another lcore waited, and so on.
#[derive(Debug)]
struct Stops {
    instructions: u32,
    waits: u32,
    found_none: u32,
    lost_objects: u32,
}

/// Handlers, and whether others wait for an lcore that is stopped.
///
/// With `ring_mt_rts`, objects are lost too: while a get is stopped, its ring refuses puts for want
/// of room, which a mempool does not look at.
const HANDLERS: [(&str, bool); 6] = [
    (HANDLER, false),
    ("ring_mp_mc", true),
    ("ring_mt_rts", true),
    ("ring_mt_hts", true),
    ("stack", true),
    ("lf_stack", false),
];

pub(crate) fn checks() -> Vec<Check> {
    let check = |(handler, waits)| {
        Check::new(format!("stopped/{handler}"), move |built| stopped(built, handler, waits))
    };
    HANDLERS.into_iter().map(check).collect()
}

fn stopped(built: &Built, handler: &str, waits: bool) -> Outcome {
    let program = built.compile("stopped_lcore")?;
    let setup = Setup { memory: Memory::Plain { mib: 64 }, ..Setup::new(built) };
    let mut command = setup.command(&program)?;
    command.arg(handler);
    let ended = eal::run(command, built)?.success()?;
    let lines: Vec<_> = ended.output.lines().collect();
    let stops = lines.iter().map(|line| Stops::read(line)).collect::<Option<Vec<_>>>();
    let stops = stops.filter(|stops| !stops.is_empty()).ok_or_else(|| ended.to_string())?;
    if !stops.iter().all(|stops| stops.are_expected(waits)) {
        let expected = if waits { "should" } else { "must not" };
        return Err(format!("others {expected} wait: {ended}").into());
    }
    Ok(lines.join("; "))
}

impl Stops {
    fn read(line: &str) -> Option<Self> {
        let figure = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split(',').next()?.trim().parse().ok()
        };
        Some(Self {
            instructions: figure("instructions ")?,
            waits: figure("waits ")?,
            found_none: figure("found none ")?,
            lost_objects: figure("lost objects ")?,
        })
    }

    fn are_expected(&self, waits: bool) -> bool {
        let harmless = self.waits == 0 && self.found_none == 0 && self.lost_objects == 0;
        self.instructions > 0 && if waits { self.waits > 0 } else { harmless }
    }
}
