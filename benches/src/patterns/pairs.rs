//! Taking, touching and giving back, on one thread or on several at once.

use std::hint::black_box;

use super::{Work, warm_up};
use crate::peers::{BURST, Burst, Contender, take_burst};
use crate::schedule::{Job, crowd, timed, together};

/// One buffer at a time.
fn pairs<C: Contender>(handle: &mut C::Handle, count: u64) {
    for _ in 0..count {
        let mut buffer = C::take(handle);
        C::touch(&mut buffer);
        C::put(handle, buffer);
    }
}

/// Takes a burst, touches each buffer, and gives the burst back.
fn bursts<C: Contender>(handle: &mut C::Handle, count: u64) {
    let mut burst = Burst::<C::Buffer>::new();
    for _ in 0..count.div_ceil(BURST as u64) {
        take_burst::<C>(handle, &mut burst);
        burst.iter_mut().for_each(C::touch);
        C::put_burst(handle, &mut burst);
    }
}

fn on_one_thread<C: Contender>(contender: &'static C, work: fn(&mut C::Handle, u64)) -> Work {
    Box::new(move |count| {
        let mut handle = contender.handle();
        // Keeps what a handle holds in memory, as in a program that does other things too.
        let handle = black_box(&mut handle);
        work(handle, warm_up(count));
        timed(|| work(handle, count))
    })
}

/// Pairs on one thread.
pub fn one_thread<C: Contender>(contender: &'static C) -> Work {
    on_one_thread(contender, pairs::<C>)
}

/// Bursts on one thread.
pub fn burst<C: Contender>(contender: &'static C) -> Work {
    on_one_thread(contender, bursts::<C>)
}

fn on_threads<C: Contender>(contender: &'static C, threads: usize, each: u64) -> Vec<Job<'static>> {
    let job = |_| -> Job<'static> {
        Box::new(move |start| {
            let mut handle = contender.handle();
            let handle = black_box(&mut handle);
            pairs::<C>(handle, warm_up(each));
            start.timed(|| pairs::<C>(handle, each))
        })
    };
    (0..threads).map(job).collect()
}

/// Pairs on two threads at once: each thread does all of them.
pub fn two_threads<C: Contender>(contender: &'static C) -> Work {
    Box::new(|count| together(on_threads(contender, 2, count)))
}

/// Pairs on many more threads than cores: all of them together.
pub fn many_threads<C: Contender>(contender: &'static C) -> Work {
    threads(contender, crowd())
}

/// Pairs on that many threads: all of them together.
pub fn threads<C: Contender>(contender: &'static C, threads: usize) -> Work {
    Box::new(move |count| together(on_threads(contender, threads, count.div_ceil(threads as u64))))
}
