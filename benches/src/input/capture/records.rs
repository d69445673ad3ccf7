//! Walks through the records of pcap and pcapng files.

use pcap_parser::{
    EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC, parse_enhancedpacketblock_be,
    parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified, parse_pcap_header, parse_sectionheaderblock,
    parse_simplepacketblock_be, parse_simplepacketblock_le, traits::PcapNGPacketBlock,
};

use super::Fault;
use super::clock::Stamp;

/// A packet as it was captured, with its link header.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Where in the file it starts.
    pub(super) offset: usize,
    /// Number of the link layer that `frame` starts with.
    pub(super) link: u16,
    /// The captured bytes.
    pub(super) frame: &'a [u8],
    /// When it was captured, since some fixed point in time, by an interface that is numbered across all
    /// sections.
    pub(super) stamp: Stamp,
    /// Whether the whole packet was captured.
    pub(super) whole: bool,
}

/// Whether the file starts like a classic pcap.
pub(super) fn is_pcap(data: &[u8]) -> bool {
    // Micro- and nanoseconds, either byte order, and the variant with longer records.
    let magics: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x34, 0xcd, 0xb2, 0xa1],
    ];
    data.first_chunk().is_some_and(|magic| magics.contains(magic))
}

/// Whether the file starts like a pcapng.
pub(super) fn is_pcapng(data: &[u8]) -> bool {
    data.starts_with(&SHB_MAGIC.to_le_bytes())
}

/// Largest record that capture tools write, in bytes; a longer one has a damaged length.
const RECORD_LIMIT: usize = 262_144;

/// Bytes in a classic pcap's file header.
const PCAP_HEADER_SIZE: usize = 24;

/// Hands every record of a classic pcap to `each`.
pub(super) fn walk_pcap<'a>(data: &'a [u8], mut each: impl FnMut(Record<'_>)) -> Result<(), Fault> {
    let Ok((mut rest, header)) = parse_pcap_header(data) else {
        return Err(Fault::cut(0, "a pcap header of 24 bytes", data.len()));
    };
    if header.version_major != 2 {
        let found = format!("version {}", header.version_major);
        return Err(Fault::new(4, "pcap version 2", found));
    }
    // The upper half holds flags about checksums, not the link.
    let link = header.network.0 as u16;
    let tick_ns = if header.is_nanosecond_precision() { 1 } else { 1000 };
    let (parse, header_size): (fn(&'a [u8]) -> _, _) = if header.is_modified_format() {
        (parse_pcap_frame_modified, 24)
    } else if header.is_bigendian() {
        (parse_pcap_frame_be, 16)
    } else {
        (parse_pcap_frame, 16)
    };

    let mut offset = PCAP_HEADER_SIZE;
    while !rest.is_empty() {
        let length = captured_length(rest, header.is_bigendian());
        if let Some(length) = length.filter(|&length| length > RECORD_LIMIT) {
            let expected = format!("a packet of at most {RECORD_LIMIT} bytes");
            return Err(Fault::new(offset, expected, format!("a length of {length}")));
        }
        let Ok((after, record)) = parse(rest) else {
            let expected = match length {
                Some(length) if rest.len() >= header_size => {
                    format!("a packet of {length} bytes after its header of {header_size}")
                }
                _ => format!("a packet header of {header_size} bytes"),
            };
            return Err(Fault::cut(offset, expected, rest.len()));
        };
        let ns = i128::from(record.ts_sec) * 1_000_000_000 + i128::from(record.ts_usec) * tick_ns;
        each(Record {
            offset,
            link,
            frame: record.data,
            stamp: Stamp { interface: 0, ns: Some(ns) },
            whole: record.caplen >= record.origlen,
        });
        offset += rest.len() - after.len();
        rest = after;
    }
    Ok(())
}

/// The third word of a record's header.
fn captured_length(record: &[u8], big_endian: bool) -> Option<usize> {
    word(record, 8, big_endian).map(|length| length as usize)
}

/// What a pcapng file says about one of its interfaces.
struct Interface {
    link: u16,
    /// Largest number of bytes captured of a packet; 0 for no limit.
    snap_length: u32,
    ticks_a_second: u128,
    /// Added to every stamp.
    offset_s: i64,
}

/// Packet block of the first drafts of the format; obsolete, but some tools still write it.
const OBSOLETE_PACKET_BLOCK: u32 = 2;

/// Bytes in an obsolete packet block before its packet.
const OBSOLETE_PACKET_HEADER: usize = 28;

impl Interface {
    /// Nanoseconds since 1970 of a stamp that is given in two halves.
    fn stamp_ns(&self, high: u32, low: u32) -> i128 {
        let ticks = u128::from(high) << 32 | u128::from(low);
        let since_offset = ticks * 1_000_000_000 / self.ticks_a_second;
        since_offset as i128 + i128::from(self.offset_s) * 1_000_000_000
    }
}

/// Bytes in a block without content: type, length, and length again.
const SMALLEST_BLOCK: usize = 12;

/// Hands every packet of a pcapng file to `each`.
///
/// Blocks are distinguished here and only those that matter are parsed, so that unknown or damaged side
/// information does no harm.
pub(super) fn walk_pcapng(data: &[u8], mut each: impl FnMut(Record<'_>)) -> Result<(), Fault> {
    let mut big_endian = false;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut of_sections_before = 0;
    let mut offset = 0;
    while offset < data.len() {
        let rest = &data[offset..];
        if rest.starts_with(&SHB_MAGIC.to_le_bytes()) {
            // A new section: it has its own byte order and interfaces.
            big_endian = match rest.get(8..12) {
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
                Some(found) => {
                    let expected = "the byte order mark 1a 2b 3c 4d, forwards or backwards";
                    return Err(Fault::new(offset + 8, expected, super::hexadecimal(found)));
                }
                None => return Err(Fault::cut(offset, "a section header", rest.len())),
            };
            of_sections_before += interfaces.len();
            interfaces.clear();
        }
        let block = block(rest, offset, big_endian)?;
        let damaged = |what: &str| {
            let found = format!("a block of {} bytes with other content", block.len());
            Fault::new(offset, what, found)
        };
        match word(block, 0, big_endian) {
            Some(SHB_MAGIC) => {
                let Ok((_, section)) = parse_sectionheaderblock(block) else {
                    return Err(damaged("a section header"));
                };
                if section.major_version != 1 {
                    let found = format!("version {}", section.major_version);
                    return Err(Fault::new(offset + 12, "pcapng version 1", found));
                }
            }
            Some(IDB_MAGIC) => {
                let parsed = if big_endian {
                    parse_interfacedescriptionblock_be(block)
                } else {
                    parse_interfacedescriptionblock_le(block)
                };
                let Ok((_, interface)) = parsed else {
                    return Err(damaged("an interface description"));
                };
                let resolution = interface.if_tsresol;
                let Some(ticks_a_second) = ticks_a_second(resolution) else {
                    let expected = "a time resolution that 64 bits can count";
                    return Err(Fault::new(offset, expected, format!("{resolution:#04x}")));
                };
                // The parser reads this option as little-endian in every section.
                let offset_s = if big_endian {
                    interface.if_tsoffset.swap_bytes()
                } else {
                    interface.if_tsoffset
                };
                interfaces.push(Interface {
                    link: interface.linktype.0 as u16,
                    snap_length: interface.snaplen,
                    ticks_a_second,
                    offset_s,
                });
            }
            Some(EPB_MAGIC) => {
                let parsed = if big_endian {
                    parse_enhancedpacketblock_be(block)
                } else {
                    parse_enhancedpacketblock_le(block)
                };
                let Ok((_, packet)) = parsed else {
                    return Err(damaged("an enhanced packet block"));
                };
                let index = packet.if_id as usize;
                let interface = described(&interfaces, index, offset)?;
                let ns = Some(interface.stamp_ns(packet.ts_high, packet.ts_low));
                each(Record {
                    offset,
                    link: interface.link,
                    frame: packet.packet_data(),
                    stamp: Stamp { interface: of_sections_before + index, ns },
                    whole: packet.caplen >= packet.origlen,
                });
            }
            Some(SPB_MAGIC) => {
                let parsed = if big_endian {
                    parse_simplepacketblock_be(block)
                } else {
                    parse_simplepacketblock_le(block)
                };
                let Ok((_, packet)) = parsed else {
                    return Err(damaged("a simple packet block"));
                };
                // These packets have neither a stamp nor an index: they belong to the first interface.
                let interface = described(&interfaces, 0, offset)?;
                let limit = match interface.snap_length {
                    0 => usize::MAX,
                    limit => limit as usize,
                };
                each(Record {
                    offset,
                    link: interface.link,
                    frame: packet.packet_data(),
                    stamp: Stamp { interface: of_sections_before, ns: None },
                    whole: packet.origlen as usize <= packet.data.len().min(limit),
                });
            }
            Some(OBSOLETE_PACKET_BLOCK) => {
                let content = |at| word(block, at, big_endian);
                let [Some(first), Some(high), Some(low), Some(captured), Some(original)] =
                    [8, 12, 16, 20, 24].map(content)
                else {
                    return Err(damaged("a packet block"));
                };
                // Interface and a count of drops share a word.
                let index = (if big_endian { first >> 16 } else { first & 0xffff }) as usize;
                let interface = described(&interfaces, index, offset)?;
                let room = block.len().saturating_sub(OBSOLETE_PACKET_HEADER + 4);
                if captured as usize > room {
                    return Err(damaged("a packet block"));
                }
                let ns = Some(interface.stamp_ns(high, low));
                each(Record {
                    offset,
                    link: interface.link,
                    frame: &block[OBSOLETE_PACKET_HEADER..][..captured as usize],
                    stamp: Stamp { interface: of_sections_before + index, ns },
                    whole: captured >= original,
                });
            }
            _ => {}
        }
        offset += block.len();
    }
    Ok(())
}

/// The interface of the packet block at `offset` in the file.
fn described(interfaces: &[Interface], index: usize, offset: usize) -> Result<&Interface, Fault> {
    interfaces.get(index).ok_or_else(|| {
        let expected = format!("interface {index} to be described before");
        Fault::new(offset + 8, expected, format!("{} interfaces", interfaces.len()))
    })
}

/// The block that `rest` starts with, at `offset` in the file; its two lengths agree.
fn block(rest: &[u8], offset: usize, big_endian: bool) -> Result<&[u8], Fault> {
    let Some(length) = word(rest, 4, big_endian) else {
        return Err(Fault::cut(offset, "a block header of 8 bytes", rest.len()));
    };
    let length = length as usize;
    if length < SMALLEST_BLOCK || !length.is_multiple_of(4) {
        let expected = "a block length that is a multiple of 4, 12 or more";
        return Err(Fault::new(offset + 4, expected, length.to_string()));
    }
    let Some(block) = rest.get(..length) else {
        return Err(Fault::cut(offset, format!("a block of {length} bytes"), rest.len()));
    };
    if block[4..8] != block[length - 4..] {
        let expected = format!("the block's length of {length} again");
        let found = super::hexadecimal(&block[length - 4..]);
        return Err(Fault::new(offset + length - 4, expected, found));
    }
    Ok(block)
}

/// The ticks per second that the option `if_tsresol` stands for: a power of ten, or of two if its top bit is
/// set.
fn ticks_a_second(resolution: u8) -> Option<u128> {
    let exponent = u32::from(resolution & 0x7f);
    match resolution & 0x80 {
        0 if exponent <= 19 => Some(10_u128.pow(exponent)),
        0x80 if exponent <= 63 => Some(1 << exponent),
        _ => None,
    }
}

/// The 32-bit number at `offset` in `data`, if `data` reaches that far.
fn word(data: &[u8], offset: usize, big_endian: bool) -> Option<u32> {
    let bytes = *data.get(offset..)?.first_chunk()?;
    Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// Builds small captures for tests.
#[cfg(test)]
pub(super) mod build {
    use etherparse::PacketBuilder;

    /// An Ethernet frame with a UDP datagram.
    pub(in crate::input::capture) fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1000, 2000)
            .write(&mut frame, payload)
            .expect("a short payload");
        frame
    }

    /// Writes numbers in one byte order.
    #[derive(Clone, Copy, Debug)]
    pub(in crate::input::capture) struct Order {
        /// Whether the highest byte comes first.
        pub(in crate::input::capture) big_endian: bool,
    }

    impl Order {
        fn u16(self, value: u16) -> [u8; 2] {
            if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
        }

        pub(in crate::input::capture) fn u32(self, value: u32) -> [u8; 4] {
            if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
        }

        fn u64(self, value: u64) -> [u8; 8] {
            if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
        }

        /// A pcap's file header.
        pub(in crate::input::capture) fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
            let mut out = self.u32(magic).to_vec();
            out.extend(self.u16(2));
            out.extend(self.u16(4));
            out.extend([0; 8]);
            out.extend(self.u32(65_535));
            out.extend(self.u32(link));
            out
        }

        /// A pcap's record; `original` is how long the packet was on the wire.
        pub(in crate::input::capture) fn record(
            self,
            seconds: u32,
            fraction: u32,
            frame: &[u8],
            original: usize,
        ) -> Vec<u8> {
            let mut out = Vec::new();
            for word in [seconds, fraction, frame.len() as u32, original as u32] {
                out.extend(self.u32(word));
            }
            out.extend(frame);
            out
        }

        /// A pcapng block around `content`.
        pub(in crate::input::capture) fn block(self, kind: u32, content: &[u8]) -> Vec<u8> {
            let padded = content.len().next_multiple_of(4);
            let length = self.u32(padded as u32 + 12);
            let mut out = self.u32(kind).to_vec();
            out.extend(length);
            out.extend(content);
            out.resize(8 + padded, 0);
            out.extend(length);
            out
        }

        pub(in crate::input::capture) fn section(self) -> Vec<u8> {
            let mut content = self.u32(0x1a2b_3c4d).to_vec();
            content.extend(self.u16(1));
            content.extend(self.u16(0));
            content.extend([0xff; 8]);
            self.block(0x0a0d_0d0a, &content)
        }

        /// An Ethernet interface.
        pub(in crate::input::capture) fn interface(
            self,
            snap_length: u32,
            resolution: Option<u8>,
            offset_s: Option<i64>,
        ) -> Vec<u8> {
            let mut content = self.u16(1).to_vec();
            content.extend([0; 2]);
            content.extend(self.u32(snap_length));
            if let Some(resolution) = resolution {
                content.extend(self.u16(9));
                content.extend(self.u16(1));
                content.extend([resolution, 0, 0, 0]);
            }
            if let Some(offset_s) = offset_s {
                content.extend(self.u16(14));
                content.extend(self.u16(8));
                content.extend(self.u64(offset_s as u64));
            }
            self.block(1, &content)
        }

        pub(in crate::input::capture) fn enhanced(
            self,
            interface: u32,
            ticks: u64,
            frame: &[u8],
            original: usize,
        ) -> Vec<u8> {
            let mut content = Vec::new();
            for word in
                [interface, (ticks >> 32) as u32, ticks as u32, frame.len() as u32, original as u32]
            {
                content.extend(self.u32(word));
            }
            content.extend(frame);
            self.block(6, &content)
        }

        /// Like [`Self::enhanced`], in the block type that was used before it.
        pub(in crate::input::capture) fn obsolete(
            self,
            interface: u16,
            ticks: u64,
            frame: &[u8],
            original: usize,
        ) -> Vec<u8> {
            let mut content = self.u16(interface).to_vec();
            content.extend(self.u16(7));
            for word in [(ticks >> 32) as u32, ticks as u32, frame.len() as u32, original as u32] {
                content.extend(self.u32(word));
            }
            content.extend(frame);
            self.block(2, &content)
        }

        pub(in crate::input::capture) fn simple(self, frame: &[u8], original: usize) -> Vec<u8> {
            let mut content = self.u32(original as u32).to_vec();
            content.extend(frame);
            self.block(3, &content)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{build::Order, *};

    const ORDERS: [Order; 2] = [Order { big_endian: false }, Order { big_endian: true }];

    /// Link, frame, time and completeness of a record.
    type Seen = (u16, Vec<u8>, Option<i128>, bool);

    fn records(data: &[u8]) -> Result<Vec<Seen>, Fault> {
        let mut records = Vec::new();
        let each = |record: Record<'_>| {
            let frame = record.frame.to_vec();
            records.push((record.link, frame, record.stamp.ns, record.whole));
        };
        if is_pcap(data) {
            walk_pcap(data, each)?;
        } else {
            assert!(is_pcapng(data));
            walk_pcapng(data, each)?;
        }
        Ok(records)
    }

    #[test]
    fn pcap_is_read_in_both_byte_orders_and_resolutions() {
        for order in ORDERS {
            for (magic, stamp_ns) in [(0xa1b2_c3d4, 7_000_009_000), (0xa1b2_3c4d, 7_000_000_009)] {
                let mut file = order.pcap(magic, 1);
                file.extend(order.record(7, 9, b"frame", 5));
                file.extend(order.record(8, 0, b"cut", 100));
                assert_eq!(
                    records(&file).unwrap(),
                    [
                        (1, b"frame".to_vec(), Some(stamp_ns), true),
                        (1, b"cut".to_vec(), Some(8_000_000_000), false),
                    ],
                    "{order:?}, {magic:x}"
                );
            }
        }
    }

    #[test]
    fn flags_beside_the_link_type_are_ignored() {
        let order = ORDERS[0];
        let mut file = order.pcap(0xa1b2_c3d4, 0x1400_0065);
        file.extend(order.record(0, 0, b"x", 1));
        assert_eq!(records(&file).unwrap()[0].0, 101);
    }

    #[test]
    fn pcapng_is_read_in_both_byte_orders() {
        for order in ORDERS {
            let mut file = order.section();
            file.extend(order.interface(0, None, None));
            file.extend(order.enhanced(0, 5_000_000, b"whole", 5));
            file.extend(order.obsolete(0, 5_000_001, b"cut", 50));
            file.extend(order.simple(b"simple", 6));
            assert_eq!(
                records(&file).unwrap(),
                [
                    (1, b"whole".to_vec(), Some(5_000_000_000), true),
                    (1, b"cut".to_vec(), Some(5_000_001_000), false),
                    (1, b"simple".to_vec(), None, true),
                ]
            );
        }
    }

    #[test]
    fn each_interface_has_its_own_clock() {
        for order in ORDERS {
            let mut file = order.section();
            // Nanoseconds, 2⁻¹⁰ seconds, and milliseconds that start ten seconds late.
            file.extend(order.interface(0, Some(9), None));
            file.extend(order.interface(0, Some(0x8a), None));
            file.extend(order.interface(0, Some(3), Some(10)));
            file.extend(order.interface(0, Some(0), Some(-1)));
            file.extend(order.enhanced(0, (1 << 32) + 1, b"a", 1));
            file.extend(order.enhanced(1, 1536, b"b", 1));
            file.extend(order.enhanced(2, 250, b"c", 1));
            file.extend(order.enhanced(3, 3, b"d", 1));
            let stamps: Vec<_> = records(&file).unwrap().iter().map(|r| r.2).collect();
            assert_eq!(
                stamps,
                [4_294_967_297, 1_500_000_000, 10_250_000_000, 2_000_000_000].map(Some)
            );
        }
    }

    #[test]
    fn a_section_starts_anew_with_its_own_byte_order() {
        let [little, big] = ORDERS;
        let mut file = little.section();
        file.extend(little.interface(0, None, None));
        file.extend(little.enhanced(0, 1, b"a", 1));
        let second = file.len();
        file.extend(big.section());
        let without_interface = [&file[..], &big.enhanced(0, 1, b"b", 1)].concat();
        file.extend(big.interface(0, None, None));
        file.extend(big.enhanced(0, 2, b"b", 1));
        assert_eq!(records(&file).unwrap().len(), 2);

        let fault = records(&without_interface).unwrap_err();
        assert_eq!(fault.offset, second + 28 + 8);
        assert_eq!(fault.found, "0 interfaces");
    }

    #[test]
    fn a_simple_packet_is_cut_to_the_snap_length() {
        let order = ORDERS[0];
        let mut file = order.section();
        file.extend(order.interface(4, None, None));
        file.extend(order.simple(b"1234", 4));
        file.extend(order.simple(b"1234", 9));
        let whole: Vec<_> = records(&file).unwrap().iter().map(|r| r.3).collect();
        assert_eq!(whole, [true, false]);
    }

    #[test]
    fn unknown_blocks_are_stepped_over() {
        let order = ORDERS[0];
        let mut file = order.section();
        file.extend(order.interface(0, None, None));
        file.extend(order.block(0x0bad, b"something"));
        file.extend(order.block(5, &[0xff; 12]));
        file.extend(order.enhanced(0, 1, b"a", 1));
        assert_eq!(records(&file).unwrap().len(), 1);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let order = ORDERS[0];
        let fault = |file: &[u8]| {
            let fault = records(file).unwrap_err();
            (fault.offset, format!("{} / {}", fault.expected, fault.found))
        };

        let mut pcap = order.pcap(0xa1b2_c3d4, 1);
        pcap[4] = 3;
        assert_eq!(fault(&pcap), (4, "pcap version 2 / version 3".into()));
        pcap[4] = 2;
        pcap.extend(order.record(0, 0, b"frame", 5));
        let end = pcap.len();
        pcap.extend(order.record(0, 0, b"frame", 5));
        let (offset, text) = fault(&pcap[..end + 3]);
        assert_eq!(offset, end);
        assert_eq!(text, "a packet header of 16 bytes / the end of the file after 3 bytes");
        let (offset, text) = fault(&pcap[..end + 18]);
        assert_eq!(offset, end);
        assert_eq!(
            text,
            "a packet of 5 bytes after its header of 16 / the end of the file after 18 bytes"
        );
        pcap[end + 11] = 0xff;
        assert!(fault(&pcap).1.starts_with("a packet of at most 262144 bytes"));

        let mut pcapng = order.section();
        pcapng.extend(order.interface(0, None, None));
        let start = pcapng.len();
        pcapng.extend(order.enhanced(0, 1, b"abcd", 4));
        let good = pcapng.clone();
        // The length after the block.
        *pcapng.last_mut().unwrap() = 1;
        assert_eq!(fault(&pcapng).0, good.len() - 4);
        // The length before the block.
        pcapng = good.clone();
        pcapng[start + 4] = 37;
        assert_eq!(fault(&pcapng).0, start + 4);
        // More captured bytes than the block has.
        pcapng = good.clone();
        pcapng[start + 20] = 200;
        assert_eq!(fault(&pcapng).0, start);
        // The byte order mark.
        pcapng = good.clone();
        pcapng[8] = 0;
        assert_eq!(fault(&pcapng).0, 8);
        // A resolution of 10⁻²⁰ seconds.
        let section = order.section();
        let file = [&section[..], &order.interface(0, Some(20), None)].concat();
        assert_eq!(fault(&file).0, section.len());
    }
}
