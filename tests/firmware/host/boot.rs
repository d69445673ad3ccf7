//! Boots firmware, and reads what it prints.

use std::collections::BTreeMap;
use std::fs::{self, File};
#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::build;
use crate::image::{Expected, Image};
use crate::tally::{Failure, Missing};
use crate::toolchain::Toolchains;

const LIMIT: Duration = Duration::from_secs(120);
/// The oldest version known to boot the images; `.ci/bare-metal` reads it from here.
const OLDEST_QEMU: u32 = 10;

/// What firmware that passed printed.
pub(crate) struct Run {
    pub(crate) summary: String,
    pub(crate) figures: BTreeMap<String, u64>,
}

/// An emulator, killed on drop.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Emulator {
    /// `None` if it did not end in time.
    fn wait(mut self) -> std::io::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        while begin.elapsed() < LIMIT {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(None)
    }
}

pub(crate) fn run(
    image: &Image,
    toolchains: &Toolchains,
    folder: &Path,
    verbose: bool,
) -> Result<Run, Failure> {
    find(image.emulator)?;
    let compiler = toolchains.for_target(image.target)?;
    let features = [image.machine_features, image.atomics].concat();
    let program = build::package(
        image.package,
        image.program,
        &features,
        image.target,
        image.name,
        compiler,
        folder,
    )
    .map_err(Failure::Failed)?;

    let log = folder.join("images").join(format!("{}.txt", image.name));
    let status = boot(image, &program, &log)
        .map_err(|error| Failure::Failed(format!("{}: {error}", image.emulator)))?;
    let text =
        fs::read(&log).map_err(|error| Failure::Failed(format!("{}: {error}", log.display())))?;
    let text = String::from_utf8_lossy(&text);
    if verbose {
        println!("{text}");
    }
    judge(&image.expected, status, &text)
        .map_err(|error| Failure::Failed(format!("{error}; it printed:\n{text}")))
}

/// Whether an emulator is installed and recent enough.
fn find(emulator: &str) -> Result<(), Failure> {
    let output = Command::new(emulator).arg("--version").stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version =
        text.as_deref().and_then(|text| text.split_once(" version ")?.1.split_whitespace().next());
    let release = version.and_then(|version| version.split('.').next()?.parse().ok());
    if release.is_some_and(|release: u32| release >= OLDEST_QEMU) {
        return Ok(());
    }
    let found = version.map(|version| format!(", but {version}")).unwrap_or_default();
    Err(Failure::Missing(Missing::Tool(format!(
        "no `{emulator}` of QEMU {OLDEST_QEMU} or newer{found}: QEMU's package for it, or `.ci/bare-metal` as root on Debian"
    ))))
}

fn boot(image: &Image, program: &Path, log: &Path) -> std::io::Result<Option<ExitStatus>> {
    let output = File::create(log)?;
    let errors = output.try_clone()?;
    let mut command = Command::new(image.emulator);
    command
        .args(image.machine)
        .args(["-nographic", "-monitor", "none", "-serial", "none", "-no-reboot"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    #[cfg(target_os = "linux")]
    end_with_this_program(&mut command);
    Emulator(command.spawn()?).wait()
}

/// Ends the emulator even if nothing is left to wait for it: a signal ends this program without running
/// destructors.
#[cfg(target_os = "linux")]
fn end_with_this_program(command: &mut Command) {
    let set = || {
        // SAFETY: sets an attribute of the child.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        Ok(())
    };
    // SAFETY: between fork and exec only what a signal handler may do is allowed, and this is one system
    // call.
    unsafe { command.pre_exec(set) };
}

/// Exit status and text have to agree.
fn judge(expected: &Expected, status: Option<ExitStatus>, text: &str) -> Result<Run, String> {
    let status = status.ok_or_else(|| format!("did not end within {} s", LIMIT.as_secs()))?;
    let mut passed = Vec::new();
    let mut hit = 0;
    let mut figures = BTreeMap::new();
    for line in text.lines() {
        if line.starts_with("failed ") {
            return Err(line.to_owned());
        } else if let Some(scenario) = line.strip_prefix("passed ") {
            let (name, said) = scenario.split_once(':').unwrap_or((scenario, ""));
            passed.push(name);
            hit += instructions_hit(said).unwrap_or(0);
        } else if let Some(figure) = line.strip_prefix("figure ") {
            let (name, value) =
                figure.split_once(' ').ok_or_else(|| format!("no figure: {line}"))?;
            let value = value.trim().parse().map_err(|error| format!("{line}: {error}"))?;
            figures.insert(name.to_owned(), value);
        }
    }
    let verdict = text.lines().last().unwrap_or_default();
    if !status.success() || verdict != "RESULT PASS" {
        return Err(format!("{status}, the last line is {verdict:?}"));
    }
    let Expected { scenarios, figures: least_figures, instructions_hit: least_hit } = *expected;
    if passed != scenarios {
        return Err(format!("{passed:?} passed, not {scenarios:?}"));
    }
    if figures.len() < least_figures || hit < least_hit {
        return Err(format!(
            "{} figures of at least {least_figures}, {hit} instructions hit of at least {least_hit}",
            figures.len()
        ));
    }
    let plural = if passed.len() == 1 { "" } else { "s" };
    Ok(Run { summary: format!("{} scenario{plural}", passed.len()), figures })
}

/// How many instructions a sweep reports as interrupted.
fn instructions_hit(said: &str) -> Option<u64> {
    said.split_once(" instructions hit")?.0.rsplit(' ').next()?.parse().ok()
}
