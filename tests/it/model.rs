//! Random sequences of operations against plain models. The seed is a constant, so a failure comes
//! again; it prints the shortest sequence of operations that shows it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::ptr;

use blockpool_core::{
    Align, Bitmap, Block, BlockPool, Counted, HeaplessQueue, Inline, NoRoom, Pool, Queue, RawError,
    SpinStack, Worker,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;

use crate::harness::assert_whole;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0xB10C),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Pool, worker, blocks and the raw interface.
mod pool {
    use super::*;

    const SIZE: usize = 24;
    const COUNT: usize = 11;
    const BURST: usize = 3;

    type Burst<'p, P> = heapless::Vec<Block<'p, P>, BURST>;

    #[derive(Debug, Clone)]
    enum Step {
        Get,
        WorkerGet,
        GetBurst,
        Drop(Index),
        Put(Index),
        PutBurst(Index),
        Flush,
        Write(Index, Vec<u8>, usize),
        IntoRaw(Index),
        IntoRawPtr(Index),
        FromRaw(Index),
        FromRawPtr(Index),
        FromRawTwice(Index),
        FromRawOutOfRange(u32),
        FromRawNotOut(Index),
        FromRawPtrForeign(bool, usize),
        FromRawPtrMisaligned(Index),
        ForeignPut,
    }

    fn step() -> impl Strategy<Value = Step> {
        use Step::*;
        let index = any::<Index>;
        let bytes = || vec(any::<u8>(), 0..=SIZE);
        prop_oneof![
            3 => Just(Get),
            4 => Just(WorkerGet),
            2 => Just(GetBurst),
            2 => index().prop_map(Drop),
            4 => index().prop_map(Put),
            2 => index().prop_map(PutBurst),
            1 => Just(Flush),
            4 => (index(), bytes(), 0..=SIZE).prop_map(|(at, data, head)| Write(at, data, head)),
            2 => index().prop_map(IntoRaw),
            2 => index().prop_map(IntoRawPtr),
            2 => index().prop_map(FromRaw),
            2 => index().prop_map(FromRawPtr),
            1 => index().prop_map(FromRawTwice),
            1 => (COUNT as u32..).prop_map(FromRawOutOfRange),
            1 => index().prop_map(FromRawNotOut),
            1 => (any::<bool>(), 0..1000_usize).prop_map(|(below, by)| FromRawPtrForeign(below, by)),
            1 => index().prop_map(FromRawPtrMisaligned),
            1 => Just(ForeignPut),
        ]
    }

    /// What a block holds: headroom and data.
    type Content = (usize, Vec<u8>);

    struct System<'p, P: BlockPool> {
        pool: &'p P,
        foreign: &'p P,
        worker: Worker<'p, P, 4>,
        held: Vec<(Block<'p, P>, Content)>,
        raw: Vec<(u32, Content)>,
        failed_gets: usize,
    }

    fn pick<T>(from: &mut Vec<T>, at: Index) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(at.index(from.len())))
    }

    fn content<P: BlockPool>(block: &Block<'_, P>) -> Content {
        (block.headroom(), block.to_vec())
    }

    impl<'p, P: BlockPool> System<'p, P> {
        /// The space of one block, in bytes.
        fn space(&self) -> usize {
            self.pool.memory().1 / COUNT
        }

        fn address(&self, index: u32) -> *const u8 {
            let offset = index as usize * self.space();
            self.pool.memory().0.as_ptr().wrapping_add(offset)
        }

        fn claim(&self, index: u32) -> Result<Block<'p, P>, RawError> {
            // SAFETY: either the number is in `raw`, so this test is the block's owner, or the
            // claim is one that the pool must refuse.
            unsafe { self.pool.from_raw(index) }
        }

        fn claim_ptr(&self, pointer: *const u8) -> Result<Block<'p, P>, RawError> {
            // SAFETY: as in `claim`.
            unsafe { self.pool.from_raw_ptr(pointer) }
        }

        fn keep_new(&mut self, block: Option<Block<'p, P>>, expected: bool) {
            assert_eq!(block.is_some(), expected, "a free block is found, no other");
            match block {
                Some(block) => {
                    assert_eq!(content(&block), (0, Vec::new()), "new blocks are empty");
                    self.held.push((block, (0, Vec::new())));
                }
                None => self.failed_gets += 1,
            }
        }

        fn apply(&mut self, step: Step) {
            let free = self.pool.available();
            match step {
                Step::Get => self.keep_new(self.pool.get(), free > 0),
                Step::WorkerGet => {
                    let possible = self.worker.stock() + free > 0;
                    let block = self.worker.get();
                    self.keep_new(block, possible);
                }
                Step::GetBurst => {
                    let possible = self.worker.stock() + free;
                    let mut burst = Burst::new();
                    assert_eq!(self.worker.get_burst(&mut burst), BURST.min(possible));
                    self.failed_gets += usize::from(possible < BURST);
                    for block in burst {
                        self.keep_new(Some(block), true);
                    }
                }
                Step::Drop(at) => drop(pick(&mut self.held, at)),
                Step::Put(at) => {
                    if let Some((block, _)) = pick(&mut self.held, at) {
                        let index = block.index();
                        self.worker.put(block);
                        // Last in, first out.
                        let again = self.worker.get().expect("it was just put in");
                        assert_eq!(again.index(), index);
                        self.worker.put(again);
                    }
                }
                Step::PutBurst(at) => {
                    let mut burst: Burst<'p, P> = (0..BURST)
                        .map_while(|_| pick(&mut self.held, at))
                        .map(|(block, _)| block)
                        .collect();
                    self.worker.put_burst(&mut burst);
                    assert!(burst.is_empty());
                }
                Step::Flush => {
                    let stock = self.worker.stock();
                    self.worker.flush();
                    assert_eq!(self.pool.available(), free + stock);
                }
                Step::Write(at, data, headroom) => {
                    if !self.held.is_empty() {
                        let at = at.index(self.held.len());
                        let (block, content) = &mut self.held[at];
                        let data = &data[..data.len().min(SIZE - headroom)];
                        block.reset(headroom).expect("within the block");
                        block.append(data).expect("cut to fit");
                        *content = (headroom, data.to_vec());
                    }
                }
                Step::IntoRaw(at) => {
                    if let Some((block, content)) = pick(&mut self.held, at) {
                        self.raw.push((block.into_raw(), content));
                    }
                }
                Step::IntoRawPtr(at) => {
                    if let Some((block, content)) = pick(&mut self.held, at) {
                        let index = block.index();
                        let pointer = block.into_raw_ptr();
                        assert_eq!(pointer.as_ptr().cast_const(), self.address(index));
                        self.raw.push((index, content));
                    }
                }
                Step::FromRaw(at) => {
                    if let Some((index, content)) = pick(&mut self.raw, at) {
                        let block = self.claim(index).expect("it is out");
                        self.held.push((block, content));
                    }
                }
                Step::FromRawPtr(at) => {
                    if let Some((index, content)) = pick(&mut self.raw, at) {
                        let block = self.claim_ptr(self.address(index)).expect("it is out");
                        self.held.push((block, content));
                    }
                }
                Step::FromRawTwice(at) => {
                    if let Some((index, content)) = pick(&mut self.raw, at) {
                        let block = self.claim(index).expect("it is out");
                        assert_eq!(
                            self.claim(index).expect_err("it has a handle"),
                            RawError::NotOut { index }
                        );
                        self.held.push((block, content));
                    }
                }
                Step::FromRawOutOfRange(index) => {
                    let refused = self.claim(index).expect_err("no such block");
                    let capacity = COUNT;
                    assert_eq!(refused, RawError::OutOfRange { index, capacity });
                }
                Step::FromRawNotOut(at) => {
                    let index = at.index(COUNT) as u32;
                    if self.raw.iter().all(|(raw, _)| *raw != index) {
                        let refused = RawError::NotOut { index };
                        assert_eq!(self.claim(index).expect_err("not out"), refused);
                        let pointer = self.address(index);
                        assert_eq!(self.claim_ptr(pointer).expect_err("not out"), refused);
                    }
                }
                Step::FromRawPtrForeign(below, by) => {
                    let (first, length) = self.pool.memory();
                    let first = first.addr().get();
                    let address = if below { first - 1 - by } else { first + length + by };
                    let pointer = ptr::without_provenance(address);
                    let refused = self.claim_ptr(pointer).expect_err("outside the pool");
                    assert_eq!(refused, RawError::Foreign);
                }
                Step::FromRawPtrMisaligned(at) => {
                    let address = at.index(COUNT * self.space());
                    let pointer = self.address(0).wrapping_add(address);
                    let into_block = address % self.space();
                    if into_block != 0 {
                        let refused = self.claim_ptr(pointer).expect_err("not its first byte");
                        assert_eq!(refused, RawError::Misaligned { into_block });
                    }
                }
                Step::ForeignPut => {
                    let stock = self.worker.stock();
                    let block = self.foreign.get().expect("it is free");
                    self.worker.put(block);
                    assert_eq!(self.worker.stock(), stock, "it is no block for this stock");
                    assert_eq!(self.foreign.available(), COUNT);
                }
            }
        }

        fn check(&self) {
            let out = self.held.len() + self.raw.len() + self.worker.stock();
            assert_eq!(self.pool.available() + out, COUNT, "blocks are conserved");
            assert_eq!(self.pool.exhausted(), self.failed_gets);
            let mut indices: Vec<u32> = self.held.iter().map(|(block, _)| block.index()).collect();
            indices.extend(self.raw.iter().map(|(index, _)| *index));
            indices.sort_unstable();
            assert!(indices.windows(2).all(|pair| pair[0] != pair[1]));
            for (block, expected) in &self.held {
                assert_eq!(&content(block), expected, "a block keeps its data");
            }
        }
    }

    fn run<P: BlockPool>(pool: &P, foreign: &P, steps: Vec<Step>) {
        let mut system = System {
            pool,
            foreign,
            worker: Worker::with_stock(pool),
            held: Vec::new(),
            raw: Vec::new(),
            failed_gets: 0,
        };
        for step in steps {
            system.apply(step);
            system.check();
        }
        for (index, _) in std::mem::take(&mut system.raw) {
            drop(system.claim(index).expect("it is out"));
        }
        drop(system);
        assert_whole(pool);
    }

    macro_rules! engines {
        ($($name:ident: $pool:ty,)+) => {
            proptest! {
                #![proptest_config(config(150))]
                $(
                    #[test]
                    fn $name(steps in vec(step(), 0..80)) {
                        run(&<$pool>::new(), &<$pool>::new(), steps);
                    }
                )+
            }
        };
    }

    engines! {
        blocks_and_their_data_are_conserved_by_bitmap: Pool<SIZE, COUNT>,
        blocks_and_their_data_are_conserved_by_counted:
            Pool<SIZE, COUNT, Align<64>, Counted<Bitmap<Inline<COUNT>>>>,
        blocks_and_their_data_are_conserved_by_heapless_queue:
            Pool<SIZE, COUNT, Align<64>, HeaplessQueue<COUNT, 8>>,
        blocks_and_their_data_are_conserved_by_spin_stack:
            Pool<SIZE, COUNT, Align<64>, SpinStack<COUNT>>,
    }
}

/// The queue.
mod queue {
    use super::*;

    const COUNT: usize = 5;
    const BURST: usize = 3;

    type P = Pool<8, COUNT>;
    type Burst<'p> = heapless::Vec<Block<'p, P>, BURST>;

    #[derive(Debug, Clone)]
    enum Step {
        Push,
        PushForeign,
        /// Which of the burst are of another pool.
        PushBurst([bool; BURST]),
        Pop,
        /// How many are in the vector already.
        PopBurst(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Push),
            1 => Just(Step::PushForeign),
            2 => any::<[bool; BURST]>().prop_map(Step::PushBurst),
            3 => Just(Step::Pop),
            2 => (0..=BURST).prop_map(Step::PopBurst),
        ]
    }

    fn numbered(pool: &P, number: u64) -> Option<Block<'_, P>> {
        let mut block = pool.get()?;
        block.append(&number.to_le_bytes()).expect("it fits");
        Some(block)
    }

    fn number_of(block: &Block<'_, P>) -> u64 {
        u64::from_le_bytes(block[..].try_into().expect("eight bytes"))
    }

    fn run(steps: Vec<Step>) {
        let (pool, foreign) = (P::new(), P::new());
        let queue = Queue::new(&pool);
        let mut model = VecDeque::new();
        let mut numbers = 0..;
        for step in steps {
            let number = numbers.next().expect("there is no end of them");
            match step {
                Step::Push => {
                    if let Some(block) = numbered(&pool, number) {
                        queue.push(block).expect("a block of this pool");
                        model.push_back(number);
                    }
                }
                Step::PushForeign => {
                    let block = numbered(&foreign, number).expect("it is free");
                    let back = queue.push(block).expect_err("a block of another pool");
                    assert_eq!(number_of(&back), number);
                }
                Step::PushBurst(others) => {
                    let mut burst = Burst::new();
                    let mut foreigners = Vec::new();
                    for (other, number) in others.into_iter().zip(&mut numbers) {
                        let from = if other { &foreign } else { &pool };
                        let Some(block) = numbered(from, number) else {
                            continue;
                        };
                        burst.push(block).expect("it is as long as the choice");
                        if other {
                            foreigners.push(number);
                        } else {
                            model.push_back(number);
                        }
                    }
                    let own = burst.len() - foreigners.len();
                    assert_eq!(queue.push_burst(&mut burst), own);
                    let left: Vec<u64> = burst.iter().map(number_of).collect();
                    assert_eq!(left, foreigners, "they stay, in their order");
                }
                Step::Pop => {
                    assert_eq!(queue.pop().as_ref().map(number_of), model.pop_front());
                }
                Step::PopBurst(filled) => {
                    let mut burst: Burst<'_> =
                        (0..filled).map_while(|_| numbered(&foreign, 0)).collect();
                    let popped = (BURST - filled).min(model.len());
                    assert_eq!(queue.pop_burst(&mut burst), popped);
                    let numbers: Vec<u64> = burst[filled..].iter().map(number_of).collect();
                    assert_eq!(numbers, model.drain(..popped).collect::<Vec<_>>());
                }
            }
            assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(queue.capacity(), COUNT);
            assert_eq!(pool.available(), COUNT - model.len());
            assert_eq!(foreign.available(), COUNT);
        }
        drop(queue);
        assert_whole(&pool);
    }

    proptest! {
        #![proptest_config(config(300))]
        #[test]
        fn blocks_come_out_in_the_order_they_went_in(steps in vec(step(), 0..80)) {
            run(steps);
        }
    }
}

/// The data range of a block.
mod range {
    use super::*;

    const SIZE: usize = 40;

    #[derive(Debug, Clone)]
    enum Step {
        Reset(usize),
        Clear,
        Append(Vec<u8>),
        Prepend(Vec<u8>),
        WriteSlice(Vec<u8>),
        Format(String),
        TrimFront(usize),
        TrimBack(usize),
        Resize(usize, u8),
        Overwrite(Index, u8),
        FillTail(Vec<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        use Step::*;
        // A little more than fits now and then.
        let bytes = || vec(any::<u8>(), 0..24);
        let count = || 0..SIZE + 3;
        prop_oneof![
            1 => count().prop_map(Reset),
            1 => Just(Clear),
            3 => bytes().prop_map(Append),
            3 => bytes().prop_map(Prepend),
            1 => vec(any::<u8>(), 0..SIZE + 3).prop_map(WriteSlice),
            1 => any::<String>().prop_map(Format),
            2 => count().prop_map(TrimFront),
            2 => count().prop_map(TrimBack),
            2 => (count(), any::<u8>()).prop_map(|(len, value)| Resize(len, value)),
            1 => (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Overwrite(at, value)),
            1 => bytes().prop_map(FillTail),
        ]
    }

    #[derive(Debug, Clone, PartialEq)]
    struct Model {
        headroom: usize,
        data: Vec<u8>,
    }

    impl Model {
        fn tailroom(&self) -> usize {
            SIZE - self.headroom - self.data.len()
        }

        /// What the operation should do to the model, or how much room there is.
        fn after(&self, step: &Step) -> Result<Self, NoRoom> {
            let room_behind = self.data.len() + self.tailroom();
            let (wanted, room) = match step {
                Step::Reset(headroom) => (*headroom, SIZE),
                Step::Clear | Step::Overwrite(..) => (0, 0),
                Step::Append(bytes) | Step::FillTail(bytes) => (bytes.len(), self.tailroom()),
                Step::Format(text) => (text.len(), self.tailroom()),
                Step::Prepend(bytes) => (bytes.len(), self.headroom),
                Step::WriteSlice(bytes) => (bytes.len(), room_behind),
                Step::TrimFront(count) | Step::TrimBack(count) => (*count, self.data.len()),
                Step::Resize(len, _) => (*len, room_behind),
            };
            if wanted > room {
                return Err(NoRoom { wanted, room });
            }
            let Self { headroom, data } = self.clone();
            let (headroom, data) = match step {
                Step::Reset(headroom) => (*headroom, Vec::new()),
                Step::Clear => (headroom, Vec::new()),
                Step::Append(bytes) | Step::FillTail(bytes) => {
                    (headroom, [&data[..], bytes].concat())
                }
                Step::Format(text) => (headroom, [&data[..], text.as_bytes()].concat()),
                Step::Prepend(bytes) => (headroom - bytes.len(), [&bytes[..], &data].concat()),
                Step::WriteSlice(bytes) => (headroom, bytes.clone()),
                Step::TrimFront(count) => (headroom + count, data[*count..].to_vec()),
                Step::TrimBack(count) => (headroom, data[..data.len() - count].to_vec()),
                Step::Resize(len, value) => {
                    let mut data = data;
                    data.resize(*len, *value);
                    (headroom, data)
                }
                Step::Overwrite(at, value) => {
                    let mut data = data;
                    if !data.is_empty() {
                        let at = at.index(data.len());
                        data[at] = *value;
                    }
                    (headroom, data)
                }
            };
            Ok(Self { headroom, data })
        }
    }

    fn apply<P: BlockPool>(block: &mut Block<'_, P>, step: &Step) -> Result<(), NoRoom> {
        match step {
            Step::Reset(headroom) => block.reset(*headroom),
            Step::Clear => {
                block.clear();
                Ok(())
            }
            Step::Append(bytes) => block.append(bytes),
            Step::Prepend(bytes) => block.prepend(bytes),
            Step::WriteSlice(bytes) => block.write_slice(bytes),
            Step::Format(text) => {
                let (wanted, room) = (text.len(), block.tailroom());
                // `fmt::Error` says nothing, so the numbers are filled in here.
                block.write_str(text).map_err(|_| NoRoom { wanted, room })
            }
            Step::TrimFront(count) => block.trim_front(*count),
            Step::TrimBack(count) => block.trim_back(*count),
            Step::Resize(len, value) => block.resize(*len, *value),
            Step::Overwrite(at, value) => {
                if !block.is_empty() {
                    let at = at.index(block.len());
                    block[at] = *value;
                }
                Ok(())
            }
            Step::FillTail(bytes) => {
                let (len, tailroom) = (block.len(), block.tailroom());
                let tail = block.tailroom_mut();
                assert_eq!(tail.len(), tailroom);
                if bytes.len() > tailroom {
                    return Err(NoRoom { wanted: bytes.len(), room: tailroom });
                }
                for (target, &byte) in tail.iter_mut().zip(bytes) {
                    target.write(byte);
                }
                // SAFETY: the bytes added were just written.
                unsafe { block.set_len(len + bytes.len()) }
            }
        }
    }

    fn run(steps: Vec<Step>) {
        let pool = Pool::<SIZE, 1>::new();
        let mut block = pool.get().expect("it is free");
        let mut model = Model { headroom: 0, data: Vec::new() };
        for step in steps {
            match model.after(&step) {
                Ok(after) => {
                    apply(&mut block, &step).expect("there is room");
                    model = after;
                }
                Err(refused) => {
                    assert_eq!(apply(&mut block, &step), Err(refused));
                }
            }
            let seen = Model { headroom: block.headroom(), data: block.to_vec() };
            assert_eq!(seen, model);
            assert_eq!((block.len(), block.is_empty()), (model.data.len(), model.data.is_empty()));
            assert_eq!((block.capacity(), block.tailroom()), (SIZE, model.tailroom()));
        }
    }

    proptest! {
        #![proptest_config(config(500))]
        #[test]
        fn the_data_range_changes_as_asked_or_not_at_all(steps in vec(step(), 0..60)) {
            run(steps);
        }
    }

    #[test]
    fn a_set_len_that_does_not_fit_changes_nothing() {
        let pool = Pool::<SIZE, 1>::new();
        let mut block = pool.get().expect("it is free");
        block.reset(4).expect("it fits");
        block.append(b"data").expect("it fits");
        // SAFETY: it is refused.
        let refused = unsafe { block.set_len(SIZE - 3) };
        let (wanted, room) = (SIZE - 3, SIZE - 4);
        assert_eq!(refused, Err(NoRoom { wanted, room }));
        assert_eq!((&block[..], block.headroom()), (&b"data"[..], 4));
    }
}
