//! The rule for which buffers a pool accepts.

/// The capacities that a pool accepts, both ends included.
///
/// A smaller buffer would break the promise of `get_buffer`; a larger one would
/// let the pool's memory grow without bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    smallest: usize,
    largest: usize,
}

impl Fit {
    /// The rule of a pool with buffers of `buffer_size` bytes: up to twice that.
    pub(crate) fn new(buffer_size: usize) -> Self {
        Self { smallest: buffer_size, largest: buffer_size.saturating_mul(2) }
    }

    /// The rule of a pool with a capacity of 0: nothing fits.
    pub(crate) fn nothing() -> Self {
        Self { smallest: usize::MAX, largest: 0 }
    }

    #[inline]
    pub(crate) fn accepts(&self, buffer: &Vec<u8>) -> bool {
        let capacity = buffer.capacity();
        self.smallest <= capacity && capacity <= self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_from_the_size_to_twice_the_size_fit() {
        let fit = Fit::new(100);
        for (capacity, fits) in [(0, false), (99, false), (100, true), (200, true), (201, false)] {
            let buffer = Vec::with_capacity(capacity);
            assert_eq!(buffer.capacity(), capacity);
            assert_eq!(fit.accepts(&buffer), fits, "{capacity}");
        }
    }

    #[test]
    fn a_buffer_that_doubled_once_fits_and_one_that_doubled_twice_does_not() {
        let fit = Fit::new(100);
        let mut buffer = Vec::with_capacity(100);
        buffer.resize(101, 0);
        assert!(fit.accepts(&buffer));
        buffer.resize(buffer.capacity() + 1, 0);
        assert!(!fit.accepts(&buffer));
    }

    #[test]
    fn only_a_buffer_without_memory_fits_a_size_of_zero() {
        assert!(Fit::new(0).accepts(&Vec::new()));
        assert!(!Fit::new(0).accepts(&Vec::with_capacity(1)));
    }

    #[test]
    fn nothing_fits_a_pool_without_capacity() {
        assert!(!Fit::nothing().accepts(&Vec::new()));
        assert!(!Fit::nothing().accepts(&Vec::with_capacity(100)));
    }
}
