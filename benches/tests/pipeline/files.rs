//! What is written, and where.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::ptr;
use std::thread;

use serde_json::Value;

use crate::program::{SHORT, error, file, folder, pipeline, report, skipped, text, tiny};

fn short(json: &Path) -> Command {
    let mut command = pipeline();
    command.args(SHORT).arg("--input").arg(tiny()).arg("--json").arg(json);
    command
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn name(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no zero byte")
}

fn make_fifo(path: &Path) {
    // SAFETY: the name is valid for reads.
    let made = unsafe { libc::mkfifo(name(path).as_ptr(), 0o600) };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it can be listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_reader_of_a_fifo_gets_the_figures() {
    let fifo = folder("fifo").join("figures");
    make_fifo(&fifo);
    let reader = {
        let fifo = fifo.clone();
        thread::spawn(move || fs::read(fifo).expect("it can be read"))
    };
    succeeds(&mut short(&fifo));
    let figures = reader.join().expect("no panic");
    serde_json::from_slice::<Value>(&figures).expect("JSON");
    assert!(fs::metadata(&fifo).expect("it is there").file_type().is_fifo());
}

#[test]
fn a_process_substitution_gets_the_figures() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let descriptor = writer.as_raw_fd();
    let mut command = short(Path::new("/dev/fd/63"));
    let inherit = move || {
        // SAFETY: no memory is touched.
        match unsafe { libc::dup2(descriptor, 63) } {
            63 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: may be called between fork and exec, since it only makes a system call.
    unsafe { command.pre_exec(inherit) };
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    drop(writer);
    let mut figures = String::new();
    reader.read_to_string(&mut figures).expect("text");
    assert!(child.wait().expect("it ends").success());
    serde_json::from_str::<Value>(&figures).expect("JSON");
}

/// The link in /proc names a file that does not exist.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_was_deleted_is_written_through_its_descriptor() {
    let folder = folder("deleted");
    let path = folder.join("gone.json");
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let mut file = file.expect("a file can be made");
    fs::remove_file(&path).expect("ours");
    let mut command = short(Path::new("/dev/fd/63"));
    let descriptor = file.as_raw_fd();
    let inherit = move || {
        // SAFETY: no memory is touched.
        match unsafe { libc::dup2(descriptor, 63) } {
            63 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: may be called between fork and exec, since it only makes a system call.
    unsafe { command.pre_exec(inherit) };
    succeeds(&mut command);
    serde_json::from_reader::<_, Value>(&mut file).expect("JSON");
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn a_device_stays_a_device() {
    let node = folder("device").join("null");
    // SAFETY: the name is valid for reads.
    let made =
        unsafe { libc::mknod(name(&node).as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) };
    if made != 0 {
        return skipped(&format!("a device node: {}", io::Error::last_os_error()));
    }
    let before = fs::metadata(&node).expect("it is there").ino();
    succeeds(&mut short(&node));
    let after = fs::metadata(&node).expect("it is there");
    assert!(after.file_type().is_char_device() && after.ino() == before);
}

#[test]
fn standard_output_has_the_figures_alone() {
    for name in ["-", "/dev/stdout"] {
        let output = short(Path::new(name)).output().expect("it starts");
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON and nothing else");
        assert!(text(&output.stderr).contains("Latency"));
    }
    // The file that it goes to is not replaced, as it would lose its reader.
    let path = file("behind stdout");
    let file = File::create(&path).expect("a file can be made");
    succeeds(short(Path::new("/dev/stdout")).stdout(file.try_clone().expect("a descriptor")));
    assert_eq!(file.metadata().expect("open").ino(), fs::metadata(&path).expect("there").ino());
    report(&path);
}

#[test]
fn mode_links_and_other_files_stay() {
    let folder = folder("kept");
    let (target, link) = (folder.join("target.json"), folder.join("link.json"));
    fs::write(&target, "before").expect("a file can be written");
    fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).expect("ours");
    symlink("target.json", &link).expect("a link can be made");
    let part = folder.join("target.json.part");
    fs::write(&part, "mine").expect("a file can be written");
    succeeds(&mut short(&link));
    report(&target);
    assert_eq!(fs::metadata(&target).expect("there").mode() & 0o7777, 0o600);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read(&part).expect("there"), b"mine");

    let other = folder.join("other name.json");
    fs::hard_link(&target, &other).expect("a link can be made");
    fs::write(&target, "before, and longer than any figures ".repeat(1000)).expect("ours");
    succeeds(&mut short(&target));
    assert_eq!(report(&target), report(&other));
    assert_eq!(
        names_in(&folder),
        ["link.json", "other name.json", "target.json", "target.json.part"]
    );
}

#[test]
fn a_link_to_nothing_makes_the_file_it_names() {
    let folder = folder("dangling");
    fs::create_dir(folder.join("inner")).expect("a folder can be made");
    symlink("inner/second", folder.join("first")).expect("a link can be made");
    symlink("figures.json", folder.join("inner/second")).expect("a link can be made");
    succeeds(&mut short(&folder.join("first")));
    report(&folder.join("inner/figures.json"));
    symlink("loop", folder.join("loop")).expect("a link can be made");
    let error = error(&mut short(&folder.join("loop")));
    assert!(error.contains("cannot write") && error.contains("loop"), "{error}");
}

#[test]
fn the_owner_of_a_file_stays() {
    let path = folder("owner").join("figures.json");
    fs::write(&path, "before").expect("a file can be written");
    if let Err(error) = std::os::unix::fs::chown(&path, Some(1), Some(2)) {
        return skipped(&format!("to give a file away: {error}"));
    }
    succeeds(&mut short(&path));
    let after = fs::metadata(&path).expect("there");
    assert_eq!((after.uid(), after.gid()), (1, 2));
    report(&path);
}

/// Containers are given single files like this.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_mounted_is_written_as_it_is() {
    let folder = folder("mounted");
    let (outside, inside) = (folder.join("outside.json"), folder.join("inside.json"));
    for path in [&outside, &inside] {
        fs::write(path, "before").expect("a file can be written");
    }
    let mut command = short(&inside);
    let (from, to) = (name(&outside), name(&inside));
    let mount = |from: &CString, to: &CString, flags| {
        let none = ptr::null();
        // SAFETY: the names are valid for reads, and the other pointers may be null.
        match unsafe { libc::mount(from.as_ptr(), to.as_ptr(), none, flags, none.cast()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    let root = name(Path::new("/"));
    let mount = move || {
        // SAFETY: no memory is touched.
        if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
            return Err(io::Error::last_os_error());
        }
        mount(&root, &root, libc::MS_REC | libc::MS_PRIVATE)?;
        mount(&from, &to, libc::MS_BIND)
    };
    // SAFETY: may be called between fork and exec, since it only makes system calls.
    unsafe { command.pre_exec(mount) };
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{}", text(&output.stderr)),
        Err(error) => return skipped(&format!("a mount namespace: {error}")),
    }
    report(&outside);
    assert_eq!(fs::read(&inside).expect("there"), b"before");
    assert_eq!(names_in(&folder), ["inside.json", "outside.json"]);
}

#[test]
fn what_cannot_be_written_is_an_error_before_anything_is_measured() {
    let folder = folder("refused");
    fs::write(folder.join("file"), "").expect("a file can be written");
    for (path, why) in [
        (folder.clone(), "Is a directory"),
        (folder.join("missing/figures.json"), "No such file"),
        (folder.join("new folder/"), "No such file"),
        (folder.join("new folder/."), "No such file"),
        (folder.join("file/figures.json"), "Not a directory"),
    ] {
        let error = error(&mut short(&path));
        assert!(error.contains(path.to_str().expect("text")) && error.contains(why), "{error}");
    }
    // The error comes with the first write.
    if Path::new("/dev/full").exists() {
        let figures = error(&mut short(Path::new("/dev/full")));
        assert!(figures.contains("cannot write /dev/full: No space left"), "{figures}");
        let full = File::options().write(true).open("/dev/full").expect("there");
        let json = folder.join("figures.json");
        let text = error(short(&json).stdout(full.try_clone().expect("a descriptor")));
        assert!(text.contains("cannot write to standard output: No space left"), "{text}");
        // One output does not depend on the other.
        report(&json);
        fs::remove_file(&json).expect("ours");
        let mut silent = short(&json);
        let status = silent.stdout(Stdio::null()).stderr(full).status().expect("it starts");
        assert!(status.success());
        report(&json);
    }
}

/// As on a full disk; a file with another name has to be written in place.
#[test]
fn without_room_for_the_new_content_the_old_one_stays() {
    for has_other_name in [false, true] {
        let folder = folder("no room");
        let json = folder.join("figures.json");
        fs::write(&json, "precious").expect("a file can be written");
        if has_other_name {
            fs::hard_link(&json, folder.join("other.json")).expect("a link can be made");
        }
        let before = names_in(&folder);
        let mut command = short(&json);
        let limit = libc::rlimit { rlim_cur: 512, rlim_max: 512 };
        let set = move || {
            // SAFETY: the limit is valid for reads.
            match unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: may be called between fork and exec, since it only makes a system call.
        unsafe { command.pre_exec(set) };
        let error = error(command.stdout(Stdio::null()));
        assert!(error.contains("figures.json: File too large"), "{error}");
        assert_eq!(fs::read(&json).expect("there"), b"precious", "{has_other_name}");
        assert_eq!(names_in(&folder), before);
    }
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    let json = folder("ignored").join("figures.json");
    let mut command = pipeline();
    command.args(SHORT).args(["--input", "-"]).arg("--json").arg(&json);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let ignore = || {
        // SAFETY: ignoring a signal calls nothing.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: may be called between fork and exec, since it only makes a system call.
    unsafe { command.pre_exec(ignore) };
    let mut child = command.spawn().expect("it starts");
    // More than a pipe holds: once all is written, the program has begun to read, and can be interrupted.
    let mut input = child.stdin.take().expect("piped");
    input.write_all(&[1, 0, 9].repeat(100_000)).expect("it reads");
    interrupt(&child);
    drop(input);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(report(&json)["interrupted"], Value::Bool(false));
}

#[test]
fn the_input_is_not_written_over_whatever_it_is_called() {
    let folder = folder("input");
    let input = folder.join("votes.txs");
    let content = [[1, 0, 9].repeat(100), vec![2, 0, 9, 9]].concat();
    fs::write(&input, &content).expect("a file can be written");
    symlink("votes.txs", folder.join("link.json")).expect("a link can be made");
    fs::hard_link(&input, folder.join("hard.json")).expect("a link can be made");
    for json in ["votes.txs", "../input/votes.txs", "link.json", "hard.json"] {
        for by_name in [true, false] {
            let mut command = pipeline();
            command.args(SHORT).arg("--json").arg(folder.join(json)).arg("--input");
            match by_name {
                true => command.arg(&input),
                false => command.arg("-").stdin(File::open(&input).expect("there")),
            };
            let error = error(&mut command);
            assert!(error.contains("it is the file that --input reads"), "{error}");
        }
    }
    assert_eq!(fs::read(&input).expect("there"), content);
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).expect("process numbers are small");
    // SAFETY: sends a signal to the child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
}

/// Reads until the facts are printed, which is when runs begin.
fn runs(child: &mut Child) -> BufReader<ChildStdout> {
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("Pools:") {
        line.clear();
        assert!(out.read_line(&mut line).expect("it tells") > 0, "it ended by itself");
    }
    out
}

#[test]
fn a_second_ctrl_c_leaves_nothing_behind() {
    let folder = folder("twice");
    let json = folder.join("figures.json");
    fs::write(&json, "before").expect("a file can be written");
    // Signals that arrive together count as one, so they are sent until the program has ended.
    let mut command = pipeline();
    command.args(["--duration", "3600", "--input"]).arg(tiny()).arg("--json").arg(&json);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let _out = runs(&mut child);
    let status = loop {
        interrupt(&child);
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        thread::yield_now();
    };
    assert_eq!(status.code(), Some(130));
    assert_eq!(names_in(&folder), ["figures.json"]);
}

#[test]
fn ctrl_c_ends_what_waits_for_its_input() {
    let fifo = folder("waits").join("input");
    make_fifo(&fifo);
    let mut child = pipeline().arg("--input").arg(&fifo).spawn().expect("it starts");
    // The program opens the input once it can be interrupted.
    let writer = File::options().write(true).open(&fifo).expect("it is opened for reading");
    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(writer);
}
