//! Performance targets, for a report only: no test depends on them.

use blockpool_benches::interleave::{Group, Summary};
use blockpool_benches::markdown::{figure, table};

pub const SINGLE: &str = "one by one";
pub const BURST: &str = "bursts of 32";
pub const KEPT_SINGLE: &str = "128 kept, one by one";
pub const ACROSS: &str = "A gets, B puts, bursts of 32";

pub const HANDLES: &str = "`LocalPool`, handles";
pub const POINTERS: &str = "`LocalPool`, pointers";
pub const UNCHECKED: &str = "`LocalPool`, pointers, unchecked";
pub const C_LIBRARY: &str = "C library, local pool";

/// The name of a mempool.
pub fn mempool(handler: &str, cache: u32) -> String {
    match cache {
        0 => format!("{handler}, no cache"),
        _ => format!("{handler}, cache of {cache}"),
    }
}

const OURS: &str = "blockpool, no cache";
const OURS_CACHED: &str = "blockpool, cache of 256";
const RING: &str = "ring_mp_mc, no cache";
const RING_CACHED: &str = "ring_mp_mc, cache of 256";
const LF_STACK: &str = "lf_stack, no cache";

/// Column, our name, the highest ratio to theirs, and column and name of theirs.
const TARGETS: [(&str, &str, f64, (&str, &str)); 10] = [
    (SINGLE, OURS, 0.9, (SINGLE, RING)),
    (BURST, OURS, 2.0, (BURST, RING)),
    (BURST, OURS, 0.5, (BURST, LF_STACK)),
    (ACROSS, OURS, 1.0, (ACROSS, RING)),
    (BURST, OURS_CACHED, 1.0, (BURST, RING_CACHED)),
    (ACROSS, OURS_CACHED, 1.0, (ACROSS, RING_CACHED)),
    (KEPT_SINGLE, HANDLES, 0.7, (KEPT_SINGLE, RING_CACHED)),
    (BURST, POINTERS, 3.5, (BURST, RING_CACHED)),
    (BURST, UNCHECKED, 1.2, (BURST, RING_CACHED)),
    (BURST, C_LIBRARY, 1.1, (BURST, POINTERS)),
];

fn samples(groups: &[Group], column: &str, name: &str) -> Option<Vec<f64>> {
    groups.iter().find_map(|group| group.samples(column, name))
}

/// The result for each target.
pub fn verdict(groups: &[Group]) -> String {
    let rows = TARGETS.iter().filter_map(|&(column, ours, at_most, theirs)| {
        let ratio = Summary::of_ratios(
            &samples(groups, column, ours)?,
            &samples(groups, theirs.0, theirs.1)?,
        );
        let than = if theirs.0 == column {
            theirs.1.to_owned()
        } else {
            format!("{}, {}", theirs.1, theirs.0)
        };
        let Summary { median, least, greatest } = ratio;
        Some(vec![
            column.to_owned(),
            ours.to_owned(),
            than,
            format!("{} [{}-{}]", figure(median), figure(least), figure(greatest)),
            at_most.to_string(),
            if median <= at_most { "yes" } else { "no" }.to_owned(),
        ])
    });
    table(&["what", "ours", "compared with", "ratio [spread]", "at most", "met"], rows)
}
