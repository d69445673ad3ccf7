//! One run: a sender, one receiving stage, workers, and what they saw.

use std::net::UdpSocket;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread::{self, ScopedJoinHandle, Thread};
use std::time::{Duration, Instant};

use quanta::Clock;
use serde::Serialize;

use super::error::RunError;
use super::meter::{Durations, Meter};
use super::receive::{Arrival, BATCH, Receiver};
use super::sender::{Sent, Traffic};
use super::sockets;
use super::stages::{Receive, Work};
use crate::allocations::allocations_of_this_thread;
use crate::input::verify::{self, Invalid};

/// How much a worker does with a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Nothing: the pool and the queue alone.
    None,
    /// Parse it, without copying.
    Parse,
    /// Parse it and verify its signatures, in batches.
    Verify,
}

/// How long a run warms up before it is measured.
const WARM_UP: Duration = Duration::from_millis(200);

/// The longest that a worker without work sleeps.
const NAP: Duration = Duration::from_millis(1);

/// What to run.
pub struct Setup<'a> {
    /// What is sent.
    pub traffic: &'a Traffic,
    /// For how long, after the warm-up.
    pub duration: Duration,
    /// How much workers do.
    pub check: Check,
    /// The longest packet that fits in a buffer.
    pub buffer_size: usize,
    /// The clock for short times.
    pub clock: &'a Clock,
    /// Set from outside to end the run early.
    pub interrupted: &'a AtomicBool,
    /// Called many times a second with the time since the run began, warm-up included.
    pub progress: &'a (dyn Fn(Duration) + Sync),
}

impl Setup<'_> {
    /// How long the sender sends in total.
    pub fn sending(&self) -> Duration {
        WARM_UP + self.duration
    }
}

/// What a run saw: counts of the whole run, so that they add up; times and allocations after the warm-up.
pub struct Outcome {
    /// From the beginning to the end.
    pub elapsed: Duration,
    /// What the sender did.
    pub sent: Sent,
    /// Seen by the receiving stage.
    pub received: ReceiveOutcome,
    /// Seen by all workers.
    pub worked: WorkOutcome,
}

/// What the receiving stage saw.
pub struct ReceiveOutcome {
    /// Datagrams received.
    pub datagrams: u64,
    /// Of these, longer than a buffer, and dropped.
    pub truncated: u64,
    /// Of these, dropped because the queue was full.
    pub queue_full: u64,
    /// Times that no buffer was available.
    pub exhausted: u64,
    /// The most buffers in use at once.
    pub high_water_mark: u64,
    /// Taking a buffer.
    pub get: Meter,
    /// Buffers taken after the warm-up.
    pub gets: u64,
    /// Allocations by this stage.
    pub allocations: u64,
    /// Time not spent waiting.
    pub busy: Duration,
}

/// What workers saw.
pub struct WorkOutcome {
    /// Transactions that passed.
    pub valid: u64,
    /// Transactions that did not, by reason.
    pub invalid: [u64; Invalid::ALL.len()],
    /// Giving a buffer back.
    pub give_back: Meter,
    /// From the kernel's receive time to the buffer's return.
    pub end_to_end: Durations,
    /// Allocations by workers outside the check.
    pub allocations: u64,
    /// Allocations by the check.
    pub check_allocations: u64,
    /// Time not spent waiting.
    pub busy: Duration,
}

impl ReceiveOutcome {
    fn new(clock: &Clock) -> Self {
        Self {
            datagrams: 0,
            truncated: 0,
            queue_full: 0,
            exhausted: 0,
            high_water_mark: 0,
            get: Meter::new(clock),
            gets: 0,
            allocations: 0,
            busy: Duration::ZERO,
        }
    }

    /// Forgets the times of the warm-up.
    fn end_warm_up(&mut self) {
        self.get.reset();
        self.gets = 0;
        self.busy = Duration::ZERO;
    }
}

impl WorkOutcome {
    fn new(clock: &Clock) -> Self {
        Self {
            valid: 0,
            invalid: [0; Invalid::ALL.len()],
            give_back: Meter::new(clock),
            end_to_end: Durations::new(),
            allocations: 0,
            check_allocations: 0,
            busy: Duration::ZERO,
        }
    }

    /// Forgets the times of the warm-up.
    fn end_warm_up(&mut self) {
        self.give_back.reset();
        self.end_to_end.reset();
        self.check_allocations = 0;
        self.busy = Duration::ZERO;
    }

    fn add(&mut self, other: &Self) {
        self.valid += other.valid;
        self.invalid.iter_mut().zip(other.invalid).for_each(|(sum, more)| *sum += more);
        self.give_back.add(&other.give_back);
        self.end_to_end.add(&other.end_to_end);
        self.allocations += other.allocations;
        self.check_allocations += other.check_allocations;
        self.busy += other.busy;
    }
}

/// What the threads of a run share.
struct Shared<'a> {
    setup: &'a Setup<'a>,
    measuring: AtomicBool,
    all_sent: AtomicBool,
    all_received: AtomicBool,
    /// A stage has failed or never began, so all others have to end.
    ended: AtomicBool,
    /// Buffers given back by workers.
    done: AtomicU64,
    sleepers: Vec<Sleeper>,
}

/// A worker that may be asleep.
#[derive(Default)]
struct Sleeper {
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Sleeper {
    /// Sleeps until woken or for a while, unless `ready` finds something to do.
    fn sleep_unless<T>(&self, ready: impl FnOnce() -> Option<T>) -> Option<T> {
        self.thread.get_or_init(thread::current);
        self.asleep.store(true, Ordering::Relaxed);
        // Sequentially consistent, with the fence in `wake`: either the waker sees `asleep`, or this thread
        // sees what the waker pushed before.
        fence(Ordering::SeqCst);
        let found = ready();
        if found.is_none() {
            thread::park_timeout(NAP);
        }
        self.asleep.store(false, Ordering::Relaxed);
        found
    }
}

impl Shared<'_> {
    /// Whether a stage has failed.
    fn ended(&self) -> bool {
        // Acquire: pairs with the release in `EndsAll`. What the stage did before is visible.
        self.ended.load(Ordering::Acquire)
    }

    /// Ends all stages on drop, unless told that this one is done.
    fn ends_all(&self) -> EndsAll<'_> {
        EndsAll { shared: self, done: false }
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        for sleeper in &self.sleepers {
            if sleeper.asleep.load(Ordering::Relaxed)
                && sleeper.asleep.swap(false, Ordering::Relaxed)
            {
                sleeper.thread.get().into_iter().for_each(Thread::unpark);
            }
        }
    }

    /// Whether the warm-up has just ended; each thread notices this once.
    fn begins_to_measure(&self, measuring: &mut bool) -> bool {
        let begins = !*measuring && self.measuring.load(Ordering::Relaxed);
        *measuring |= begins;
        begins
    }
}

/// Held by each stage, so that no other one waits for a stage that has failed or panicked.
struct EndsAll<'s> {
    shared: &'s Shared<'s>,
    done: bool,
}

impl EndsAll<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.ended.store(true, Ordering::Release);
            self.shared.wake();
        }
    }
}

/// Runs the pipeline once, over UDP on the loopback interface.
///
/// # Errors
///
/// If a socket or a thread cannot be obtained, or if a stage fails or panics, which ends the others too.
pub fn run<R: Receive, W: Work>(
    setup: &Setup<'_>,
    receive: R,
    workers: Vec<W>,
) -> Result<Outcome, RunError> {
    let (receiving, sending) = sockets::pair()?;
    let receiver = Receiver::new(receiving, setup.buffer_size)
        .map_err(RunError::system("prepare the receiving socket"))?;

    let shared = &Shared {
        setup,
        measuring: AtomicBool::new(false),
        all_sent: AtomicBool::new(false),
        all_received: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        done: AtomicU64::new(0),
        sleepers: workers.iter().map(|_| Sleeper::default()).collect(),
    };
    let threads = workers.len() + 2;
    thread::scope(|scope| {
        let this = shared.ends_all();
        let refused = |name: &str, number| {
            let name = name.to_owned();
            move |error| RunError::thread(&name, number, threads, error)
        };
        let spawn = |name: &str| thread::Builder::new().name(name.into());
        let receiving = spawn("receive")
            .spawn_scoped(scope, || receive_all(receive, receiver, shared))
            .map_err(refused("receive", 1))?;
        let mut working = Vec::with_capacity(workers.len());
        for (index, work) in workers.into_iter().enumerate() {
            let name = format!("worker {}", index + 1);
            let worker = spawn(&name)
                .spawn_scoped(scope, move || worker(work, index, shared))
                .map_err(refused(&name, index + 2))?;
            working.push(worker);
        }
        let sending = spawn("send")
            .spawn_scoped(scope, || send_all(&sending, shared))
            .map_err(refused("send", threads))?;

        let begin = Instant::now();
        while !receiving.is_finished() {
            thread::sleep(Duration::from_millis(20));
            if begin.elapsed() >= WARM_UP {
                shared.measuring.store(true, Ordering::Relaxed);
            }
            (setup.progress)(begin.elapsed());
        }
        let (sent, received) = (join(sending), join(receiving));
        let elapsed = begin.elapsed();
        let worked: Vec<_> = working.into_iter().map(join).collect();
        let mut sum = WorkOutcome::new(setup.clock);
        for worked in worked {
            sum.add(&worked?);
        }
        this.done();
        Ok(Outcome { elapsed, sent: sent??, received: received??, worked: sum })
    })
}

/// The result of a thread.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, RunError> {
    let name = thread.thread().name().unwrap_or("a stage").to_owned();
    thread.join().map_err(|_| RunError::panicked(&name))
}

/// The sending stage.
fn send_all(socket: &UdpSocket, shared: &Shared<'_>) -> Result<Sent, RunError> {
    let this = shared.ends_all();
    let setup = shared.setup;
    let stop = || setup.interrupted.load(Ordering::Relaxed) || shared.ended();
    let sent = setup.traffic.send(socket, setup.sending(), stop)?;
    shared.all_sent.store(true, Ordering::Relaxed);
    this.done();
    Ok(sent)
}

/// The receiving stage: keeps a batch of buffers ready, fills them, hands them on.
fn receive_all<R: Receive>(
    mut receive: R,
    mut receiver: Receiver,
    shared: &Shared<'_>,
) -> Result<ReceiveOutcome, RunError> {
    let this = shared.ends_all();
    let mut outcome = ReceiveOutcome::new(shared.setup.clock);
    let mut buffers: Vec<R::Buffer> = Vec::with_capacity(BATCH);
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(BATCH);
    let mut pushed = 0_u64;
    let mut measuring = false;
    let mut allocations = allocations_of_this_thread();
    let mut begin = Instant::now();
    let result = loop {
        if shared.ended() {
            break Ok(());
        }
        if shared.begins_to_measure(&mut measuring) {
            outcome.end_warm_up();
            allocations = allocations_of_this_thread();
        }
        let missing = BATCH - buffers.len();
        outcome.get.measure(missing, || match receive.get() {
            Some(buffer) => {
                buffers.push(buffer);
                true
            }
            None => false,
        });
        outcome.gets += (missing + buffers.len() - BATCH) as u64;
        let in_use = buffers.len() as u64 + pushed - shared.done.load(Ordering::Relaxed);
        outcome.high_water_mark = outcome.high_water_mark.max(in_use);
        if buffers.is_empty() {
            outcome.exhausted += 1;
            outcome.busy += begin.elapsed();
            shared.wake();
            thread::yield_now();
            begin = Instant::now();
            continue;
        }

        arrivals.clear();
        let received = receiver.receive(&mut buffers, false, |_, arrival| arrivals.push(arrival));
        let received = match received {
            Ok(0) => {
                outcome.busy += begin.elapsed();
                let last = shared.all_sent.load(Ordering::Relaxed);
                let received =
                    receiver.receive(&mut buffers, true, |_, arrival| arrivals.push(arrival));
                begin = Instant::now();
                match received {
                    Ok(0) if last => break Ok(()),
                    Ok(0) => {
                        receive.idle();
                        continue;
                    }
                    received => received,
                }
            }
            received => received,
        };
        let received = match received {
            Ok(received) => received,
            Err(error) => break Err(error),
        };
        outcome.datagrams += received as u64;
        for (buffer, arrival) in buffers.drain(..received).zip(&arrivals) {
            if arrival.truncated {
                outcome.truncated += 1;
                receive.give_back(buffer);
            } else if let Err(buffer) = receive.push(buffer, arrival.source, arrival.at) {
                outcome.queue_full += 1;
                receive.give_back(buffer);
            } else {
                pushed += 1;
            }
        }
        shared.wake();
    };
    outcome.allocations = allocations_of_this_thread() - allocations;
    buffers.into_iter().for_each(|buffer| receive.give_back(buffer));
    receive.idle();
    shared.all_received.store(true, Ordering::Release);
    shared.wake();
    result.map_err(RunError::system("receive from the loopback interface"))?;
    this.done();
    Ok(outcome)
}

/// A worker: takes what has arrived, checks it, gives the buffers back.
fn worker<W: Work>(mut work: W, index: usize, shared: &Shared<'_>) -> WorkOutcome {
    let this = shared.ends_all();
    let mut outcome = WorkOutcome::new(shared.setup.clock);
    let mut items: Vec<(W::Item, Instant)> = Vec::with_capacity(BATCH);
    let mut results = Vec::with_capacity(BATCH);
    let mut times: Vec<Instant> = Vec::with_capacity(BATCH);
    let mut measuring = false;
    let mut allocations = allocations_of_this_thread();
    loop {
        let begin = Instant::now();
        if shared.begins_to_measure(&mut measuring) {
            outcome.end_warm_up();
            allocations = allocations_of_this_thread();
        }
        while items.len() < BATCH
            && let Some(item) = work.pop()
        {
            items.push(item);
        }
        if items.is_empty() {
            let last = shared.all_received.load(Ordering::Acquire) || shared.ended();
            match shared.sleepers[index].sleep_unless(|| work.pop()) {
                Some(item) => items.push(item),
                None if last => break,
                None => work.idle(),
            }
            continue;
        }

        let allocations_before = allocations_of_this_thread();
        check::<W>(&items, shared.setup.check, &mut results);
        outcome.check_allocations += allocations_of_this_thread() - allocations_before;
        for result in &results {
            match result {
                Ok(()) => outcome.valid += 1,
                Err(reason) => outcome.invalid[*reason as usize] += 1,
            }
        }

        let count = items.len();
        times.clear();
        times.extend(items.iter().map(|(_, at)| *at));
        outcome.give_back.measure(count, || {
            items.pop().is_some_and(|(item, _)| {
                work.give_back(item);
                true
            })
        });
        shared.done.fetch_add(count as u64, Ordering::Relaxed);
        let now = Instant::now();
        for at in &times {
            outcome.end_to_end.record(now.saturating_duration_since(*at));
        }
        outcome.busy += begin.elapsed();
    }
    outcome.allocations = allocations_of_this_thread() - allocations - outcome.check_allocations;
    this.done();
    outcome
}

/// Checks a batch of at most [`BATCH`]; one result per item.
fn check<W: Work>(
    items: &[(W::Item, Instant)],
    how: Check,
    results: &mut Vec<Result<(), Invalid>>,
) {
    let mut packets = [&[][..]; BATCH];
    packets.iter_mut().zip(items).for_each(|(packet, (item, _))| *packet = W::bytes(item));
    let packets = &packets[..items.len()];
    results.clear();
    match how {
        Check::None => results.extend(packets.iter().map(|_| Ok(()))),
        Check::Parse => results.extend(packets.iter().map(|data| verify::parse(data).map(|_| ()))),
        Check::Verify => verify::verify_batch(packets, results),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use blockpool::TransactionQueue;
    use quanta::Clock;

    use super::{Check, Outcome, RunError, Setup, run};
    use crate::pipeline::stages::{VectorSource, Vectors};
    use crate::pipeline::{Pattern, Schedule, Traffic};

    /// Counts down to a panic.
    struct Source<'a> {
        gets_left: &'a AtomicU32,
        give_backs_left: &'a AtomicU32,
    }

    fn count_down(left: &AtomicU32) {
        assert!(left.fetch_sub(1, Ordering::Relaxed) > 0, "a panic that the test asked for");
    }

    impl VectorSource for Source<'_> {
        fn get(&mut self) -> Vec<u8> {
            count_down(self.gets_left);
            Vec::with_capacity(64)
        }

        fn give_back(&mut self, _: Vec<u8>) {
            count_down(self.give_backs_left);
        }
    }

    /// A run of an hour, unless something ends it earlier.
    fn run_with(
        schedule: Schedule,
        gets: u32,
        give_backs: u32,
        interrupt: impl Fn(Duration, &AtomicBool) + Sync,
    ) -> Result<Outcome, RunError> {
        let traffic = Traffic { packets: vec![vec![1, 2, 3]], schedule };
        let (gets, give_backs) = (AtomicU32::new(gets), AtomicU32::new(give_backs));
        let source = || Source { gets_left: &gets, give_backs_left: &give_backs };
        let interrupted = AtomicBool::new(false);
        let setup = Setup {
            traffic: &traffic,
            duration: Duration::from_secs(3600),
            check: Check::None,
            buffer_size: 64,
            clock: &Clock::new(),
            interrupted: &interrupted,
            progress: &|elapsed| interrupt(elapsed, &interrupted),
        };
        let queue = TransactionQueue::new(64);
        let workers = (0..2).map(|_| Vectors::new(source(), &queue)).collect();
        run(&setup, Vectors::new(source(), &queue), workers)
    }

    fn steady() -> Schedule {
        Schedule::Rate { rate: 1000, pattern: Pattern::Steady }
    }

    #[test]
    fn whichever_stage_panics_all_others_end() {
        let never = u32::MAX;
        // The sender has one packet, and no time for it.
        let no_times = || Schedule::Recorded(Vec::new());
        for (schedule, gets, give_backs, culprit) in [
            (steady(), 100, never, "receive"),
            (steady(), never, 100, "worker"),
            (no_times(), never, never, "send"),
        ] {
            let begin = Instant::now();
            let error = run_with(schedule, gets, give_backs, |_, _| {}).err().expect("a panic");
            let text = error.to_string();
            assert!(text.starts_with(&format!("thread `{culprit}")), "{text}");
            assert!(begin.elapsed() < Duration::from_secs(60), "{culprit}");
        }
    }

    #[test]
    fn an_interrupted_run_ends_with_figures() {
        let interrupt = |elapsed: Duration, interrupted: &AtomicBool| {
            interrupted.store(elapsed > Duration::from_millis(300), Ordering::Relaxed);
        };
        let outcome = run_with(steady(), u32::MAX, u32::MAX, interrupt).expect("figures");
        assert_eq!(outcome.received.datagrams, outcome.sent.packets);
        assert_eq!(outcome.worked.valid, outcome.sent.packets);
    }
}
