//! DPDK programs, started with options of the Environment Abstraction Layer (EAL).

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::linux::build::{Built, LIBRARY};
use crate::linux::child;
use crate::linux::network::Namespace;

/// Far longer than any run takes: it ends a run that hangs.
const LIMIT_S: libc::c_uint = 120;

/// The name of the handler under test.
pub(crate) const HANDLER: &str = "blockpool";

/// Memory for objects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Memory {
    /// In pages of any size.
    Plain { mib: u32 },
    /// In hugepages; where devices use physical addresses ("pa"), in one piece for each contiguous range.
    Huge { mib: u32, iova_mode: &'static str },
    /// In hugepages that processes share; needs root.
    Shared { mib: u32 },
}

/// How a program is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) built: &'a Built,
    /// For packet buffers.
    pub(crate) handler: &'a str,
    pub(crate) memory: Memory,
    pub(crate) devices: &'a [&'a str],
    pub(crate) namespace: Option<&'a Namespace>,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(built: &'a Built) -> Self {
        let memory = Memory::Plain { mib: 256 };
        Self { built, handler: HANDLER, memory, devices: &[], namespace: None }
    }

    /// The command's output is line-buffered.
    pub(crate) fn command(&self, program: &Path) -> Result<Command, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: the count only has to be unique.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let stdbuf = Path::new("stdbuf");
        let mut command = match (self.namespace, self.memory) {
            (Some(namespace), _) => namespace.command(stdbuf),
            (None, Memory::Shared { .. }) => self.with_hugepages_mounted(stdbuf)?,
            (None, _) => Command::new(stdbuf),
        };
        command.arg("-oL").arg(program);
        command
            .args(["--no-telemetry", "--no-pci", "-d", LIBRARY])
            .arg(format!("--file-prefix=blockpool-{}-{count}", process::id()))
            .arg(format!("--lcores={}", lcores()?))
            .arg(format!("--mbuf-pool-ops-name={}", self.handler));
        match self.memory {
            Memory::Plain { mib } => {
                command.args(["--no-shconf", "--no-huge", &format!("-m{mib}")])
            }
            Memory::Huge { mib, iova_mode } => command
                .args(["--no-shconf", "--in-memory", &format!("-m{mib}")])
                .arg(format!("--iova-mode={iova_mode}")),
            Memory::Shared { mib } => command
                .arg(format!("--huge-dir={}", self.hugepages().display()))
                .arg(format!("-m{mib}")),
        };
        command.args(self.devices.iter().map(|device| format!("--vdev={device}")));
        command
            .arg("--")
            .env("LD_LIBRARY_PATH", &self.built.libraries)
            // EAL creates a folder here, although it writes nothing to it.
            .env("RUNTIME_DIRECTORY", &self.built.folder);
        child::limit(&mut command, LIMIT_S);
        Ok(command)
    }

    fn hugepages(&self) -> PathBuf {
        self.built.folder.join("hugepages")
    }

    /// Runs a program with hugepages mounted in a folder, visible to no other process.
    fn with_hugepages_mounted(&self, program: &Path) -> Result<Command, String> {
        let folder = self.hugepages();
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", "mount -t hugetlbfs hugepages \"$0\" && exec \"$@\""])
            .args([folder.as_path(), program]);
        Ok(command)
    }
}

/// Lcores 0 and 1, on two processors if this process may use two.
fn lcores() -> Result<String, String> {
    // SAFETY: all-zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes the set, whose size is passed.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) };
    if result != 0 {
        return Err(format!("sched_getaffinity: {}", io::Error::last_os_error()));
    }
    // SAFETY: the set has that many bits.
    let is_in = |processor: &usize| unsafe { libc::CPU_ISSET(*processor, &set) };
    let mut processors = (0..libc::CPU_SETSIZE as usize).filter(is_in);
    let first = processors.next().ok_or("no processor")?;
    let second = processors.next().unwrap_or(first);
    Ok(format!("0@{first},1@{second}"))
}

/// A process, killed on drop; its errors go to a file.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    errors: PathBuf,
}

impl Running {
    pub(crate) fn start(mut command: Command, built: &Built) -> Result<Self, String> {
        let errors = built.folder.join("errors");
        let file = File::create(&errors).map_err(|error| error.to_string())?;
        command.stderr(file).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, errors })
    }

    /// Waits for it to end; `output` is what it printed.
    pub(crate) fn end(mut self, output: String) -> Result<Ended, String> {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let errors = fs::read(&self.errors).map_err(|error| error.to_string())?;
        let errors = String::from_utf8_lossy(&errors).into_owned();
        Ok(Ended { status: status.code(), output, errors })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program that reads no input.
pub(crate) fn run(mut command: Command, built: &Built) -> Result<Ended, String> {
    command.stdin(Stdio::null());
    let mut running = Running::start(command, built)?;
    let mut output = Vec::new();
    let mut pipe = running.child.stdout.take().ok_or("no output")?;
    pipe.read_to_end(&mut output).map_err(|error| error.to_string())?;
    running.end(String::from_utf8_lossy(&output).into_owned())
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
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, output, errors } = self;
        write!(f, "status {status:?}; it printed:\n{output}\n{errors}")
    }
}
