//! For branches that are never taken, where the compiler cannot see it.

/// Marks a branch that is never taken: panics in debug builds. In release builds it does nothing, and
/// the branch continues with a harmless answer: a panic there would be linked into operations that
/// promise to have none.
#[inline(always)]
pub(crate) fn cannot_happen() {
    debug_assert!(false, "a bug in blockpool-core: a branch was taken that cannot be");
}
