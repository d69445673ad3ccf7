//! Pools of other crates that hold objects: byte vectors here.

use std::fmt;
use std::sync::Arc;

use lockfree_object_pool::{LinearObjectPool, LinearReusable};
use sharded_slab::pool::OwnedRefMut;

use super::vectors::byte_vectors;
use super::{BLOCK_SIZE, COUNT, Contender, marked};

/// How `opool` makes and empties vectors.
#[derive(Debug)]
pub struct Vectors;

impl opool::PoolAllocator<Vec<u8>> for Vectors {
    fn allocate(&self) -> Vec<u8> {
        Vec::with_capacity(BLOCK_SIZE)
    }

    fn reset(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
    }
}

/// `opool`: guards over crossbeam's `ArrayQueue`.
#[derive(Debug)]
pub struct Objects(opool::Pool<Vectors, Vec<u8>>);

impl Default for Objects {
    fn default() -> Self {
        Self(opool::Pool::new_prefilled(COUNT, Vectors))
    }
}

impl Contender for Objects {
    type Handle = &'static opool::Pool<Vectors, Vec<u8>>;
    byte_vectors!(opool::RefGuard<'static, Vectors, Vec<u8>>);

    fn name(&self) -> &'static str {
        "`opool`"
    }

    fn less(&self) -> String {
        "checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer> {
        handle.try_get()
    }

    fn put(_: &mut Self::Handle, buffer: Self::Buffer) {
        drop(buffer);
    }
}

/// `object-pool`: guards over a vector under a lock.
pub struct Locked(object_pool::Pool<Vec<u8>>);

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

impl Default for Locked {
    fn default() -> Self {
        Self(object_pool::Pool::new(COUNT, || Vec::with_capacity(BLOCK_SIZE)))
    }
}

impl Contender for Locked {
    type Handle = &'static object_pool::Pool<Vec<u8>>;
    byte_vectors!(object_pool::Reusable<'static, Vec<u8>>);

    fn name(&self) -> &'static str {
        "`object-pool`"
    }

    fn less(&self) -> String {
        "a lock; checks nothing; no bound on what is given back".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer> {
        handle.try_pull()
    }

    fn put(_: &mut Self::Handle, mut buffer: Self::Buffer) {
        buffer.clear();
        drop(buffer);
    }
}

/// `lockfree-object-pool`: a list of pages of 32, searched from the first.
pub struct Pages(LinearObjectPool<Vec<u8>>);

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl Default for Pages {
    fn default() -> Self {
        let pool = LinearObjectPool::new(|| Vec::with_capacity(BLOCK_SIZE), Vec::clear);
        // It makes pages only when they are needed.
        let all: Vec<_> = (0..COUNT).map(|_| pool.pull()).collect();
        drop(all);
        Self(pool)
    }
}

impl Contender for Pages {
    type Handle = &'static LinearObjectPool<Vec<u8>>;
    byte_vectors!(LinearReusable<'static, Vec<u8>>);

    fn name(&self) -> &'static str {
        "`lockfree-object-pool`"
    }

    fn less(&self) -> String {
        "no bound: grows, never shrinks".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> Self::Handle {
        &self.0
    }

    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut Self::Handle) -> Self::Buffer {
        handle.pull()
    }

    fn put(_: &mut Self::Handle, buffer: Self::Buffer) {
        drop(buffer);
    }
}

/// `sharded-slab`: a list for each thread, whose slots it reuses.
#[derive(Debug)]
pub struct Sharded(Arc<sharded_slab::Pool<Vec<u8>>>);

impl Default for Sharded {
    fn default() -> Self {
        Self(Arc::new(sharded_slab::Pool::new()))
    }
}

impl Contender for Sharded {
    type Handle = Arc<sharded_slab::Pool<Vec<u8>>>;
    byte_vectors!(OwnedRefMut<Vec<u8>>);

    fn name(&self) -> &'static str {
        "`sharded-slab`"
    }

    fn less(&self) -> String {
        "no bound; its guards that may go to another thread count references to the pool".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> Self::Handle {
        Arc::clone(&self.0)
    }

    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer> {
        let mut buffer = Arc::clone(handle).create_owned()?;
        // A slot that it has just made has no capacity.
        buffer.reserve(BLOCK_SIZE);
        Some(buffer)
    }

    fn put(handle: &mut Self::Handle, buffer: Self::Buffer) {
        let key = buffer.key();
        drop(buffer);
        handle.clear(key);
    }
}
