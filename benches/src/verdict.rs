//! The recommendation: a pool, its size, and the latency to expect.

use std::fmt::Write;

use crate::pipeline::Summary;
use crate::pipeline_pools::PoolKind;
use crate::report::{Report, Run, time};

/// Fewer transactions than this in a run say nothing about a tail.
const ENOUGH: u64 = 1_000;

/// A capacity with a quarter to spare over `used`, rounded up to a word of the free list.
fn recommended(used: u64) -> u64 {
    (used + used.div_ceil(4)).next_multiple_of(64)
}

impl Report {
    fn runs_of(&self, pool: PoolKind) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.pool == pool)
    }

    /// Get and give-back together, the median, averaged over a pool's runs.
    fn pair_ns(&self, pool: PoolKind) -> Option<f64> {
        let pairs: Option<Vec<f64>> =
            self.runs_of(pool).map(|run| Some(run.get.p50_ns? + run.give_back.p50_ns?)).collect();
        pairs.map(|pairs| pairs.iter().sum::<f64>() / pairs.len() as f64)
    }

    /// Why no pool can be recommended, if none can.
    fn no_verdict(&self) -> Option<String> {
        let few = self.runs.iter().find(|run| run.end_to_end.samples < ENOUGH);
        if self.runs.iter().any(|run| run.done() == 0 && run.dropped.too_long > 0) {
            Some("every packet was longer than a buffer; see --buffer-size".into())
        } else if self.work != "none" && self.runs.iter().all(|run| run.valid == 0) {
            Some(
                "no packet passed the check, so these are not transactions; --work none measures the \
                 pools with packets of any kind"
                    .into(),
            )
        } else {
            few.map(|run| {
                format!(
                    "{} transactions in a run are too few; see --duration and --rate",
                    run.end_to_end.samples
                )
            })
        }
    }

    /// The pool to use, its size, and the latency to expect.
    pub fn verdict(&self) -> String {
        if let Some(why) = self.no_verdict() {
            return format!("No recommendation: {why}.");
        }
        let mut pools: Vec<(PoolKind, f64)> = Vec::new();
        for run in &self.runs {
            if let Some(pair) = self.pair_ns(run.pool)
                && pools.iter().all(|(pool, _)| *pool != run.pool)
            {
                pools.push((run.pool, pair));
            }
        }
        pools.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let list: Vec<_> = pools
            .iter()
            .map(|(pool, pair)| format!("{} {}", pool.name(), time(Some(*pair))))
            .collect();
        let mut text = format!("Get and give-back together, p50: {}.\n", list.join(", "));
        pools.retain(|(pool, _)| self.runs_of(*pool).all(|run| run.hot_path_allocations == 0));
        let Some(&(best, least)) = pools.first() else {
            return text + "No recommendation: every pool allocated on the hot path.";
        };
        // Times are read in steps of the clock, twice for a pair.
        let step = 2.0 * self.clock_step_ns as f64;
        pools.retain(|(_, pair)| pair - least < step);
        let names: Vec<_> = pools.iter().map(|(pool, _)| pool.name()).collect();
        let _ = match &names[..] {
            [name] => writeln!(text, "Recommended: {name}, the fastest that does not allocate."),
            names => writeln!(
                text,
                "Recommended: {}, the fastest that do not allocate, too close to tell apart. Below: {}.",
                names.join(" or "),
                best.name()
            ),
        };
        self.how_large(best, &mut text);
        // The maximum alone, where there are too few samples for more.
        let tail = |times: &Summary| {
            let p999 = times.p999_ns.map(|ns| format!("p99.9 {}, ", time(Some(ns))));
            format!("{}at most {}", p999.unwrap_or_default(), time(times.max_ns))
        };
        for run in self.runs_of(best) {
            let _ = writeln!(
                text,
                "Latency under {} load: end to end {}; get {}; give-back {}.",
                run.pattern,
                tail(&run.end_to_end),
                tail(&run.get),
                tail(&run.give_back),
            );
        }
        for run in self.runs_of(best) {
            let _ = writeln!(
                text,
                "Pool overhead under {} load: {:.2} % of the {} that receiving and work take for a \
                 transaction.",
                run.pattern,
                run.pool_share_percent,
                time(Some(run.busy_ns_per_transaction)),
            );
        }
        if self.runs.iter().any(|run| run.dropped.kernel > 0) {
            text += "Some transactions were dropped before the program received them: this machine \
                     cannot keep up with the load.\n";
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn how_large(&self, pool: PoolKind, text: &mut String) {
        let used = self.runs_of(pool).map(|run| run.high_water_mark).max().unwrap_or(0);
        let short = self.runs_of(pool).find(|run| !run.sufficed());
        let _ = match short {
            None => writeln!(
                text,
                "Size: at most {used} of {} buffers were in use; {} would leave at least a quarter free.",
                self.capacity,
                recommended(used),
            ),
            Some(run) => writeln!(
                text,
                "Size: {} buffers were not enough: {:.0} transactions per second were sent and {:.0} \
                 processed. For bursts try --capacity {}; for a sustained load more --workers.",
                self.capacity,
                run.sent as f64 / run.seconds,
                run.done() as f64 / run.seconds,
                self.capacity * 2,
            ),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::recommended;

    #[test]
    fn a_quarter_is_to_spare() {
        assert_eq!([0, 1, 52, 64, 1000].map(recommended), [0, 64, 128, 128, 1280]);
    }
}
