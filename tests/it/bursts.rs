//! Bursts: in parts, larger than a stock, and with blocks of another pool among them.

use std::mem::MaybeUninit;

use blockpool_core::{Block, LocalPool, Pool, Queue, heapless};

use crate::harness::{assert_whole, written};

const COUNT: usize = 40;
type Small = Pool<64, COUNT>;
type Burst<'p> = heapless::Vec<Block<'p, Small>, 8>;

fn indices(blocks: &[Block<'_, Small>]) -> Vec<u32> {
    blocks.iter().map(Block::index).collect()
}

/// Eight blocks: those at the positions set in `foreign` are from the other pool.
fn mixed<'p>(own: &'p Small, other: &'p Small, foreign: u8) -> Burst<'p> {
    (0..8)
        .map(|place| if foreign >> place & 1 == 1 { other } else { own })
        .map(|pool| pool.get().expect("one is free"))
        .collect()
}

#[test]
fn a_queue_takes_its_own_of_a_burst_in_order_and_leaves_the_others_in_order() {
    let (own, other) = (Small::new(), Small::new());
    let queue = Queue::new(&own);
    for foreign in 0..=u8::MAX {
        let mut burst = mixed(&own, &other, foreign);
        let all = indices(&burst);
        let of = |wanted| {
            (0..8).filter(move |place| foreign >> place & 1 == wanted).map(|place| all[place])
        };
        assert_eq!(queue.push_burst(&mut burst), of(0).count());
        assert!(indices(&burst).into_iter().eq(of(1)), "{foreign:b}");
        assert_eq!(queue.len(), of(0).count());
        assert!(std::iter::from_fn(|| queue.pop()).map(|block| block.index()).eq(of(0)));
    }
    assert_eq!((own.available(), other.available()), (COUNT, COUNT));
}

#[test]
fn a_local_pool_sends_the_foreign_ones_of_a_burst_home() {
    let (own, other) = (Small::new(), Small::new());
    let mut local = own.local_pool();
    for foreign in 0..=u8::MAX {
        let mut burst = mixed(&own, &other, foreign);
        local.put_burst(&mut burst);
        assert!(burst.is_empty());
        assert_eq!((own.available() + local.stock(), other.available()), (COUNT, COUNT));
    }
}

#[test]
fn a_burst_larger_than_a_stock_comes_and_goes() {
    let pool = Small::new();
    let mut local = pool.local_pool();
    let mut burst = heapless::Vec::<_, 32>::new();
    for _ in 0..3 {
        assert_eq!(local.get_burst(&mut burst), 32);
        assert_eq!(pool.available() + local.stock(), COUNT - 32);
        let mut numbers = indices(&burst);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 32);
        local.put_burst(&mut burst);
        assert!(burst.is_empty() && local.stock() <= COUNT / 4);
        assert_eq!(pool.available() + local.stock(), COUNT);
    }
}

#[test]
fn a_burst_given_back_is_kept_and_sends_off_half_of_the_older_ones_if_it_must() {
    const STOCK: usize = 16;
    let pool = Pool::<8, 200>::new();
    let get = || pool.get().expect("enough are free");
    for stock in 0..STOCK {
        for count in 1..=STOCK {
            let mut local: LocalPool<'_, _, STOCK> = LocalPool::new(&pool);
            (0..stock).for_each(|_| local.put(get()));
            let mut burst: heapless::Vec<_, STOCK> = (0..count).map(|_| get()).collect();
            let mut given: Vec<u32> = burst.iter().map(|block| block.index()).collect();
            let free = pool.available();
            local.put_burst(&mut burst);
            let sent_off = match (stock + count).saturating_sub(STOCK) {
                0 => 0,
                excess => excess.max((STOCK - 1) / 2).min(stock),
            };
            assert_eq!(pool.available() - free, sent_off, "{count} to {stock}");
            assert_eq!(local.stock(), stock + count - sent_off);
            let blocks: Vec<_> = (0..count).map_while(|_| local.get()).collect();
            let mut kept: Vec<u32> = blocks.iter().map(|block| block.index()).collect();
            given.sort_unstable();
            kept.sort_unstable();
            assert_eq!(kept, given, "{count} to {stock}");
        }
    }
}

#[test]
fn a_burst_takes_from_the_stock_what_was_given_back_last() {
    let pool = Pool::<8, 200>::new();
    let get = || pool.get().expect("enough are free");
    for stock in 0..=15 {
        for held in 0..=8 {
            let mut local: LocalPool<'_, _, 16> = LocalPool::new(&pool);
            let blocks: Vec<_> = (0..stock).map(|_| get()).collect();
            let given: Vec<u32> = blocks.iter().map(|block| block.index()).collect();
            blocks.into_iter().for_each(|block| local.put(block));
            let mut burst: heapless::Vec<_, 8> = (0..held).map(|_| get()).collect();
            let free = pool.available();
            let wanted = 8 - held;
            assert_eq!(local.get_burst(&mut burst), wanted);
            let from_stock = burst[held..].iter().map(|block| block.index()).take(stock);
            assert!(from_stock.eq(given.into_iter().rev().take(wanted)), "{held} and {stock}");
            if wanted <= stock {
                assert_eq!((local.stock(), pool.available()), (stock - wanted, free));
            }
        }
    }
}

#[test]
fn a_burst_given_back_is_taken_first_to_last() {
    let pool = Pool::<8, 200>::new();
    for stock in 0..=15 {
        // Into a stock with room for all of it, for some of it, and with single puts.
        for count in 1..=16 {
            let mut local: LocalPool<'_, _, 16> = LocalPool::new(&pool);
            let get = |_| pool.get().expect("enough are free");
            let before: Vec<_> = (0..stock).map(get).collect();
            before.into_iter().for_each(|block| local.put(block));
            let mut burst: heapless::Vec<_, 16> = (0..count).map(get).collect();
            let given: Vec<u32> = burst.iter().map(|block| block.index()).collect();
            local.put_burst(&mut burst);
            let kept = local.stock().min(count);
            let taken: Vec<_> = (0..kept).map(|_| local.get().expect("it was kept")).collect();
            let taken = taken.iter().map(|block| block.index());
            assert!(taken.eq(given.into_iter().take(kept)), "{count} to {stock}");
        }
    }
}

#[test]
fn a_burst_is_popped_in_parts_with_its_data() {
    let pool = Small::new();
    let queue = Queue::new(&pool);
    let mut next = 0_u8;
    for (sizes, parts) in [([1, 8, 3], [2, 5, 5]), ([8, 8, 8], [7, 8, 9]), ([2, 1, 5], [1, 1, 6])] {
        let mut burst = Burst::new();
        let first = next;
        for size in sizes {
            for _ in 0..size {
                let mut block = pool.get().expect("one is free");
                block.append(&[next]).expect("it fits");
                burst.push(block).expect("it is short");
                next += 1;
            }
            assert_eq!(queue.push_burst(&mut burst), size);
        }
        let mut seen = Vec::new();
        for part in parts {
            let mut popped = heapless::Vec::<_, 9>::new();
            while popped.len() < part {
                // Alternates between single pops and bursts.
                if popped.len() % 3 == 2 {
                    popped.push(queue.pop().expect("there are more")).expect("there is room");
                } else {
                    let mut two = heapless::Vec::<_, 2>::new();
                    if popped.len() + 1 == part {
                        two.push(queue.pop().expect("there are more")).expect("there is room");
                    } else {
                        assert_ne!(queue.pop_burst(&mut two), 0);
                    }
                    popped.extend(two);
                }
            }
            seen.extend(popped.iter().map(|block| block[0]));
        }
        assert!(seen.into_iter().eq(first..next));
        assert!(queue.is_empty() && queue.pop().is_none());
    }
    assert_eq!(pool.available(), COUNT);
}

/// As many as a local pool keeps, fewer and more; with and without others kept before.
#[test]
fn a_burst_given_back_is_taken_again_in_its_order() {
    fn check<const STOCK: usize, const N: usize>(kept_before: usize) {
        let pool = Pool::<64, 400>::new();
        let mut local = LocalPool::<_, STOCK>::new(&pool);
        let blocks: heapless::Vec<_, 64> = (0..kept_before).map_while(|_| local.get()).collect();
        blocks.into_iter().for_each(|block| local.put(block));

        let mut burst = heapless::Vec::<_, N>::new();
        local.get_burst(&mut burst);
        let order: Vec<u32> = burst.iter().map(Block::index).collect();
        local.put_burst(&mut burst);
        let kept = local.stock().min(N);
        let again: Vec<u32> = (0..kept).map_while(|_| local.get()).map(Block::into_raw).collect();
        assert_eq!(again, order[..kept], "handles, {N} of {STOCK}");
        assert!(kept >= N.min(STOCK / 2));

        let mut local = LocalPool::<_, STOCK>::new(&pool);
        let pointers = written(N, |pointers| local.get_raw_ptr_burst(pointers));
        assert_eq!(pointers.len(), N);
        // SAFETY: taken just now, each once.
        unsafe { local.put_raw_ptr_burst(&pointers) }.expect("they are out");
        let kept = local.stock().min(N);
        let again = written(kept, |pointers| local.get_raw_ptr_burst(pointers));
        assert_eq!(again, pointers[..kept], "addresses, {N} of {STOCK}");
        assert!(kept >= N.min(STOCK / 2));
    }
    for kept_before in [0, 1, 7, 40] {
        check::<1, 1>(kept_before);
        check::<1, 5>(kept_before);
        check::<8, 1>(kept_before);
        check::<8, 2>(kept_before);
        check::<8, 7>(kept_before);
        check::<8, 8>(kept_before);
        check::<8, 9>(kept_before);
        check::<8, 33>(kept_before);
        check::<64, 32>(kept_before);
        check::<64, 64>(kept_before);
    }
}

#[test]
fn a_burst_as_long_as_the_stock_is_kept_whole() {
    let pool = Pool::<64, COUNT>::new();
    let mut local = LocalPool::<_, 8>::new(&pool);
    for kept_before in 0..=8 {
        let mut before = heapless::Vec::<_, 8>::new();
        before.extend((0..kept_before).map_while(|_| pool.get()));
        local.flush();
        let mut blocks = heapless::Vec::<_, 8>::new();
        assert_eq!(local.get_burst(&mut blocks), 8);
        local.flush();
        local.put_burst(&mut before);
        local.put_burst(&mut blocks);
        assert_eq!((local.stock(), pool.available()), (8, COUNT - 8), "{kept_before} before");
        let mut pointers = [MaybeUninit::uninit(); 8];
        assert_eq!(local.get_raw_ptr_burst(&mut pointers), 8);
        assert_eq!((local.stock(), pool.available()), (0, COUNT - 8));
        // SAFETY: all were written.
        let pointers = pointers.map(|pointer| unsafe { pointer.assume_init() });
        // SAFETY: taken just now, once.
        unsafe { local.put_raw_ptr_burst(&pointers) }.expect("they are out");
        assert_eq!((local.stock(), pool.available()), (8, COUNT - 8));
    }
    drop(local);
    assert_whole(&pool);
}

#[test]
fn all_or_nothing_takes_all_or_gives_everything_back() {
    let pool = Pool::<64, COUNT>::new();
    let mut local = LocalPool::<_, 8>::new(&pool);
    let kept = pool.get().expect("it is free");
    let mut all = heapless::Vec::<_, COUNT>::new();
    assert!(!local.get_bulk(&mut all));
    assert_eq!((all.len(), pool.exhausted_count()), (0, 1));
    assert_eq!(pool.available() + local.stock(), COUNT - 1);
    let mut pointers = vec![MaybeUninit::uninit(); COUNT];
    assert!(!local.get_raw_ptr_bulk(&mut pointers));
    assert_eq!((pool.available() + local.stock(), pool.exhausted_count()), (COUNT - 1, 2));

    // What is in the vector before stays.
    all.push(kept).expect("it is empty");
    assert!(local.get_bulk(&mut all));
    assert_eq!((all.len(), local.stock(), pool.available()), (COUNT, 0, 0));
    local.put_burst(&mut all);
    assert!(local.get_raw_ptr_bulk(&mut pointers) && local.get_raw_ptr_bulk(&mut []));
    assert_eq!((local.stock(), pool.available()), (0, 0));
    for pointer in pointers {
        // SAFETY: all were written.
        let pointer = unsafe { pointer.assume_init() };
        // SAFETY: taken just now, once.
        unsafe { local.put_raw_ptr(pointer) }.expect("it is out");
    }
    drop(local);
    assert_whole(&pool);
}
