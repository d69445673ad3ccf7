//! Facts about the machine that bear on latency, and which of them make figures noisy.

use std::fs;

use serde::Serialize;

use crate::cache_line;

/// A fact, and whether it makes tails longer than necessary.
#[derive(Debug, Serialize)]
pub struct Fact {
    pub name: &'static str,
    pub value: String,
    /// Why it makes figures noisy, if it does.
    pub noisy: Option<&'static str>,
}

/// What this system reports about itself; `n/a` for what it does not report.
pub fn facts() -> Vec<Fact> {
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split(':').nth(1).map(|model| model.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let hypervisor = cpuinfo.as_deref().map(|text| text.contains(" hypervisor"));
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    let isolated = read("/sys/devices/system/cpu/isolated");
    let load = read("/proc/loadavg").and_then(|text| text.split(' ').next().map(str::to_owned));
    let steal = read("/proc/stat").as_deref().and_then(steal_percent);
    let busy =
        load.as_deref().and_then(|load| load.parse().ok()).is_some_and(|load: f64| load > 0.5);
    let slowed = governor.as_deref().is_some_and(|governor| governor != "performance");
    let stolen = steal.is_some_and(|steal| steal > 0.5);
    let not_isolated = isolated.as_deref().is_some_and(str::is_empty);
    let fact = |name, value: Option<String>, noisy: bool, why| Fact {
        name,
        value: value.unwrap_or_else(|| "n/a".into()),
        noisy: noisy.then_some(why),
    };
    vec![
        fact("processor", model, false, ""),
        fact(
            "cores",
            Some(cores.to_string()),
            cores < 4,
            "sender, receiver and worker have no core of their own",
        ),
        fact(
            "virtual machine",
            hypervisor.map(|yes| if yes { "yes" } else { "no" }.to_owned()),
            hypervisor == Some(true),
            "the host may take the processor away",
        ),
        fact("core-to-core transfer", cache_line::transfer().map(cache_line::describe), false, ""),
        fact("kernel", read("/proc/sys/kernel/osrelease"), false, ""),
        fact("frequency governor", governor, slowed, "the clock rate changes under load"),
        fact(
            "isolated cores",
            isolated.map(|cores| if cores.is_empty() { "none".into() } else { cores }),
            not_isolated,
            "other programs run on the same cores",
        ),
        fact("load average", load, busy, "other programs are running"),
        fact(
            "time stolen by the host",
            steal.map(|steal| format!("{steal:.1} %")),
            stolen,
            "the host has taken the processor away",
        ),
        fact("huge pages", read("/sys/kernel/mm/transparent_hugepage/enabled"), false, ""),
    ]
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The share of all time since boot that the host gave to others.
fn steal_percent(stat: &str) -> Option<f64> {
    let mut fields = stat.lines().next()?.split_whitespace();
    if fields.next()? != "cpu" {
        return None;
    }
    let times: Vec<f64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let steal = times.get(7)?;
    let all: f64 = times.iter().sum();
    (all > 0.0).then(|| 100.0 * steal / all)
}

#[cfg(test)]
mod tests {
    use super::{facts, steal_percent};

    #[test]
    fn steal_is_a_share_of_all_time() {
        assert_eq!(steal_percent("cpu  40 0 10 40 0 0 0 10 0 0\ncpu0 1"), Some(10.0));
        assert_eq!(steal_percent("cpu 1 2"), None);
        assert_eq!(steal_percent(""), None);
    }

    #[test]
    fn every_fact_has_a_value() {
        assert!(facts().iter().all(|fact| !fact.value.is_empty()));
    }
}
