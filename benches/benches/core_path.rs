//! `blockpool-core`: one thread takes a block and gives it back, by every engine, with and without a
//! worker, singly and in bursts; and hands blocks on.

use std::hint::black_box;

use blockpool_benches::two_threads::on_two_threads;
use blockpool_core::{
    Align, Bitmap, Block, BlockPool, Counted, HeaplessQueue, InPlace, Inline, Pool, Queue,
    SpinStack,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZE: usize = 2048;
const COUNT: usize = 1024;
const BURST: usize = 32;

type With<F> = Pool<SIZE, COUNT, Align<64>, F>;

static BITMAP: Pool<SIZE, COUNT> = Pool::new();
static COUNTED: With<Counted<Bitmap<Inline<COUNT>>>> = Pool::new();
static HEAPLESS: With<HeaplessQueue<COUNT>> = Pool::new();
static SPIN: With<SpinStack<COUNT>> = Pool::new();

/// What every contender does with a block: touch its first bytes.
fn touch<P: BlockPool>(block: &mut Block<'_, P>) {
    block.write_slice(&black_box([1; 8])).expect("a block has room for eight bytes");
}

fn pair(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("block, get and give back");
    group.bench_function("nothing: the harness alone", |bencher| {
        let mut memory = [0_u8; 8];
        bencher.iter(|| memory.copy_from_slice(&black_box([1; 8])));
    });
    group.bench_function("Worker", |bencher| {
        let mut worker = BITMAP.worker();
        bencher.iter(|| {
            let mut block = worker.get().expect("one is free");
            touch(&mut block);
            worker.put(block);
        });
    });
    fn shared<F: InPlace>(
        group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
        name: &str,
        pool: &'static With<F>,
    ) {
        group.bench_function(BenchmarkId::new("Pool", name), |bencher| {
            bencher.iter(|| touch(&mut pool.get().expect("one is free")));
        });
    }
    shared(&mut group, "Bitmap", &BITMAP);
    shared(&mut group, "Counted<Bitmap>", &COUNTED);
    shared(&mut group, "HeaplessQueue", &HEAPLESS);
    shared(&mut group, "SpinStack", &SPIN);
    group.finish();
}

fn bursts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("block, bursts of 32");
    group.throughput(Throughput::Elements(BURST as u64));
    group.bench_function("Worker", |bencher| {
        let mut worker = BITMAP.worker();
        let mut blocks = blockpool_core::heapless::Vec::<_, BURST>::new();
        bencher.iter(|| {
            worker.get_burst(&mut blocks);
            blocks.iter_mut().for_each(touch);
            worker.put_burst(&mut blocks);
        });
    });
    group.bench_function("Pool", |bencher| {
        let mut blocks = Vec::with_capacity(BURST);
        bencher.iter(|| {
            blocks.extend((0..BURST).map_while(|_| BITMAP.get()));
            blocks.iter_mut().for_each(touch);
            blocks.clear();
        });
    });
    group.finish();
}

fn exhausted(criterion: &mut Criterion) {
    static SMALL: Pool<64, COUNT> = Pool::new();
    static LARGE: Pool<64, 65_536> = Pool::new();
    let mut group = criterion.benchmark_group("get when exhausted");
    let held: Vec<_> = std::iter::from_fn(|| SMALL.get()).collect();
    group.bench_function("1,024 blocks", |bencher| bencher.iter(|| SMALL.get().is_none()));
    drop(held);
    let held: Vec<_> = std::iter::from_fn(|| LARGE.get()).collect();
    group.bench_function("65,536 blocks", |bencher| bencher.iter(|| LARGE.get().is_none()));
    drop(held);
    group.finish();
}

fn hand_off(criterion: &mut Criterion) {
    static QUEUE: Queue<'static, Pool<SIZE, COUNT>> = Queue::new(&BITMAP);
    let mut group = criterion.benchmark_group("push and pop");
    group.bench_function("Queue", |bencher| {
        let mut held = BITMAP.get();
        bencher.iter(|| {
            let block = held.take().expect("always put back");
            QUEUE.push(block).expect("a block of its pool");
            held = QUEUE.pop();
        });
    });
    group.bench_function("ArrayQueue", |bencher| {
        let queue = crossbeam::queue::ArrayQueue::new(COUNT);
        let mut held = BITMAP.get();
        bencher.iter(|| {
            let block = held.take().expect("always put back");
            queue.push(block).expect("there is room");
            held = queue.pop();
        });
    });
    group.finish();
}

fn two_threads(criterion: &mut Criterion) {
    fn shared<F: InPlace>(
        group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
        name: &str,
        pool: &'static With<F>,
    ) {
        group.bench_function(BenchmarkId::new("Pool", name), |bencher| {
            bencher.iter_custom(|count| {
                on_two_threads(
                    count,
                    || (),
                    |()| {
                        // The `HeaplessQueue` finds nothing at times, though blocks are free.
                        if let Some(mut block) = pool.get() {
                            touch(&mut block);
                        }
                    },
                )
            });
        });
    }
    let mut group = criterion.benchmark_group("block, get and give back, two threads on one pool");
    group.bench_function("Worker", |bencher| {
        bencher.iter_custom(|count| {
            on_two_threads(
                count,
                || BITMAP.worker(),
                |worker| {
                    let mut block = worker.get().expect("one is free");
                    touch(&mut block);
                    worker.put(block);
                },
            )
        });
    });
    shared(&mut group, "Bitmap", &BITMAP);
    shared(&mut group, "HeaplessQueue", &HEAPLESS);
    shared(&mut group, "SpinStack", &SPIN);
    group.finish();
}

criterion_group!(benches, pair, bursts, two_threads, exhausted, hand_off);
criterion_main!(benches);
