//! The library as C programs see it: its header, its installation, linking and calls.

mod header;
#[cfg(unix)]
mod install;
#[cfg(unix)]
mod installed;
