//! Which queue is measured in which column.

use std::sync::LazyLock;

use blockpool_benches::patterns::{producer_consumer, round_trip};
use blockpool_benches::peers::all::BITMAP;
use blockpool_benches::peers::{BLOCK_SIZE, Bare, COUNT, Contender, Private};
use blockpool_benches::queues::{BASELINE, HandOff, Refusing, TwoAtomicOperations};
use blockpool_core::storage::InPlace;
use blockpool_core::{Block, Pool, Queue};
use crossbeam::queue::{ArrayQueue, SegQueue};

use crate::columns::*;
use crate::plan::{Plan, Topic, for_ever};

type Blocks = Pool<BLOCK_SIZE, COUNT>;

static QUEUE: Queue<'static, Blocks> = Queue::new(&BITMAP);
static ATOMIC: LazyLock<TwoAtomicOperations> = LazyLock::new(TwoAtomicOperations::default);

/// Plans every queue, all with the same blocks, and combinations of pool and queue.
pub(crate) fn add(plan: &mut Plan<'_>) {
    plan.row(Topic::Queues, ATOMIC.name(), || ATOMIC.less());
    plan.add(ROUND_TRIP, ATOMIC.name(), round_trip::one_thread(&*ATOMIC, || ()));
    add_queue(plan, || Queue::new(&BITMAP));
    add_queue(plan, || ArrayQueue::new(COUNT));
    add_queue(plan, Refusing::default);
    add_queue(plan, SegQueue::new);

    static LOCAL: Private<InPlace<BLOCK_SIZE, COUNT>> = Private(&BITMAP);
    static VECTORS: LazyLock<Bare> = LazyLock::new(|| Bare::new(BLOCK_SIZE, COUNT));
    static VECTOR_QUEUE: LazyLock<ArrayQueue<Vec<u8>>> = LazyLock::new(|| ArrayQueue::new(COUNT));
    static BLOCKS: LazyLock<ArrayQueue<Block<'static, Blocks>>> =
        LazyLock::new(|| ArrayQueue::new(COUNT));
    add_end_to_end(plan, "`LocalPool` and `Queue`", &LOCAL, &QUEUE);
    add_end_to_end(plan, "`LocalPool` and `ArrayQueue`", &LOCAL, &*BLOCKS);
    add_end_to_end(plan, END_TO_END_BASELINE, &*VECTORS, &*VECTOR_QUEUE);
}

/// The baseline for pool and queue together.
pub(crate) const END_TO_END_BASELINE: &str = "`ArrayQueue` as pool and as queue";
/// The baseline for queues alone.
pub(crate) const QUEUE_BASELINE: &str = BASELINE;

fn add_queue<Q: HandOff<Block<'static, Blocks>>>(plan: &mut Plan<'_>, make: fn() -> Q) {
    let (queue, back) = (for_ever(make()), for_ever(make()));
    let name = queue.name();
    let block: round_trip::Item<Block<'static, Blocks>> = || BITMAP.get().expect("one is free");
    plan.row(Topic::Queues, name, || queue.less());
    plan.add(ROUND_TRIP, name, round_trip::one_thread(queue, block));
    plan.add(
        ROUND_TRIP_BACKLOG,
        name,
        round_trip::one_thread_with_backlog(for_ever(make()), block),
    );
    plan.add(THERE_AND_BACK, name, round_trip::there_and_back(queue, back, block));
    plan.add(THERE_AND_BACK_BURSTS, name, round_trip::there_and_back_in_bursts(queue, back, block));
    plan.add(ROUND_TRIP_TWO, name, round_trip::two_threads(queue, block));
    plan.add(ROUND_TRIP_MANY, name, round_trip::many_threads(queue, block));
}

fn add_end_to_end<C, Q>(
    plan: &mut Plan<'_>,
    name: &'static str,
    contender: &'static C,
    queue: &'static Q,
) where
    C: Contender,
    Q: HandOff<C::Buffer>,
{
    plan.row(Topic::EndToEnd, name, || [contender.less(), queue.less()].join("; "));
    plan.add(WHOLE, name, producer_consumer::one_by_one_through(contender, queue));
    plan.add(WHOLE_BATCHES, name, producer_consumer::in_batches_through(contender, queue));
}
