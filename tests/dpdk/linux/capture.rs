//! Packets, and capture files in libpcap's format.

use std::fs;
use std::path::Path;

/// From the shortest Ethernet frame to one with 1,232 bytes of UDP payload, which no link fragments.
const SIZES: std::ops::RangeInclusive<usize> = 60..=1274;

const HEADERS: usize = 14 + 20 + 8;

/// This many UDP packets, no two alike, of every size in turn.
pub(crate) fn packets(count: usize) -> Vec<Vec<u8>> {
    // A prime stride: neighbours differ widely in size.
    let size = |number: usize| SIZES.start() + number * 431 % (SIZES.end() - SIZES.start() + 1);
    (0..count).map(|number| packet(number as u32, size(number))).collect()
}

fn packet(number: u32, size: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(size);
    // Ethernet: destination and source addresses that nobody owns, IPv4.
    packet.extend([0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00]);
    // Version, service, length, identification, no fragment, time to live, UDP, checksum.
    packet.extend([0x45, 0]);
    packet.extend((size as u16 - 14).to_be_bytes());
    packet.extend((number as u16).to_be_bytes());
    packet.extend([0x40, 0, 64, 17, 0, 0]);
    // Source and destination addresses reserved for documentation.
    packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    let checksum = checksum(&packet[14..34]).to_be_bytes();
    packet[24..26].copy_from_slice(&checksum);
    // Ports, length, no checksum.
    packet.extend([0xC0, 0, 0xC0, 1]);
    packet.extend((size as u16 - 34).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(number.to_be_bytes());
    packet.extend((0..size - HEADERS - 4).map(|place| (number as usize * 7 + place) as u8));
    packet
}

/// The checksum of an IPv4 header whose checksum field is still 0.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    !((sum & 0xFFFF) + (sum >> 16)) as u16
}

const MAGIC: u32 = 0xA1B2_C3D4;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

pub(crate) fn write(file: &Path, packets: &[Vec<u8>]) -> Result<(), String> {
    // Version 2.4, no time zone; at most this many bytes of a packet; Ethernet.
    let mut bytes = Vec::new();
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend([2, 0, 4, 0]);
    bytes.extend([0; 8]);
    bytes.extend([65_535_u32, 1].map(u32::to_le_bytes).as_flattened());
    for (number, packet) in packets.iter().enumerate() {
        // Seconds, microseconds, bytes here, bytes on the wire.
        let length = packet.len() as u32;
        let header = [1_600_000_000, number as u32, length, length];
        bytes.extend(header.map(u32::to_le_bytes).as_flattened());
        bytes.extend(packet);
    }
    fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
}

/// The packets in a file, whose times may be in any unit.
pub(crate) fn read(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut rest = bytes.get(FILE_HEADER..).ok_or("no capture")?;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (header, behind) = rest.split_at_checked(RECORD_HEADER).ok_or("a cut capture")?;
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let (packet, behind) =
            behind.split_at_checked(length as usize).ok_or("a packet of a capture is cut")?;
        packets.push(packet.to_vec());
        rest = behind;
    }
    Ok(packets)
}
