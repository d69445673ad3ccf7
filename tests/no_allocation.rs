//! After construction, no operation of pool, local pool, guard or queue calls the allocator. A separate
//! binary, because it replaces the allocator.

use blockpool::{ReceivedTransaction, TransactionMemoryPool, TransactionQueue};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

thread_local! {
    /// This thread's calls; the harness has threads of its own.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    CALLS.set(CALLS.get() + 1);
}

struct Counting;

// SAFETY: every call is passed on unchanged to `System`, which keeps the contract;
// counting touches a thread-local without a destructor, so it never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn calls(work: impl FnOnce()) -> usize {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

const PAYLOAD: [u8; 1232] = [7; 1232];

#[test]
fn the_counter_sees_allocations() {
    assert_eq!(calls(|| drop(std::hint::black_box(Box::new(7)))), 2);
}

#[test]
fn the_shared_pool_does_not_call_the_allocator() {
    let pool = TransactionMemoryPool::new(1232, 128);
    assert_eq!(
        0,
        calls(|| for _ in 0..1000 {
            let mut buffer = pool.get_buffer();
            buffer.extend_from_slice(&PAYLOAD);
            pool.return_buffer(buffer);
        })
    );
}

#[test]
fn an_exhausted_pool_asked_without_fallback_does_not_call_the_allocator() {
    let pool = TransactionMemoryPool::new(1232, 1);
    let _held = pool.get();
    assert_eq!(0, calls(|| assert!(pool.try_get().is_none())));
}

#[test]
fn guards_do_not_call_the_allocator() {
    let pool = TransactionMemoryPool::new(1232, 128);
    assert_eq!(
        0,
        calls(|| for _ in 0..1000 {
            let mut first = pool.get();
            first.extend_from_slice(&PAYLOAD);
            let second = pool.try_get().unwrap();
            drop(first);
            pool.return_buffer(second.detach());
        })
    );
}

#[test]
fn a_local_pool_does_not_call_the_allocator_even_to_refill_spill_and_flush() {
    let pool = TransactionMemoryPool::new(1232, 1024);
    let mut local = pool.local_pool();
    let mut held = Vec::with_capacity(200);
    let all = calls(|| {
        for _ in 0..10 {
            for _ in 0..200 {
                let mut buffer = local.get_buffer();
                buffer.extend_from_slice(&PAYLOAD);
                held.push(buffer);
            }
            for buffer in held.drain(..) {
                local.return_buffer(buffer);
            }
            local.flush();
        }
    });
    assert_eq!(all, 0);
    assert_eq!((pool.available_buffers(), pool.discarded()), (1024, 0));
}

#[test]
fn the_queue_does_not_call_the_allocator() {
    let pool = TransactionMemoryPool::new(1232, 128);
    let queue = TransactionQueue::new(64);
    assert_eq!(
        0,
        calls(|| for _ in 0..1000 {
            let mut data = pool.get();
            data.extend_from_slice(&PAYLOAD);
            let source = ([10, 0, 0, 1], 8001).into();
            let received = Instant::now();
            let item = ReceivedTransaction { data, source, received };
            assert!(queue.push(item).is_ok());
            drop(queue.pop());
        })
    );
}
