//! Pings that are answered, and pings that are not.

use std::thread;
use std::time::Duration;

use crate::linux::checks::{Outcome, expect, expect_whole};
use crate::linux::example::Example;
use crate::linux::network::{INTERFACE, Network};

pub(crate) fn are_answered(example: &Example, options: &str) -> Outcome {
    const COUNT: u64 = 4000;
    let network = Network::lay()?;
    let pong = example.listen(&network.right, &format!("pong {INTERFACE} {options}"))?;
    let ping = |count: u64, in_flight: u64| {
        let count = format!("--count={count} --in-flight={in_flight}");
        example.run(&network.left, &format!("ping {INTERFACE} {options} {count}"))
    };
    let alone = ping(COUNT, 1)?;
    // No more than the queue between the two ends of a cable has slots, or a packet may be dropped.
    let together = ping(COUNT, 64)?;
    for ended in [&alone, &together] {
        expect(ended.figure("answered")? == COUNT, "pings have no answer", ended)?;
        expect(ended.figure("other packets")? == 0, "answers are damaged", ended)?;
        expect_whole(ended, 4096)?;
    }
    let pong = pong.interrupt()?;
    expect(pong.figure("answered")? == 2 * COUNT, "pings were lost", &pong)?;
    expect_whole(&pong, 4096)?;
    Ok(format!("round trip, one at a time, in a debug build: {}", alone.text("round trip")?))
}

pub(crate) fn to_nobody_end(example: &Example) -> Outcome {
    let network = Network::lay()?;
    for (count, error) in [(1, "no answer in time"), (10_000, "no answer for 5 seconds")] {
        let arguments = format!("ping {INTERFACE} --count {count}");
        let ended = example.start(&network.left, &arguments)?.end()?;
        let error = format!("af_xdp: {error}: is `pong` running, on this queue?\n");
        let says_so = ended.status == Some(1) && ended.errors == error;
        expect(says_so && ended.figure("answered")? == 0, "it does not give up", &ended)?;
        expect(ended.figure("lost")? > 0, "no ping was lost", &ended)?;
        expect_whole(&ended, 4096)?;
    }
    Ok("they end".to_owned())
}

/// They are lost although it answers them: it resumes too late.
pub(crate) fn to_a_stopped_process_are_lost(example: &Example) -> Outcome {
    const COUNT: u64 = 1000;
    let network = Network::lay()?;
    let pong = example.listen(&network.right, &format!("pong {INTERFACE}"))?;
    pong.signal(libc::SIGSTOP);
    let ping = example.start(&network.left, &format!("ping {INTERFACE} --count {COUNT}"))?;
    // Far from both the one second after which a ping is lost and the five after which the program ends.
    thread::sleep(Duration::from_secs(3));
    pong.signal(libc::SIGCONT);
    let ping = ping.end()?.success()?;
    let lost = ping.figure("lost")?;
    let are_late = ping.text("lost")? == format!("{lost} pings, {lost} of them answered too late");
    expect(lost > 0 && are_late, "lost pings were not answered too late", &ping)?;
    expect(ping.figure("answered")? + lost == COUNT, "pings are missing", &ping)?;
    expect_whole(&ping, 4096)?;
    let pong = pong.interrupt()?;
    expect(pong.figure("answered")? == COUNT, "pings did not arrive", &pong)?;
    Ok(format!("{lost} of {COUNT} were lost"))
}
