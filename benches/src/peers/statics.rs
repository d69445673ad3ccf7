//! Pools of other crates that hold blocks: one pool for each type.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use heapless::pool::boxed::{self, BoxBlock, BoxPool};

use super::{Contender, marked};

/// A block as a `static` of those crates holds it: uninitialised, like ours.
pub type Bytes<const SIZE: usize> = MaybeUninit<[u8; SIZE]>;

fn touch<const SIZE: usize>(bytes: &mut Bytes<SIZE>) {
    // SAFETY: blocks have at least 64 bytes.
    unsafe { bytes.as_mut_ptr().cast::<[u8; 8]>().write(marked()) };
}

fn first_byte<const SIZE: usize>(bytes: &Bytes<SIZE>) -> *const u8 {
    bytes.as_ptr().cast()
}

/// `heapless::pool::boxed`: a Treiber stack with a tag beside its top.
#[derive(Debug)]
pub struct Boxed<P, const SIZE: usize> {
    count: usize,
    pool: PhantomData<fn(P)>,
}

impl<P: BoxPool<Data = Bytes<SIZE>>, const SIZE: usize> Boxed<P, SIZE> {
    /// Gives the pool `count` blocks. Call it once for each pool.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let blocks: Vec<_> = (0..count).map(|_| BoxBlock::new()).collect();
        blocks.leak().iter_mut().for_each(P::manage);
        Self { count, pool: PhantomData }
    }
}

impl<P: BoxPool<Data = Bytes<SIZE>> + 'static, const SIZE: usize> Contender for Boxed<P, SIZE> {
    type Handle = ();
    type Buffer = boxed::Box<P>;

    fn name(&self) -> &'static str {
        "`heapless::pool`"
    }

    fn less(&self) -> String {
        "checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.count)
    }

    fn handle(&'static self) {}

    fn get((): &mut ()) -> Option<Self::Buffer> {
        P::alloc(MaybeUninit::uninit()).ok()
    }

    fn touch(buffer: &mut Self::Buffer) {
        touch(buffer);
    }

    fn first_byte(buffer: &Self::Buffer) -> *const u8 {
        first_byte(buffer)
    }

    fn put((): &mut (), buffer: Self::Buffer) {
        drop(buffer);
    }
}

/// `atomic-pool`: a bit for each block, searched from the first.
#[derive(Debug)]
pub struct InBitset<P> {
    count: usize,
    pool: PhantomData<fn(P)>,
}

impl<P: atomic_pool::Pool> InBitset<P> {
    /// The pool of that type, which has `count` blocks.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let _ = P::get();
        Self { count, pool: PhantomData }
    }
}

impl<P, const SIZE: usize> Contender for InBitset<P>
where
    P: atomic_pool::Pool<Item = Bytes<SIZE>>,
{
    type Handle = ();
    type Buffer = atomic_pool::Box<P>;

    fn name(&self) -> &'static str {
        "`atomic-pool`"
    }

    fn less(&self) -> String {
        "checks a number's range only".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.count)
    }

    fn handle(&'static self) {}

    fn get((): &mut ()) -> Option<Self::Buffer> {
        atomic_pool::Box::new(MaybeUninit::uninit())
    }

    fn touch(buffer: &mut Self::Buffer) {
        touch(buffer);
    }

    fn first_byte(buffer: &Self::Buffer) -> *const u8 {
        first_byte(buffer)
    }

    fn put((): &mut (), buffer: Self::Buffer) {
        drop(buffer);
    }
}
