//! A signal handler uses what the interrupted thread was using, whatever that thread was doing.

use std::cell::UnsafeCell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use blockpool_core::{Block, LocalPool, Pool, Queue};

use crate::harness::{Ends, Random, assert_whole, read_stamp, scope, write_stamp};

/// More than one word of them, and not many for three to share.
type Blocks = Pool<64, 66>;
type Burst = heapless::Vec<Block<'static, Blocks>, 3>;

static POOL: Blocks = Pool::new();
static QUEUE: Queue<'static, Blocks> = Queue::new(&POOL);

/// A user of pool and queue: a thread, or the handler.
struct Party {
    local: LocalPool<'static, Blocks, 8>,
    held: heapless::Vec<Block<'static, Blocks>, 8>,
    /// Fills what it holds.
    stamp: u64,
    random: Random,
}

impl Party {
    const fn new(stamp: u64) -> Self {
        let local = LocalPool::new(&POOL);
        Self { local, held: heapless::Vec::new(), stamp, random: Random(stamp) }
    }

    fn keep(&mut self, blocks: impl IntoIterator<Item = Block<'static, Blocks>>) {
        for mut block in blocks {
            write_stamp(&mut block, self.stamp);
            // A block that does not fit is given back.
            let _ = self.held.push(block);
        }
    }

    fn let_go(&mut self) -> Option<Block<'static, Blocks>> {
        let block = self.held.pop()?;
        assert_eq!(read_stamp(&block), self.stamp, "someone else wrote to it");
        Some(block)
    }

    fn step(&mut self) {
        let mut burst = Burst::new();
        match self.random.below(10) {
            0 => self.keep(POOL.get()),
            1 => {
                let block = self.local.get();
                self.keep(block);
            }
            2 => {
                self.local.get_burst(&mut burst);
                self.keep(burst);
            }
            3 => self.keep(QUEUE.pop()),
            4 => {
                QUEUE.pop_burst(&mut burst);
                self.keep(burst);
            }
            5 => drop(self.let_go()),
            6 => {
                if let Some(block) = self.let_go() {
                    self.local.put(block);
                }
            }
            7 => {
                if let Some(block) = self.let_go() {
                    QUEUE.push(block).expect("a block of this pool");
                }
            }
            8 => {
                burst.extend((0..3).map_while(|_| self.let_go()));
                QUEUE.push_burst(&mut burst);
            }
            _ => self.local.flush(),
        }
    }
}

/// A timer of one thread. It lives as long as the program.
struct Timer(libc::timer_t);

impl Timer {
    /// Sends SIGUSR1 to this thread.
    fn new() -> Self {
        // SAFETY: all-zero is valid; the fields that matter are set below.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGUSR1;
        // SAFETY: it has no preconditions.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = ptr::null_mut();
        let clock = libc::CLOCK_MONOTONIC;
        // SAFETY: both pointers are valid.
        let result = unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        Self(timer)
    }

    /// Makes it fire once. May be called by a signal handler.
    fn start(&self, nanoseconds: usize) {
        // SAFETY: all-zero is valid: no interval.
        let mut value: libc::itimerspec = unsafe { mem::zeroed() };
        value.it_value.tv_nsec = nanoseconds as libc::c_long;
        // SAFETY: the timer exists.
        unsafe { libc::timer_settime(self.0, 0, &raw const value, ptr::null_mut()) };
    }
}

/// The handler's part, and how often it ran.
struct Handler {
    party: UnsafeCell<Party>,
    timer: OnceLock<Timer>,
    runs: AtomicUsize,
}

// SAFETY: the party is used by the handler alone, in one thread, where it does not interrupt itself; and by
// the test once the signals have ended. A timer may be used by any thread.
unsafe impl Sync for Handler {}

static HANDLER: Handler = Handler {
    party: UnsafeCell::new(Party::new(1)),
    timer: OnceLock::new(),
    runs: AtomicUsize::new(0),
};

extern "C" fn handle(_: libc::c_int) {
    // SAFETY: nothing else uses the party: see above.
    let party = unsafe { &mut *HANDLER.party.get() };
    (0..4).for_each(|_| party.step());
    HANDLER.runs.fetch_add(1, Ordering::Release);
    if let Some(timer) = HANDLER.timer.get() {
        timer.start(2_000 + party.random.below(50_000));
    }
}

fn on_signal(action: libc::sighandler_t) {
    // SAFETY: all-zero is a valid `sigaction`, with an empty mask.
    let mut new: libc::sigaction = unsafe { mem::zeroed() };
    new.sa_sigaction = action;
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: `new` is valid; the handler touches only what is lock-free or its own.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const new, ptr::null_mut()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_signal_handler_uses_what_it_interrupts() {
    const SIGNALS: usize = 10_000;
    on_signal(handle as extern "C" fn(libc::c_int) as libc::sighandler_t);
    let end = AtomicBool::new(false);
    let runs = || HANDLER.runs.load(Ordering::Acquire);
    scope(|scope| {
        scope.spawn(|| {
            let mut party = Party::new(3);
            while !end.load(Ordering::Relaxed) {
                party.step();
            }
        });
        let _ends = Ends(&end);
        // The one that is interrupted.
        let mut party = Party::new(2);
        let begin = Instant::now();
        HANDLER.timer.get_or_init(Timer::new).start(1_000);
        while runs() < SIGNALS && (runs() == 0 || begin.elapsed() < Duration::from_secs(1)) {
            (0..100).for_each(|_| party.step());
        }
        // The last signal, which may be on its way, is discarded.
        on_signal(libc::SIG_IGN);
    });
    println!("{} signals", runs());

    // SAFETY: no signal is being handled, and no more will come.
    let party = unsafe { &mut *HANDLER.party.get() };
    while party.let_go().is_some() {}
    party.local.flush();
    while let Some(block) = QUEUE.pop() {
        assert!((1..=3).contains(&read_stamp(&block)));
    }
    assert_whole(&POOL);
}
