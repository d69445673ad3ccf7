//! What other threads see while one is stopped in the middle of an operation.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quanta::Clock;

use super::latency::{Recorder, Times, until};
use super::random::Random;
use crate::peers::Contender;
use crate::schedule::{Job, spawn, together};

/// How long a thread is stopped.
pub const PAUSE: Duration = Duration::from_millis(5);

/// How often a thread was stopped since the program began.
static PAUSES: AtomicU64 = AtomicU64::new(0);

/// The victim's thread, 0 while there is none to stop. As wide as a `pthread_t`.
type Victim = AtomicUsize;

extern "C" fn pause(_: libc::c_int) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: PAUSE.as_nanos() as libc::c_long };
    // SAFETY: async-signal-safe; the time is valid for reads, and the remaining time is not requested.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
    PAUSES.fetch_add(1, Ordering::Relaxed);
}

/// Makes SIGUSR1 stop the thread that receives it.
fn install() {
    // SAFETY: all zero is a valid action: the default one, nothing blocked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = pause as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the action is valid for reads, and its handler is async-signal-safe.
    unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
}

/// Stops the victim repeatedly, at random moments, at least once.
fn torment(victim: &Victim, duration: Duration) {
    let mut random = Random::new();
    while victim.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let begin = Instant::now();
    loop {
        thread::sleep(Duration::from_micros(200 + random.below(1000) as u64));
        let before = PAUSES.load(Ordering::Relaxed);
        let thread = victim.load(Ordering::Relaxed) as libc::pthread_t;
        // SAFETY: the victim ends only when told to, which happens after this.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        while PAUSES.load(Ordering::Relaxed) == before {
            thread::sleep(PAUSE / 10);
        }
        if begin.elapsed() >= duration {
            return;
        }
    }
}

/// One thread takes and gives back, and is repeatedly stopped for 5 ms at random moments. Returns the times
/// of another thread that also takes and gives back, and how often the first one was stopped.
pub fn times<C: Contender>(contender: &'static C, duration: Duration) -> (Times, u64) {
    install();
    let before = PAUSES.load(Ordering::Relaxed);
    let clock = &Clock::new();
    let (victim, done) = (&Victim::new(0), &AtomicBool::new(false));
    let others = &Mutex::new(Times::default());
    let stopped: Job<'_> = Box::new(move |start| {
        let mut handle = contender.handle();
        let handle = black_box(&mut handle);
        let mut unused = Recorder::new(clock);
        start.timed(|| {
            // SAFETY: cannot fail.
            let this = unsafe { libc::pthread_self() };
            victim.store(this as usize, Ordering::Release);
            until::<C>(&mut unused, handle, || done.load(Ordering::Relaxed));
        })
    });
    let other: Job<'_> = Box::new(move |start| {
        let mut handle = contender.handle();
        let handle = black_box(&mut handle);
        let mut recorder = Recorder::new(clock);
        let sample = start.timed(|| {
            until::<C>(&mut recorder, handle, || done.load(Ordering::Relaxed));
        });
        others.lock().expect("no thread panics").add(&recorder.times);
        sample
    });
    thread::scope(|scope| {
        spawn(scope, (1, 1), move || together(vec![stopped, other]));
        torment(victim, duration);
        done.store(true, Ordering::Relaxed);
    });
    let times = std::mem::take(&mut *others.lock().expect("no thread panics"));
    (times, PAUSES.load(Ordering::Relaxed) - before)
}
