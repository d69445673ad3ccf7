//! The C library's `dpdk_pipeline` example: packets in blocks of a pool, passed through two lcores.

use crate::linux::Check;
use crate::linux::build::Built;
use crate::linux::capture;
use crate::linux::eal::{self, Setup};
use crate::linux::tally::Outcome;

/// Several times as many as there are blocks.
const PACKETS: usize = 15_000;

pub(crate) fn checks() -> Vec<Check> {
    vec![
        Check::new("pipeline/every-packet-comes-out", every_packet_comes_out),
        Check::new("pipeline/usage", usage),
    ]
}

/// The program itself checks where packets lie and that their data does not move.
fn every_packet_comes_out(built: &Built) -> Outcome {
    let program = built.compile_example("dpdk_pipeline")?;
    let (received, sent) = (built.folder.join("received.pcap"), built.folder.join("sent.pcap"));
    let mut packets = capture::packets(PACKETS);
    capture::write(&received, &packets)?;
    let device = format!("net_pcap0,rx_pcap={},tx_pcap={}", received.display(), sent.display());
    let setup = Setup { devices: &[&device], ..Setup::new(built) };
    let mut command = setup.command(&program)?;
    command.arg(PACKETS.to_string());
    let ended = eal::run(command, built)?.success()?;
    for packet in &mut packets {
        let (to, others) = packet.split_at_mut(6);
        to.swap_with_slice(&mut others[..6]);
    }
    if capture::read(&sent)? != packets {
        return Err("what was sent is not what was received, sent back".to_owned().into());
    }
    Ok(ended.output.trim_end().to_owned())
}

fn usage(built: &Built) -> Outcome {
    let program = built.compile_example("dpdk_pipeline")?;
    let ended = eal::run(Setup::new(built).command(&program)?, built)?;
    if ended.status == Some(2) && ended.errors.contains("usage: dpdk_pipeline") {
        Ok("it says how it is used".to_owned())
    } else {
        Err(ended.to_string().into())
    }
}
