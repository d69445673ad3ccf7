//! `dpdk-testpmd`, driven through its command line.

use std::io::{Read, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use crate::linux::eal::{Ended, HANDLER, Running, Setup};

const PROMPT: &str = "testpmd> ";

/// The number of packet buffers it is told to create.
const BUFFERS: u64 = 8192;

pub(crate) struct Testpmd {
    running: Running,
    input: ChildStdin,
    output: ChildStdout,
    /// Everything it has printed.
    transcript: String,
}

impl Testpmd {
    /// Returns when it accepts commands.
    pub(crate) fn start(setup: &Setup<'_>, arguments: &str) -> Result<Self, String> {
        let mut command = setup.command(Path::new("dpdk-testpmd"))?;
        command
            .args(["--interactive", "--no-mlockall", "--no-lsc-interrupt"])
            .arg(format!("--total-num-mbufs={BUFFERS}"))
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped());
        let mut running = Running::start(command, setup.built)?;
        let input = running.child.stdin.take().ok_or("no input")?;
        let output = running.child.stdout.take().ok_or("no output")?;
        let mut testpmd = Self { running, input, output, transcript: String::new() };
        if !testpmd.read_to_prompt()? {
            let Self { running, transcript, .. } = testpmd;
            return Err(running.end(transcript)?.to_string());
        }
        Ok(testpmd)
    }

    /// Whether it prompts for a command; otherwise it has ended.
    fn read_to_prompt(&mut self) -> Result<bool, String> {
        let mut bytes = [0; 4096];
        loop {
            let count = self.output.read(&mut bytes).map_err(|error| error.to_string())?;
            self.transcript.push_str(&String::from_utf8_lossy(&bytes[..count]));
            if count == 0 || self.transcript.ends_with(PROMPT) {
                return Ok(count != 0);
            }
        }
    }

    /// Its answer to a command.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, String> {
        let begin = self.transcript.len();
        writeln!(self.input, "{command}").map_err(|error| error.to_string())?;
        if self.read_to_prompt()? {
            Ok(self.transcript[begin..].to_owned())
        } else {
            Err(format!("{command}: it ended; it printed:\n{}", self.transcript))
        }
    }

    /// Waits until a port has sent this many packets.
    pub(crate) fn wait_until_sent(&mut self, port: u32, packets: u64) -> Result<(), String> {
        while figure(&self.ask(&format!("show port stats {port}"))?, "TX-packets: ")? < packets {}
        Ok(())
    }

    /// Stops forwarding, and returns what was forwarded.
    pub(crate) fn stop(&mut self) -> Result<Traffic, String> {
        let text = self.ask("stop")?;
        let (_, sum) = text.split_once("Accumulated").ok_or("no sum of packets")?;
        let of = |name| figure(sum, name);
        Ok(Traffic {
            received: of("RX-packets: ")?,
            sent: of("TX-packets: ")?,
            dropped: of("RX-dropped: ")? + of("TX-dropped: ")?,
        })
    }

    /// The pool lacks only the buffers in use, and its handler is ours. Returns the number of pieces of its
    /// memory.
    pub(crate) fn expect_pool(&mut self, in_use: RangeInclusive<u64>) -> Result<u64, String> {
        let text = self.ask("dump_mempool mb_pool_0")?;
        let handler = format!("ops_name: <{HANDLER}>");
        let [populated, cached, common] =
            ["populated_size=", "total_cache_count=", "common_pool_count="]
                .map(|name| figure(&text, name));
        let (populated, there) = (populated?, cached? + common?);
        if text.contains(&handler)
            && populated == BUFFERS
            && in_use.contains(&BUFFERS.saturating_sub(there))
        {
            return figure(&text, "nb_mem_chunks=");
        }
        let lines = text.lines().filter(|line| !line.ends_with("]=0"));
        let dump = lines.collect::<Vec<_>>().join("\n");
        Err(format!("not {handler} with {BUFFERS} buffers, {in_use:?} of them in use: {dump}"))
    }

    /// Ends it; it has to succeed.
    pub(crate) fn quit(mut self) -> Result<Ended, String> {
        writeln!(self.input, "quit").map_err(|error| error.to_string())?;
        while self.read_to_prompt()? {}
        let Self { running, transcript, .. } = self;
        running.end(transcript)?.success()
    }
}

/// What was forwarded, on all ports.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
}

/// The number after a name.
fn figure(text: &str, name: &str) -> Result<u64, String> {
    let digits = text.split_once(name).map(|(_, rest)| rest.trim_start());
    let digits = digits.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| format!("no {name}in: {text}"))
}
