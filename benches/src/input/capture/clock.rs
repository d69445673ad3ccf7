//! When packets are due, according to stamps that cannot all be trusted.
//!
//! A recording may be made by several interfaces with separate clocks, and a clock may be set during the
//! recording. So only steps from the latest packet before count: one of at most [`BACK`] back or [`AHEAD`]
//! ahead is time that passed (none, if it is back). Anything else is a jump: no time passes for it, and from
//! then on that interface's clock counts from there. A step of more than [`BACK`] ahead is also a jump if one
//! of the next [`LOOK_AHEAD`] packets contradicts it, with a stamp within the time said to have passed. A
//! clock that returns from a jump counts as it did before the jump.

use std::collections::HashMap;
use std::time::Duration;

const SECOND: i128 = 1_000_000_000;
const BACK: i128 = SECOND;
const AHEAD: i128 = 60 * SECOND;
const LOOK_AHEAD: usize = 1000;

/// When a packet was captured, by the clock of an interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) interface: usize,
    /// A packet with `None` comes together with the previous one.
    pub(super) ns: Option<i128>,
}

/// Stamps that jumped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jumps {
    /// How many.
    pub count: usize,
    /// Index of the first packet with such a stamp; 0 if there is none.
    pub first: usize,
}

/// What to subtract from an interface's stamps: now, and before its last jump.
#[derive(Clone, Copy)]
struct Correction {
    now: i128,
    before: Option<i128>,
}

/// The time of each packet since the first one, never less than that of the previous one.
pub(super) fn times(stamps: &[Stamp]) -> (Vec<Duration>, Jumps) {
    let mut corrections: HashMap<usize, Correction> = HashMap::new();
    let mut latest: Option<usize> = None;
    let mut time = 0;
    let mut jumps = Jumps::default();
    let mut times = Vec::with_capacity(stamps.len());
    for (index, stamp) in stamps.iter().enumerate() {
        if let Some(ns) = stamp.ns {
            // Until it turns out to differ, a new interface has the clock of the one before.
            let known = corrections.get(&stamp.interface).copied();
            let like_latest = || corrections.get(&latest?).copied();
            let Correction { now, before } =
                known.or_else(like_latest).unwrap_or(Correction { now: ns, before: None });
            let step = |correction: i128| ns - correction - time;
            let is_small = |step: i128| (-BACK..=BACK).contains(&step);
            let passed = |step: i128| {
                (-BACK..=AHEAD).contains(&step)
                    && !is_contradicted(&stamps[index..], time, step, |interface| {
                        corrections.get(&interface).map_or(now, |known| known.now)
                    })
            };
            let correction = match before {
                _ if is_small(step(now)) => Correction { now, before },
                Some(before) if is_small(step(before)) => {
                    Correction { now: before, before: Some(now) }
                }
                _ if passed(step(now)) => Correction { now, before },
                _ => {
                    if jumps.count == 0 {
                        jumps.first = index;
                    }
                    jumps.count += 1;
                    Correction { now: ns - time, before: Some(now) }
                }
            };
            time = time.max(ns - correction.now);
            corrections.insert(stamp.interface, correction);
            latest = Some(stamp.interface);
        }
        times.push(duration(time));
    }
    (times, jumps)
}

/// Whether a packet of `stamps` was stamped, by its own clock, within the time that a `step` from `time` on
/// says has passed.
fn is_contradicted(
    stamps: &[Stamp],
    time: i128,
    step: i128,
    correction_of: impl Fn(usize) -> i128,
) -> bool {
    let skipped = time - BACK..time + step - BACK;
    let is_in = |stamp: &Stamp| {
        stamp.ns.is_some_and(|ns| skipped.contains(&(ns - correction_of(stamp.interface))))
    };
    step > BACK && stamps.iter().take(LOOK_AHEAD).any(is_in)
}

/// `nanoseconds`, which are not negative, as a duration.
fn duration(nanoseconds: i128) -> Duration {
    let seconds = u64::try_from(nanoseconds / SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanoseconds % SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use super::{Jumps, Stamp, times};

    const DAY_MS: i64 = 86_400_000;

    /// Milliseconds of stamps `(interface, milliseconds)`; then the number of jumps and the first one.
    fn ms(stamps: &[(usize, i64)]) -> (Vec<u64>, usize, usize) {
        let stamps: Vec<Stamp> = stamps
            .iter()
            .map(|&(interface, ms)| Stamp { interface, ns: Some(i128::from(ms) * 1_000_000) })
            .collect();
        let (times, Jumps { count, first }) = times(&stamps);
        (times.iter().map(|time| time.as_millis() as u64).collect(), count, first)
    }

    fn of_one(stamps: &[i64]) -> (Vec<u64>, usize, usize) {
        let stamps: Vec<_> = stamps.iter().map(|&ms| (0, ms)).collect();
        ms(&stamps)
    }

    #[test]
    fn time_passes_as_stamped_and_stands_still_where_it_is_a_little_back() {
        assert_eq!(of_one(&[5000, 5001, 5003, 5002, 5010]), (vec![0, 1, 3, 3, 10], 0, 0));
    }

    #[test]
    fn silence_of_up_to_a_minute_is_kept() {
        assert_eq!(
            of_one(&[0, 5000, 5001, 65_001, 65_002]),
            (vec![0, 5000, 5001, 65_001, 65_002], 0, 0)
        );
        assert_eq!(of_one(&[0, 60_001, 60_002]), (vec![0, 0, 1], 1, 1));
    }

    #[test]
    fn one_stamp_far_off_changes_nothing_but_itself() {
        for off in [DAY_MS, 30_000, -30_000, -DAY_MS] {
            assert_eq!(of_one(&[0, 1, 2 + off, 3, 4]), (vec![0, 1, 1, 3, 4], 1, 2), "{off}");
        }
        // At either end there is only one neighbour.
        assert_eq!(of_one(&[DAY_MS, 1, 2, 3]), (vec![0, 0, 1, 2], 1, 1));
        assert_eq!(of_one(&[-DAY_MS, 1, 2, 3]), (vec![0, 0, 1, 2], 1, 1));
        assert_eq!(of_one(&[0, 1, 2, DAY_MS]), (vec![0, 1, 2, 2], 1, 3));
        assert_eq!(of_one(&[0, 1, 2, -5000]), (vec![0, 1, 2, 2], 1, 3));
    }

    #[test]
    fn a_clock_that_is_set_goes_on_from_there() {
        let hour = 3_600_000;
        assert_eq!(of_one(&[0, 1, 2 - hour, 3 - hour, 9 - hour]), (vec![0, 1, 1, 2, 8], 1, 2));
        assert_eq!(of_one(&[0, 1, 2 + hour, 3 + hour, 9 + hour]), (vec![0, 1, 1, 2, 8], 1, 2));
    }

    #[test]
    fn interfaces_have_clocks_of_their_own() {
        for off in [DAY_MS, -DAY_MS, 30_000, -30_000] {
            let stamps = [(0, 0), (1, 1 + off), (0, 2), (1, 3 + off), (1, 5 + off), (0, 6)];
            let (times, count, first) = ms(&stamps);
            // The second clock counts from when it is first seen.
            assert_eq!((times, count, first), (vec![0, 0, 2, 2, 4, 6], 1, 1), "{off}");
        }
        // The same clock: no time between the two is lost.
        assert_eq!(ms(&[(0, 0), (1, 5000), (0, 5001)]), (vec![0, 5000, 5001], 0, 0));
    }

    #[test]
    fn a_clock_that_runs_behind_contradicts_no_silence() {
        let mut stamps = vec![(0, 0), (1, -29_999), (0, 2)];
        stamps.extend((0..500).map(|number| (0, 40_000 + 10 * number)));
        stamps.extend([(1, 15_005), (0, 45_010)]);
        let (times, count, first) = ms(&stamps);
        assert_eq!((count, first), (1, 1));
        assert_eq!((times[3], times[4], times[503], times[504]), (40_000, 40_010, 45_004, 45_010));
    }

    #[test]
    fn packets_without_a_stamp_come_with_the_one_before() {
        let stamp = |ns| Stamp { interface: 0, ns };
        let stamps = [None, Some(7), None, Some(9), None].map(stamp);
        let times: Vec<_> = times(&stamps).0.iter().map(|time| time.as_nanos()).collect();
        assert_eq!(times, [0, 0, 0, 2, 2]);
        assert!(super::times(&[]).0.is_empty());
    }
}
