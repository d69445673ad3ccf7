//! What the example refuses, and how it says so.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::linux::checks::{Outcome, expect};
use crate::linux::example::{Ended, Example, Running};
use crate::linux::network::{INTERFACE, Network};

pub(crate) fn a_queue_has_one_socket(example: &Example) -> Outcome {
    let network = Network::lay()?;
    let pong = format!("pong {INTERFACE}");
    let first = example.listen(&network.right, &pong)?;
    let second = example.start(&network.right, &pong)?.end()?;
    first.interrupt()?;
    fails(&second, 1, "bind: Device or resource busy", "without an AF_XDP socket")
}

/// It fails with this status and prints one line, with this beginning and this end.
fn fails(ended: &Ended, status: i32, beginning: &str, end: &str) -> Outcome {
    let line = ended.errors.trim_end();
    let says_so = ended.status == Some(status)
        && ended.output.is_empty()
        && ended.errors.lines().count() == 1
        && line.starts_with(&format!("af_xdp: {beginning}"))
        && line.ends_with(end);
    expect(says_so, &format!("not `af_xdp: {beginning} ... {end}`"), ended)?;
    Ok(line.to_owned())
}

/// Runs it in the namespace of this process, with no more rights than this process has.
fn run_here(example: &Example, arguments: &str) -> Result<Ended, String> {
    let mut command = Command::new(&example.program);
    command.args(arguments.split_whitespace());
    Running::start(command)?.end()
}

/// A copy that everybody may read; removed on drop.
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn missing_rights_are_named(example: &Example) -> Outcome {
    const NOBODY: u32 = 65_534;
    let copy = Copy(env::temp_dir().join(format!("blockpool-af_xdp-{}", process::id())));
    fs::copy(&example.program, &copy.0)
        .map_err(|error| format!("{}: {error}", copy.0.display()))?;
    let network = Network::lay()?;
    // Becomes another user only inside the namespace, because only root may enter it.
    let mut command = network.right.command(Path::new("chroot"));
    command.arg(format!("--userspec={NOBODY}:{NOBODY}")).arg("/").arg(&copy.0);
    command.args(["pong", INTERFACE]);
    let ended = Running::start(command)?.end()?;
    let needs = "needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, or root";
    fails(&ended, 1, "socket(AF_XDP): Operation not permitted", needs)
}

pub(crate) fn a_missing_interface_is_named(example: &Example) -> Outcome {
    let ended = run_here(example, "pong no-such-thing")?;
    fails(&ended, 1, "interface no-such-thing: RTM_GETLINK: No such device", "exists: ip link")
}

pub(crate) fn a_loopback_leads_nowhere(example: &Example) -> Outcome {
    let refused = |command| {
        let ended = run_here(example, &format!("{command} lo"))?;
        fails(&ended, 1, "interface lo has no Ethernet address", "no other host can answer to it")
    };
    refused("pong")?;
    refused("ping")
}

pub(crate) fn an_interface_that_is_down_is_named(example: &Example) -> Outcome {
    let network = Network::lay()?;
    let mut command = network.right.command(Path::new("ip"));
    command.args(["link", "set", "dev", INTERFACE, "down"]);
    Running::start(command)?.end()?;
    let ended = example.start(&network.right, &format!("pong {INTERFACE}"))?.end()?;
    fails(&ended, 1, &format!("interface {INTERFACE} is down"), " up")
}

pub(crate) fn what_is_not_understood_is_named(example: &Example) -> Outcome {
    let wrong = [
        ("", "a command is missing"),
        ("answer lo", "answer is no command"),
        ("pong", "the interface is missing"),
        ("pong --native", "the interface is missing"),
        ("pong lo --count 3", "--count is no option of this command"),
        ("send lo --hold", "--hold is no option of this command"),
        ("ping lo --count", "--count needs a value"),
        ("ping lo --count 0", "--count is a number from 1 to 100000000, not 0"),
        ("ping lo --count=0", "--count is a number from 1 to 100000000, not 0"),
        ("pong lo --native=yes", "yes is no option of this command"),
        ("ping lo --frames 7", "--frames is a number from 8 to 65536, not 7"),
        ("ping lo --block-size 1024", "--block-size is 2048 or 4096, not 1024"),
        ("ping lo --in-flight 9 --frames 16", "--in-flight is more than half of the frames"),
        ("ping lo --to 02:00", "--to: 02:00 is no Ethernet address"),
    ];
    for (arguments, error) in wrong {
        fails(&run_here(example, arguments)?, 2, error, "; --help tells more")?;
    }
    Ok(format!("{} wrong calls", wrong.len()))
}

pub(crate) fn help_is_printed(example: &Example) -> Outcome {
    let ended = run_here(example, "--help")?;
    let is_help = ended.status == Some(0) && ended.errors.is_empty();
    let tells_all = ["two interfaces", "af_xdp pong INTERFACE", "--frames N"];
    let tells_all = tells_all.iter().all(|text| ended.output.contains(text));
    expect(is_help && tells_all, "no help", &ended)?;
    Ok(format!("{} lines", ended.output.lines().count()))
}
