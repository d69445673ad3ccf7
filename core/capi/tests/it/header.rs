//! The header matches what cbindgen generates from the sources.

use std::env;
use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// In the order in which the header describes them.
const SOURCES: [&str; 6] =
    ["result.rs", "storage.rs", "pool.rs", "local_pool.rs", "queue.rs", "version.rs"];

/// If set, the header is written instead of compared.
const WRITE: &str = "BLOCKPOOL_WRITE_HEADER";

fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let [major, minor, patch] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    format!(
        "\n/* 1,000,000 for each major, 1,000 for each minor version, and the patch. */\n\
         #define BLOCKPOOL_VERSION ({major} * 1000000 + {minor} * 1000 + {patch})\n\
         #define BLOCKPOOL_VERSION_TEXT \"{version}\"\n"
    )
}

fn made() -> String {
    let package = Path::new(PACKAGE);
    let mut config = Config::from_file(package.join("cbindgen.toml")).expect("it is in order");
    config.after_includes = config.after_includes.map(|text| version() + &text);
    let sources = SOURCES.map(|name| package.join("src").join(name));
    let builder = sources.iter().fold(Builder::new(), Builder::with_src);
    let mut header = Vec::new();
    builder.with_config(config).generate().expect("the sources are in order").write(&mut header);
    String::from_utf8(header).expect("text")
}

#[test]
fn the_header_is_that_of_the_sources() {
    let path = Path::new(PACKAGE).join("include/blockpool.h");
    let made = made();
    if env::var_os(WRITE).is_some() {
        fs::write(&path, &made).expect("it can be written");
    }
    let found = fs::read_to_string(&path).expect("there is a header");
    let again = format!("{WRITE}=1 cargo test --package blockpool-capi the_header");
    assert!(found == made, "{} is not that of the sources: {again}", path.display());
}
