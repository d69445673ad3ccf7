//! Which types may cross threads, pinned both ways.

use blockpool::{
    LocalPool, PoolError, PooledBuffer, ReceivedTransaction, TransactionMemoryPool,
    TransactionQueue,
};
use std::rc::Rc;

const fn send_sync_static<T: Send + Sync + 'static>() {}

const _: () = {
    send_sync_static::<TransactionMemoryPool>();
    send_sync_static::<PooledBuffer>();
    send_sync_static::<LocalPool>();
    send_sync_static::<PoolError>();
    send_sync_static::<TransactionQueue>();
    send_sync_static::<ReceivedTransaction<PooledBuffer>>();
    // Sharing the queue only moves items, so they need not be `Sync`.
    send_sync_static::<TransactionQueue<ReceivedTransaction<std::cell::Cell<u8>>>>();
};

/// Fails to compile if the type implements the trait: `pin` would then be
/// ambiguous.
macro_rules! assert_not {
    ($type:ty: $trait:ident) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn pin() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implements;
            impl<T: ?Sized + $trait> Ambiguous<Implements> for T {}
            let _ = <$type as Ambiguous<_>>::pin;
        };
    };
}

assert_not!(TransactionQueue<ReceivedTransaction<Rc<u8>>>: Send);
assert_not!(TransactionQueue<Rc<u8>>: Sync);
assert_not!(ReceivedTransaction<Rc<u8>>: Send);
// One owner each.
assert_not!(PooledBuffer: Clone);
assert_not!(LocalPool: Clone);

#[test]
fn a_guard_is_as_small_as_its_vec_and_one_pointer() {
    let expected = size_of::<Vec<u8>>() + size_of::<usize>();
    assert_eq!(size_of::<PooledBuffer>(), expected);
    assert_eq!(size_of::<TransactionMemoryPool>(), size_of::<usize>());
}
