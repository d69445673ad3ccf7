//! Sizes, and where statics lie in this test's own executable.

use std::env::current_exe;
use std::fs;
use std::hint::black_box;

use blockpool_core::storage::{Bitmap, Counted, FreeListKind, HeaplessQueue, SpinStack, Storage};
use blockpool_core::{Align, Block, BlockPool, Pool, Region};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use crate::harness::{Line, assert_whole, bookkeeping, region};

/// 16 bytes with 64-bit words; with 32-bit words, 12 or 16, depending on the alignment of a `u64`.
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
type Counting = Pool<2048, 2048, Align<64>, Counted>;
type Spinning = Pool<2048, 2048, Align<64>, SpinStack>;
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
    // Mach-O prepends an underscore.
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

/// Makes a pool larger than the stack of a test's thread, in builds without optimisation too.
#[test]
fn a_large_pool_is_made_in_place() {
    fn check<K: FreeListKind>() {
        let mut memory = Box::<Pool<2048, 4096, Align<64>, K>>::new_uninit();
        // Previous contents do not matter.
        // SAFETY: memory of the box, borrowed exclusively; any bytes are allowed in it.
        unsafe { memory.as_mut_ptr().write_bytes(0xA5, 1) };
        assert!(size_of_val(&*memory) > 4 * MIB);
        let pool = Pool::init(&mut memory);
        assert_eq!((pool.capacity(), pool.exhausted_count()), (4096, 0));
        assert!(pool.high_water_mark().is_none_or(|peak| peak == 0));
        // SAFETY: it is refused.
        assert!(unsafe { pool.from_raw(7) }.is_err(), "no block can be claimed");
        assert_whole(pool);
    }
    check::<Bitmap>();
    check::<Counted>();
    check::<SpinStack>();
    check::<HeaplessQueue<4096>>();
}

#[test]
fn addresses_and_indices_of_blocks_are_one_stride_apart() {
    fn check<S: Storage>(pool: &BlockPool<S>, stride: usize) {
        let (first, length) = pool.memory();
        assert_eq!((pool.stride(), length), (stride, stride * pool.capacity()));
        for index in 0..pool.capacity() as u32 {
            let address = pool.address_of(index).expect("a block");
            assert_eq!(address.addr().get(), first.addr().get() + index as usize * stride);
            assert_eq!(pool.index_of(address), Ok(index));
        }
        for beyond in [pool.capacity() as u32, u32::MAX] {
            assert_eq!(pool.address_of(beyond), None);
        }
    }
    check(&Pool::<100, 5>::new(), 128);
    check(&Pool::<100, 5, Align<1>>::new(), 100);
    let mut memory = vec![Line([0; 64]); 3 * 5];
    let mut bookkeeping = bookkeeping(3 * 5 * 64, 192);
    check(&region(&mut memory, 192, &mut bookkeeping).expect("it serves"), 192);
}
