//! An lcore stopped in the middle of an operation: which others does it block?

use crate::linux::Check;
use crate::linux::build::Built;
use crate::linux::eal::{self, HANDLER, Memory, Setup};
use crate::linux::tally::Outcome;

/// What `preempted_lcore.c` found: at how many stops another lcore waited, and so on.
#[derive(Debug)]
struct Stops {
    instructions: u32,
    waits: u32,
    found_none: u32,
    lost_objects: u32,
}

/// What a stopped lcore does to others.
#[derive(Clone, Copy)]
struct Expected {
    waits: bool,
    loses: bool,
}

const HARMLESS: Expected = Expected { waits: false, loses: false };
const WAITS: Expected = Expected { waits: true, loses: false };

/// While a get is stopped, its ring refuses puts for lack of room, which a mempool ignores.
const WAITS_AND_LOSES: Expected = Expected { waits: true, loses: true };

const HANDLERS: [(&str, Expected); 6] = [
    (HANDLER, HARMLESS),
    ("ring_mp_mc", WAITS),
    ("ring_mt_rts", WAITS_AND_LOSES),
    ("ring_mt_hts", WAITS),
    ("stack", WAITS),
    ("lf_stack", HARMLESS),
];

pub(crate) fn checks() -> Vec<Check> {
    let check = |(handler, expected)| {
        Check::new(format!("preempted/{handler}"), move |built| preempted(built, handler, expected))
    };
    HANDLERS.into_iter().map(check).collect()
}

fn preempted(built: &Built, handler: &str, expected: Expected) -> Outcome {
    let program = built.compile("preempted_lcore")?;
    let setup = Setup { memory: Memory::Plain { mib: 64 }, ..Setup::new(built) };
    let mut command = setup.command(&program)?;
    command.arg(handler);
    let ended = eal::run(command, built)?.success()?;
    let lines: Vec<_> = ended.output.lines().collect();
    let stops = lines.iter().map(|line| Stops::read(line)).collect::<Option<Vec<_>>>();
    let stops = stops.filter(|stops| !stops.is_empty()).ok_or_else(|| ended.to_string())?;
    let any = |of: fn(&Stops) -> u32| stops.iter().any(|stops| of(stops) > 0);
    let Expected { waits, loses } = expected;
    if stops.iter().any(|stops| stops.instructions == 0 || (stops.waits > 0) != waits)
        || any(|stops| stops.lost_objects) != loses
        || (!waits && any(|stops| stops.found_none))
    {
        let word = |so| if so { "should" } else { "must not" };
        let (wait, lose) = (word(waits), word(loses));
        return Err(format!("others {wait} wait, objects {lose} get lost: {ended}").into());
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
}
