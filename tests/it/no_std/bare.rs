//! A program of the core alone: no standard library, no allocator, no C library. Exits with status 0 if
//! blocks can be taken, handed on and given back. Built and run by `no_std.rs`.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

use blockpool_core::{Pool, Queue};

static POOL: Pool<256, 100> = Pool::new();
static QUEUE: Queue<'static, Pool<256, 100>> = Queue::new(&POOL);

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "call bare_main", "ud2");
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "bl bare_main", "brk #1");

fn exit(status: i32) -> ! {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the system call `exit_group` ends the program.
    unsafe {
        asm!("syscall", in("rax") 231, in("rdi") status, options(noreturn))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the system call `exit_group` ends the program.
    unsafe {
        asm!("svc #0", in("x8") 94, in("x0") status, options(noreturn))
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

#[unsafe(no_mangle)]
extern "C" fn bare_main() -> ! {
    let mut local = POOL.local_pool();
    for round in 0..1000_u32 {
        let mut block = if round % 2 == 0 { POOL.get() } else { local.get() }.unwrap();
        block.append(&round.to_le_bytes()).unwrap();
        QUEUE.push(block).unwrap();
        let block = QUEUE.pop().unwrap();
        assert_eq!(block[..], round.to_le_bytes());
        local.put(block);
    }
    drop(local);
    exit(if POOL.available() == 100 { 0 } else { 1 })
}

// The compiler calls these where a C library usually has them.

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    for at in 0..count {
        // SAFETY: the caller vouches for `count` bytes.
        let byte = unsafe { from.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr() <= from.addr() {
        // SAFETY: upwards, so each byte is read before it is overwritten.
        return unsafe { memcpy(to, from, count) };
    }
    for at in (0..count).rev() {
        // SAFETY: the caller vouches for `count` bytes; downwards, as above.
        let byte = unsafe { from.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(at).write_volatile(byte) };
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
    for at in 0..count {
        // SAFETY: the caller vouches for `count` bytes.
        unsafe { to.wrapping_add(at).write_volatile(value as u8) };
    }
    to
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: the caller vouches for `count` bytes.
        let left = unsafe { left.wrapping_add(at).read_volatile() };
        // SAFETY: as above.
        let right = unsafe { right.wrapping_add(at).read_volatile() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// # Safety
///
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(left, right, count) }
}

/// Referenced by the unwind tables of the compiled `core`; never called.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
