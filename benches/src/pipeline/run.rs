//! One run: a sender, one receiving stage, workers, and what they saw.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use quanta::Clock;
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use super::meter::{Durations, Meter};
use super::receive::{Arrival, BATCH, Receiver};
use super::sender::Traffic;
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

/// How long a worker without work sleeps at most.
const NAP: Duration = Duration::from_millis(1);

/// What to run.
pub struct Setup<'a> {
    /// What is sent.
    pub traffic: &'a Traffic,
    /// For how long, after the warm-up.
    pub duration: Duration,
    /// How much workers do.
    pub check: Check,
    /// The longest packet that a buffer takes.
    pub buffer_size: usize,
    /// The clock for short times.
    pub clock: &'a Clock,
    /// Set from outside to end early.
    pub interrupted: &'a AtomicBool,
    /// Called many times a second with the time since the run began, warm-up included.
    pub progress: &'a (dyn Fn(Duration) + Sync),
}

impl Setup<'_> {
    /// The whole time that is sent.
    pub fn sending(&self) -> Duration {
        WARM_UP + self.duration
    }
}

/// What a run saw: counts from its beginning to its end, so that they add up; times and
/// allocations after the warm-up.
pub struct Outcome {
    /// From the beginning to the end.
    pub elapsed: Duration,
    /// Transactions sent.
    pub sent: u64,
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
    /// Times that no buffer was to be had.
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
    pub whole_way: Durations,
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
    fn end_warm_up(&mut self, clock: &Clock) {
        self.get = Meter::new(clock);
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
            whole_way: Durations::new(),
            allocations: 0,
            check_allocations: 0,
            busy: Duration::ZERO,
        }
    }

    /// Forgets the times of the warm-up.
    fn end_warm_up(&mut self, clock: &Clock) {
        self.give_back = Meter::new(clock);
        self.whole_way = Durations::new();
        self.check_allocations = 0;
        self.busy = Duration::ZERO;
    }

    fn add(&mut self, other: &Self) {
        self.valid += other.valid;
        self.invalid.iter_mut().zip(other.invalid).for_each(|(sum, more)| *sum += more);
        self.give_back.add(&other.give_back);
        self.whole_way.add(&other.whole_way);
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
    sent: AtomicU64,
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
    /// Sleeps until woken or for a while, unless `ready` says that there is something to do.
    fn sleep_unless<T>(&self, ready: impl FnOnce() -> Option<T>) -> Option<T> {
        self.thread.get_or_init(thread::current);
        self.asleep.store(true, Ordering::Relaxed);
        // Sequentially consistent, with the fence in `wake`: either the waker sees `asleep`, or
        // this sees what the waker has pushed before.
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

    /// Whether the warm-up has just ended, to be noticed once by each thread.
    fn begins_to_measure(&self, measuring: &mut bool) -> bool {
        let begins = !*measuring && self.measuring.load(Ordering::Relaxed);
        *measuring |= begins;
        begins
    }
}

/// Runs the pipeline once, over UDP on the loopback interface.
///
/// # Errors
///
/// If a socket cannot be had or fails.
pub fn run<R: Receive, W: Work>(
    setup: &Setup<'_>,
    receive: R,
    workers: Vec<W>,
) -> io::Result<Outcome> {
    let socket = receiving_socket()?;
    let address = socket.local_addr()?.as_socket().expect("bound to an internet address");
    let receiver = Receiver::new(socket, setup.buffer_size)?;
    let sending = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    sending.connect(address)?;

    let shared = &Shared {
        setup,
        measuring: AtomicBool::new(false),
        all_sent: AtomicBool::new(false),
        all_received: AtomicBool::new(false),
        sent: AtomicU64::new(0),
        done: AtomicU64::new(0),
        sleepers: workers.iter().map(|_| Sleeper::default()).collect(),
    };
    thread::scope(|scope| {
        let spawn = |name: &str| thread::Builder::new().name(name.into());
        let workers: Vec<_> = (0..)
            .zip(workers)
            .map(|(index, work)| {
                spawn("worker").spawn_scoped(scope, move || worker(work, index, shared))
            })
            .collect::<io::Result<_>>()?;
        let receiving =
            spawn("receive").spawn_scoped(scope, || receive_all(receive, receiver, shared))?;
        let sending = spawn("send").spawn_scoped(scope, || {
            let ended =
                setup.traffic.send(&sending, setup.sending(), setup.interrupted, &shared.sent);
            shared.all_sent.store(true, Ordering::Relaxed);
            ended
        })?;

        let begin = Instant::now();
        while !receiving.is_finished() {
            thread::sleep(Duration::from_millis(20));
            if begin.elapsed() >= WARM_UP {
                shared.measuring.store(true, Ordering::Relaxed);
            }
            (setup.progress)(begin.elapsed());
        }
        let join = "a stage of the pipeline panicked";
        sending.join().expect(join)?;
        let received = receiving.join().expect(join)?;
        let elapsed = begin.elapsed();
        let mut worked = WorkOutcome::new(setup.clock);
        for worker in workers {
            worked.add(&worker.join().expect(join));
        }
        Ok(Outcome { elapsed, sent: shared.sent.load(Ordering::Relaxed), received, worked })
    })
}

/// A UDP socket on loopback with as large a buffer as the system allows.
fn receiving_socket() -> io::Result<Socket> {
    const WANTED: usize = 8 << 20;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // With the right to do so, beyond the system's limit. A smaller buffer only drops earlier.
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let wanted = WANTED as libc::c_int;
        // SAFETY: the option's value is an int, and lives through the call.
        let _ = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                (&raw const wanted).cast(),
                size_of_val(&wanted) as libc::socklen_t,
            )
        };
    }
    if socket.recv_buffer_size()? < WANTED {
        let _ = socket.set_recv_buffer_size(WANTED);
    }
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    Ok(socket)
}

/// The receiving stage: keeps a batch of buffers ready, fills them, hands them on.
fn receive_all<R: Receive>(
    mut receive: R,
    mut receiver: Receiver,
    shared: &Shared<'_>,
) -> io::Result<ReceiveOutcome> {
    let mut outcome = ReceiveOutcome::new(shared.setup.clock);
    let mut buffers: Vec<R::Buffer> = Vec::with_capacity(BATCH);
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(BATCH);
    let mut pushed = 0_u64;
    let mut measuring = false;
    let mut allocations = allocations_of_this_thread();
    let mut begin = Instant::now();
    let result = loop {
        if shared.begins_to_measure(&mut measuring) {
            outcome.end_warm_up(shared.setup.clock);
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
    result.map(|()| outcome)
}

/// A worker: takes what has arrived, checks it, gives the buffers back.
fn worker<W: Work>(mut work: W, index: usize, shared: &Shared<'_>) -> WorkOutcome {
    let mut outcome = WorkOutcome::new(shared.setup.clock);
    let mut items: Vec<(W::Item, Instant)> = Vec::with_capacity(BATCH);
    let mut results = Vec::with_capacity(BATCH);
    let mut times: Vec<Instant> = Vec::with_capacity(BATCH);
    let mut measuring = false;
    let mut allocations = allocations_of_this_thread();
    loop {
        let begin = Instant::now();
        if shared.begins_to_measure(&mut measuring) {
            outcome.end_warm_up(shared.setup.clock);
            allocations = allocations_of_this_thread();
        }
        while items.len() < BATCH
            && let Some(item) = work.pop()
        {
            items.push(item);
        }
        if items.is_empty() {
            let last = shared.all_received.load(Ordering::Acquire);
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
            outcome.whole_way.record(now.saturating_duration_since(*at));
        }
        outcome.busy += begin.elapsed();
    }
    outcome.allocations = allocations_of_this_thread() - allocations - outcome.check_allocations;
    outcome
}

/// Checks a batch of at most [`BATCH`]; one result an item.
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
