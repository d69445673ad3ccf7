//! Finds the UDP payload in a captured frame.

use etherparse::{EtherType, SlicedPacket, TransportSlice};

/// What a frame starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Ethernet, VLAN tags included.
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
}

/// Protocol families of IPv4 and, by operating system, of IPv6.
const IP_FAMILIES: [u32; 5] = [2, 10, 24, 28, 30];

impl Link {
    /// The link layer that has this number in captures, if it can carry IP and is known here.
    ///
    /// Numbers are those of <https://www.tcpdump.org/linktypes.html>; 12 and 14 are what some BSDs
    /// write for 101.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(Self::Ip),
            113 => Some(Self::Cooked { header_size: 16, ether_type_offset: 14 }),
            276 => Some(Self::Cooked { header_size: 20, ether_type_offset: 0 }),
            _ => None,
        }
    }

    /// The UDP payload in `frame`, or `None` if it carries something else, nothing, or a fragment.
    ///
    /// Never panics; checksums are not looked at, as many captures are taken before the network
    /// card fills them in.
    pub(super) fn udp_payload(self, frame: &[u8]) -> Option<&[u8]> {
        let packet = match self {
            Self::Ethernet => SlicedPacket::from_ethernet(frame),
            Self::Ip => SlicedPacket::from_ip(frame),
            Self::Loopback => {
                let (family, packet) = frame.split_first_chunk()?;
                let known = [u32::from_le_bytes(*family), u32::from_be_bytes(*family)]
                    .iter()
                    .any(|family| IP_FAMILIES.contains(family));
                if !known {
                    return None;
                }
                SlicedPacket::from_ip(packet)
            }
            Self::Cooked { header_size, ether_type_offset } => {
                let (header, packet) = frame.split_at_checked(header_size)?;
                let ether_type = header[ether_type_offset..].first_chunk()?;
                let ether_type = EtherType(u16::from_be_bytes(*ether_type));
                SlicedPacket::from_ether_type(ether_type, packet)
            }
        }
        .ok()?;
        if packet.is_ip_payload_fragmented() {
            return None;
        }
        match packet.transport {
            Some(TransportSlice::Udp(datagram)) => {
                Some(datagram.payload()).filter(|payload| !payload.is_empty())
            }
            _ => None,
        }
    }
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
