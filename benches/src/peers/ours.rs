//! `blockpool-core`.

use blockpool_core::{Block, BlockPool, Worker};

use super::{Burst, Contender, marked};

/// A pool that every thread uses directly.
#[derive(Debug)]
pub struct Shared<P: 'static> {
    pub name: &'static str,
    pub less: &'static str,
    pub pool: &'static P,
}

impl<P: BlockPool + 'static> Contender for Shared<P> {
    type Handle = &'static P;
    type Buffer = Block<'static, P>;

    fn name(&self) -> &'static str {
        self.name
    }

    fn less(&self) -> String {
        self.less.into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.pool.capacity())
    }

    fn handle(&'static self) -> &'static P {
        self.pool
    }

    fn get(handle: &mut &'static P) -> Option<Block<'static, P>> {
        (*handle).get()
    }

    fn touch(buffer: &mut Block<'static, P>) {
        buffer.write_slice(&marked()).expect("a block has room for eight bytes");
    }

    fn first_byte(buffer: &Block<'static, P>) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(_: &mut &'static P, buffer: Block<'static, P>) {
        drop(buffer);
    }
}

/// A pool by a worker for each thread.
#[derive(Debug)]
pub struct Private<P: 'static>(pub &'static P);

impl<P: BlockPool + 'static> Contender for Private<P> {
    type Handle = Worker<'static, P>;
    type Buffer = Block<'static, P>;

    fn name(&self) -> &'static str {
        "`Worker`"
    }

    fn less(&self) -> String {
        "keeps up to 64 free blocks from other threads".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.0.capacity())
    }

    fn handle(&'static self) -> Worker<'static, P> {
        Worker::new(self.0)
    }

    fn get(handle: &mut Worker<'static, P>) -> Option<Block<'static, P>> {
        handle.get()
    }

    fn touch(buffer: &mut Block<'static, P>) {
        buffer.write_slice(&marked()).expect("a block has room for eight bytes");
    }

    fn first_byte(buffer: &Block<'static, P>) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(handle: &mut Worker<'static, P>, buffer: Block<'static, P>) {
        handle.put(buffer);
    }

    fn get_burst(handle: &mut Worker<'static, P>, burst: &mut Burst<Block<'static, P>>) {
        handle.get_burst(burst);
    }

    fn put_burst(handle: &mut Worker<'static, P>, burst: &mut Burst<Block<'static, P>>) {
        handle.put_burst(burst);
    }
}
