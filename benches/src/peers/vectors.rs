//! Pools of byte vectors: `blockpool`, and the original implementation.

use blockpool::{LocalPool, PooledBuffer, TransactionMemoryPool};

use super::{BLOCK_SIZE, COUNT, Contender, marked};
use crate::original::OriginalPool;

/// The rest of an implementation for contenders whose buffers are byte vectors or behave like them.
macro_rules! byte_vectors {
    ($buffer:ty) => {
        type Buffer = $buffer;

        fn touch(buffer: &mut $buffer) {
            buffer.extend_from_slice(&marked());
        }

        fn first_byte(buffer: &$buffer) -> *const u8 {
            buffer.as_ptr()
        }
    };
}
pub(super) use byte_vectors;

/// `TransactionMemoryPool`.
#[derive(Debug)]
pub struct Transactions(TransactionMemoryPool);

impl Transactions {
    /// `count` buffers of `size` bytes.
    #[must_use]
    pub fn new(size: usize, count: usize) -> Self {
        Self(TransactionMemoryPool::new(size, count))
    }
}

impl Contender for Transactions {
    type Handle = &'static TransactionMemoryPool;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        "`TransactionMemoryPool`"
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn less(&self) -> String {
        "allocates when it has none".into()
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Vec<u8>> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut Self::Handle) -> Vec<u8> {
        handle.get_buffer()
    }

    fn put(handle: &mut Self::Handle, buffer: Vec<u8>) {
        handle.return_buffer(buffer);
    }
}

/// `TransactionMemoryPool` through its guard.
#[derive(Debug)]
pub struct Guarded(TransactionMemoryPool);

impl Default for Guarded {
    fn default() -> Self {
        Self(TransactionMemoryPool::new(BLOCK_SIZE, COUNT))
    }
}

impl Contender for Guarded {
    type Handle = &'static TransactionMemoryPool;
    byte_vectors!(PooledBuffer);

    fn name(&self) -> &'static str {
        "`PooledBuffer`"
    }

    fn less(&self) -> String {
        "allocates when it has none".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<PooledBuffer> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut Self::Handle) -> PooledBuffer {
        handle.get()
    }

    fn put(_: &mut Self::Handle, buffer: PooledBuffer) {
        drop(buffer);
    }
}

/// `TransactionMemoryPool` through a cache for each thread.
#[derive(Debug)]
pub struct Local(TransactionMemoryPool);

impl Default for Local {
    fn default() -> Self {
        Self(TransactionMemoryPool::new(BLOCK_SIZE, COUNT))
    }
}

impl Contender for Local {
    type Handle = LocalPool;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        "`blockpool::LocalPool`"
    }

    fn less(&self) -> String {
        "keeps up to 64 free buffers from other threads; allocates when it has none".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> LocalPool {
        self.0.local_pool()
    }

    fn get(handle: &mut LocalPool) -> Option<Vec<u8>> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut LocalPool) -> Vec<u8> {
        handle.get_buffer()
    }

    fn put(handle: &mut LocalPool, buffer: Vec<u8>) {
        handle.return_buffer(buffer);
    }
}

/// The original implementation.
#[derive(Debug)]
pub struct Original(OriginalPool);

impl Default for Original {
    fn default() -> Self {
        Self(OriginalPool::new(BLOCK_SIZE, COUNT))
    }
}

impl Contender for Original {
    type Handle = &'static OriginalPool;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        "the original implementation"
    }

    fn less(&self) -> String {
        "allocates when it has none, and sometimes for its queue".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Vec<u8>> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut Self::Handle) -> Vec<u8> {
        handle.get_buffer()
    }

    fn put(handle: &mut Self::Handle, buffer: Vec<u8>) {
        handle.return_buffer(buffer);
    }
}
