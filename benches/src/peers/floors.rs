//! Lower bounds for every pool: the least that taking and giving back a buffer costs.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::utils::CachePadded;

use super::vectors::byte_vectors;
use super::{BLOCK_SIZE, COUNT, Contender, Threads, marked};

/// No pool at all: what measuring itself costs.
#[derive(Debug)]
pub struct Nothing;

impl Contender for Nothing {
    type Handle = ();
    type Buffer = [u8; 8];

    fn name(&self) -> &'static str {
        "nothing: the harness alone"
    }

    fn less(&self) -> String {
        "no pool; eight bytes go from hand to hand".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn handle(&'static self) {}

    fn get((): &mut ()) -> Option<[u8; 8]> {
        Some([0; 8])
    }

    fn touch(buffer: &mut [u8; 8]) {
        *buffer = marked();
    }

    fn first_byte(buffer: &[u8; 8]) -> *const u8 {
        buffer.as_ptr()
    }

    fn put((): &mut (), _: [u8; 8]) {}
}

/// Blocks in a plain vector, last in, first out: a pool for a program with one thread.
#[derive(Debug)]
pub struct UnsharedStack;

impl Contender for UnsharedStack {
    type Handle = Vec<Box<[u8; BLOCK_SIZE]>>;
    type Buffer = Box<[u8; BLOCK_SIZE]>;

    fn name(&self) -> &'static str {
        "vector of blocks"
    }

    fn less(&self) -> String {
        "one thread's own; checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn refuses(&self, _: Threads) -> Option<&'static str> {
        Some("one thread's own")
    }

    fn handle(&'static self) -> Self::Handle {
        (0..COUNT).map(|_| Box::new([0; BLOCK_SIZE])).collect()
    }

    fn get(handle: &mut Self::Handle) -> Option<Self::Buffer> {
        handle.pop()
    }

    fn touch(buffer: &mut Self::Buffer) {
        buffer[..8].copy_from_slice(&marked());
    }

    fn first_byte(buffer: &Self::Buffer) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(handle: &mut Self::Handle, buffer: Self::Buffer) {
        handle.push(buffer);
    }
}

/// Byte vectors in a plain vector: the same for a program that works with byte vectors.
#[derive(Debug)]
pub struct UnsharedVectors;

impl Contender for UnsharedVectors {
    type Handle = Vec<Vec<u8>>;
    byte_vectors!(Vec<u8>);

    fn name(&self) -> &'static str {
        "vector of byte vectors"
    }

    fn less(&self) -> String {
        "one thread's own; checks nothing".into()
    }

    fn capacity(&self) -> Option<usize> {
        Some(COUNT)
    }

    fn refuses(&self, _: Threads) -> Option<&'static str> {
        Some("one thread's own")
    }

    fn handle(&'static self) -> Self::Handle {
        (0..COUNT).map(|_| Vec::with_capacity(BLOCK_SIZE)).collect()
    }

    fn get(handle: &mut Self::Handle) -> Option<Vec<u8>> {
        handle.pop()
    }

    fn put(handle: &mut Self::Handle, mut buffer: Vec<u8>) {
        buffer.clear();
        handle.push(buffer);
    }
}

/// Two atomic read-modify-writes for each pair, on a cache line that no other thread uses.
#[derive(Debug)]
pub struct TwoAtomicOperations;

/// The same, with a load before the first one to find a free bit: what a bitmap can hardly do without.
#[derive(Debug)]
pub struct BitOfAWord;

type Word = Box<CachePadded<AtomicUsize>>;

impl Contender for TwoAtomicOperations {
    type Handle = Word;
    type Buffer = [u8; 8];

    fn name(&self) -> &'static str {
        "2 atomic read-modify-writes"
    }

    fn less(&self) -> String {
        "no pool; eight bytes go from hand to hand".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn refuses(&self, _: Threads) -> Option<&'static str> {
        Some("one thread's own")
    }

    fn handle(&'static self) -> Word {
        Box::default()
    }

    fn get(word: &mut Word) -> Option<[u8; 8]> {
        word.fetch_or(1, Ordering::Acquire);
        Some([0; 8])
    }

    fn touch(buffer: &mut [u8; 8]) {
        *buffer = marked();
    }

    fn first_byte(buffer: &[u8; 8]) -> *const u8 {
        buffer.as_ptr()
    }

    fn put(word: &mut Word, _: [u8; 8]) {
        word.fetch_and(!1, Ordering::Release);
    }
}

impl Contender for BitOfAWord {
    type Handle = Word;
    /// A bit, and the bytes to be touched.
    type Buffer = (usize, [u8; 8]);

    fn name(&self) -> &'static str {
        "2 of them, led by a load"
    }

    fn less(&self) -> String {
        "no pool; eight bytes go from hand to hand".into()
    }

    fn capacity(&self) -> Option<usize> {
        None
    }

    fn refuses(&self, _: Threads) -> Option<&'static str> {
        Some("one thread's own")
    }

    fn handle(&'static self) -> Word {
        Box::default()
    }

    fn get(word: &mut Word) -> Option<Self::Buffer> {
        let out = word.load(Ordering::Relaxed);
        let bit = !out & out.wrapping_add(1);
        word.compare_exchange(out, out | bit, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some((bit, [0; 8]))
    }

    fn touch((_, bytes): &mut Self::Buffer) {
        *bytes = marked();
    }

    fn first_byte((_, bytes): &Self::Buffer) -> *const u8 {
        bytes.as_ptr()
    }

    fn put(word: &mut Word, (bit, _): Self::Buffer) {
        word.fetch_and(!bit, Ordering::Release);
    }
}
