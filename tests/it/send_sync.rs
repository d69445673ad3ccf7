//! What may be sent to, and shared with, another thread; and what may not be copied.

use blockpool_core::storage::{
    Bitmap, Bookkeeping, Counted, FreeListKind, HeaplessQueue, SpinStack,
};
use blockpool_core::{Block, LocalPool, Pool, Queue, QueueSlot, Region};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::harness::Mapping;

type Own = Pool<64, 8>;
type Given = Region<'static>;

assert_impl_all!(Own: Send, Sync);
assert_impl_all!(Given: Send, Sync);
assert_impl_all!(Block<'static, Own>: Send, Sync);
assert_impl_all!(Block<'static, Given>: Send, Sync);
assert_impl_all!(LocalPool<'static, Own>: Send, Sync);
assert_impl_all!(LocalPool<'static, Given>: Send, Sync);
assert_impl_all!(Queue<'static, Own>: Send, Sync);
assert_impl_all!(Queue<'static, Given>: Send, Sync);
assert_impl_all!(<Bitmap as FreeListKind>::List<8>: Send, Sync);
assert_impl_all!(<Counted as FreeListKind>::List<8>: Send, Sync);
assert_impl_all!(<HeaplessQueue<8> as FreeListKind>::List<8>: Send, Sync);
assert_impl_all!(<SpinStack as FreeListKind>::List<8>: Send, Sync);
assert_impl_all!(Bookkeeping: Send, Sync);
assert_impl_all!(QueueSlot: Send, Sync);

// A second handle would be a second owner.
assert_not_impl_any!(Own: Clone, Copy);
assert_not_impl_any!(Given: Clone, Copy);
assert_not_impl_any!(Block<'static, Own>: Clone, Copy);
assert_not_impl_any!(LocalPool<'static, Own>: Clone, Copy);
assert_not_impl_any!(Queue<'static, Own>: Clone, Copy);
assert_not_impl_any!(Bookkeeping: Clone, Copy);
assert_not_impl_any!(QueueSlot: Clone, Copy);

// A type with a raw pointer is neither by default, so a `Region`, which has one, is both by promise, not by
// chance.
assert_not_impl_any!(Mapping: Send, Sync);
