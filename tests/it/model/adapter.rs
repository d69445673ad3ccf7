//! Everything that one thread can do with a pool of byte vectors, its guards, its local pools and a queue.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use arbitrary::Arbitrary;
use blockpool::{
    LocalPool, PooledBuffer, ReceivedTransaction, TransactionMemoryPool, TransactionQueue,
};

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum From {
    Shared,
    Local(bool),
}

/// An operation. A `u8` selects one of the existing items; lengths and capacities are taken modulo a little
/// more than three times the pool's buffer size.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Step {
    Get(From),
    TryGet(From),
    /// Gives a held buffer back after resizing it to this length.
    Return(From, u8, u16),
    /// Drops a held buffer.
    Lose(u8),
    /// Gives back a buffer of this capacity that is not the pool's.
    ReturnForeign(From, u16),
    Flush(bool),
    /// Makes another local pool and drops the previous one.
    Renew(bool),
    Guard,
    TryGuard,
    /// Resizes a guard's buffer to this length.
    Write(u8, u16),
    DropGuard(u8),
    Detach(u8),
    Push(u8),
    Pop,
    /// Continues with clones of pool and queue.
    Clone,
    HighWaterMark,
}

/// What a pool and its queue are made with; all small, and 0 is allowed for the first two.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) buffer_size: u8,
    pub(crate) pool_capacity: u8,
    pub(crate) places: u8,
}

/// What went into the queue, in order.
struct Queued {
    data: Vec<u8>,
    source: SocketAddr,
    received: Instant,
    /// Whether the pool takes the buffer back.
    fits: bool,
}

/// The pool, and its expected state.
struct System {
    pool: TransactionMemoryPool,
    buffer_size: usize,
    locals: [LocalPool; 2],
    queue: TransactionQueue,
    held: Vec<Vec<u8>>,
    guards: Vec<(PooledBuffer, Vec<u8>)>,
    queued: VecDeque<Queued>,
    /// Buffers that exist anywhere.
    alive: usize,
    heap_fallbacks: usize,
    foreign: usize,
    discarded_unfit: usize,
    /// The most buffers that were missing after an operation.
    peak: usize,
    next_port: u16,
}

fn pick<T>(from: &mut Vec<T>, at: u8) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(usize::from(at) % from.len()))
}

impl System {
    fn new(sizes: Sizes) -> Self {
        let (buffer_size, capacity) = (sizes.buffer_size.into(), sizes.pool_capacity.into());
        let pool = TransactionMemoryPool::try_new(buffer_size, capacity).expect("there is memory");
        let locals = [pool.local_pool(), pool.local_pool()];
        assert_eq!(locals[0].stock_limit(), (capacity / 8).min(64));
        Self {
            pool,
            buffer_size,
            locals,
            queue: TransactionQueue::new(usize::from(sizes.places).max(1)),
            held: vec![],
            guards: vec![],
            queued: VecDeque::new(),
            alive: capacity,
            heap_fallbacks: 0,
            foreign: 0,
            discarded_unfit: 0,
            peak: 0,
            next_port: 0,
        }
    }

    fn local(&mut self, which: bool) -> &mut LocalPool {
        &mut self.locals[usize::from(which)]
    }

    fn fits(&self, buffer: &Vec<u8>) -> bool {
        (self.buffer_size..=2 * self.buffer_size).contains(&buffer.capacity())
    }

    fn length(&self, length: u16) -> usize {
        usize::from(length) % (3 * self.buffer_size + 3)
    }

    /// What a get should do; `from_heap` if it falls back to the heap.
    fn expect_taken(&mut self, from: From, from_heap: bool) -> bool {
        let stock = match from {
            From::Shared => 0,
            From::Local(which) => self.local(which).stock(),
        };
        let reachable = self.pool.available_buffers() + stock > 0;
        if !reachable && from_heap {
            self.heap_fallbacks += 1;
            self.alive += 1;
        }
        reachable || from_heap
    }

    fn check_new(&self, buffer: &Vec<u8>) {
        assert!(buffer.is_empty(), "a new buffer is empty");
        assert!(self.fits(buffer));
    }

    fn keep(&mut self, buffer: Option<Vec<u8>>, expected: bool) {
        assert_eq!(buffer.is_some(), expected);
        buffer.iter().for_each(|buffer| self.check_new(buffer));
        self.held.extend(buffer);
    }

    fn keep_guard(&mut self, guard: Option<PooledBuffer>, expected: bool) {
        assert_eq!(guard.is_some(), expected);
        guard.iter().for_each(|guard| self.check_new(guard));
        self.guards.extend(guard.map(|guard| (guard, vec![])));
    }

    /// To be called before a buffer is given back.
    fn expect_given(&mut self, fits: bool) {
        if !fits || self.pool.total_allocated() == 0 {
            self.alive -= 1;
            self.discarded_unfit += 1;
        }
    }

    fn give(&mut self, to: From, buffer: Vec<u8>) {
        self.expect_given(self.fits(&buffer));
        match to {
            From::Shared => self.pool.return_buffer(buffer),
            From::Local(which) => self.local(which).return_buffer(buffer),
        }
    }

    fn drop_guard(&mut self, guard: PooledBuffer) {
        self.expect_given(self.fits(&guard));
        drop(guard);
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Get(from) => {
                let expected = self.expect_taken(from, true);
                let buffer = match from {
                    From::Shared => self.pool.get_buffer(),
                    From::Local(which) => self.local(which).get_buffer(),
                };
                self.keep(Some(buffer), expected);
            }
            Step::TryGet(from) => {
                let expected = self.expect_taken(from, false);
                let buffer = match from {
                    From::Shared => self.pool.try_get_buffer(),
                    From::Local(which) => self.local(which).try_get_buffer(),
                };
                self.keep(buffer, expected);
            }
            Step::Return(to, at, length) => {
                if let Some(mut buffer) = pick(&mut self.held, at) {
                    buffer.resize(self.length(length), 1);
                    self.give(to, buffer);
                }
            }
            Step::Lose(at) => self.alive -= usize::from(pick(&mut self.held, at).is_some()),
            Step::ReturnForeign(to, capacity) => {
                self.alive += 1;
                self.foreign += 1;
                self.give(to, Vec::with_capacity(self.length(capacity)));
            }
            Step::Flush(which) => {
                self.local(which).flush();
                assert_eq!(self.local(which).stock(), 0);
            }
            Step::Renew(which) => *self.local(which) = self.pool.local_pool(),
            Step::Guard => {
                let expected = self.expect_taken(From::Shared, true);
                self.keep_guard(Some(self.pool.get()), expected);
            }
            Step::TryGuard => {
                let expected = self.expect_taken(From::Shared, false);
                self.keep_guard(self.pool.try_get(), expected);
            }
            Step::Write(at, length) => {
                let length = self.length(length);
                if let Some((mut guard, mut data)) = pick(&mut self.guards, at) {
                    guard.resize(length, at);
                    data.resize(length, at);
                    assert_eq!(guard.as_ref(), &data[..]);
                    self.guards.push((guard, data));
                }
            }
            Step::DropGuard(at) => {
                if let Some((guard, data)) = pick(&mut self.guards, at) {
                    assert_eq!(*guard, data);
                    self.drop_guard(guard);
                }
            }
            Step::Detach(at) => {
                if let Some((guard, data)) = pick(&mut self.guards, at) {
                    let free = self.pool.available_buffers();
                    self.held.push(guard.detach());
                    assert_eq!(self.held.last(), Some(&data));
                    assert_eq!(self.pool.available_buffers(), free);
                }
            }
            Step::Push(at) => {
                if let Some((guard, data)) = pick(&mut self.guards, at) {
                    self.push(guard, data);
                }
            }
            Step::Pop => match (self.queue.pop(), self.queued.pop_front()) {
                (None, None) => {}
                (Some(item), Some(queued)) => {
                    assert_eq!(*item.data, queued.data);
                    assert_eq!((item.source, item.received), (queued.source, queued.received));
                    self.guards.push((item.data, queued.data));
                }
                (item, _) => panic!("the queue gives {item:?}"),
            },
            Step::Clone => {
                self.pool = self.pool.clone();
                self.queue = self.queue.clone();
            }
            Step::HighWaterMark => self.check_mark(),
        }
        self.check();
    }

    fn push(&mut self, data: PooledBuffer, content: Vec<u8>) {
        self.next_port = self.next_port.wrapping_add(1);
        let source = ([127, 0, 0, 1], self.next_port).into();
        let received = Instant::now();
        let fits = self.fits(&data);
        let full = self.queued.len() == self.queue.capacity();
        match self.queue.push(ReceivedTransaction { data, source, received }) {
            Ok(()) => {
                assert!(!full);
                self.queued.push_back(Queued { data: content, source, received, fits });
            }
            Err(item) => {
                assert!(full);
                assert_eq!((&*item.data, item.source), (&content, source));
                self.guards.push((item.data, content));
            }
        }
    }

    fn check(&mut self) {
        let (free, capacity) = (self.pool.available_buffers(), self.pool.total_allocated());
        let stocks: usize = self.locals.iter().map(LocalPool::stock).sum();
        let out = self.held.len() + self.guards.len() + self.queued.len();
        let discarded_full = self.pool.discarded() - self.discarded_unfit;
        assert_eq!(free + stocks + out + discarded_full, self.alive, "none is lost or made");
        // Room is missing only if more buffers came in than were taken.
        assert!(discarded_full <= self.heap_fallbacks + self.foreign);
        assert!(free <= capacity);
        assert_eq!(self.pool.heap_fallbacks(), self.heap_fallbacks);
        assert_eq!(self.pool.buffer_size(), self.buffer_size);
        assert!(self.locals.iter().map(LocalPool::stock_limit).sum::<usize>() <= capacity / 2);
        for local in &self.locals {
            let len = local.stock();
            assert!(len <= local.stock_limit());
        }
        let queued = self.queued.len();
        assert_eq!((self.queue.len(), self.queue.is_empty()), (queued, queued == 0));
        assert_eq!(self.queue.is_full(), queued == self.queue.capacity());
        self.peak = self.peak.max(capacity - free);
    }

    /// Reading the mark raises it, so it is not read after each operation.
    fn check_mark(&self) {
        let mark = self.pool.high_water_mark();
        assert!(mark <= self.peak, "{mark} read, at most {} were missing", self.peak);
        if self.pool.total_allocated() < 64 {
            assert_eq!(mark, self.peak);
        }
    }
}

/// Performs `steps` with a new pool and queue, and checks everything after each.
pub(crate) fn run(sizes: Sizes, steps: &[Step]) {
    let mut system = System::new(sizes);
    for &step in steps {
        system.apply(step);
    }
    system.check_mark();
    // The last handle of the queue is dropped: its contents return.
    for queued in std::mem::take(&mut system.queued) {
        system.expect_given(queued.fits);
    }
    system.queue = TransactionQueue::new(1);
    system.check();
    for (guard, _) in std::mem::take(&mut system.guards) {
        system.drop_guard(guard);
    }
    system.check();
}
