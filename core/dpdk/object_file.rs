//! Compiles a C file to one object file, for the build scripts of packages that need DPDK.

use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use object::{Object, ObjectSymbol};

/// Compiles `source` as `build` and the user's environment say, into an object file that defines
/// `symbol`.
///
/// Without link-time optimisation, which distributions ask for when they build packages: rustc's linker
/// would find nothing in such a file, and silently leave it out.
pub fn compile(build: &cc::Build, source: &str, symbol: &str) -> Result<PathBuf, String> {
    println!("cargo::rerun-if-changed={source}");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let made = folder.join(source).with_extension("o");
    fs::create_dir_all(made.parent().expect("in the folder")).map_err(|error| error.to_string())?;
    // A file that an earlier call left would hide that this one makes none.
    let _ = fs::remove_file(&made);

    let compiler = build.try_get_compiler().map_err(|error| error.to_string())?;
    let mut command = compiler.to_command();
    // After the environment's flags, so that these win.
    command.args(["-fno-lto", "-c", source, "-o"]).arg(&made);
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let line = format!("{} {}", compiler.path().display(), arguments.join(" "));
    let failed = |why: &dyn fmt::Display| format!("{why}, by: {line}");
    let status = command.status().map_err(|error| failed(&error))?;
    if !status.success() {
        return Err(failed(&status));
    }
    let data =
        fs::read(&made).map_err(|error| failed(&format!("no object file was made: {error}")))?;
    let file = object::File::parse(&data[..]).map_err(|error| failed(&error))?;
    if !file.symbols().any(|found| found.is_definition() && found.name() == Ok(symbol)) {
        return Err(failed(&format!("an object file was made that does not define {symbol}")));
    }
    Ok(made)
}
