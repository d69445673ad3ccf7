//! A buffer that returns itself to its pool.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::ops::{Deref, DerefMut};

use crate::TransactionMemoryPool;

/// A buffer together with its pool, to which it returns when dropped.
///
/// ```
/// use blockpool::TransactionMemoryPool;
///
/// let pool = TransactionMemoryPool::new(1232, 8);
/// let mut buffer = pool.get();
/// buffer.extend_from_slice(b"payload");
/// assert_eq!(pool.available_buffers(), 7);
/// std::thread::spawn(move || assert_eq!(buffer.len(), 7)).join().unwrap();
/// assert_eq!(pool.available_buffers(), 8);
/// ```
///
/// Made by [`TransactionMemoryPool::get`], [`attach`](TransactionMemoryPool::attach) and
/// [`LocalPool::get`](crate::LocalPool::get). Dereferences to the `Vec<u8>`, borrows nothing, and may be
/// sent to, kept by and dropped on any thread; it keeps the pool's memory alive. While another thread is
/// preempted in the middle of an operation of the pool, the drop spins, so do not drop one in an interrupt
/// or signal handler.
///
/// Because it owns a handle of its pool, it costs one atomic increment when made and one decrement when
/// dropped, on a reference count that all guards of the pool share. Where that matters, use a
/// [`LocalPool`](crate::LocalPool) or plain [`get_buffer`](TransactionMemoryPool::get_buffer).
///
/// The `Vec` may grow, which allocates. A buffer that grew beyond twice the pool's buffer size is freed
/// when dropped and counted in [`discarded`](TransactionMemoryPool::discarded): the pool lacks it until a
/// heap fallback returns in its place.
#[must_use = "a guard that is not kept gives its buffer back at once"]
pub struct PooledBuffer {
    buffer: Vec<u8>,
    /// `None` only within `detach`.
    pool: Option<TransactionMemoryPool>,
}

impl PooledBuffer {
    #[inline]
    pub(crate) fn new(buffer: Vec<u8>, pool: TransactionMemoryPool) -> Self {
        Self { buffer, pool: Some(pool) }
    }

    /// Takes the buffer, with its content, out of the guard.
    ///
    /// It no longer returns by itself, and the pool counts it as missing until it, or any buffer that
    /// fits, is [returned](TransactionMemoryPool::return_buffer).
    /// Wait-free; one atomic decrement; frees the pool if this was its last handle.
    pub fn detach(mut self) -> Vec<u8> {
        self.pool = None;
        mem::take(&mut self.buffer)
    }

    pub(crate) fn is_of(&self, pool: &TransactionMemoryPool) -> bool {
        self.pool.as_ref().is_some_and(|own| own.is(pool))
    }
}

impl Drop for PooledBuffer {
    #[inline]
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.return_buffer(mem::take(&mut self.buffer));
        }
    }
}

impl Deref for PooledBuffer {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.buffer
    }
}

impl DerefMut for PooledBuffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

impl AsRef<[u8]> for PooledBuffer {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl AsMut<[u8]> for PooledBuffer {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }
}

/// Appends, as to a `Vec`. Never fails; allocates beyond the buffer's capacity.
impl Write for PooledBuffer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.write(bytes)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows length and capacity, never the content.
impl fmt::Debug for PooledBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBuffer")
            .field("len", &self.buffer.len())
            .field("capacity", &self.buffer.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::TransactionMemoryPool;
    use std::io::Write;

    #[test]
    fn a_dropped_guard_gives_its_buffer_back() {
        let pool = TransactionMemoryPool::new(100, 1);
        let mut guard = pool.get();
        fn write(mut to: impl Write) {
            to.write_all(b"payload").and_then(|()| to.flush()).unwrap();
        }
        write(&mut guard);
        assert_eq!(guard.as_ref(), b"payload");
        AsMut::<[u8]>::as_mut(&mut guard)[0] = b'P';
        assert_eq!(&guard[..], b"Payload");
        assert_eq!(pool.available_buffers(), 0);
        drop(guard);
        assert_eq!(pool.available_buffers(), 1);
        assert!(pool.get_buffer().is_empty());
    }

    #[test]
    fn a_detached_buffer_keeps_its_content_and_does_not_return_by_itself() {
        let pool = TransactionMemoryPool::new(100, 1);
        let mut guard = pool.get();
        guard.extend_from_slice(b"payload");
        let memory = guard.as_ptr();
        let buffer = guard.detach();
        assert_eq!((&buffer[..], buffer.as_ptr()), (&b"payload"[..], memory));
        assert_eq!((pool.available_buffers(), pool.discarded()), (0, 0));
        pool.return_buffer(buffer);
        assert_eq!(pool.available_buffers(), 1);
    }

    #[test]
    fn an_attached_buffer_returns_if_it_fits() {
        let pool = TransactionMemoryPool::new(100, 2);
        let own = pool.get_buffer();
        drop(pool.get_buffer());
        drop(pool.attach(own));
        drop(pool.attach(Vec::with_capacity(100)));
        drop(pool.attach(b"small".to_vec()));
        assert_eq!((pool.available(), pool.capacity(), pool.discarded()), (2, 2, 1));
    }

    #[test]
    fn a_guard_whose_buffer_outgrew_the_pool_is_discarded_and_replaced_by_a_fallback() {
        let pool = TransactionMemoryPool::new(100, 1);
        let mut guard = pool.get();
        guard.resize(1000, 1);
        drop(guard);
        assert_eq!((pool.available_buffers(), pool.discarded()), (0, 1));
        drop(pool.get());
        assert_eq!((pool.available_buffers(), pool.heap_fallbacks()), (1, 1));
    }

    #[test]
    fn a_buffer_returns_while_its_owner_unwinds() {
        let pool = TransactionMemoryPool::new(100, 1);
        let guard = pool.get();
        let thread = std::thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("expected"));
        });
        assert!(thread.join().is_err());
        assert_eq!(pool.available_buffers(), 1);
    }

    #[test]
    fn debug_shows_the_size_and_not_the_content() {
        let pool = TransactionMemoryPool::new(100, 1);
        let mut guard = pool.get();
        guard.extend_from_slice(b"secret");
        let text = format!("{guard:?}");
        assert_eq!(text, "PooledBuffer { len: 6, capacity: 100, .. }");
    }
}
