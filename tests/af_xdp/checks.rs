//! What is asked of the example.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use crate::example::{Ended, Example, Running};
use crate::network::{INTERFACE, Network};

type Outcome = Result<String, String>;

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
                .push(Check::new(name("ping"), move |example| pings_are_answered(example, &ping)));
            checks.push(Check::new(name("stream"), move |example| {
                packets_with_a_block_each_arrive(example, &stream)
            }));
            checks.push(Check::new(name("starved"), move |example| {
                dropped_packets_are_counted(example, &starved)
            }));
        }
    }
    checks.push(Check::new("nobody", pings_to_nobody_end));
    checks.push(Check::new("stopped", pings_to_a_stopped_process_are_lost));
    checks.push(Check::new("killed", a_killed_process_leaves_nothing_behind));
    checks.push(Check::new("gone", listeners_notice_that_their_interface_is_gone));
    checks.push(Check::new("taken", a_queue_has_one_socket));
    checks.push(Check::new("rights", missing_rights_are_named));
    checks.push(Check::new("interface", a_missing_interface_is_named));
    checks.push(Check::new("loopback", a_loopback_leads_nowhere));
    checks.push(Check::new("usage", what_is_not_understood_is_named));
    checks.push(Check::new("help", help_is_printed));
    checks
}

fn expect(condition: bool, what: &str, ended: &Ended) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("{what}: {ended}")) }
}

/// Every block came back, as the example counted.
fn expect_whole(ended: &Ended, frames: u64) -> Result<(), String> {
    let expected = format!("{frames} of {frames} are back");
    expect(ended.text("blocks")? == expected, "blocks are missing", ended)
}

fn pings_are_answered(example: &Example, options: &str) -> Outcome {
    const COUNT: u64 = 4000;
    let network = Network::lay()?;
    let pong = example.listen(&network.right, &format!("pong {INTERFACE} {options}"))?;
    let ping = |count: u64, in_flight: u64| {
        let count = format!("--count={count} --in-flight={in_flight}");
        example.run(&network.left, &format!("ping {INTERFACE} {options} {count}"))
    };
    let alone = ping(COUNT, 1)?;
    // No more than the queue between two ends of a cable has places, or a packet may be dropped.
    let together = ping(COUNT, 64)?;
    for ended in [&alone, &together] {
        expect(ended.figure("answered")? == COUNT, "pings have no answer", ended)?;
        expect(ended.figure("other packets")? == 0, "answers are damaged", ended)?;
        expect_whole(ended, 4096)?;
    }
    let pong = pong.interrupt()?;
    expect(pong.figure("answered")? == 2 * COUNT, "pings were lost", &pong)?;
    expect_whole(&pong, 4096)?;
    Ok(format!("round trip, one at a time, in a debug build: {}", alone.text("round trip")?))
}

fn pings_to_nobody_end(example: &Example) -> Outcome {
    let network = Network::lay()?;
    for (count, error) in [(1, "no answer in time"), (10_000, "no answer for 5 seconds")] {
        let arguments = format!("ping {INTERFACE} --count {count}");
        let ended = example.start(&network.left, &arguments)?.end()?;
        let error = format!("af_xdp: {error}: is `pong` running?\n");
        let says_so = ended.status == Some(1) && ended.errors == error;
        expect(says_so && ended.figure("answered")? == 0, "it does not give up", &ended)?;
        expect(ended.figure("lost")? > 0, "no ping was lost", &ended)?;
        expect_whole(&ended, 4096)?;
    }
    Ok("they end".to_owned())
}

/// They are lost though it answers them: it goes on too late.
fn pings_to_a_stopped_process_are_lost(example: &Example) -> Outcome {
    const COUNT: u64 = 1000;
    let network = Network::lay()?;
    let pong = example.listen(&network.right, &format!("pong {INTERFACE}"))?;
    pong.signal(libc::SIGSTOP);
    let ping = example.start(&network.left, &format!("ping {INTERFACE} --count {COUNT}"))?;
    // Far from both the second that loses a ping and the five that end the program.
    thread::sleep(Duration::from_secs(3));
    pong.signal(libc::SIGCONT);
    let ping = ping.end()?.success()?;
    let lost = ping.figure("lost")?;
    let are_late = ping.text("lost")? == format!("{lost} pings, {lost} of them answered too late");
    expect(lost > 0 && are_late, "lost pings were not answered too late", &ping)?;
    expect(ping.figure("answered")? + lost == COUNT, "pings are missing", &ping)?;
    expect_whole(&ping, 4096)?;
    let pong = pong.interrupt()?;
    expect(pong.figure("answered")? == COUNT, "pings did not arrive", &pong)?;
    Ok(format!("{lost} of {COUNT} were lost"))
}

/// What the sender and the receiver of a stream found out.
struct Stream {
    dropped: u64,
    refused: u64,
}

/// Sends a stream, of which each packet has to be accounted for.
fn stream(
    example: &Example,
    count: u64,
    sender_options: &str,
    receiver_options: &str,
    receiver_frames: u64,
) -> Result<Stream, String> {
    let network = Network::lay()?;
    let receiver =
        example.listen(&network.right, &format!("receive {INTERFACE} {receiver_options}"))?;
    let arguments = format!("send {INTERFACE} {sender_options} --count {count}");
    let sender = example.run(&network.left, &arguments)?;
    let receiver = receiver.interrupt()?;

    let received = sender.figure("received")?;
    let dropped = sender.figure("dropped for want of blocks")?;
    let refused = sender.figure("dropped by the interface")?;
    let questions = sender.figure("questions received")?;
    let all = received + questions + dropped + refused;
    let is_balanced = all > count
        && sender.text("accounted for")?.starts_with(&format!("{all} of {all} packets"));
    expect(is_balanced, "packets are not accounted for", &sender)?;
    let receiver_agrees = receiver.figure("dropped for want of blocks")? == dropped
        && receiver.figure("received")? == received
        && receiver.figure("questions received")? > questions
        && receiver.text("received")?.ends_with("and 0 of other contents");
    expect(receiver_agrees, &format!("the sender found something else: {sender}"), &receiver)?;
    expect_whole(&sender, 4096)?;
    expect_whole(&receiver, receiver_frames)?;
    Ok(Stream { dropped, refused })
}

fn packets_with_a_block_each_arrive(example: &Example, options: &str) -> Outcome {
    // Half of the blocks wait for packets: so many are not too many for a receiver that never runs.
    const FEW: u64 = 2000;
    const MANY: u64 = 50_000;
    let few = stream(example, FEW, options, options, 4096)?;
    if few.dropped != 0 {
        return Err(format!("{} of {FEW} packets were dropped: each had a block", few.dropped));
    }
    let many = stream(example, MANY, options, options, 4096)?;
    Ok(format!(
        "of {MANY} packets {} were dropped for want of blocks, {} by the interface",
        many.dropped, many.refused
    ))
}

/// The kernel takes 32 packets at a time. The receiver has blocks for 8, and gives them back after a
/// millisecond without a packet: so that none is dropped, each 8 would have to take that long.
fn dropped_packets_are_counted(example: &Example, options: &str) -> Outcome {
    const COUNT: u64 = 20_000;
    let starved = stream(example, COUNT, options, &format!("{options} --frames 8 --hold"), 8)?;
    if starved.dropped == 0 {
        return Err("no packet was dropped".to_owned());
    }
    Ok(format!(
        "of {COUNT} packets {} were dropped for want of blocks, {} by the interface",
        starved.dropped, starved.refused
    ))
}

/// Socket and program go with the process.
fn a_killed_process_leaves_nothing_behind(example: &Example) -> Outcome {
    let network = Network::lay()?;
    let pong = format!("pong {INTERFACE}");
    let killed = example.listen(&network.right, &pong)?.kill()?;
    expect(killed.status.is_none(), "it was not killed", &killed)?;
    let next = example.listen(&network.right, &pong)?;
    example.run(&network.left, &format!("ping {INTERFACE} --count 100"))?;
    next.interrupt()?;
    Ok("the next one takes the interface".to_owned())
}

fn listeners_notice_that_their_interface_is_gone(example: &Example) -> Outcome {
    for command in ["pong", "receive"] {
        let network = Network::lay()?;
        let listener = example.listen(&network.right, &format!("{command} {INTERFACE}"))?;
        let mut delete = network.right.command(Path::new("ip"));
        delete.args(["link", "delete", INTERFACE]);
        Running::start(delete)?.end()?.success()?;
        let listener = listener.end()?;
        let says_so =
            listener.status == Some(1) && listener.errors == "af_xdp: the interface is gone\n";
        expect(says_so, "it does not notice", &listener)?;
        expect_whole(&listener, 4096)?;
    }
    Ok("they end".to_owned())
}

fn a_queue_has_one_socket(example: &Example) -> Outcome {
    let network = Network::lay()?;
    let pong = format!("pong {INTERFACE}");
    let first = example.listen(&network.right, &pong)?;
    let second = example.start(&network.right, &pong)?.end()?;
    first.interrupt()?;
    fails(&second, 1, "bind: Device or resource busy", "without an AF_XDP socket")
}

/// It fails with a status and one line, which has a beginning and an end.
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

/// Runs it where this process is, without rights that it has not there.
fn run_here(example: &Example, arguments: &str) -> Result<Ended, String> {
    let mut command = Command::new(&example.program);
    command.args(arguments.split_whitespace());
    Running::start(command)?.end()
}

/// A copy where everybody may read it; removed when it is dropped.
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn missing_rights_are_named(example: &Example) -> Outcome {
    const NOBODY: u32 = 65_534;
    let copy = Copy(env::temp_dir().join(format!("blockpool-af_xdp-{}", process::id())));
    fs::copy(&example.program, &copy.0)
        .map_err(|error| format!("{}: {error}", copy.0.display()))?;
    let network = Network::lay()?;
    // Becomes another user in the namespace, which only root may enter.
    let mut command = network.right.command(Path::new("chroot"));
    command.arg(format!("--userspec={NOBODY}:{NOBODY}")).arg("/").arg(&copy.0);
    command.args(["pong", INTERFACE]);
    let ended = Running::start(command)?.end()?;
    let needs = "needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, or root";
    fails(&ended, 1, "socket(AF_XDP): Operation not permitted", needs)
}

fn a_missing_interface_is_named(example: &Example) -> Outcome {
    let ended = run_here(example, "pong no-such-thing")?;
    fails(&ended, 1, "interface no-such-thing: if_nametoindex: No such device", "exists: ip link")
}

fn a_loopback_leads_nowhere(example: &Example) -> Outcome {
    let refused = |command| {
        let ended = run_here(example, &format!("{command} lo"))?;
        fails(&ended, 1, "interface lo has no Ethernet address", "no other host can answer to it")
    };
    refused("pong")?;
    refused("ping")
}

fn what_is_not_understood_is_named(example: &Example) -> Outcome {
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

fn help_is_printed(example: &Example) -> Outcome {
    let ended = run_here(example, "--help")?;
    let is_help = ended.status == Some(0) && ended.errors.is_empty();
    let tells_all = ["two interfaces", "af_xdp pong INTERFACE", "--frames N"];
    let tells_all = tells_all.iter().all(|text| ended.output.contains(text));
    expect(is_help && tells_all, "no help", &ended)?;
    Ok(format!("{} lines", ended.output.lines().count()))
}
