//! `blockpool-core`.

use blockpool_core::storage::Storage;
use blockpool_core::{Block, BlockPool, LocalPool};

use super::{Burst, Contender, marked};

/// A pool that every thread uses directly.
#[derive(Debug)]
pub struct Shared<S: Storage + 'static> {
    pub name: &'static str,
    pub less: &'static str,
    pub pool: &'static BlockPool<S>,
}

impl<S: Storage + 'static> Contender for Shared<S> {
    type Handle = &'static BlockPool<S>;
    type Buffer = Block<'static, BlockPool<S>>;

    fn name(&self) -> &'static str {
        self.name
    }

    fn less(&self) -> String {
        self.less.into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.pool.capacity())
    }

    fn handle(&'static self) -> &'static BlockPool<S> {
        self.pool
    }

    fn get(handle: &mut &'static BlockPool<S>) -> Option<Block<'static, BlockPool<S>>> {
        (*handle).get()
    }

    fn touch(buffer: &mut Block<'static, BlockPool<S>>) {
        buffer.write_slice(&marked()).expect("a block has room for eight bytes");
    }

    fn first_byte(buffer: &Block<'static, BlockPool<S>>) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(_: &mut &'static BlockPool<S>, buffer: Block<'static, BlockPool<S>>) {
        drop(buffer);
    }
}

/// A pool used through a local pool for each thread.
#[derive(Debug)]
pub struct Private<S: Storage + 'static>(pub &'static BlockPool<S>);

impl<S: Storage + 'static> Contender for Private<S> {
    type Handle = LocalPool<'static, BlockPool<S>>;
    type Buffer = Block<'static, BlockPool<S>>;

    fn name(&self) -> &'static str {
        "`blockpool_core::LocalPool`"
    }

    fn less(&self) -> String {
        "keeps up to 64 free blocks from other threads".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.0.capacity())
    }

    fn handle(&'static self) -> LocalPool<'static, BlockPool<S>> {
        self.0.local_pool()
    }

    fn get(handle: &mut LocalPool<'static, BlockPool<S>>) -> Option<Block<'static, BlockPool<S>>> {
        handle.get()
    }

    fn touch(buffer: &mut Block<'static, BlockPool<S>>) {
        buffer.write_slice(&marked()).expect("a block has room for eight bytes");
    }

    fn first_byte(buffer: &Block<'static, BlockPool<S>>) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(handle: &mut LocalPool<'static, BlockPool<S>>, buffer: Block<'static, BlockPool<S>>) {
        handle.put(buffer);
    }

    fn get_burst(
        handle: &mut LocalPool<'static, BlockPool<S>>,
        burst: &mut Burst<Block<'static, BlockPool<S>>>,
    ) {
        handle.get_burst(burst);
    }

    fn put_burst(
        handle: &mut LocalPool<'static, BlockPool<S>>,
        burst: &mut Burst<Block<'static, BlockPool<S>>>,
    ) {
        handle.put_burst(burst);
    }
}
