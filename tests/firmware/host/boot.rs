//! Boots firmware, and reads what it prints.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::image::Image;
use crate::toolchain::Toolchains;
use crate::{Outcome, build};

const LIMIT: Duration = Duration::from_secs(120);

/// What firmware that passed had to say.
pub(crate) struct Run {
    pub(crate) summary: String,
    pub(crate) figures: BTreeMap<String, u64>,
}

/// Ends the emulator when nobody waits for it any more.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended meanwhile.
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
) -> Result<Run, Outcome> {
    let found = Command::new(image.emulator).arg("--version").stdin(Stdio::null()).output();
    if !found.is_ok_and(|output| output.status.success()) {
        let missing = format!(
            "no `{}`: QEMU's package for it, or `.ci/bare-metal` as root on Debian",
            image.emulator
        );
        return Err(Outcome::Skipped(missing));
    }
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
    .map_err(Outcome::Failed)?;

    let log = folder.join("images").join(format!("{}.txt", image.name));
    let status = boot(image, &program, &log)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", image.emulator)))?;
    let text =
        fs::read(&log).map_err(|error| Outcome::Failed(format!("{}: {error}", log.display())))?;
    let text = String::from_utf8_lossy(&text);
    if verbose {
        println!("{text}");
    }
    judge(status, &text).map_err(|error| Outcome::Failed(format!("{error}; it printed:\n{text}")))
}

fn boot(image: &Image, program: &Path, log: &Path) -> std::io::Result<Option<ExitStatus>> {
    let output = File::create(log)?;
    let errors = output.try_clone()?;
    let emulator = Command::new(image.emulator)
        .args(image.machine)
        .args(["-nographic", "-monitor", "none", "-serial", "none", "-no-reboot"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()?;
    Emulator(emulator).wait()
}

/// Exit status and text have to agree.
fn judge(status: Option<ExitStatus>, text: &str) -> Result<Run, String> {
    let status = status.ok_or_else(|| format!("did not end within {} s", LIMIT.as_secs()))?;
    let mut passed = 0;
    let mut figures = BTreeMap::new();
    for line in text.lines() {
        if line.starts_with("failed ") {
            return Err(line.to_owned());
        } else if line.starts_with("passed ") {
            passed += 1;
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
    if passed == 0 {
        return Err("nothing passed, nothing failed".to_owned());
    }
    Ok(Run { summary: format!("{passed} scenarios"), figures })
}
