//! The part of DPDK that is used: its environment, mempools, a ring, lcores.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// `SOCKET_ID_ANY`.
const ANY_SOCKET: c_int = -1;
/// `RING_F_SP_ENQ | RING_F_SC_DEQ`.
const ONE_PRODUCER_ONE_CONSUMER: c_uint = 3;

/// Objects that cross from lcore to lcore together.
pub const CROSSING: usize = 32;

type LcoreFunction = unsafe extern "C" fn(*mut c_void) -> c_int;

#[repr(C)]
struct RteMempool(c_void);
#[repr(C)]
struct RteRing(c_void);

unsafe extern "C" {
    fn rte_eal_init(count: c_int, arguments: *mut *mut c_char) -> c_int;
    fn rte_get_tsc_hz() -> u64;
    fn rte_get_next_lcore(lcore: c_uint, skip_main: c_int, wrap: c_int) -> c_uint;
    fn rte_eal_remote_launch(run: LcoreFunction, argument: *mut c_void, lcore: c_uint) -> c_int;
    fn rte_eal_wait_lcore(lcore: c_uint) -> c_int;
    fn rte_zmalloc(kind: *const c_char, size: usize, align: c_uint) -> *mut c_void;
    fn rte_mempool_create_empty(
        name: *const c_char,
        count: c_uint,
        size: c_uint,
        cache: c_uint,
        private: c_uint,
        socket: c_int,
        flags: c_uint,
    ) -> *mut RteMempool;
    fn rte_mempool_set_ops_byname(
        mempool: *mut RteMempool,
        name: *const c_char,
        config: *mut c_void,
    ) -> c_int;
    fn rte_mempool_populate_default(mempool: *mut RteMempool) -> c_int;
    fn rte_ring_create(
        name: *const c_char,
        count: c_uint,
        socket: c_int,
        flags: c_uint,
    ) -> *mut RteRing;

    fn loops_rounds(mempool: *mut RteMempool, keep: c_uint, burst: c_uint, times: u64) -> c_int;
    fn loops_push(ring: *mut RteRing, table: *const *mut u8, count: c_uint);
    fn loops_pop(ring: *mut RteRing, table: *mut *mut u8) -> c_uint;
    fn loops_produce(mempool: *mut RteMempool, ring: *mut RteRing, burst: c_uint, count: u64);
    fn loops_consume(mempool: *mut RteMempool, ring: *mut RteRing, burst: c_uint, count: u64);
}

/// DPDK's environment, once it is initialised.
#[derive(Clone, Copy)]
pub struct Environment {
    /// The lcore besides the main one, if there is one.
    second: Option<c_uint>,
}

impl Environment {
    /// Initialises the environment. On failure, DPDK has printed what went wrong.
    pub fn new(arguments: &[String]) -> Option<Self> {
        let arguments: Vec<CString> =
            arguments.iter().filter_map(|argument| CString::new(argument.as_str()).ok()).collect();
        let mut pointers: Vec<*mut c_char> =
            arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        // SAFETY: there are that many strings; DPDK at most reorders them.
        let result = unsafe { rte_eal_init(pointers.len() as c_int, pointers.as_mut_ptr()) };
        if result < 0 {
            return None;
        }
        // DPDK keeps pointers to some of them.
        arguments.into_iter().for_each(|argument| _ = argument.into_raw());
        // SAFETY: the environment is initialised; -1 asks for the first.
        let second = unsafe { rte_get_next_lcore(c_uint::MAX, 1, 0) };
        Some(Self { second: Some(second).filter(|&lcore| lcore < 128) })
    }

    pub fn has_second_lcore(self) -> bool {
        self.second.is_some()
    }

    /// Cycles of the time stamp counter per nanosecond.
    pub fn cycles(self) -> f64 {
        // SAFETY: the environment is initialised.
        unsafe { rte_get_tsc_hz() as f64 / 1e9 }
    }

    /// Runs `there` on the second lcore and `here` on this one, starting both at the same moment.
    pub fn beside<R>(self, there: impl FnOnce() + Send, here: impl FnOnce() -> R) -> R {
        let lcore = self.second.expect("there is a second lcore");
        let arrived = AtomicU32::new(0);
        let meet = || {
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < 2 {
                std::hint::spin_loop();
            }
        };
        let mut task = Some(|| {
            meet();
            there();
        });
        launch(lcore, &mut task);
        meet();
        let result = here();
        // SAFETY: the lcore was launched.
        unsafe { rte_eal_wait_lcore(lcore) };
        result
    }

    /// Page-aligned memory that is never freed.
    pub fn memory(self, bytes: usize) -> NonNull<u8> {
        // SAFETY: the environment is initialised.
        let memory = unsafe { rte_zmalloc(c"bench".as_ptr(), bytes, 4096) };
        NonNull::new(memory.cast()).expect("enough memory")
    }
}

fn launch<F: FnOnce() + Send>(lcore: c_uint, task: &mut Option<F>) {
    unsafe extern "C" fn run<F: FnOnce()>(task: *mut c_void) -> c_int {
        // SAFETY: `launch` passed the task, and its caller waits until this function is done.
        let task = unsafe { &mut *task.cast::<Option<F>>() };
        if let Some(task) = task.take() {
            task();
        }
        0
    }
    // SAFETY: the task outlives the run: the caller waits for the lcore.
    let result = unsafe { rte_eal_remote_launch(run::<F>, (&raw mut *task).cast(), lcore) };
    assert_eq!(result, 0, "the lcore is idle");
}

/// A mempool that is never freed.
#[derive(Clone, Copy)]
pub struct Mempool(NonNull<RteMempool>);

// SAFETY: lcores may share a mempool.
unsafe impl Send for Mempool {}
// SAFETY: as before.
unsafe impl Sync for Mempool {}

impl Mempool {
    /// `count` objects of `size` bytes, with the handler of that name.
    pub fn new(_: Environment, handler: &str, count: u32, size: u32, cache: u32) -> Option<Self> {
        let name = CString::new(format!("{handler}_{cache}")).ok()?;
        let handler = CString::new(handler).ok()?;
        // SAFETY: the environment is initialised; names end with a zero byte.
        let mempool = unsafe {
            rte_mempool_create_empty(name.as_ptr(), count, size, cache, 0, ANY_SOCKET, 0)
        };
        let mempool = NonNull::new(mempool)?;
        let (pointer, config) = (mempool.as_ptr(), std::ptr::null_mut());
        // SAFETY: the mempool has no objects yet.
        let named = unsafe { rte_mempool_set_ops_byname(pointer, handler.as_ptr(), config) };
        if named < 0 {
            return None;
        }
        // SAFETY: as before.
        let populated = unsafe { rte_mempool_populate_default(pointer) };
        (populated == count as c_int).then_some(Self(mempool))
    }

    /// Gets `keep` objects in bursts, and puts them back, `times` times.
    pub fn rounds(self, keep: usize, burst: usize, times: u64) {
        let (keep, burst) = (keep as c_uint, burst as c_uint);
        // SAFETY: the mempool has objects.
        let result = unsafe { loops_rounds(self.0.as_ptr(), keep, burst, times) };
        assert_eq!(result, 0, "there are enough objects");
    }

    /// Gets `count` objects and pushes them.
    pub fn produce(self, ring: Ring, burst: usize, count: u64) {
        // SAFETY: the mempool has objects, and the ring exists.
        unsafe { loops_produce(self.0.as_ptr(), ring.0.as_ptr(), burst as c_uint, count) };
    }

    /// Pops `count` objects and puts them back.
    pub fn consume(self, ring: Ring, burst: usize, count: u64) {
        // SAFETY: the mempool has objects, and the ring exists.
        unsafe { loops_consume(self.0.as_ptr(), ring.0.as_ptr(), burst as c_uint, count) };
    }
}

/// A ring from one lcore to another that is never freed.
#[derive(Clone, Copy)]
pub struct Ring(NonNull<RteRing>);

// SAFETY: one lcore pushes, another one pops.
unsafe impl Send for Ring {}
// SAFETY: as before.
unsafe impl Sync for Ring {}

impl Ring {
    pub fn new(_: Environment) -> Self {
        // SAFETY: the environment is initialised.
        let ring = unsafe {
            rte_ring_create(c"crossing".as_ptr(), 1024, ANY_SOCKET, ONE_PRODUCER_ONE_CONSUMER)
        };
        Self(NonNull::new(ring).expect("enough memory"))
    }

    /// Pushes all objects. Only the one producer may call this.
    pub fn push(self, table: &[*mut u8]) {
        // SAFETY: there are that many pointers, and one producer.
        unsafe { loops_push(self.0.as_ptr(), table.as_ptr(), table.len() as c_uint) };
    }

    /// Pops some objects to the front of the table. Only the one consumer may call this.
    pub fn pop(self, table: &mut [*mut u8; CROSSING]) -> &[*mut u8] {
        // SAFETY: there is room for a crossing, and one consumer.
        let count = unsafe { loops_pop(self.0.as_ptr(), table.as_mut_ptr()) };
        &table[..count as usize]
    }
}
