//! All memory is resident once the pool exists: first use causes no page fault.

#![cfg(target_os = "linux")]

use blockpool::TransactionMemoryPool;

/// Page faults of this thread that were served without reading a disk: the tenth
/// field, the eighth after the name in parentheses.
fn minor_faults() -> Option<usize> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    let after_name = stat.rsplit(')').next()?;
    after_name.split_ascii_whitespace().nth(7)?.parse().ok()
}

#[test]
fn first_use_of_every_buffer_meets_no_page_fault() {
    const PAGES: usize = 16 * 64;
    let pool = TransactionMemoryPool::new(16 * 4096, 64);
    let before = minor_faults().expect("Linux tells");
    for _ in 0..64 {
        let mut buffer = pool.get_buffer();
        buffer.resize(16 * 4096, 1);
        pool.return_buffer(buffer);
    }
    let faults = minor_faults().expect("Linux tells") - before;
    assert_eq!((pool.heap_fallbacks(), pool.discarded()), (0, 0));
    // Reading the count causes a few of its own.
    assert!(faults < PAGES / 10, "{faults} faults for {PAGES} pages");
}
