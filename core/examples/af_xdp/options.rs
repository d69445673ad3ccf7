//! What the program is asked to do.

use std::env;
use std::ffi::OsString;
use std::ops::RangeInclusive;

use crate::message::Address;
use crate::program::Mode;

pub(crate) const HELP: &str = "\
Packets by AF_XDP, in the blocks of a pool.

Takes two interfaces that are joined by a cable or a network, such as those of two hosts, or of two
network namespaces. At one end pong or receive listens; then, at the other, ping or send sends to it.
Packets of other programs go to the network stack, as before.

    af_xdp pong INTERFACE [OPTION]...       listens and answers pings, until Ctrl-C
    af_xdp ping INTERFACE [OPTION]...       sends pings to pong and prints how long answers took
    af_xdp receive INTERFACE [OPTION]...    listens and counts what send sends, until Ctrl-C
    af_xdp send INTERFACE [OPTION]...       sends as fast as it goes, asks receive how much came, and
                                            accounts for every packet

An option is written --count 100 or --count=100.

Options of all:
    --frames N        blocks in the pool, 8 to 65536; half of them wait for packets (default: 4096)
    --block-size N    bytes in a block, 2048 or 4096 (default: 2048)
    --queue N         the interface's queue, 0 to 4095, on which the packets have to come (default: 0)
    --native          runs the XDP program in the driver, not before the network stack

Options of ping and send:
    --count N         packets, 1 to 100000000 (default: 10000)
    --to ADDRESS      the other's Ethernet address (default: that of everyone)

Options of ping:
    --in-flight N     pings without an answer at a time, up to half of the frames (default: 1)

Options of receive:
    --hold            keeps packets as long as more of them come: when all blocks are held, the kernel
                      has none and drops what comes, to the next millisecond without a packet

A ping that is not answered within a second is lost; the next one is sent. After 5 seconds without any
answer, ping ends; after 10 seconds without one to its question, send does.

Needs root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF. Exits with 1 if something fails: if no ping is
answered in time, or none for 5 seconds; if a packet of a stream, or a block, is missing. Some lost
pings are no failure. Exits with 2 if it does not understand.
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Pong,
    Ping,
    Receive,
    Send,
}

impl Command {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "pong" => Self::Pong,
            "ping" => Self::Ping,
            "receive" => Self::Receive,
            "send" => Self::Send,
            _ => return None,
        })
    }

    fn begins(self) -> bool {
        matches!(self, Self::Ping | Self::Send)
    }
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) interface: String,
    pub(crate) frames: usize,
    pub(crate) block_size: usize,
    pub(crate) queue: u32,
    pub(crate) mode: Mode,
    pub(crate) count: u64,
    pub(crate) to: Address,
    pub(crate) in_flight: usize,
    pub(crate) holds: bool,
}

impl Options {
    /// The options of this process; `None` if it was asked for help. An error says what was not
    /// understood.
    pub(crate) fn of_process() -> Result<Option<Self>, String> {
        let arguments: Result<Vec<_>, _> =
            env::args_os().skip(1).map(OsString::into_string).collect();
        let arguments = arguments.map_err(|other| format!("{} is no text", other.display()))?;
        if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
            return Ok(None);
        }
        Self::parse(arguments.into_iter().flat_map(split)).map(Some)
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let command = arguments.next().ok_or("a command is missing")?;
        let command = Command::named(&command).ok_or(format!("{command} is no command"))?;
        let interface = arguments.next().filter(|name| !name.starts_with('-'));
        let mut options = Self {
            command,
            interface: interface.ok_or("the interface is missing")?,
            frames: 4096,
            block_size: 2048,
            queue: 0,
            mode: Mode::Generic,
            count: 10_000,
            to: Address::BROADCAST,
            in_flight: 1,
            holds: false,
        };
        while let Some(name) = arguments.next() {
            options.set(&name, &mut arguments)?;
        }
        let most = options.frames / 2;
        if options.in_flight > most {
            let error = "--in-flight is more than half of the frames, which are";
            return Err(format!("{error} {}", options.frames));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, values: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || values.next().ok_or(format!("{name} needs a value"));
        match name {
            "--native" => self.mode = Mode::Native,
            "--frames" => self.frames = number(name, &value()?, 8..=65_536)? as usize,
            "--block-size" => {
                self.block_size = match value()?.as_str() {
                    "2048" => 2048,
                    "4096" => 4096,
                    other => return Err(format!("{name} is 2048 or 4096, not {other}")),
                }
            }
            "--queue" => self.queue = number(name, &value()?, 0..=4095)? as u32,
            "--count" if self.command.begins() => {
                self.count = number(name, &value()?, 1..=100_000_000)?;
            }
            "--to" if self.command.begins() => {
                self.to = value()?.parse().map_err(|error| format!("{name}: {error}"))?;
            }
            "--in-flight" if self.command == Command::Ping => {
                self.in_flight = number(name, &value()?, 1..=32_768)? as usize;
            }
            "--hold" if self.command == Command::Receive => self.holds = true,
            _ => return Err(format!("{name} is no option of this command")),
        }
        Ok(())
    }
}

/// `--name=value` is the same as `--name value`.
fn split(argument: String) -> Vec<String> {
    match argument.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
        _ => vec![argument],
    }
}

fn number(name: &str, value: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        format!("{name} is a number from {} to {}, not {value}", range.start(), range.end())
    })
}
