//! Memory and threads that a container or `ulimit` does not allow.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use blockpool_benches::pipeline_pools::PoolKind;
use serde_json::Value;

use crate::program::{SHORT, error, file, folder, number, pipeline, skipped, text, tiny};

/// A control group of version 1 or 2 with one limit, removed on drop.
struct Group(PathBuf);

impl Group {
    /// Sets `limit`, a number or `max`, in the first of the files that exists.
    fn new(controller: &str, files: [&str; 2], limit: &str) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/mounts").map_err(|error| error.to_string())?;
        let mut why = "no control groups are mounted".to_owned();
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            let (Some(mount), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let has = match kind {
                "cgroup" => options.split(',').any(|option| option == controller),
                // The topmost group enables the controllers of the groups below it.
                "cgroup2" => fs::write(
                    Path::new(mount).join("cgroup.subtree_control"),
                    format!("+{controller}"),
                )
                .is_ok(),
                _ => false,
            };
            if !has {
                continue;
            }
            let name = format!("blockpool-test-{}-{controller}", std::process::id());
            let group = Self(Path::new(mount).join(name));
            match fs::create_dir(&group.0) {
                Ok(()) => {
                    let file =
                        files.iter().map(|file| group.0.join(file)).find(|file| file.exists());
                    let file = file.ok_or("the group has no such limit")?;
                    fs::write(file, limit).map_err(|error| error.to_string())?;
                    return Ok(group);
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// A command that starts the program in the group.
    fn command(&self) -> Command {
        let members = self.0.join("cgroup.procs").into_os_string().into_string().expect("text");
        let mut command = Command::new("sh");
        let join = "echo $$ > \"$0\" && exec \"$@\"";
        command.args(["-c", join, &members]).arg(env!("CARGO_BIN_EXE_pipeline"));
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Members that have just ended leave the group a moment later.
        let begin = Instant::now();
        while fs::remove_dir(&self.0).is_err() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_refused_thread_ends_the_run_and_is_named_with_the_limit() {
    let group = match Group::new("pids", ["pids.max", "pids.max"], "20") {
        Ok(group) => group,
        Err(why) => return skipped(&format!("a control group: {why}")),
    };
    let json = folder("threads").join("figures.json");
    fs::write(&json, "before").expect("a file can be written");
    let mut command = group.command();
    command.args(["--workers", "32", "--work", "none", "--input"]).arg(tiny());
    command.args(["--pool", "core", "--duration", "3600", "--json"]).arg(&json);
    let begin = Instant::now();
    let error = error(&mut command);
    assert!(begin.elapsed() < Duration::from_secs(60), "{error}");
    assert!(error.contains("cannot start thread `worker "), "{error}");
    assert!(error.contains("of the 34 that are needed"), "{error}");
    assert!(error.contains("allows 20 tasks (") && error.contains("pids.max)"), "{error}");
    assert_eq!(fs::read(&json).expect("there"), b"before");
    assert_eq!(fs::read_dir(json.parent().expect("a folder")).expect("a folder").count(), 1);
}

#[test]
fn more_memory_than_a_container_has_is_refused_before_it_is_taken() {
    let files = ["memory.max", "memory.limit_in_bytes"];
    let group = match Group::new("memory", files, "314572800") {
        Ok(group) => group,
        Err(why) => return skipped(&format!("a control group: {why}")),
    };
    for pool in PoolKind::all() {
        let mut command = group.command();
        command.args(["--capacity", "400000", "--pool", pool.name(), "--input"]).arg(tiny());
        let error = error(&mut command);
        assert!(error.contains("400000 buffers of 1232 bytes"), "{error}");
        assert!(error.contains("its control group leaves of 300 MiB ("), "{error}");
        assert!(error.contains(&group.0.display().to_string()), "{error}");
    }
    let output = group.command().args(SHORT).arg("--input").arg(tiny()).output();
    assert!(output.expect("it starts").status.success(), "what fits is run");

    // A file that is large itself, and one whose many packets are.
    let large = file("large.txs");
    for content in [vec![0; 80 << 20], [1, 0, 9].repeat(2 << 20)] {
        fs::write(&large, content).expect("a file can be written");
        let error = error(group.command().args(SHORT).arg("--input").arg(&large));
        assert!(error.contains("large.txs takes more than "), "{error}");
        assert!(error.contains("of 300 MiB"), "{error}");
    }
    fs::remove_file(large).expect("ours");
}

#[test]
fn more_addresses_than_ulimit_allows_are_refused() {
    for (resource, name) in [(libc::RLIMIT_AS, "-v"), (libc::RLIMIT_DATA, "-d")] {
        let mut command = pipeline();
        command.args(["--capacity", "100000", "--pool", "array-queue", "--input"]).arg(tiny());
        let limit = libc::rlimit { rlim_cur: 120 << 20, rlim_max: 120 << 20 };
        let set = move || {
            // SAFETY: the limit is valid for reads.
            match unsafe { libc::setrlimit(resource, &raw const limit) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: may be called between fork and exec: a system call only.
        unsafe { command.pre_exec(set) };
        let error = error(&mut command);
        let why = format!("MiB that `ulimit {name}` leaves of its 120 MiB");
        assert!(error.contains(&why), "{error}");
    }
}

#[test]
fn what_a_pool_takes_is_known_to_a_tenth() {
    for (size, capacity) in [(1232, 50_000), (1, 400_000), (9000, 8000)] {
        // Each by itself, and all one after the other.
        for pool in PoolKind::all().into_iter().chain([PoolKind::All]) {
            let mut command = pipeline();
            command.args([
                "--duration",
                "0.1",
                "--pattern",
                "steady",
                "--rate",
                "500",
                "--work",
                "none",
            ]);
            command.args(["--pool", pool.name(), "--json", "-", "--input"]).arg(tiny());
            command.args(["--buffer-size", &size.to_string(), "--capacity", &capacity.to_string()]);
            let output = command.output().expect("it starts");
            assert!(output.status.success(), "{}", text(&output.stderr));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let estimated = number(&report, "/memory/estimated_bytes") as f64;
            let share = estimated / number(&report, "/memory/peak_bytes") as f64;
            assert!((0.9..=1.1).contains(&share), "{size} × {capacity}, {}: {share}", pool.name());
        }
    }
}
