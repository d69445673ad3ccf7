//! Sizes, and where statics lie in this test's own executable.

use std::env::current_exe;
use std::fs;
use std::hint::black_box;

use blockpool_core::{
    Align, Bitmap, Block, Counted, HeaplessQueue, Inline, Pool, Region, SpinStack,
};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

/// 16 bytes with 64-bit words; with 32-bit words, 12 or 16 by the alignment of a `u64`.
#[test]
fn a_handle_is_a_pointer_and_64_bits_also_within_an_option() {
    const HANDLE: usize = size_of::<(usize, u64)>();
    assert_eq!(size_of::<Block<'_, Pool<2048, 64>>>(), HANDLE);
    assert_eq!(size_of::<Option<Block<'_, Pool<2048, 64>>>>(), HANDLE);
    assert_eq!(size_of::<Option<Block<'_, Region<'_>>>>(), HANDLE);
}

#[test]
fn a_pool_takes_a_word_and_64_bits_a_block_beyond_the_blocks() {
    let per_block = 2048 + size_of::<usize>() + size_of::<u64>();
    // A few lines for the pool as a whole.
    let most = 1024 * per_block + 4 * 64;
    assert!(size_of::<Pool<2048, 1024>>() <= most);
}

const MIB: usize = 1 << 20;

type Default = Pool<2048, 2048>;
type Counting = Pool<2048, 2048, Align<64>, Counted<Bitmap<Inline<2048>>>>;
type Spinning = Pool<2048, 2048, Align<64>, SpinStack<2048>>;
type Literal = Pool<2048, 64, Align<64>, HeaplessQueue<64>>;

#[unsafe(no_mangle)]
static BLOCKPOOL_LAYOUT_DEFAULT: Default = Pool::new();
#[unsafe(no_mangle)]
static BLOCKPOOL_LAYOUT_COUNTED: Counting = Pool::new();
#[unsafe(no_mangle)]
static BLOCKPOOL_LAYOUT_SPIN_STACK: Spinning = Pool::new();
#[unsafe(no_mangle)]
static BLOCKPOOL_LAYOUT_HEAPLESS_QUEUE: Literal = Pool::new();

/// The kind of section and the size of a static of this executable.
fn kind_and_size(name: &str) -> (SectionKind, u64) {
    let program = fs::read(current_exe().expect("this test has a file")).expect("it can be read");
    let program = object::File::parse(&program[..]).expect("it is an executable");
    // Mach-O writes an underscore first.
    let symbol = program
        .symbols()
        .find(|symbol| symbol.name().is_ok_and(|found| found.trim_start_matches('_') == name))
        .unwrap_or_else(|| panic!("no symbol {name}"));
    let section = symbol.section_index().expect("it lies in a section");
    let section = program.section_by_index(section).expect("it exists");
    (section.kind(), symbol.size())
}

#[test]
fn a_static_pool_takes_no_space_in_the_file() {
    // Used, so that the linker keeps them.
    assert_eq!(black_box(&BLOCKPOOL_LAYOUT_DEFAULT).available(), 2048);
    assert_eq!(black_box(&BLOCKPOOL_LAYOUT_COUNTED).available(), 2048);
    assert_eq!(black_box(&BLOCKPOOL_LAYOUT_SPIN_STACK).available(), 2048);
    for (name, size) in [
        ("BLOCKPOOL_LAYOUT_DEFAULT", size_of::<Default>()),
        ("BLOCKPOOL_LAYOUT_COUNTED", size_of::<Counting>()),
        ("BLOCKPOOL_LAYOUT_SPIN_STACK", size_of::<Spinning>()),
    ] {
        assert!(size > 4 * MIB);
        assert_eq!(kind_and_size(name), (SectionKind::UninitializedData, size as u64), "{name}");
    }
}

#[test]
fn a_static_pool_over_heapless_queue_takes_its_space_in_the_file() {
    assert_eq!(black_box(&BLOCKPOOL_LAYOUT_HEAPLESS_QUEUE).available(), 64);
    assert_eq!(
        kind_and_size("BLOCKPOOL_LAYOUT_HEAPLESS_QUEUE"),
        (SectionKind::Data, size_of::<Literal>() as u64)
    );
}
