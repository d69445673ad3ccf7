//! A mempool handler for DPDK: what a DPDK program loads by `-d librte_mempool_blockpool.so` and
//! selects by `--mbuf-pool-ops-name=blockpool`, or by `rte_mempool_set_ops_byname`.
//!
//! Free objects are bits in a lock-free set, apart from the objects, which are not touched. A get is
//! all or nothing, of objects of few cache lines; one that fails may do so because another had taken
//! some of the objects and gave them back when these did not suffice. A put never fails. An lcore, or
//! thread, that is stopped inside an operation holds up nobody.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use blockpool_core::{Bitmap, Bookkeeping, Borrowed, FreeSet};

unsafe extern "C" {
    fn rte_zmalloc_socket(
        kind: *const c_char,
        size: usize,
        align: c_uint,
        socket: c_int,
    ) -> *mut c_void;
    fn rte_free(memory: *mut c_void);
}

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;
const ENOBUFS: c_int = 105;

/// Objects one behind the other.
#[derive(Clone, Copy)]
struct Chunk {
    first: *mut u8,
    bytes: usize,
    first_number: u32,
    count: u32,
}

/// Where an lcore found objects last: one cache line each.
#[repr(align(64))]
struct Near(AtomicU32);

const NEAR: usize = 128;

/// The objects of a mempool.
pub struct Objects {
    free: Bitmap<Borrowed<'static>>,
    stride: usize,
    /// 2^64 divided by the stride, rounded up: a multiplication is a tenth of a division.
    reciprocal: u64,
    chunk: Chunk,
    near: [Near; NEAR],
}

impl Objects {
    fn number(&self, object: *mut c_void) -> Option<u32> {
        let chunk = &self.chunk;
        let offset = object.addr().wrapping_sub(chunk.first.addr());
        if offset >= chunk.bytes {
            return None;
        }
        Some(chunk.first_number + ((offset as u128 * self.reciprocal as u128) >> 64) as u32)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_new(
    count: c_uint,
    stride: usize,
    socket: c_int,
) -> *mut Objects {
    let elements = Bookkeeping::elements_for(count as usize);
    let size = size_of::<Objects>().next_multiple_of(64) + elements * size_of::<Bookkeeping>();
    let memory = unsafe { rte_zmalloc_socket(c"blockpool".as_ptr(), size, 64, socket) };
    let Some(objects) = NonNull::new(memory.cast::<Objects>()) else { return ptr::null_mut() };
    let bookkeeping = unsafe { memory.cast::<u8>().add(size_of::<Objects>().next_multiple_of(64)) }
        .cast::<Bookkeeping>();
    let bookkeeping = unsafe { slice::from_raw_parts_mut(bookkeeping, elements) };
    let Some(free) = Bitmap::over(bookkeeping, count as usize) else {
        unsafe { rte_free(memory) };
        return ptr::null_mut();
    };
    while free.take().is_some() {}
    unsafe {
        objects.write(Objects {
            free,
            stride,
            reciprocal: u64::MAX / stride as u64 + 1,
            chunk: Chunk { first: ptr::null_mut(), bytes: 0, first_number: 0, count: 0 },
            near: std::array::from_fn(|lcore| {
                let fraction = (lcore as u32).wrapping_mul(0x9E37_79B9);
                Near(AtomicU32::new((u64::from(fraction) * u64::from(count) >> 32) as u32))
            }),
        })
    };
    objects.as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_delete(objects: *mut Objects) {
    unsafe { rte_free(objects.cast()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_add(
    objects: *mut Objects,
    first: *mut c_void,
    count: c_uint,
) -> c_int {
    let objects = unsafe { &mut *objects };
    objects.chunk = Chunk {
        first: first.cast(),
        bytes: count as usize * objects.stride,
        first_number: 0,
        count,
    };
    for n in 0..count {
        objects.free.give_back(n);
    }
    let _ = ENOMEM;
    0
}

const BURST: usize = 64;

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_put(
    objects: *const Objects,
    table: *const *mut c_void,
    count: c_uint,
) -> c_int {
    let objects = unsafe { &*objects };
    let table = unsafe { slice::from_raw_parts(table, count as usize) };
    if let [object] = table {
        let Some(number) = objects.number(*object) else { return -EINVAL };
        objects.free.give_back(number);
        return 0;
    }
    let mut result = 0;
    let mut returning = objects.free.returning();
    let mut rest = table;
    let stride = objects.stride;
    while let Some((&first, others)) = rest.split_first() {
        rest = others;
        let Some(number) = objects.number(first) else {
            result = -EINVAL;
            continue;
        };
        let Some(second) = others.first() else {
            returning.add(number..number + 1);
            break;
        };
        let step = second.addr().wrapping_sub(first.addr());
        if step != stride && step != stride.wrapping_neg() {
            returning.add(number..number + 1);
            continue;
        }
        let mut last = first.addr();
        let more = others
            .iter()
            .take_while(|next| {
                let follows = next.addr() == last.wrapping_add(step);
                last = last.wrapping_add(step);
                follows
            })
            .count();
        rest = &others[more..];
        let more = more as u32;
        returning.add(if step == stride {
            number..number + more + 1
        } else {
            number - more..number + 1
        });
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_get(
    objects: *const Objects,
    table: *mut *mut c_void,
    count: c_uint,
    lcore: c_uint,
) -> c_int {
    let objects = unsafe { &*objects };
    let near = &objects.near[lcore as usize % NEAR].0;
    let mut last = near.load(Ordering::Relaxed);
    let table = unsafe { slice::from_raw_parts_mut(table, count as usize) };
    if let [object] = table {
        let Some(mut numbers) = objects.free.take_neighbours(1, Some(last)) else {
            return -ENOBUFS;
        };
        let Some(number) = numbers.next() else { return -ENOBUFS };
        *object = objects.chunk.first.wrapping_add(number as usize * objects.stride).cast();
        near.store(number, Ordering::Relaxed);
        return 0;
    }
    let table_len = table.len();
    let mut rest = &mut *table;
    while !rest.is_empty() {
        let Some(numbers) = objects.free.take_neighbours(rest.len(), Some(last)) else {
            let taken = table_len - rest.len();
            unsafe { blockpool_objects_put(objects, table.as_ptr(), taken as c_uint) };
            return -ENOBUFS;
        };
        let range = numbers.as_range();
        let count = range.as_ref().map_or_else(|| numbers.len(), |range| range.len());
        let (now, later) = rest.split_at_mut(count);
        if let Some(range) = range {
            last = range.start;
            let mut pointer = objects.chunk.first.wrapping_add(last as usize * objects.stride);
            for object in now {
                *object = pointer.cast();
                pointer = pointer.wrapping_add(objects.stride);
            }
        } else {
            for (object, number) in now.iter_mut().zip(numbers) {
                *object = objects.chunk.first.wrapping_add(number as usize * objects.stride).cast();
                last = number;
            }
        }
        rest = later;
    }
    near.store(last, Ordering::Relaxed);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn blockpool_objects_available(objects: *const Objects) -> c_uint {
    unsafe { &*objects }.free.available() as c_uint
}
