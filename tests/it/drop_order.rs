//! Everything that holds a block gives it back on drop, in any order, on any thread, and during a panic.

use std::cell::RefCell;
use std::mem;
use std::panic::{catch_unwind, resume_unwind};
use std::thread;

use blockpool_core::{Block, LocalPool, Pool, Queue};

use crate::harness::{assert_whole, scope};

type P = Pool<64, 40>;
type Burst<'p> = heapless::Vec<Block<'p, P>, 4>;

/// Something that holds blocks, and how many.
type Holder<'p> = (Box<dyn Held + 'p>, usize);

trait Held {}

impl Held for Block<'_, P> {}
impl Held for Burst<'_> {}
impl Held for LocalPool<'_, P, 8> {}
impl Held for Queue<'_, P> {}

/// One of each kind.
fn holders(pool: &P) -> Vec<Holder<'_>> {
    let get = || pool.get().expect("enough are free");
    let mut local: LocalPool<'_, P, 8> = LocalPool::new(pool);
    (0..3).for_each(|_| local.put(get()));
    let queue = Queue::new(pool);
    (0..5).for_each(|_| queue.push(get()).expect("a block of this pool"));
    let burst: Burst<'_> = (0..2).map(|_| get()).collect();
    vec![(Box::new(get()), 1), (Box::new(burst), 2), (Box::new(local), 3), (Box::new(queue), 5)]
}

#[test]
fn holders_give_back_what_they_hold_in_any_order_of_drops() {
    let pool = P::new();
    // Each number below 4 × 3 × 2 encodes one order.
    for order in 0..24 {
        let mut left = holders(&pool);
        let mut out = 11;
        let mut rest = order;
        while !left.is_empty() {
            assert_eq!(pool.available(), 40 - out);
            let choices = left.len();
            let (holder, blocks) = left.swap_remove(rest % choices);
            rest /= choices;
            drop(holder);
            out -= blocks;
        }
        assert_whole(&pool);
    }
}

#[test]
fn a_thread_that_ends_gives_back_what_it_holds() {
    let pool = P::new();
    scope(|scope| {
        scope.spawn(|| {
            let _held = holders(&pool);
        });
    });
    assert_whole(&pool);
}

#[test]
fn a_thread_that_panics_gives_back_what_it_holds() {
    let pool = P::new();
    scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = holders(&pool);
            // A panic without its message in the output.
            resume_unwind(Box::new("a panic"));
        });
        assert!(thread.join().is_err());
    });
    assert_whole(&pool);
}

#[test]
fn a_block_dropped_by_another_thread_is_free_again() {
    let pool = P::new();
    scope(|scope| {
        let blocks: Vec<_> = (0..40).map(|_| pool.get().expect("it is free")).collect();
        assert!(pool.get().is_none());
        scope.spawn(move || drop(blocks));
    });
    assert_whole(&pool);
}

#[test]
fn a_forgotten_block_stays_out_and_no_other() {
    let pool = P::new();
    let forgotten = pool.get().expect("it is free");
    let index = forgotten.index();
    mem::forget(forgotten);
    for _ in 0..2 {
        let blocks: Vec<_> = std::iter::from_fn(|| pool.get()).collect();
        assert_eq!(blocks.len(), 39);
        assert!(blocks.iter().all(|block| block.index() != index));
    }
}

#[test]
fn a_thread_that_ends_flushes_the_local_pool_in_its_local_storage() {
    static POOL: P = Pool::new();
    thread_local! {
        static LOCAL: RefCell<LocalPool<'static, P, 8>> = const { RefCell::new(LocalPool::new(&POOL)) };
    }
    for panics in [false, true] {
        let thread = thread::spawn(move || {
            LOCAL.with_borrow_mut(|local| {
                let block = local.get().expect("it is free");
                local.put(block);
                assert!(local.stock() > 0);
                if panics {
                    resume_unwind(Box::new("a panic"));
                }
            });
        });
        assert_eq!(thread.join().is_err(), panics);
        assert_whole(&POOL);
    }
}

#[test]
fn a_panic_amid_a_burst_leaves_no_block_out() {
    let pool = P::new();
    let queue = Queue::new(&pool);
    let result = catch_unwind(|| {
        let mut local: LocalPool<'_, P, 8> = LocalPool::new(&pool);
        let mut burst = Burst::new();
        local.get_burst(&mut burst);
        queue.push_burst(&mut burst);
        let _one = queue.pop();
        queue.pop_burst(&mut heapless::Vec::<_, 2>::new());
        local.get_burst(&mut burst);
        for (number, block) in burst.into_iter().enumerate() {
            if number == 2 {
                resume_unwind(Box::new("a panic"));
            }
            local.put(block);
        }
    });
    assert!(result.is_err());
    // One block of the chain is left in the queue.
    assert_eq!((queue.len(), pool.available()), (1, 39));
    drop(queue);
    assert_whole(&pool);
}
