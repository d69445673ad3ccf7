//! Blocks where a DMA controller reaches them, in a section that start-up code neither fills nor zeroes,
//! shared with an interrupt handler.
//!
//! ```sh
//! cargo run -p blockpool-core --example dma_section
//! ```
//!
//! In the linker script of the firmware: `.dma (NOLOAD) : { *(.dma) } > DMA_RAM`.

use std::error::Error;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use blockpool_core::storage::Bookkeeping;
use blockpool_core::{Block, RawError, Region};
use spin::Once;
use static_cell::ConstStaticCell;

const BLOCK_SIZE: usize = 1536;
const COUNT: usize = 8;
const ELEMENTS: usize = Bookkeeping::elements_for(COUNT);

#[repr(align(64))]
#[expect(dead_code, reason = "only its place is used")]
struct Memory([MaybeUninit<u8>; COUNT * BLOCK_SIZE]);

// Blocks and nothing else: no start value matters here. The bookkeeping and its atomics are in
// ordinary memory.
#[cfg_attr(target_os = "none", unsafe(link_section = ".dma"))]
static mut MEMORY: Memory = Memory([MaybeUninit::uninit(); COUNT * BLOCK_SIZE]);
static BOOKKEEPING: ConstStaticCell<[Bookkeeping; ELEMENTS]> =
    ConstStaticCell::new([const { Bookkeeping::new() }; ELEMENTS]);

/// For the main program and the interrupt handler.
static FRAMES: Once<Region<'static>> = Once::new();

/// Stands in for the controller: writes a frame to the address in its descriptor.
fn device_receives(descriptor: NonNull<u8>) -> usize {
    let frame = b"a frame";
    // SAFETY: the device owns the block, which has more bytes.
    unsafe { descriptor.as_ptr().copy_from(frame.as_ptr(), frame.len()) };
    frame.len()
}

/// The interrupt handler: the device is done with a block.
///
/// # Safety
///
/// The block at `descriptor` was lent to the device, which wrote `received` bytes to it.
unsafe fn transfer_complete(
    descriptor: NonNull<u8>,
    received: usize,
) -> Result<Block<'static, Region<'static>>, Box<dyn Error>> {
    let frames = FRAMES.get().ok_or("interrupted before the region was made")?;
    // Here, if the memory is cached: invalidate the block's cache lines, after a barrier (`DMB`).
    // SAFETY: the caller's promise.
    let mut frame = unsafe { frames.from_raw_ptr(descriptor) }?;
    // SAFETY: the caller's promise.
    unsafe { frame.set_len(received) }?;
    Ok(frame)
}

fn main() -> Result<(), Box<dyn Error>> {
    let bookkeeping = BOOKKEEPING.take(); // panics the second time, so the memory is used once
    let memory = NonNull::new(&raw mut MEMORY).ok_or("a static has an address")?.cast();
    // SAFETY: nothing else uses the memory.
    let region =
        unsafe { Region::from_raw_parts(memory, COUNT * BLOCK_SIZE, BLOCK_SIZE, bookkeeping) }?;
    let frames = FRAMES.call_once(|| region);

    let descriptor = frames.get().ok_or("all blocks are out")?.into_raw_ptr();
    // Here, if the memory is cached: clean and invalidate the block's cache lines, so that none is
    // written back over what the device writes. Then a barrier (`DSB`), and start the controller.
    let received = device_receives(descriptor);

    // SAFETY: the device is done with the block, and wrote that many bytes.
    let frame = unsafe { transfer_complete(descriptor, received) }?;
    println!("{:?} at {descriptor:?}", str::from_utf8(&frame)?);
    drop(frame);

    // SAFETY: it is refused: the block was claimed already.
    let again = unsafe { frames.from_raw_ptr(descriptor) };
    assert!(matches!(again, Err(RawError::NotReleased { index: 0 })));
    Ok(())
}
