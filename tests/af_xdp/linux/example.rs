//! The example as a process: its output and how it ends.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::linux::cargo;
use crate::linux::child;
use crate::linux::network::Namespace;

/// Far longer than any run takes: it ends a run that hangs.
const LIMIT_S: libc::c_uint = 60;

#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) program: PathBuf,
}

impl Example {
    /// As a user builds it, but with overflow checks.
    pub(crate) fn build() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("af_xdp");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let mut build = cargo::cargo();
        build
            .args(["build", "--locked", "--package", "blockpool-core", "--example", "af_xdp"])
            .args(["--manifest-path", manifest, "--target-dir"])
            .arg(&folder);
        cargo::run(&mut build)?;
        Ok(Self { program: folder.join("debug/examples/af_xdp") })
    }

    /// Starts it at one end of the network's cable.
    pub(crate) fn start(&self, at: &Namespace, arguments: &str) -> Result<Running, String> {
        let mut command = at.command(&self.program);
        command.args(arguments.split_whitespace());
        Running::start(command)
    }

    /// Starts it, waits for it to end, and expects success.
    pub(crate) fn run(&self, at: &Namespace, arguments: &str) -> Result<Ended, String> {
        self.start(at, arguments)?.end()?.success()
    }

    /// Starts one that runs until it is told to end, and returns when it is ready.
    pub(crate) fn listen(&self, at: &Namespace, arguments: &str) -> Result<Running, String> {
        Ok(self.start(at, arguments)?.listening()?.0)
    }
}

/// A process, killed on drop.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Result<Self, String> {
        child::limit(&mut command, LIMIT_S);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let output = child.stdout.take().ok_or("no output")?;
        Ok(Self { child, output: BufReader::new(output) })
    }

    /// Waits until it listens, and returns the address that it prints.
    pub(crate) fn listening(mut self) -> Result<(Self, String), String> {
        let mut banner = String::new();
        self.output.read_line(&mut banner).map_err(|error| error.to_string())?;
        match banner.trim_end().strip_prefix("listening on ") {
            Some(address) => Ok((self, address.to_owned())),
            None => Err(format!("it does not listen: {banner}{}", self.end()?)),
        }
    }

    /// Interrupts it, as Ctrl-C does, and waits; it has to end with success.
    pub(crate) fn interrupt(self) -> Result<Ended, String> {
        self.signal(libc::SIGINT);
        self.end()?.success()
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: passes no pointer; the process is a child of this one and has not been waited for.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }

    /// Kills it, and waits for it to end.
    pub(crate) fn kill(mut self) -> Result<Ended, String> {
        self.child.kill().map_err(|error| error.to_string())?;
        self.end()
    }

    pub(crate) fn end(mut self) -> Result<Ended, String> {
        let mut ended = Ended { status: None, output: String::new(), errors: String::new() };
        // Errors are one line, which fits in the pipe in the meantime.
        let read = self.output.read_to_string(&mut ended.output).and_then(|_| {
            let errors = self.child.stderr.as_mut();
            errors.map_or(Ok(0), |errors| errors.read_to_string(&mut ended.errors))
        });
        let status = read.and_then(|_| self.child.wait()).map_err(|error| error.to_string())?;
        ended.status = status.code();
        Ok(ended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a process ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    pub(crate) fn success(self) -> Result<Self, String> {
        if self.status == Some(0) { Ok(self) } else { Err(self.to_string()) }
    }

    /// The number after a name in the output.
    pub(crate) fn figure(&self, name: &str) -> Result<u64, String> {
        let text = self.output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let number = text.and_then(|text| text.split([' ', ',']).next()?.parse().ok());
        number.ok_or_else(|| format!("no figure {name}: {self}"))
    }

    /// What follows a name in the output.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        let text = self.output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        text.ok_or_else(|| format!("no line {name}: {self}"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, output, errors } = self;
        write!(f, "status {status:?}, output {output:?}, errors {errors:?}")
    }
}
