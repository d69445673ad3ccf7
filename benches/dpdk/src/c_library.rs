//! Blockpool's C library, called the way C programs call a shared library.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr;

use libloading::{Error, Library};

use crate::dpdk::Environment;
use crate::own::STOCK;
use crate::pointers::Pointers;
use crate::{COUNT, SIZE};

// Types as in `blockpool.h`; `BLOCKPOOL_OK` is 0.
type Size = unsafe extern "C" fn() -> usize;
type BookkeepingSize = unsafe extern "C" fn(usize, usize) -> usize;
type Create = unsafe extern "C" fn(*mut u8, usize, usize, *mut u8, usize, *mut Handle) -> c_int;
type LocalPoolCreate = unsafe extern "C" fn(Handle, usize, *mut u8, usize, *mut Handle) -> c_int;
type Handle = *mut c_void;

/// The functions of a local pool.
#[derive(Clone, Copy)]
struct Functions {
    size: Size,
    create: LocalPoolCreate,
    destroy: unsafe extern "C" fn(Handle) -> c_int,
    get: unsafe extern "C" fn(Handle) -> *mut u8,
    put: unsafe extern "C" fn(Handle, *mut u8) -> c_int,
    get_burst: unsafe extern "C" fn(Handle, *mut MaybeUninit<*mut u8>, usize) -> usize,
    put_burst: unsafe extern "C" fn(Handle, *const *mut u8, usize, *mut usize) -> c_int,
}

/// A pool that is never destroyed.
#[derive(Clone, Copy)]
pub struct Pool {
    functions: Functions,
    handle: Handle,
}

// SAFETY: threads may share a pool.
unsafe impl Sync for Pool {}

impl Pool {
    pub fn new(path: &Path, environment: Environment) -> Result<Self, String> {
        let pool = Self::load(path, environment);
        pool.map_err(|error| format!("{}: {error}", path.display()))
    }

    fn load(library: &Path, environment: Environment) -> Result<Self, Error> {
        // SAFETY: the library does nothing when it is loaded.
        let library = Box::leak(Box::new(unsafe { Library::new(library) }?));
        let functions = Functions {
            // SAFETY: types are as in the header, here and below.
            size: *unsafe { library.get(b"blockpool_local_pool_size") }?,
            // SAFETY: as above.
            create: *unsafe { library.get(b"blockpool_local_pool_create") }?,
            // SAFETY: as above.
            destroy: *unsafe { library.get(b"blockpool_local_pool_destroy") }?,
            // SAFETY: as above.
            get: *unsafe { library.get(b"blockpool_local_pool_get") }?,
            // SAFETY: as above.
            put: *unsafe { library.get(b"blockpool_local_pool_put") }?,
            // SAFETY: as above.
            get_burst: *unsafe { library.get(b"blockpool_local_pool_get_burst") }?,
            // SAFETY: as above.
            put_burst: *unsafe { library.get(b"blockpool_local_pool_put_burst") }?,
        };
        // SAFETY: as above.
        let create = *unsafe { library.get::<Create>(b"blockpool_create") }?;
        // SAFETY: as above.
        let size = *unsafe { library.get::<BookkeepingSize>(b"blockpool_bookkeeping_size") }?;
        // SAFETY: the function has no preconditions.
        let size = unsafe { size(COUNT * SIZE, SIZE) };
        let memory = environment.memory(COUNT * SIZE).as_ptr();
        let (bookkeeping, mut handle) = (environment.memory(size).as_ptr(), ptr::null_mut());
        // SAFETY: the memory is never freed, used by nothing else, and page-aligned.
        let result = unsafe { create(memory, COUNT * SIZE, SIZE, bookkeeping, size, &mut handle) };
        assert_eq!(result, 0, "memory as it has to be");
        Ok(Self { functions, handle })
    }

    pub fn local_pool(&self) -> LocalPool {
        let Self { functions, handle: pool } = *self;
        // SAFETY: the function has no preconditions.
        let size = unsafe { (functions.size)() };
        let mut memory = vec![Line { _bytes: [0; 64] }; size.div_ceil(64)];
        let (first, mut handle) = (memory.as_mut_ptr().cast(), ptr::null_mut());
        // SAFETY: the pool is never destroyed; the memory is used by nothing else, lives as long as the local
        // pool, and is aligned.
        let result = unsafe { (functions.create)(pool, STOCK, first, size, &mut handle) };
        assert_eq!(result, 0, "memory as it has to be");
        LocalPool { functions, handle, _memory: memory }
    }
}

/// The alignment that the library requires of memory.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

pub struct LocalPool {
    functions: Functions,
    handle: Handle,
    _memory: Vec<Line>,
}

impl Pointers for LocalPool {
    fn get(&mut self, table: &mut [MaybeUninit<*mut u8>]) -> usize {
        let Self { functions, handle, .. } = *self;
        if let [one] = table {
            // SAFETY: the handle is a local pool's, used only by its own thread.
            let block = unsafe { (functions.get)(handle) };
            one.write(block);
            return usize::from(!block.is_null());
        }
        // SAFETY: as above, and the table has room for that many.
        unsafe { (functions.get_burst)(handle, table.as_mut_ptr(), table.len()) }
    }

    unsafe fn put(&mut self, table: &[*mut u8]) -> bool {
        let Self { functions, handle, .. } = *self;
        if let &[one] = table {
            // SAFETY: the handle is a local pool's, used only by its own thread.
            return unsafe { (functions.put)(handle, one) } == 0;
        }
        let (first, count) = (table.as_ptr(), table.len());
        // SAFETY: as above, and the table holds that many.
        unsafe { (functions.put_burst)(handle, first, count, ptr::null_mut()) == 0 }
    }
}

impl Drop for LocalPool {
    fn drop(&mut self) {
        // SAFETY: nothing uses the local pool any more.
        unsafe { (self.functions.destroy)(self.handle) };
    }
}
