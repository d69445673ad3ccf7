//! The checks of the example.

use crate::linux::example::{Ended, Example};
use crate::linux::{listeners, pings, refusals, streams};

pub(crate) type Outcome = Result<String, String>;

pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(&Example) -> Outcome>,
}

impl Check {
    fn new(name: impl Into<String>, run: impl Fn(&Example) -> Outcome + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

pub(crate) fn all() -> Vec<Check> {
    let mut checks = Vec::new();
    for (mode, mode_option) in [("generic", ""), ("native", "--native")] {
        for block_size in [2048, 4096] {
            let name = |what| format!("{what}/{mode}/{block_size}");
            let options = format!("--block-size {block_size} {mode_option}");
            let [ping, stream, starved] = [(); 3].map(|()| options.clone());
            checks
                .push(Check::new(name("ping"), move |example| pings::are_answered(example, &ping)));
            checks.push(Check::new(name("stream"), move |example| {
                streams::packets_with_a_block_each_arrive(example, &stream)
            }));
            checks.push(Check::new(name("starved"), move |example| {
                streams::dropped_packets_are_counted(example, &starved)
            }));
        }
    }
    checks.push(Check::new("nobody", pings::to_nobody_end));
    checks.push(Check::new("stopped", pings::to_a_stopped_process_are_lost));
    checks.push(Check::new("killed", listeners::a_killed_process_leaves_nothing_behind));
    checks.push(Check::new("gone", listeners::notice_that_their_interface_is_gone));
    checks.push(Check::new("name", listeners::an_interface_has_every_name_it_was_given));
    checks.push(Check::new("namespace", listeners::an_address_is_of_the_own_namespace));
    checks.push(Check::new("taken", refusals::a_queue_has_one_socket));
    checks.push(Check::new("rights", refusals::missing_rights_are_named));
    checks.push(Check::new("interface", refusals::a_missing_interface_is_named));
    checks.push(Check::new("loopback", refusals::a_loopback_leads_nowhere));
    checks.push(Check::new("down", refusals::an_interface_that_is_down_is_named));
    checks.push(Check::new("usage", refusals::what_is_not_understood_is_named));
    checks.push(Check::new("help", refusals::help_is_printed));
    checks
}

pub(crate) fn expect(condition: bool, what: &str, ended: &Ended) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("{what}: {ended}")) }
}

/// Every block came back, by the example's own count.
pub(crate) fn expect_whole(ended: &Ended, frames: u64) -> Result<(), String> {
    let expected = format!("{frames} of {frames} are back");
    expect(ended.text("blocks")? == expected, "blocks are missing", ended)
}
