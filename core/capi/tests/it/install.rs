//! How the library is installed: where, for which users, and with which files.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed::{Language, compile, folder, install, is_there, prefix, run, source};

/// An empty folder of this name below `folder()`.
fn empty(name: &str) -> PathBuf {
    let empty = folder().join(name);
    if empty.exists() {
        fs::remove_dir_all(&empty).expect("an old folder can be removed");
    }
    fs::create_dir_all(&empty).expect("a folder can be made");
    empty
}

/// All files and links below `folder`, sorted, with their modes.
fn files(folder: &Path) -> Vec<(String, u32)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            let found = fs::symlink_metadata(&path).expect("there");
            if found.is_dir() {
                assert_eq!(found.permissions().mode() & 0o777, 0o755, "{}", path.display());
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_str().expect("text");
                files.push((name.to_owned(), found.permissions().mode() & 0o777));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn everybody_can_read_what_is_installed_under_any_mask() {
    let prefix = empty("masked").join("prefix");
    run(install("umask 077; exec \"$@\"").arg(&prefix));
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        ("include/blockpool.h".to_owned(), 0o644),
        ("lib/libblockpool.a".to_owned(), 0o644),
        ("lib/libblockpool.so".to_owned(), 0o777),
        ("lib/libblockpool.so.0.1".to_owned(), 0o777),
        (format!("lib/libblockpool.so.{version}"), 0o755),
        ("lib/pkgconfig/blockpool.pc".to_owned(), 0o644),
    ];
    assert_eq!(files(&prefix), expected);
}

#[test]
fn directories_may_be_elsewhere_and_below_another_root() {
    let root = empty("root");
    let mut command = install("exec \"$@\"");
    command.args(["--libdir", "lib/x86_64-linux-gnu", "--includedir=/usr/include/blockpool"]);
    run(command.arg("/opt/pool").env("DESTDIR", &root));
    for file in [
        "opt/pool/lib/x86_64-linux-gnu/libblockpool.a",
        "opt/pool/lib/x86_64-linux-gnu/libblockpool.so.0.1",
        "usr/include/blockpool/blockpool.h",
    ] {
        assert!(root.join(file).exists(), "{file}");
    }
    let told =
        fs::read_to_string(root.join("opt/pool/lib/x86_64-linux-gnu/pkgconfig/blockpool.pc"));
    let told = told.expect("there");
    for line in [
        "prefix=/opt/pool",
        "libdir=${prefix}/lib/x86_64-linux-gnu",
        "includedir=/usr/include/blockpool",
    ] {
        assert!(told.lines().any(|other| other == line), "{told}");
    }

    // With a different directory, nothing is removed.
    let installed = files(&root);
    let mut wrong = install("exec \"$@\"");
    wrong.args(["--uninstall", "--includedir=/usr/include/blockpool", "/opt/pool"]);
    let output = wrong.env("DESTDIR", &root).output().expect("it starts");
    assert_eq!((output.status.code(), files(&root)), (Some(1), installed));

    let mut command = install("exec \"$@\"");
    command.args(["--uninstall", "--libdir=lib/x86_64-linux-gnu"]);
    command.args(["--includedir", "/usr/include/blockpool", "/opt/pool"]).env("DESTDIR", &root);
    run(&mut command);
    assert_eq!(files(&root), []);
    let output = command.output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to uninstall"));
}

#[test]
fn a_prefix_may_have_any_characters_that_pkg_config_can_tell() {
    let prefix = empty("an odd").join("p&r|e %f'i#x é\t!*");
    run(install("exec \"$@\"").arg(&prefix));
    if !is_there(Language::C.compiler()) || !is_there("pkg-config".into()) {
        return;
    }
    let program = folder().join("odd program");
    // Reads pkg-config's output as a shell does.
    let line =
        "eval \"set -- $(pkg-config --cflags --libs blockpool) \\\"\\$@\\\"\"; exec \"$CC\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh", "-std=c11", "-o"]).arg(&program).arg(source("functions"));
    // Libraries come before the source that needs them.
    command.args(["-Wl,--no-as-needed", "-lblockpool", "-lpthread"]);
    command.env("CC", Language::C.compiler());
    run(command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")));
    let told = run(Command::new("pkg-config")
        .args(["--variable=prefix", "blockpool"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    assert_eq!(Path::new(told.trim_end_matches('\n')), prefix);

    for wrong in ["quo\"te", "dol$lar", "back\\slash", "two\nlines"] {
        let output = install("exec \"$@\"").arg(empty("wrong").join(wrong)).output();
        let output = output.expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("pkg-config cannot tell a path"), "{error}");
        assert_eq!(files(&folder().join("wrong")), []);
    }
}

#[test]
fn what_is_installed_is_what_cargo_has_built_wherever_that_lies() {
    let (prefix, place) = (empty("configured").join("prefix"), empty("place with a \"quote\""));
    let host = run(Command::new(env::var_os("RUSTC").unwrap_or("rustc".into())).arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    fs::create_dir(place.join(".cargo")).expect("a folder can be made");
    let config = format!("[build]\ntarget = \"{host}\"\n");
    fs::write(place.join(".cargo/config.toml"), config).expect("a file can be written");
    // From another build, in the folder of a build without an explicit target.
    let stale = place.join("target/release");
    fs::create_dir_all(&stale).expect("a folder can be made");
    for name in ["libblockpool.a", "libblockpool.so"] {
        fs::write(stale.join(name), "stale").expect("a file can be written");
    }
    let mut command = install("exec \"$@\"");
    command.env("CARGO_TARGET_DIR", place.join("target")).current_dir(&place);
    run(command.arg(&prefix));
    let library = fs::read(prefix.join("lib/libblockpool.so")).expect("there");
    assert!(library.starts_with(b"\x7fELF"));
    assert!(fs::read(prefix.join("lib/libblockpool.a")).expect("there").starts_with(b"!<arch>"));
}

#[test]
fn what_is_no_option_is_refused_with_the_usage() {
    for arguments in [
        &[][..],
        &["relative"],
        &["--libdir"],
        &["/one", "/two"],
        &["--prefix", "/one"],
        &["--libdir=", "/one"],
    ] {
        let output = install("exec \"$@\"").args(arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr)
                .contains("core/capi/install [OPTION...] PREFIX")
        );
    }
    assert!(run(install("exec \"$@\"").arg("--help")).contains("--uninstall"));
}

#[test]
fn the_libraries_export_nothing_but_their_functions() {
    for (file, options) in [
        ("libblockpool.a", &["--defined-only", "--extern-only"][..]),
        ("libblockpool.so", &["--defined-only", "--extern-only", "--dynamic"]),
    ] {
        let symbols = run(Command::new("nm").args(options).arg(prefix().join("lib").join(file)));
        let names: Vec<&str> = symbols
            .lines()
            .filter_map(|line| line.split_once(" T ").map(|(_, name)| name))
            .collect();
        let all = symbols.lines().filter(|line| line.contains(' ')).count();
        assert!(names.len() > 20 && all == names.len(), "{symbols}");
        assert!(names.iter().all(|name| name.starts_with("blockpool_")), "{symbols}");
    }
}

#[test]
fn another_static_library_of_rust_may_be_in_the_same_program() {
    if !is_there(Language::C.compiler()) {
        return;
    }
    let place = empty("two");
    let other = place.join("other.rs");
    // It catches a panic, so it needs the unwinder.
    let text = "#[unsafe(no_mangle)] pub extern \"C\" fn other(n: u32) -> u32 {\n\
                std::panic::catch_unwind(|| { assert!(n > 5); n }).unwrap_or(7)\n}\n";
    fs::write(&other, text).expect("a file can be written");
    let archive = place.join("libother.a");
    let compiler = env::var_os("RUSTC").unwrap_or("rustc".into());
    run(Command::new(compiler)
        .args(["--edition", "2024", "--crate-type", "staticlib", "-o"])
        .arg(&archive)
        .arg(&other));
    let both = place.join("both.c");
    let text = "#include <blockpool.h>\n#include <stdint.h>\n\
                static BLOCKPOOL_STORAGE(64, 4) storage;\nuint32_t other(uint32_t n);\n\
                int main(void) {\n blockpool *pool;\n\
                if (BLOCKPOOL_CREATE(storage, &pool) != BLOCKPOOL_OK) return 1;\n\
                void *block = blockpool_get(pool);\n\
                return !block || other(1) != 7 || other(9) != 9\n\
                || blockpool_put(pool, block) != BLOCKPOOL_OK || blockpool_destroy(pool) != BLOCKPOOL_OK;\n}\n";
    fs::write(&both, text).expect("a file can be written");
    let include = format!("-I{}", prefix().join("include").display());
    let (ours, other) = (prefix().join("lib/libblockpool.a"), archive);
    let (ours, other) = (ours.to_str().expect("text"), other.to_str().expect("text"));
    for (order, archives) in [("ours first", [ours, other]), ("ours last", [other, ours])] {
        let libraries = archives.into_iter().chain(["-ldl", "-lm"]);
        run(&mut Command::new(compile(&both, order, Language::C, &[&include], libraries)));
    }
}
