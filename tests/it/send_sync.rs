//! What may go to, and be shared with, another thread; and what may not be copied.

use blockpool_core::{
    Bitmap, Block, Bookkeeping, Counted, HeaplessQueue, Inline, Place, Pool, Queue, Region,
    SpinStack, Worker,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::harness::Mapping;

type Own = Pool<64, 8>;
type Given = Region<'static>;

assert_impl_all!(Own: Send, Sync);
assert_impl_all!(Given: Send, Sync);
assert_impl_all!(Block<'static, Own>: Send, Sync);
assert_impl_all!(Block<'static, Given>: Send, Sync);
assert_impl_all!(Worker<'static, Own>: Send, Sync);
assert_impl_all!(Worker<'static, Given>: Send, Sync);
assert_impl_all!(Queue<'static, Own>: Send, Sync);
assert_impl_all!(Queue<'static, Given>: Send, Sync);
assert_impl_all!(Bitmap<Inline<8>>: Send, Sync);
assert_impl_all!(Counted<Bitmap<Inline<8>>>: Send, Sync);
assert_impl_all!(HeaplessQueue<8>: Send, Sync);
assert_impl_all!(SpinStack<8>: Send, Sync);
assert_impl_all!(Bookkeeping: Send, Sync);
assert_impl_all!(Place: Send, Sync);

// A second handle would be a second owner.
assert_not_impl_any!(Own: Clone, Copy);
assert_not_impl_any!(Given: Clone, Copy);
assert_not_impl_any!(Block<'static, Own>: Clone, Copy);
assert_not_impl_any!(Worker<'static, Own>: Clone, Copy);
assert_not_impl_any!(Queue<'static, Own>: Clone, Copy);
assert_not_impl_any!(Bookkeeping: Clone, Copy);
assert_not_impl_any!(Place: Clone, Copy);

// A raw pointer makes a type neither, so a `Region`, which has one, is so by promise, not by chance.
assert_not_impl_any!(Mapping: Send, Sync);
