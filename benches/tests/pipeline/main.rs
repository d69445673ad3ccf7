//! The pipeline as a user runs it. Each test is named for the property it shows.

#[cfg(unix)]
mod files;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod loopback;
mod program;
mod recordings;
mod runs;
