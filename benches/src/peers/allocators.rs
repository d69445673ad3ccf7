//! No pool: a general-purpose allocator, and `bytes`, which adds reference counting to one.

use std::alloc::{GlobalAlloc, Layout, handle_alloc_error};
use std::hint::black_box;
use std::ptr::NonNull;

use bytes::BytesMut;

use super::{BLOCK_SIZE, COUNT, Contender, marked};

/// Memory from an allocator, for every buffer.
#[derive(Debug)]
pub struct Allocator<A> {
    pub name: &'static str,
    pub allocator: A,
}

/// A buffer of an [`Allocator`].
#[derive(Debug)]
pub struct Allocated(NonNull<u8>);

// SAFETY: it is the only owner of its memory, and allocators let any thread free it.
unsafe impl Send for Allocated {}

const LAYOUT: Layout = Layout::new::<[u8; BLOCK_SIZE]>();

impl<A: GlobalAlloc + Sync + 'static> Contender for Allocator<A> {
    type Handle = &'static A;
    type Buffer = Allocated;

    fn name(&self) -> &'static str {
        self.name
    }

    fn less(&self) -> String {
        "no bound".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> &'static A {
        &self.allocator
    }

    fn get(handle: &mut &'static A) -> Option<Allocated> {
        // SAFETY: the layout is not empty.
        let memory = unsafe { handle.alloc(LAYOUT) };
        // The compiler knows `malloc` and `free`, and would remove both.
        let Some(memory) = NonNull::new(black_box(memory)) else { handle_alloc_error(LAYOUT) };
        Some(Allocated(memory))
    }

    fn touch(buffer: &mut Allocated) {
        // SAFETY: the memory belongs to this buffer and is longer than eight bytes; bytes need no alignment.
        unsafe { buffer.0.cast::<[u8; 8]>().write(marked()) };
    }

    fn first_byte(buffer: &Allocated) -> *const u8 {
        buffer.0.as_ptr()
    }

    fn put(handle: &mut &'static A, buffer: Allocated) {
        // Without this, the compiler would drop writes to memory that is freed.
        let buffer = black_box(buffer);
        // SAFETY: it came from this allocator with this layout, and is no longer used.
        unsafe { handle.dealloc(buffer.0.as_ptr(), LAYOUT) };
    }
}

/// `BytesMut`, used the way programs recycle with it: a message is split off one large buffer, and `reserve`
/// starts again from the front when all messages are gone, or replaces the buffer if they are not.
#[derive(Debug)]
pub struct Recycled;

impl Contender for Recycled {
    type Handle = BytesMut;
    type Buffer = BytesMut;

    fn name(&self) -> &'static str {
        "`BytesMut`, split off"
    }

    fn less(&self) -> String {
        "no bound; allocates while messages are out".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) -> BytesMut {
        BytesMut::with_capacity(COUNT * BLOCK_SIZE)
    }

    fn get(handle: &mut BytesMut) -> Option<BytesMut> {
        Some(Self::take(handle))
    }

    fn take(handle: &mut BytesMut) -> BytesMut {
        if handle.capacity() < BLOCK_SIZE {
            handle.reserve(COUNT * BLOCK_SIZE);
        }
        handle.split_off(handle.capacity() - BLOCK_SIZE)
    }

    fn touch(buffer: &mut BytesMut) {
        buffer.extend_from_slice(&marked());
    }

    fn first_byte(buffer: &BytesMut) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(_: &mut BytesMut, buffer: BytesMut) {
        drop(buffer);
    }
}
