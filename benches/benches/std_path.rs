//! `blockpool`: one thread takes a byte vector and gives it back, from the original implementation,
//! the pool, its guard and its per-thread cache, and without a pool.

use std::hint::black_box;

use blockpool::TransactionMemoryPool;
use blockpool_benches::original::OriginalPool;
use blockpool_benches::two_threads::on_two_threads;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::queue::ArrayQueue;

const SIZE: usize = 2048;
const COUNT: usize = 1024;
const BURST: usize = 32;

/// What every contender does with a buffer: touch its first bytes.
fn touch(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&black_box([1; 8]));
}

/// What `TransactionMemoryPool` is made over, without counters, limits and fallback.
fn bare_queue() -> ArrayQueue<Vec<u8>> {
    let queue = ArrayQueue::new(COUNT);
    while queue.push(Vec::with_capacity(SIZE)).is_ok() {}
    queue
}

fn take_and_return(queue: &ArrayQueue<Vec<u8>>) {
    let mut buffer = queue.pop().expect("one is free");
    touch(&mut buffer);
    buffer.clear();
    queue.push(buffer).expect("there is room");
}

fn pair(criterion: &mut Criterion) {
    let bare = bare_queue();
    let original = OriginalPool::new(SIZE, COUNT);
    let pool = TransactionMemoryPool::new(SIZE, COUNT);
    let mut local = pool.local();
    let mut group = criterion.benchmark_group("Vec, get and give back");
    group.bench_function("nothing: the harness alone", |bencher| {
        let mut buffer = Vec::with_capacity(SIZE);
        bencher.iter(|| {
            touch(&mut buffer);
            buffer.clear();
        });
    });
    group.bench_function("original", |bencher| {
        bencher.iter(|| {
            let mut buffer = original.get_buffer();
            touch(&mut buffer);
            original.return_buffer(buffer);
        });
    });
    group.bench_function("ArrayQueue, bare", |bencher| bencher.iter(|| take_and_return(&bare)));
    group.bench_function("TransactionMemoryPool", |bencher| {
        bencher.iter(|| {
            let mut buffer = pool.get_buffer();
            touch(&mut buffer);
            pool.return_buffer(buffer);
        });
    });
    group.bench_function("PooledBuffer", |bencher| bencher.iter(|| touch(&mut pool.get())));
    group.bench_function("LocalPool", |bencher| {
        bencher.iter(|| {
            let mut buffer = local.get_buffer();
            touch(&mut buffer);
            local.return_buffer(buffer);
        });
    });
    group.bench_function("malloc", |bencher| {
        bencher.iter(|| touch(&mut Vec::with_capacity(black_box(SIZE))));
    });
    group.finish();
}

fn bursts(criterion: &mut Criterion) {
    let original = OriginalPool::new(SIZE, COUNT);
    let pool = TransactionMemoryPool::new(SIZE, COUNT);
    let mut local = pool.local();
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(BURST);
    let mut group = criterion.benchmark_group("Vec, bursts of 32");
    group.throughput(Throughput::Elements(BURST as u64));
    group.bench_function("original", |bencher| {
        bencher.iter(|| {
            held.extend((0..BURST).map(|_| original.get_buffer()));
            held.iter_mut().for_each(touch);
            held.drain(..).for_each(|buffer| original.return_buffer(buffer));
        });
    });
    group.bench_function("TransactionMemoryPool", |bencher| {
        bencher.iter(|| {
            held.extend((0..BURST).map(|_| pool.get_buffer()));
            held.iter_mut().for_each(touch);
            held.drain(..).for_each(|buffer| pool.return_buffer(buffer));
        });
    });
    group.bench_function("LocalPool", |bencher| {
        bencher.iter(|| {
            held.extend((0..BURST).map(|_| local.get_buffer()));
            held.iter_mut().for_each(touch);
            held.drain(..).for_each(|buffer| local.return_buffer(buffer));
        });
    });
    group.bench_function("malloc", |bencher| {
        bencher.iter(|| {
            held.extend((0..BURST).map(|_| Vec::with_capacity(black_box(SIZE))));
            held.iter_mut().for_each(touch);
            held.clear();
        });
    });
    group.finish();
}

fn two_threads(criterion: &mut Criterion) {
    let bare = bare_queue();
    let original = OriginalPool::new(SIZE, COUNT);
    let pool = TransactionMemoryPool::new(SIZE, COUNT);
    let mut group = criterion.benchmark_group("Vec, get and give back, two threads on one pool");
    group.bench_function("original", |bencher| {
        bencher.iter_custom(|count| {
            on_two_threads(
                count,
                || (),
                |()| {
                    let mut buffer = original.get_buffer();
                    touch(&mut buffer);
                    original.return_buffer(buffer);
                },
            )
        });
    });
    group.bench_function("ArrayQueue, bare", |bencher| {
        bencher.iter_custom(|count| on_two_threads(count, || (), |()| take_and_return(&bare)));
    });
    group.bench_function("TransactionMemoryPool", |bencher| {
        bencher.iter_custom(|count| {
            on_two_threads(
                count,
                || (),
                |()| {
                    let mut buffer = pool.get_buffer();
                    touch(&mut buffer);
                    pool.return_buffer(buffer);
                },
            )
        });
    });
    group.bench_function("LocalPool", |bencher| {
        bencher.iter_custom(|count| {
            on_two_threads(
                count,
                || pool.local(),
                |local| {
                    let mut buffer = local.get_buffer();
                    touch(&mut buffer);
                    local.return_buffer(buffer);
                },
            )
        });
    });
    group.bench_function("malloc", |bencher| {
        bencher.iter_custom(|count| {
            on_two_threads(count, || (), |()| touch(&mut Vec::with_capacity(black_box(SIZE))))
        });
    });
    group.finish();
}

criterion_group!(benches, pair, bursts, two_threads);
criterion_main!(benches);
