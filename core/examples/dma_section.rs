//! Blocks where a DMA controller reaches them, in a section that no start-up code zeroes.
//!
//! ```sh
//! cargo run -p blockpool-core --example dma_section
//! ```

use std::error::Error;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use blockpool_core::Region;
use blockpool_core::storage::Bookkeeping;
use static_cell::ConstStaticCell;

const BLOCK_SIZE: usize = 1536;
const COUNT: usize = 8;
const ELEMENTS: usize = Bookkeeping::elements_for(COUNT);

#[repr(align(64))]
struct Memory([MaybeUninit<u8>; COUNT * BLOCK_SIZE]);

// The memory holds only blocks, so its initial contents do not matter.
#[cfg_attr(target_os = "none", unsafe(link_section = ".dma"))]
static MEMORY: ConstStaticCell<Memory> =
    ConstStaticCell::new(Memory([MaybeUninit::uninit(); COUNT * BLOCK_SIZE]));
static BOOKKEEPING: ConstStaticCell<[Bookkeeping; ELEMENTS]> =
    ConstStaticCell::new([const { Bookkeeping::new() }; ELEMENTS]);

/// Stands in for the controller: writes a frame to the address in its descriptor.
fn device_receives(descriptor: NonNull<u8>) -> usize {
    let frame = b"a frame";
    // SAFETY: the device owns the block, which has more bytes.
    unsafe { descriptor.as_ptr().copy_from(frame.as_ptr(), frame.len()) };
    frame.len()
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = Region::new(&mut MEMORY.take().0, BLOCK_SIZE, BOOKKEEPING.take())?;

    // For a descriptor: the device owns the block now.
    let descriptor = frames.get().ok_or("all blocks are out")?.into_raw_ptr();
    let received = device_receives(descriptor);

    // SAFETY: the device is done with it.
    let mut frame = unsafe { frames.from_raw_ptr(descriptor) }?;
    // SAFETY: it wrote that many bytes.
    unsafe { frame.set_len(received) }?;
    println!("{:?} at {descriptor:?}", str::from_utf8(&frame)?);
    drop(frame);

    // SAFETY: it is refused: the block was claimed already.
    let again = unsafe { frames.from_raw_ptr(descriptor) }.expect_err("claimed twice");
    println!("claimed again: {again}");
    Ok(())
}
