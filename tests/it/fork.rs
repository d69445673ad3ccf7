//! A child process has a private copy of its parent's pools.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blockpool_core::{Block, Pool, Queue};

use crate::harness::{Ends, Random, assert_whole, scope};

const COUNT: usize = 70;

type Blocks = Pool<16, COUNT>;
type All<'p> = heapless::Vec<Block<'p, Blocks>, COUNT>;

/// What the child does, without a panic or an allocation: it is a copy of one thread of a program whose other
/// threads may have been anywhere. Returns whether everything was right.
fn child(pool: &Blocks, queue: &Queue<'_, Blocks>) -> bool {
    let mut all = All::new();
    // What the other threads held stays out.
    queue.pop_burst(&mut all);
    let free = pool.available();
    let mut local = pool.local_pool();
    while let Some(block) = pool.get().or_else(|| local.get()) {
        if all.push(block).is_err() {
            return false;
        }
        // Takes from the local pool's stock in between.
        all.extend(local.get());
    }
    let mut seen = [false; COUNT];
    let distinct =
        all.iter().all(|block| !std::mem::replace(&mut seen[block.index() as usize], true));
    let count = all.len();
    let found = count >= free && pool.get().is_none() && queue.is_empty();

    let mut order = heapless::Vec::<u32, COUNT>::new();
    order.extend(all.iter().map(Block::index));
    let pushed = queue.push_burst(&mut all) == count && queue.len() == count;
    let in_order =
        order.iter().all(|&number| queue.pop().is_some_and(|block| block.index() == number));
    drop(local);
    distinct && found && pushed && in_order && pool.available() == count
}

/// Forks, and returns whether the child found everything right.
fn fork_and_check(pool: &Blocks, queue: &Queue<'_, Blocks>) -> bool {
    // SAFETY: the child calls nothing that could wait for another thread's lock, and ends with `_exit`.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => panic!("no process: {}", io::Error::last_os_error()),
        0 => {
            // SAFETY: may be called after a fork. It ends a child that waits for a thread that does not
            // exist.
            unsafe { libc::alarm(20) };
            let right = child(pool, queue);
            // SAFETY: may be called after a fork.
            unsafe { libc::_exit(if right { 0 } else { 1 }) }
        }
        _ => {}
    }
    let mut status = 0;
    // SAFETY: `status` may be written.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } == -1 {
        assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted);
    }
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

/// Takes, pushes, pops and gives back until it is told to end.
fn go_on(pool: &Blocks, queue: &Queue<'_, Blocks>, seed: u64, end: &AtomicBool) {
    let mut random = Random(seed);
    let mut local = pool.local_pool();
    while !end.load(Ordering::Relaxed) {
        let mut burst = heapless::Vec::<_, 3>::new();
        match random.below(6) {
            0 => drop(pool.get()),
            1 => {
                local.get_burst(&mut burst);
                queue.push_burst(&mut burst);
            }
            2 => {
                queue.pop_burst(&mut burst);
                local.put_burst(&mut burst);
            }
            3 => drop(queue.pop()),
            4 => pool.get().into_iter().for_each(|block| assert!(queue.push(block).is_ok())),
            _ => local.flush(),
        }
    }
}

#[test]
fn a_child_uses_its_copy_whatever_others_did_when_it_was_forked() {
    static POOL: Blocks = Pool::new();
    static QUEUE: Queue<'static, Blocks> = Queue::new(&POOL);
    let end = AtomicBool::new(false);
    let children = scope(|scope| {
        for seed in 0..2 {
            scope.spawn({
                let end = &end;
                move || go_on(&POOL, &QUEUE, seed, end)
            });
        }
        let _ends = Ends(&end);
        let begin = Instant::now();
        let mut children = 0;
        let mut all_right = true;
        while all_right && children < 200 && begin.elapsed() < Duration::from_secs(1) {
            all_right = fork_and_check(&POOL, &QUEUE);
            children += 1;
        }
        assert!(all_right, "child {children} found something wrong");
        children
    });
    println!("{children} children");
    while QUEUE.pop().is_some() {}
    assert_whole(&POOL);
}

#[test]
fn what_a_child_does_is_not_seen_by_its_parent() {
    let pool = Blocks::new();
    let queue = Queue::new(&pool);
    let mut mine = pool.get().expect("it is free");
    mine.append(b"the parent's").expect("it fits");
    let index = mine.index();
    queue.push(mine).expect("a block of this pool");
    assert!(fork_and_check(&pool, &queue));
    assert_eq!((pool.available(), queue.len()), (pool.capacity() - 1, 1));
    let mine = queue.pop().expect("it is in");
    assert_eq!((mine.index(), &mine[..]), (index, &b"the parent's"[..]));
    drop(mine);
    assert_whole(&pool);
}
