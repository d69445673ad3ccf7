//! Alignment: of blocks, as a type, and of what threads share.

use core::ops::Deref;

/// An alignment of `BYTES` bytes, a power of two up to 65,536: the third parameter of
/// [`Pool`](crate::Pool).
///
/// ```
/// use blockpool_core::{Align, Pool};
///
/// // Blocks on pages of their own, as DMA engines and AF_XDP want them.
/// static FRAMES: Pool<4096, 16, Align<4096>> = Pool::new();
///
/// let frame = FRAMES.get().unwrap();
/// assert_eq!(frame.as_ptr() as usize % 4096, 0);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Align<const BYTES: usize>;

/// Implemented by [`Align`] for powers of two from 1 to 65,536.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no alignment for blocks",
    label = "expected `Align<BYTES>` with a power of two from 1 to 65536"
)]
pub trait Alignment: sealed::Sealed + Send + Sync {}

pub(crate) mod sealed {
    /// Carries an alignment into a type that holds an empty array of these.
    pub trait Sealed {
        /// Zero bytes with the alignment.
        type Unit: Copy + Send + Sync;
    }
}

/// The alignment of the memory and of the blocks of a region, in bytes: a cache line.
pub(crate) const REGION_ALIGNMENT: usize = 64;

macro_rules! alignments {
    ($($bytes:literal)+) => {$(
        const _: () = {
            /// Nothing, aligned.
            #[repr(align($bytes))]
            #[derive(Clone, Copy, Debug)]
            pub struct Unit;

            impl sealed::Sealed for Align<$bytes> {
                type Unit = Unit;
            }

            impl Alignment for Align<$bytes> {}
        };
    )+};
}

alignments!(1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768 65536);

/// Keeps a value on cache lines of its own, so that cores that use neighbouring values do not contend.
///
/// Processors with 32-bit words mostly have little memory and no shared cache: nothing is padded
/// there.
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
#[derive(Debug)]
pub(crate) struct OwnLine<T>(pub(crate) T);

impl<T> Deref for OwnLine<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
