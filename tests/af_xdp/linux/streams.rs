//! Streams in which every packet has to be accounted for.

use crate::linux::checks::{Outcome, expect, expect_whole};
use crate::linux::example::Example;
use crate::linux::network::{INTERFACE, Network};

/// What the sender and the receiver of a stream counted.
struct Stream {
    dropped: u64,
    refused: u64,
}

/// Sends a stream in which every packet has to be accounted for.
fn stream(
    example: &Example,
    count: u64,
    sender_options: &str,
    receiver_options: &str,
    receiver_frames: u64,
) -> Result<Stream, String> {
    let network = Network::lay()?;
    let receiver =
        example.listen(&network.right, &format!("receive {INTERFACE} {receiver_options}"))?;
    let arguments = format!("send {INTERFACE} {sender_options} --count {count}");
    let sender = example.run(&network.left, &arguments)?;
    let receiver = receiver.interrupt()?;

    let received = sender.figure("received")?;
    let dropped = sender.figure("dropped for want of blocks")?;
    let refused = sender.figure("dropped by the interface")?;
    let questions = sender.figure("questions received")?;
    let all = received + questions + dropped + refused;
    let is_balanced = all > count
        && sender.text("accounted for")?.starts_with(&format!("{all} of {all} packets"));
    expect(is_balanced, "packets are not accounted for", &sender)?;
    let receiver_agrees = receiver.figure("dropped for want of blocks")? == dropped
        && receiver.figure("received")? == received
        && receiver.figure("questions received")? > questions
        && receiver.text("received")?.ends_with("and 0 of other contents");
    expect(receiver_agrees, &format!("the sender found something else: {sender}"), &receiver)?;
    expect_whole(&sender, 4096)?;
    expect_whole(&receiver, receiver_frames)?;
    Ok(Stream { dropped, refused })
}

pub(crate) fn packets_with_a_block_each_arrive(example: &Example, options: &str) -> Outcome {
    // Half of the blocks wait for packets, so this many fit even if the receiver never runs.
    const FEW: u64 = 2000;
    const MANY: u64 = 50_000;
    let few = stream(example, FEW, options, options, 4096)?;
    if few.dropped != 0 {
        return Err(format!("{} of {FEW} packets were dropped: each had a block", few.dropped));
    }
    let many = stream(example, MANY, options, options, 4096)?;
    Ok(format!(
        "of {MANY} packets {} were dropped for want of blocks, {} by the interface",
        many.dropped, many.refused
    ))
}

/// The kernel takes 32 packets at a time. The receiver has blocks for 8, and gives them back after a
/// millisecond without a packet: for none to be dropped, every 8 packets would have to take that long.
pub(crate) fn dropped_packets_are_counted(example: &Example, options: &str) -> Outcome {
    const COUNT: u64 = 20_000;
    let starved = stream(example, COUNT, options, &format!("{options} --frames 8 --hold"), 8)?;
    if starved.dropped == 0 {
        return Err("no packet was dropped".to_owned());
    }
    Ok(format!(
        "of {COUNT} packets {} were dropped for want of blocks, {} by the interface",
        starved.dropped, starved.refused
    ))
}
