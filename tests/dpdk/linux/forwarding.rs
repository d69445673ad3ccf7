//! Packets that `dpdk-testpmd` forwards, in buffers from the handler.

use std::ops::RangeInclusive;

use crate::linux::Check;
use crate::linux::build::Built;
use crate::linux::capture;
use crate::linux::eal::{Memory, Setup};
use crate::linux::hugepages::Hugepages;
use crate::linux::network::{self, Network};
use crate::linux::tally::Missing;
use crate::linux::tally::Outcome;
use crate::linux::testpmd::{Testpmd, Traffic};
use crate::linux::wire::Wire;

/// More than 10 times as many as there are buffers.
const MANY: u64 = 100_000;

/// Frames in flight: no more than fit in socket buffers.
const IN_FLIGHT: usize = 32;

/// How many buffers the AF_XDP driver holds: those ready for the kernel, and, until it sends again, the last
/// ones that it sent.
const KEPT_BY_AF_XDP: RangeInclusive<u64> = 2048..=2048 + IN_FLIGHT as u64;

pub(crate) fn checks() -> Vec<Check> {
    vec![
        Check::new("forwarding/null", |built| Ok(null(&Setup::new(built))?.0)),
        Check::new("forwarding/null/hugepages/va", |built| null_on_hugepages(built, "va")),
        Check::new("forwarding/null/hugepages/pa", |built| null_on_hugepages(built, "pa")),
        Check::new("forwarding/ring", ring),
        Check::new("forwarding/pcap", pcap),
        Check::new("forwarding/af_packet", |built| {
            let device = "net_af_packet0,iface=cable,framesz=2048,blocksz=4096,framecnt=512";
            there_and_back(built, device, 0..=0)
        }),
        Check::new("forwarding/af_xdp", |built| {
            there_and_back(built, "net_af_xdp0,iface=cable", KEPT_BY_AF_XDP)
        }),
    ]
}

/// Every packet received was sent.
fn expect_whole(traffic: &Traffic) -> Result<(), String> {
    let Traffic { received, sent, dropped } = traffic;
    if received == sent && *dropped == 0 { Ok(()) } else { Err(format!("{traffic:?}")) }
}

/// The result, and EAL's log.
fn null(setup: &Setup<'_>) -> Result<(String, String), String> {
    let setup = Setup { devices: &["net_null0", "net_null1"], ..*setup };
    let mut testpmd = Testpmd::start(&setup, "--forward-mode=io")?;
    testpmd.ask("start")?;
    testpmd.wait_until_sent(1, MANY)?;
    let traffic = testpmd.stop()?;
    expect_whole(&traffic)?;
    let pieces = testpmd.expect_pool(0..=0)?;
    let ended = testpmd.quit()?;
    let piece = if pieces == 1 { "piece" } else { "pieces" };
    let text = format!("{} packets, with memory in {pieces} {piece}", traffic.sent);
    Ok((text, ended.errors))
}

fn null_on_hugepages(built: &Built, iova_mode: &'static str) -> Outcome {
    const MIB: u32 = 64;
    let _hugepages = Hugepages::reserve(u64::from(MIB / 2))?;
    let memory = Memory::Huge { mib: MIB, iova_mode };
    let (text, log) = null(&Setup { memory, ..Setup::new(built) })?;
    // It selects another one where the kernel does not reveal physical addresses.
    let selected = format!("Selected IOVA mode '{}'", iova_mode.to_uppercase());
    if log.contains(&selected) {
        Ok(text)
    } else {
        Err(Missing::Ability(format!("EAL does not say \"{selected}\"")).into())
    }
}

/// Each port sends to itself: what `tx_first` sends circulates forever.
fn ring(built: &Built) -> Outcome {
    const GO_ROUND: u64 = 2 * 32;
    let setup = Setup { devices: &["net_ring0", "net_ring1"], ..Setup::new(built) };
    let mut testpmd = Testpmd::start(&setup, "--forward-mode=io")?;
    testpmd.ask("start tx_first")?;
    testpmd.wait_until_sent(1, MANY)?;
    let traffic = testpmd.stop()?;
    expect_whole(&Traffic { sent: traffic.sent - GO_ROUND, ..traffic })?;
    testpmd.expect_pool(GO_ROUND..=GO_ROUND)?;
    // When forwarding starts, it drops what is in the rings.
    testpmd.ask("start")?;
    testpmd.stop()?;
    testpmd.expect_pool(0..=0)?;
    testpmd.quit()?;
    Ok(format!("{} packets", traffic.sent))
}

fn pcap(built: &Built) -> Outcome {
    let packets = capture::packets(1000);
    let [input, output] = ["input.pcap", "output.pcap"].map(|name| built.folder.join(name));
    capture::write(&input, &packets)?;
    let device = format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display());
    let setup = Setup { devices: &[&device], ..Setup::new(built) };
    let mut testpmd = Testpmd::start(&setup, "--forward-mode=io --no-flush-rx")?;
    testpmd.ask("start")?;
    testpmd.wait_until_sent(0, packets.len() as u64)?;
    expect_whole(&testpmd.stop()?)?;
    testpmd.expect_pool(0..=0)?;
    testpmd.quit()?;
    if capture::read(&output)? != packets {
        return Err("what was sent is not what was received".to_owned().into());
    }
    Ok(format!("{} packets, byte for byte", packets.len()))
}

/// Frames sent to a port come back from it.
fn there_and_back(built: &Built, device: &str, kept: RangeInclusive<u64>) -> Outcome {
    if let Some(missing) = network::missing() {
        return Err(missing.into());
    }
    let network = Network::lay()?;
    let wire = Wire::open(&network.left)?;
    let setup = Setup { devices: &[device], namespace: Some(&network.right), ..Setup::new(built) };
    let mut testpmd = Testpmd::start(&setup, "--forward-mode=io")?;
    testpmd.ask("start")?;
    let packets = capture::packets(1000);
    for packets in packets.chunks(IN_FLIGHT) {
        for packet in packets {
            wire.send(packet)?;
        }
        for packet in packets {
            if wire.receive()? != *packet {
                return Err("what comes back is not what was sent".to_owned().into());
            }
        }
    }
    expect_whole(&testpmd.stop()?)?;
    testpmd.expect_pool(kept)?;
    testpmd.quit()?;
    Ok(format!("{} packets, byte for byte", packets.len()))
}
