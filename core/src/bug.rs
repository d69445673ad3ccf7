//! What to do where the code can show that a branch is never taken, and the compiler cannot.

/// Marks a branch that is never taken: panics in debug builds. In release builds it is nothing, and the
/// branch goes on with an answer that does no harm: a panic there would be linked into operations that
/// promise to have none.
#[inline(always)]
pub(crate) fn cannot_happen() {
    debug_assert!(false, "a bug in blockpool-core: a branch was taken that cannot be");
}
