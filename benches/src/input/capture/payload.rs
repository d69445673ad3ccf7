//! Finds the UDP payload in a captured frame.

use etherparse::{IpNumber, SlicedPacket, TransportSlice};

/// What a frame starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Ethernet.
    Ethernet,
    /// No link header: an IP packet, version 4 or 6.
    Ip,
    /// Four bytes that say which protocol family follows, in the capturing machine's byte order or
    /// the network's.
    Loopback,
    /// Linux's stand-in for the headers of any interface; the payload's type is in it.
    Cooked {
        /// Bytes before the payload.
        header_size: usize,
        /// Where in the header the payload's EtherType is.
        ether_type_offset: usize,
    },
    /// PPP, with or without the framing of HDLC.
    Ppp,
    /// PPP over Ethernet, without Ethernet's header.
    PppOverEthernet,
    /// What Linux's packet filter logs.
    FilterLog,
    /// MPLS labels.
    Mpls,
}

/// Protocol families of IPv4 and, by operating system, of IPv6.
const IP_FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

/// The most nested IP headers that are looked through.
const MOST_TUNNELS: usize = 8;

/// The most Ethernet headers in MPLS that are looked through.
const MOST_WIRES: usize = 2;

/// Type of the packet among what Linux's packet filter logs.
const LOGGED_PAYLOAD: u16 = 9;

impl Link {
    /// The link layer with this number in captures, if it can carry IP and is known here.
    ///
    /// Numbers are those of <https://www.tcpdump.org/linktypes.html>; 12 and 14 are what some BSDs
    /// write for 101.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            9 | 50 => Some(Self::Ppp),
            12 | 14 | 101 | 228 | 229 => Some(Self::Ip),
            51 => Some(Self::PppOverEthernet),
            113 => Some(Self::Cooked { header_size: 16, ether_type_offset: 14 }),
            219 => Some(Self::Mpls),
            239 => Some(Self::FilterLog),
            276 => Some(Self::Cooked { header_size: 20, ether_type_offset: 0 }),
            _ => None,
        }
    }

    /// The UDP payload in `frame`, or `None` if it carries something else, nothing, or a fragment.
    ///
    /// Looks through VLAN tags, MPLS, PPPoE and IP in IP, in any order and number. Never panics; ignores
    /// checksums, since many captures are taken before the network card fills them in.
    pub(super) fn udp_payload(self, frame: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Ethernet => in_ethernet(frame, MOST_WIRES),
            Self::Ip => in_ip(frame),
            Self::Loopback => {
                let (family, packet) = frame.split_first_chunk()?;
                let known = [u32::from_le_bytes(*family), u32::from_be_bytes(*family)]
                    .iter()
                    .any(|family| IP_FAMILIES.contains(family));
                if known { in_ip(packet) } else { None }
            }
            Self::Cooked { header_size, ether_type_offset } => {
                let (header, packet) = frame.split_at_checked(header_size)?;
                let (ether_type, _) = u16_and_rest(&header[ether_type_offset..])?;
                in_ether_type(ether_type, packet, MOST_WIRES)
            }
            Self::Ppp => in_ppp(frame, MOST_WIRES),
            Self::PppOverEthernet => in_ppp_over_ethernet(frame, MOST_WIRES),
            Self::FilterLog => in_filter_log(frame),
            Self::Mpls => in_mpls(frame, MOST_WIRES),
        }
    }
}

fn u16_and_rest(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

// In all of these, `wires` is the number of Ethernet headers in MPLS that may still come: otherwise a frame
// could nest them without end.

fn in_ethernet(frame: &[u8], wires: usize) -> Option<&[u8]> {
    let (_addresses, rest) = frame.split_at_checked(12)?;
    let (ether_type, packet) = u16_and_rest(rest)?;
    in_ether_type(ether_type, packet, wires)
}

fn in_ether_type(mut ether_type: u16, mut packet: &[u8], wires: usize) -> Option<&[u8]> {
    loop {
        match ether_type {
            0x0800 | 0x86dd => return in_ip(packet),
            // VLAN tags.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let (_tag, rest) = u16_and_rest(packet)?;
                (ether_type, packet) = u16_and_rest(rest)?;
            }
            0x8847 | 0x8848 => return in_mpls(packet, wires),
            0x8864 => return in_ppp_over_ethernet(packet, wires),
            // A length, then LLC; if that says SNAP, an EtherType follows after all.
            0..=1500 => {
                let rest = packet.strip_prefix(&[0xaa, 0xaa, 3, 0, 0, 0])?;
                (ether_type, packet) = u16_and_rest(rest)?;
                if ether_type <= 1500 {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

fn in_mpls(mut packet: &[u8], wires: usize) -> Option<&[u8]> {
    loop {
        let (label, rest) = packet.split_first_chunk::<4>()?;
        packet = rest;
        let is_last = label[2] & 1 == 1;
        if is_last {
            break;
        }
    }
    // Nothing identifies what follows: IP by its version, or Ethernet after a control word.
    match packet.first()? >> 4 {
        4 | 6 => in_ip(packet),
        0 => in_ethernet(packet.get(4..)?, wires.checked_sub(1)?),
        _ => None,
    }
}

fn in_ppp_over_ethernet(packet: &[u8], wires: usize) -> Option<&[u8]> {
    let (header, rest) = packet.split_first_chunk::<6>()?;
    // Version and type 1, and no code: a packet of a session.
    if header[..2] != [0x11, 0] {
        return None;
    }
    let length = u16::from_be_bytes([header[4], header[5]]);
    in_ppp(rest.get(..usize::from(length))?, wires)
}

fn in_ppp(frame: &[u8], wires: usize) -> Option<&[u8]> {
    let frame = frame.strip_prefix(&[0xff, 3]).unwrap_or(frame);
    // A protocol's number may be one byte, which is then odd.
    let (protocol, packet) = match frame {
        [number, packet @ ..] if number % 2 == 1 => (u16::from(*number), packet),
        _ => u16_and_rest(frame)?,
    };
    match protocol {
        0x21 | 0x57 => in_ip(packet),
        0x281 | 0x283 => in_mpls(packet, wires),
        _ => None,
    }
}

fn in_filter_log(frame: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = frame.split_first_chunk::<4>()?;
    if !IP_FAMILIES.contains(&header[0].into()) {
        return None;
    }
    // Attributes: a length, a type and a value, followed by padding. Their byte order is that of the
    // capturing machine; in the wrong one, a type is at least 256.
    loop {
        let (header, _) = rest.split_first_chunk::<4>()?;
        let [a, b, c, d] = *header;
        let orders = [
            (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
            (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
        ];
        let (content, kind, length) = orders.into_iter().find_map(|(length, kind)| {
            let length = usize::from(length);
            (kind < 256).then_some(())?;
            Some((rest.get(4..length)?, kind, length))
        })?;
        if kind == LOGGED_PAYLOAD {
            return in_ip(content);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

fn in_ip(mut packet: &[u8]) -> Option<&[u8]> {
    for _ in 0..MOST_TUNNELS {
        let sliced = SlicedPacket::from_ip(packet).ok()?;
        if let Some(TransportSlice::Udp(datagram)) = &sliced.transport {
            let payload = datagram.payload();
            return (!sliced.is_ip_payload_fragmented() && !payload.is_empty()).then_some(payload);
        }
        let inner = sliced.net?.ip_payload_ref().cloned()?;
        if inner.fragmented || ![IpNumber::IPV4, IpNumber::IPV6].contains(&inner.ip_number) {
            return None;
        }
        packet = inner.payload;
    }
    None
}

#[cfg(test)]
mod tests {
    use etherparse::{
        IpFragOffset, IpNumber, Ipv4Header, PacketBuilder, PacketBuilderStep, UdpHeader, VlanId,
    };

    use super::*;

    const PAYLOAD: &[u8] = b"payload";

    fn bytes(step: PacketBuilderStep<UdpHeader>) -> Vec<u8> {
        let mut bytes = Vec::new();
        step.write(&mut bytes, PAYLOAD).expect("a short payload");
        bytes
    }

    fn ipv4() -> Vec<u8> {
        bytes(PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2))
    }

    fn ipv6() -> Vec<u8> {
        bytes(PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(1, 2))
    }

    fn payload(number: u16, frame: &[u8]) -> Option<&[u8]> {
        Link::from_number(number).expect("a known link").udp_payload(frame)
    }

    #[test]
    fn ethernet_carries_both_versions_of_ip() {
        let ethernet = || PacketBuilder::ethernet2([1; 6], [2; 6]);
        let frames = [
            bytes(ethernet().ipv4([1; 4], [2; 4], 64).udp(1, 2)),
            bytes(ethernet().ipv6([1; 16], [2; 16], 64).udp(1, 2)),
            bytes(
                ethernet()
                    .single_vlan(VlanId::try_new(5).unwrap())
                    .ipv4([1; 4], [2; 4], 64)
                    .udp(1, 2),
            ),
            bytes(
                ethernet()
                    .double_vlan(VlanId::try_new(5).unwrap(), VlanId::try_new(6).unwrap())
                    .ipv6([1; 16], [2; 16], 64)
                    .udp(1, 2),
            ),
        ];
        for frame in frames {
            assert_eq!(payload(1, &frame), Some(PAYLOAD));
        }
    }

    #[test]
    fn wires_in_wires_come_to_an_end() {
        let wire = |inner: &[u8]| behind("8847 00011 1 40 00000000", inner);
        let mut frame = behind("0800", &ipv4());
        for _ in 0..MOST_WIRES {
            frame = wire(&frame);
            assert_eq!(payload(1, &frame), Some(PAYLOAD));
        }
        assert_eq!(payload(1, &wire(&frame)), None);
        assert_eq!(payload(1, &wire(&[]).repeat(1 << 20)), None);
    }

    /// Ethernet's addresses, then `headers`, each in hexadecimal digits, then an IP packet.
    fn behind(headers: &str, packet: &[u8]) -> Vec<u8> {
        let digits: Vec<u8> = headers
            .bytes()
            .filter(|digit| *digit != b' ')
            .map(|digit| char::from(digit).to_digit(16).expect("a digit") as u8)
            .collect();
        let headers: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        [&[1; 12][..], &headers, packet].concat()
    }

    #[test]
    fn tags_labels_and_sessions_are_looked_through() {
        let length = format!("{:04x}", ipv4().len() + 2);
        let session = format!("8864 11 00 0007 {length} 0021");
        for headers in [
            "8100 0001 88a8 0002 9100 0003 8100 0004 0800",
            "8847 00010 0 40 00011 1 40",
            "8100 0001 8847 00011 1 40",
            // A pseudowire: a control word, then Ethernet.
            "8847 00011 1 40 00000000 020202020202 030303030303 0800",
            // LLC and SNAP after a length.
            "0040 aaaa03 000000 0800",
            &session,
        ] {
            assert_eq!(payload(1, &behind(headers, &ipv4())), Some(PAYLOAD), "{headers}");
        }
        for headers in
            ["8863 11 00 0007 0030 0021", "0040 aaaa03 000000 0040", "8864 11 a7 0007 0030 0021"]
        {
            assert_eq!(payload(1, &behind(headers, &ipv4())), None, "{headers}");
        }
    }

    #[test]
    fn ppp_may_be_framed_and_its_protocol_short() {
        for header in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
            let frame = [header, &ipv4()].concat();
            assert_eq!(payload(9, &frame), Some(PAYLOAD));
            assert_eq!(payload(50, &frame), Some(PAYLOAD));
        }
        assert_eq!(payload(9, &[&[0xff, 3, 0, 0x57][..], &ipv6()].concat()), Some(PAYLOAD));
        assert_eq!(payload(9, &[&[0xff, 3, 0xc0, 0x21][..], &ipv4()].concat()), None);
        let length = (ipv4().len() as u16 + 2).to_be_bytes();
        let session = [&[0x11, 0, 0, 7][..], &length, &[0, 0x21], &ipv4()].concat();
        assert_eq!(payload(51, &session), Some(PAYLOAD));
        assert_eq!(payload(219, &[&[0, 1, 0x11, 64][..], &ipv4()].concat()), Some(PAYLOAD));
    }

    #[test]
    fn the_filter_log_has_the_packet_among_its_attributes() {
        let attribute = |big: bool, kind: u16, content: &[u8]| {
            let words = [content.len() as u16 + 4, kind];
            let mut bytes: Vec<u8> = words
                .iter()
                .flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() })
                .collect();
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        for big in [false, true] {
            let attributes = [attribute(big, 10, b"prefix"), attribute(big, 9, &ipv4())].concat();
            let frame = [&[2, 0, 0, 5][..], &attributes].concat();
            assert_eq!(payload(239, &frame), Some(PAYLOAD));
            let arp = [&[3, 0, 0, 5][..], &attributes].concat();
            assert_eq!(payload(239, &arp), None);
        }
        assert_eq!(payload(239, &[2, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn ip_may_be_carried_in_ip() {
        let around = |number: IpNumber, inner: &[u8]| {
            let size = inner.len() as u16;
            let outer = Ipv4Header::new(size, 64, number, [1; 4], [2; 4]).unwrap();
            [&outer.to_bytes()[..], inner].concat()
        };
        let mut packet = around(IpNumber::IPV6, &ipv6());
        for _ in 0..MOST_TUNNELS - 2 {
            packet = around(IpNumber::IPV4, &packet);
            assert_eq!(payload(101, &packet), Some(PAYLOAD));
        }
        assert_eq!(payload(101, &around(IpNumber::IPV4, &packet)), None, "too deep");
    }

    #[test]
    fn padding_after_a_short_packet_is_left_out() {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let mut frame = bytes(builder.ipv4([1; 4], [2; 4], 64).udp(1, 2));
        frame.resize(60, 0);
        assert_eq!(payload(1, &frame), Some(PAYLOAD));
    }

    #[test]
    fn ip_may_come_without_a_link_header() {
        for number in [12, 14, 101] {
            assert_eq!(payload(number, &ipv4()), Some(PAYLOAD));
            assert_eq!(payload(number, &ipv6()), Some(PAYLOAD));
        }
        assert_eq!(payload(228, &ipv4()), Some(PAYLOAD));
        assert_eq!(payload(229, &ipv6()), Some(PAYLOAD));
    }

    #[test]
    fn loopback_starts_with_a_family_in_either_byte_order() {
        for (number, family) in [(0, [2, 0, 0, 0]), (0, [0, 0, 0, 2]), (108, [0, 0, 0, 2])] {
            assert_eq!(payload(number, &[&family[..], &ipv4()].concat()), Some(PAYLOAD));
        }
        for family in [10, 24, 28, 30] {
            let frame = [&[family, 0, 0, 0][..], &ipv6()].concat();
            assert_eq!(payload(0, &frame), Some(PAYLOAD));
        }
        assert_eq!(payload(0, &[&[7, 0, 0, 0][..], &ipv4()].concat()), None);
    }

    #[test]
    fn cooked_frames_name_their_ether_type() {
        let mut first = [0; 16];
        first[14..].copy_from_slice(&[0x08, 0x00]);
        assert_eq!(payload(113, &[&first[..], &ipv4()].concat()), Some(PAYLOAD));
        let mut second = [0; 20];
        second[..2].copy_from_slice(&[0x86, 0xdd]);
        assert_eq!(payload(276, &[&second[..], &ipv6()].concat()), Some(PAYLOAD));
        // ARP.
        second[..2].copy_from_slice(&[0x08, 0x06]);
        assert_eq!(payload(276, &[&second[..], &ipv6()].concat()), None);
    }

    #[test]
    fn fragments_and_other_protocols_are_left_out() {
        let datagram = ipv4()[20..].to_vec();
        for (more_fragments, offset, expected) in
            [(false, 0, Some(PAYLOAD)), (true, 0, None), (false, 9, None)]
        {
            let size = datagram.len() as u16;
            let mut header = Ipv4Header::new(size, 64, IpNumber::UDP, [1; 4], [2; 4]).unwrap();
            header.more_fragments = more_fragments;
            header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
            let packet = [&header.to_bytes()[..], &datagram].concat();
            assert_eq!(payload(101, &packet), expected);
        }
        let mut tcp = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 64).tcp(1, 2, 3, 4).write(&mut tcp, PAYLOAD).unwrap();
        assert_eq!(payload(101, &tcp), None);
    }

    #[test]
    fn a_datagram_without_bytes_has_no_payload() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 64).udp(1, 2).write(&mut packet, &[]).unwrap();
        assert_eq!(payload(101, &packet), None);
    }

    #[test]
    fn no_cut_frame_has_a_payload() {
        let frames = [
            (1, bytes(PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([1; 4], [2; 4], 64).udp(1, 2))),
            (101, ipv4()),
            (229, ipv6()),
            (0, ipv4()),
            (113, ipv4()),
            (276, ipv6()),
            (9, [&[0xff, 3, 0, 0x21][..], &ipv4()].concat()),
            (1, behind("8100 0001 8847 00011 1 40", &ipv4())),
        ];
        for (number, frame) in frames {
            for length in 0..frame.len() {
                assert_eq!(payload(number, &frame[..length]), None);
            }
        }
    }

    #[test]
    fn links_that_cannot_carry_ip_are_unknown() {
        assert_eq!(Link::from_number(189), None);
    }
}
