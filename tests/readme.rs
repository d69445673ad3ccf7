//! Compiles and runs the examples of the READMEs.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Workspace;

#[cfg(doctest)]
#[doc = include_str!("../core/README.md")]
struct Core;

#[cfg(doctest)]
#[doc = include_str!("../std-adapter/README.md")]
struct StdAdapter;
