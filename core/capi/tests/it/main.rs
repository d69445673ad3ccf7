//! The library as programs in C find it: its header, installed, linked, called.

mod header;
#[cfg(unix)]
#[cfg(unix)]
mod install;
mod installed;
