//! Which bytes a block contains, and whether they are correct.

/// Who sends packets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Producer {
    Device,
    Main,
}

impl Producer {
    pub(super) const COUNT: usize = 2;
}

/// A packet: these fields determine all of its bytes.
pub(super) struct Packet {
    pub(super) producer: Producer,
    pub(super) sequence: u32,
}

impl Packet {
    const HEADER: usize = 5;
    pub(super) const MAX_LEN: usize = 64;

    /// Bytes of the packet, in `[HEADER, MAX_LEN]`.
    pub(super) fn len(&self) -> usize {
        Self::HEADER + (self.sequence as usize * 7) % (Self::MAX_LEN - Self::HEADER + 1)
    }

    /// Bytes of the block before the packet. Two of every four packets end where their block ends.
    pub(super) fn headroom(&self) -> usize {
        if self.sequence % 4 < 2 { 0 } else { Self::MAX_LEN - self.len() }
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        let sequence = self.sequence.to_le_bytes();
        let producer = self.producer as u8;
        (0..self.len()).map(move |index| match index {
            0 => producer,
            1..Self::HEADER => sequence[index - 1],
            _ => sequence[0].wrapping_mul(31) ^ sequence[1] ^ index as u8 ^ producer,
        })
    }

    /// The packet in `bytes`, if every byte is correct.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[producer, ref sequence @ ..], _) = bytes.split_first_chunk::<{ Self::HEADER }>()?;
        let producer =
            [Producer::Device, Producer::Main].into_iter().find(|&p| p as u8 == producer)?;
        let packet = Self { producer, sequence: u32::from_le_bytes(*sequence) };
        packet.bytes().eq(bytes.iter().copied()).then_some(packet)
    }
}
