//! Random sequences of operations against a plain model.

use blockpool::{LocalPool, TransactionMemoryPool};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SIZE: usize = 64;

#[derive(Clone, Copy, Debug)]
enum From {
    Shared,
    Local(usize),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get(From),
    TryGet(From),
    /// Gives the held buffer of this number back, grown to so many bytes.
    Return(From, usize, usize),
    /// Drops the held buffer of this number.
    Lose(usize),
    ReturnForeign(From, usize),
    Flush(usize),
    /// Drops a local pool and makes another.
    Renew(usize),
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![Just(From::Shared), (0..2usize).prop_map(From::Local)]
}

fn step() -> impl Strategy<Value = Step> {
    // Below, at, and beyond what fits.
    let length = prop_oneof![4 => 0..=SIZE, 1 => SIZE + 1..=2 * SIZE, 1 => 129..300usize];
    let capacity = prop_oneof![0..SIZE, SIZE..=2 * SIZE, 129..300usize];
    prop_oneof![
        6 => from().prop_map(Step::Get),
        2 => from().prop_map(Step::TryGet),
        8 => (from(), any::<usize>(), length).prop_map(|(to, n, length)| Step::Return(to, n, length)),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => (from(), capacity).prop_map(|(to, capacity)| Step::ReturnForeign(to, capacity)),
        1 => (0..2usize).prop_map(Step::Flush),
        1 => (0..2usize).prop_map(Step::Renew),
    ]
}

/// The pool, and what the model says of it.
struct Checked {
    pool: TransactionMemoryPool,
    locals: [LocalPool; 2],
    held: Vec<Vec<u8>>,
    /// Buffers that exist: in the pool, in stocks, held.
    alive: usize,
    heap_fallbacks: usize,
    discarded_unfit: usize,
}

impl Checked {
    fn new(capacity: usize) -> Self {
        let pool = TransactionMemoryPool::new(SIZE, capacity);
        Self {
            locals: [pool.local(), pool.local()],
            held: vec![],
            alive: capacity,
            heap_fallbacks: 0,
            discarded_unfit: 0,
            pool,
        }
    }

    /// How many buffers a get there can reach without the heap.
    fn reachable(&self, from: From) -> usize {
        let stock = match from {
            From::Shared => 0,
            From::Local(local) => self.locals[local].len(),
        };
        self.pool.available_buffers() + stock
    }

    fn take(&mut self, from: From, fallback: bool) {
        let reachable = self.reachable(from);
        let buffer = match (from, fallback) {
            (From::Shared, true) => Some(self.pool.get_buffer()),
            (From::Shared, false) => self.pool.try_get_buffer(),
            (From::Local(local), true) => Some(self.locals[local].get_buffer()),
            (From::Local(local), false) => self.locals[local].try_get_buffer(),
        };
        assert_eq!(buffer.is_some(), reachable > 0 || fallback);
        if reachable == 0 && fallback {
            self.heap_fallbacks += 1;
            self.alive += 1;
        }
        if let Some(buffer) = buffer {
            assert!(buffer.is_empty(), "a non-empty buffer was handed out");
            assert!((SIZE..=2 * SIZE).contains(&buffer.capacity()));
            self.held.push(buffer);
        }
    }

    fn give(&mut self, to: From, buffer: Vec<u8>) {
        if !(SIZE..=2 * SIZE).contains(&buffer.capacity()) || self.pool.total_allocated() == 0 {
            self.alive -= 1;
            self.discarded_unfit += 1;
        }
        match to {
            From::Shared => self.pool.return_buffer(buffer),
            From::Local(local) => self.locals[local].return_buffer(buffer),
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Get(from) => self.take(from, true),
            Step::TryGet(from) => self.take(from, false),
            Step::Return(to, number, length) => {
                if let Some(mut buffer) = self.pick(number) {
                    buffer.resize(length, 1);
                    self.give(to, buffer);
                }
            }
            Step::Lose(number) => self.alive -= usize::from(self.pick(number).is_some()),
            Step::ReturnForeign(to, capacity) => {
                self.alive += 1;
                self.give(to, Vec::with_capacity(capacity));
            }
            Step::Flush(local) => self.locals[local].flush(),
            Step::Renew(local) => {
                self.locals[local].flush();
                self.locals[local] = self.pool.local();
            }
        }
        self.check();
    }

    fn pick(&mut self, number: usize) -> Option<Vec<u8>> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(number % self.held.len()))
    }

    fn check(&self) {
        let capacity = self.pool.total_allocated();
        let stocks: usize = self.locals.iter().map(LocalPool::len).sum();
        let discarded_full = self.pool.discarded() - self.discarded_unfit;
        let places = self.pool.available_buffers() + stocks + self.held.len();
        assert_eq!(places + discarded_full, self.alive, "a buffer was lost or made");
        assert!(self.pool.available_buffers() <= capacity);
        assert!(stocks <= capacity / 2);
        assert!(self.locals.iter().all(|local| local.len() <= local.stock_limit()));
        assert_eq!(self.pool.heap_fallbacks(), self.heap_fallbacks);
        assert!(self.pool.high_water_mark() >= capacity - self.pool.available_buffers());
        assert!(self.pool.high_water_mark() <= capacity);
    }
}

fn fixed_seed() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(0x0062_6c6f_636b),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(fixed_seed())]

    #[test]
    fn pool_and_local_pools_conserve_buffers_and_hand_out_fitting_empty_ones(
        capacity in prop_oneof![0..10usize, 10..200usize],
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut checked = Checked::new(capacity);
        steps.into_iter().for_each(|step| checked.apply(step));
    }

    #[test]
    fn without_fallbacks_free_stocked_and_held_buffers_add_up_to_the_capacity(
        capacity in 0..200usize,
        steps in prop::collection::vec((from(), any::<bool>(), 0..=2 * SIZE), 0..300),
    ) {
        let mut checked = Checked::new(capacity);
        for (from, take, length) in steps {
            checked.apply(if take { Step::TryGet(from) } else { Step::Return(from, length, length) });
            let stocks: usize = checked.locals.iter().map(LocalPool::len).sum();
            let free = checked.pool.available_buffers();
            prop_assert_eq!(free + stocks + checked.held.len(), capacity);
            prop_assert_eq!(checked.pool.discarded(), 0);
        }
    }
}
