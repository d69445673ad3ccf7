//! A mempool handler for DPDK: a DPDK program loads it with `-d librte_mempool_blockpool.so` and
//! selects it with `--mbuf-pool-ops-name=blockpool`, or with `rte_mempool_set_ops_byname`.
//!
//! It does not support mempools with more than 2^29 objects, nor drivers that want an object's pages contiguous in physical memory although they use virtual
//! addresses (as KNI did).
//!
//! - One bit for each object, apart from the objects, says whether it is free: the objects are not
//!   touched.
//! - A put of the mempool's own objects never fails. A get is all or nothing; it may fail because another one has just taken some of
//!   the objects, which it gives back because they do not suffice.
//! - Lock-free: an lcore, or any other thread, that is preempted inside an operation blocks no other.
//!   (DPDK's handlers over rings and its locked stack are not lock-free.)
//! - An lcore first looks for objects where it last found some, so that lcores mostly work on different
//!   cache lines.
//! - An object that is put although it is free is free once; a debug build aborts the program there. (A
//!   mempool cache is DPDK's and checks nothing: behind one, a double put gives an object two owners.) An address that
//!   lies in no object of the mempool is skipped, the others are put, and the result is `-EINVAL`,
//!   which `rte_mempool_put` ignores. An address inside an object stands for the object.
//! - All memory is DPDK's, of the mempool's socket; a secondary process finds it at the same address as
//!   the primary. But DPDK calls handlers by their index in a table, which is filled in the order in
//!   which libraries are loaded: a secondary process must be the same program with the same `-d`.
//!   Another program, such as `dpdk-proc-info`, calls another handler, and may crash. (This holds for
//!   every handler loaded with `-d`.)
//!
//! `handler.c` knows DPDK's types and registers the handler; it calls the functions here.

mod chunks;

use std::alloc::Layout;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use blockpool_core::storage::{Bookkeeping, FreeList, IndexSet, Neighbours};
use chunks::{Chunk, Stride};

unsafe extern "C" {
    fn rte_zmalloc_socket(
        kind: *const c_char,
        size: usize,
        align: c_uint,
        socket: c_int,
    ) -> *mut c_void;
    fn rte_realloc_socket(
        memory: *mut c_void,
        size: usize,
        align: c_uint,
        socket: c_int,
    ) -> *mut c_void;
    fn rte_free(memory: *mut c_void);
}

/// Errors, which DPDK returns as negative numbers.
const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;
const ENOBUFS: c_int = 105;

/// `RTE_MAX_LCORE` of most builds; if there are more lcores, some share an element.
const LCORES: usize = 128;

/// An index near which an lcore last found objects, on a cache line of its own. Only a hint.
#[repr(align(64))]
struct Near(AtomicU32);

/// The objects of a mempool.
pub struct Objects {
    /// Indices of objects; those for which no chunk has been added are out, too.
    free: IndexSet<'static>,
    stride: Stride,
    /// The first chunk, or one without objects: most mempools have no other.
    first: Chunk,
    /// All chunks, in order of their indices.
    chunks: *mut Chunk,
    chunk_count: usize,
    socket: c_int,
    near: [Near; LCORES],
}

impl Objects {
    /// Lcores begin at different indices.
    fn near(count: u32) -> [Near; LCORES] {
        std::array::from_fn(|lcore| {
            // 2^32 divided by the golden ratio: Knuth's multiplicative hashing.
            let fraction = (lcore as u32).wrapping_mul(0x9E37_79B9);
            Near(AtomicU32::new(((u64::from(fraction) * u64::from(count)) >> 32) as u32))
        })
    }

    fn chunks(&self) -> &[Chunk] {
        if self.chunk_count == 0 {
            return &[];
        }
        // SAFETY: there are that many; only `add` changes them, and it has exclusive access.
        unsafe { slice::from_raw_parts(self.chunks, self.chunk_count) }
    }

    /// Adds objects, which are then free. The error is one of DPDK's.
    fn add(&mut self, first: *mut u8, count: u32) -> Result<(), c_int> {
        let start = self.chunks().last().map_or(0, Chunk::end);
        let chunk = Chunk::new(first, count, start, self.stride).ok_or(EINVAL)?;
        if chunk.end() as usize > self.free.capacity() {
            return Err(EINVAL);
        }
        let index = self.chunk_count;
        let layout = Layout::array::<Chunk>(index + 1).map_err(|_| ENOMEM)?;
        // SAFETY: memory from this function, or null at first, and nobody refers to it.
        let memory = unsafe {
            rte_realloc_socket(
                self.chunks.cast(),
                layout.size(),
                layout.align() as c_uint,
                self.socket,
            )
        }
        .cast::<Chunk>();
        if memory.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: there is room for one more after that many.
        let place = unsafe { memory.add(index) };
        // SAFETY: as before; and nobody refers to it.
        unsafe { place.write(chunk) };
        if index == 0 {
            self.first = chunk;
        }
        (self.chunks, self.chunk_count) = (memory, index + 1);
        // SAFETY: all are written, and `self` is exclusive.
        chunks::sort_in(unsafe { slice::from_raw_parts_mut(memory, index + 1) });
        self.free.returning().add(start..chunk.end());
        Ok(())
    }

    /// The chunk and the index of an object.
    #[inline]
    fn find(&self, object: *mut c_void) -> Option<(&Chunk, u32)> {
        let number_in = |chunk: &Chunk| chunk.number(object.addr(), self.stride);
        if let Some(number) = number_in(&self.first) {
            return Some((&self.first, number));
        }
        let chunk = chunks::with_address(self.chunks(), object.addr())?;
        Some((chunk, number_in(chunk)?))
    }

    #[inline(always)]
    fn put(&self, table: &[*mut c_void]) -> Result<(), c_int> {
        if let [object] = table {
            let (_, number) = self.find(*object).ok_or(EINVAL)?;
            self.free.give_back(number);
            return Ok(());
        }
        let mut result = Ok(());
        let mut returning = self.free.returning();
        let mut rest = table;
        while let Some((&object, others)) = rest.split_first() {
            let Some((chunk, number)) = self.find(object) else {
                result = Err(EINVAL);
                rest = others;
                continue;
            };
            let run = chunk.run(number, rest, self.stride);
            rest = rest.get(run.len()..).unwrap_or_default();
            returning.add(run);
        }
        result
    }

    #[inline(always)]
    fn get(&self, table: &mut [MaybeUninit<*mut c_void>], lcore: c_uint) -> Result<(), c_int> {
        let near = &self.near[lcore as usize % LCORES].0;
        // Relaxed, like the stores: only a hint.
        let mut next = near.load(Ordering::Relaxed);
        if let [object] = table {
            let mut one = self.free.take_neighbours(1, Some(next)).ok_or(ENOBUFS)?;
            let number = one.next().ok_or(ENOBUFS)?;
            object.write(self.object(number).cast());
            near.store(number, Ordering::Relaxed);
            return Ok(());
        }
        let mut taken = 0;
        while let Some(rest) = table.get_mut(taken..).filter(|rest| !rest.is_empty()) {
            let Some(numbers) = self.free.take_neighbours(rest.len(), Some(next)) else {
                return self.undo(table.get(..taken).unwrap_or_default());
            };
            let (count, last) = self.fill(rest, numbers);
            taken += count;
            // Indices are taken in ascending order: those left in a word come after the last.
            next = if last as usize + 1 < self.free.capacity() { last + 1 } else { 0 };
        }
        near.store(next, Ordering::Relaxed);
        Ok(())
    }

    #[cold]
    fn undo(&self, table: &[MaybeUninit<*mut c_void>]) -> Result<(), c_int> {
        // SAFETY: the caller has written all of it.
        let table = unsafe { slice::from_raw_parts(table.as_ptr().cast(), table.len()) };
        // Objects of this mempool: the put does not fail.
        let _ = self.put(table);
        Err(ENOBUFS)
    }

    /// Writes the addresses of objects, for which there is room. Returns how many, and the last index.
    #[inline(always)]
    fn fill(&self, table: &mut [MaybeUninit<*mut c_void>], numbers: Neighbours) -> (usize, u32) {
        if let Some(range) = numbers.as_range() {
            if !self.first.fill(table, &range, self.stride) {
                self.fill_from_chunks(table, range.clone());
            }
            return (range.len(), range.end - 1);
        }
        let (count, mut last) = (numbers.len(), 0);
        for (slot, number) in table.iter_mut().zip(numbers) {
            slot.write(self.object(number).cast());
            last = number;
        }
        (count, last)
    }

    #[cold]
    fn fill_from_chunks(
        &self,
        mut table: &mut [MaybeUninit<*mut c_void>],
        mut numbers: Range<u32>,
    ) {
        while let Some(chunk) = chunks::with_number(self.chunks(), numbers.start)
            && !numbers.is_empty()
        {
            let here = numbers.start..numbers.end.min(chunk.end());
            chunk.fill(table, &here, self.stride);
            table = table.get_mut(here.len()..).unwrap_or_default();
            numbers.start = here.end;
        }
    }

    /// Where an object lies whose index was free, and which therefore has a chunk.
    #[inline]
    fn object(&self, number: u32) -> *mut u8 {
        let in_chunk = |chunk: &Chunk| chunk.object(number, self.stride);
        in_chunk(&self.first)
            .or_else(|| chunks::with_number(self.chunks(), number).and_then(in_chunk))
            .unwrap_or(ptr::null_mut())
    }
}

fn to_dpdk(result: Result<(), c_int>) -> c_int {
    result.map_or_else(|error| -error, |()| 0)
}

/// Makes a set of up to `count` objects, `stride` bytes apart, in DPDK's memory of a socket. Null if
/// there is not enough memory, or if no such objects can exist.
#[unsafe(no_mangle)]
extern "C" fn blockpool_objects_new(count: c_uint, stride: usize, socket: c_int) -> *mut Objects {
    let elements = Bookkeeping::elements_for(count as usize);
    let layout = Layout::array::<Bookkeeping>(elements)
        .and_then(|bookkeeping| Layout::new::<Objects>().extend(bookkeeping));
    let (Ok((layout, behind)), Some(stride)) = (layout, Stride::new(stride)) else {
        return ptr::null_mut();
    };
    // SAFETY: a name, a size, an alignment.
    let memory = unsafe {
        rte_zmalloc_socket(c"blockpool".as_ptr(), layout.size(), layout.align() as c_uint, socket)
    };
    let Some(objects) = NonNull::new(memory.cast::<Objects>()) else { return ptr::null_mut() };
    // SAFETY: the memory was asked for with room for it.
    let bookkeeping = unsafe { objects.byte_add(behind) }.cast::<Bookkeeping>();
    // SAFETY: 1. there is room for that many, aligned; 2. an all-zero one is a new one; 3. nobody else
    // refers to it before the objects are deleted.
    let bookkeeping = unsafe { slice::from_raw_parts_mut(bookkeeping.as_ptr(), elements) };
    let Some(free) = IndexSet::over(bookkeeping, count as usize) else {
        // SAFETY: memory from `rte_zmalloc_socket`.
        unsafe { rte_free(memory) };
        return ptr::null_mut();
    };
    // They become free when they are added.
    for number in (0..count).step_by(usize::BITS as usize) {
        let _ = free.take_neighbours(usize::MAX, Some(number));
    }
    let near = Objects::near(count);
    let first = Chunk::none();
    let new =
        Objects { free, stride, first, chunks: ptr::null_mut(), chunk_count: 0, socket, near };
    // SAFETY: the memory was asked for with room for it, aligned.
    unsafe { objects.write(new) };
    objects.as_ptr()
}

/// # Safety
///
/// `objects` is null, or comes from [`blockpool_objects_new`] and is no longer used.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_delete(objects: *mut Objects) {
    // SAFETY: the caller's promise.
    let Some(it) = (unsafe { objects.as_ref() }) else { return };
    // SAFETY: memory from `rte_realloc_socket`, or null.
    unsafe { rte_free(it.chunks.cast()) };
    // SAFETY: memory from `rte_zmalloc_socket`; nothing in it has to be dropped.
    unsafe { rte_free(objects.cast()) };
}

/// Adds `count` objects, one after the other from `first` on, and makes them free.
///
/// # Safety
///
/// `objects` comes from [`blockpool_objects_new`], and nobody else uses it during the call.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_add(
    objects: *mut Objects,
    first: *mut c_void,
    count: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let objects = unsafe { &mut *objects };
    to_dpdk(objects.add(first.cast(), count))
}

/// Forgets all objects, all of which are out.
///
/// # Safety
///
/// `objects` comes from [`blockpool_objects_new`], and nobody else uses it during the call.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_forget(objects: *mut Objects) {
    // SAFETY: the caller's promise.
    let objects = unsafe { &mut *objects };
    objects.first = Chunk::none();
    objects.chunk_count = 0;
}

/// Gives objects back.
///
/// # Safety
///
/// `objects` comes from [`blockpool_objects_new`]; `table` has `count` addresses; the caller owns the
/// objects among them and no longer uses them.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_put(
    objects: *const Objects,
    table: *const *mut c_void,
    count: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let objects = unsafe { &*objects };
    if count == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let table = unsafe { slice::from_raw_parts(table, count as usize) };
    to_dpdk(objects.put(table))
}

/// Takes `count` objects, or none.
///
/// # Safety
///
/// `objects` comes from [`blockpool_objects_new`]; `table` has room for `count` addresses.
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_get(
    objects: *const Objects,
    table: *mut *mut c_void,
    count: c_uint,
    lcore: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let objects = unsafe { &*objects };
    if count == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let table = unsafe { slice::from_raw_parts_mut(table.cast(), count as usize) };
    to_dpdk(objects.get(table, lcore))
}

/// How many objects are free.
///
/// # Safety
///
/// `objects` comes from [`blockpool_objects_new`].
#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_available(objects: *const Objects) -> c_uint {
    // SAFETY: the caller's promise.
    let objects = unsafe { &*objects };
    objects.free.available() as c_uint
}
