//! Bugs for sanitizers to find: `tests/sanitize` runs them one at a time, by name, to show that a run which
//! reports nothing would have reported a bug.

use std::env;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use blockpool_core::{Block, LocalPool, Pool};

/// Between the blocks lie 28 bytes that belong to no block.
type P = Pool<100, 4>;

static POOL: P = Pool::new();

fn main() {
    match env::args().nth(1).as_deref() {
        Some("race-after-drop") => race(drop),
        Some("race-after-put") => race(put),
        Some("write-after-drop") => write_after(drop),
        Some("write-after-put") => write_after(put),
        Some("write-after-put-burst") => write_after(put_burst),
        Some("read-past-the-end") => read_past_the_end(),
        other => panic!("no such bug: {other:?}"),
    }
}

fn put(block: Block<'static, P>) {
    LocalPool::<P, 1>::new(&POOL).put(block);
}

fn put_burst(block: Block<'static, P>) {
    let mut burst: heapless::Vec<_, 1> = [block].into_iter().collect();
    LocalPool::<P, 1>::new(&POOL).put_burst(&mut burst);
}

/// One thread gives a block back and continues to write to it while another one owns it. The two are ordered
/// in time, so that the race occurs in every run, but by nothing that a race detector takes for an order.
fn race(give_back: fn(Block<'static, P>)) {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    // All but one, so that the other thread gets that one.
    let _others = [POOL.get(), POOL.get(), POOL.get()];
    let mut block = POOL.get().expect("four are free");
    thread::scope(|scope| {
        scope.spawn(|| {
            block.append(b"mine").expect("it fits");
            let stale = block.as_mut_ptr();
            give_back(block);
            while !TAKEN.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            // SAFETY: none: this is the bug.
            unsafe { stale.write(0) };
        });
        scope.spawn(|| {
            let mut block = loop {
                match POOL.get() {
                    Some(block) => break block,
                    None => thread::yield_now(),
                }
            };
            block.append(b"not yours").expect("it fits");
            TAKEN.store(true, Ordering::Relaxed);
            // Keep it until the other thread has written.
            std::mem::forget(block);
        });
    });
}

fn write_after(give_back: fn(Block<'static, P>)) {
    let mut block = POOL.get().expect("it is free");
    let stale = block.as_mut_ptr();
    give_back(block);
    // SAFETY: none: this is the bug.
    unsafe { black_box(stale).write(0) };
}

fn read_past_the_end() {
    let block = POOL.get().expect("it is free");
    let past = black_box(block.as_ptr()).wrapping_add(block.capacity());
    // SAFETY: none: this is the bug.
    black_box(unsafe { past.read() });
}
