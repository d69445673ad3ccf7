//! What the packets of this example contain: an Ethernet header, then 64-bit words, little-endian, all
//! of which the receiver checks.

use std::fmt;
use std::str::FromStr;

use blockpool_core::NoRoom;

use crate::error::Result;
use crate::socket::Frame;

/// Ethernet's type for experiments, by which the program tells the example's packets from others.
pub(crate) const ETHER_TYPE: u16 = 0x88b5;

const HEADER: usize = 14;
const WORDS: usize = 154;
/// Bytes in every packet.
pub(crate) const LENGTH: usize = HEADER + WORDS * size_of::<u64>();

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address([u8; 6]);

impl Address {
    pub(crate) const BROADCAST: Self = Self([0xff; 6]);
    pub(crate) const NOBODY: Self = Self([0; 6]);

    pub(crate) fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Address {
    type Err = Box<dyn std::error::Error>;

    fn from_str(text: &str) -> Result<Self> {
        let bytes: Option<Vec<u8>> = text
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2))
            .collect();
        let address = bytes.and_then(|bytes| bytes.try_into().ok());
        let error = || format!("{text} is no Ethernet address, such as 02:00:00:00:00:01");
        Ok(Self(address.ok_or_else(error)?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = self.0;
        write!(f, "{first:02x}")?;
        others.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
    }
}

/// From whom, to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) from: Address,
    pub(crate) to: Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Kind {
    Ping = 1,
    Pong,
    /// One of a stream.
    Data,
    /// Asks the receiver of a stream for a [`Report`](Self::Report).
    Question,
    Report,
}

impl Kind {
    fn of(word: u64) -> Option<Self> {
        let kinds = [Self::Ping, Self::Pong, Self::Data, Self::Question, Self::Report];
        kinds.into_iter().find(|&kind| kind as u64 == word)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// An answer has the number of what it answers.
    pub(crate) number: u64,
    /// Depends on the kind: when a ping was sent, and by which process; the counts of a report.
    pub(crate) values: [u64; 3],
}

impl Message {
    /// Without values.
    pub(crate) fn new(kind: Kind, number: u64) -> Self {
        Self { kind, number, values: [0; 3] }
    }

    /// What a packet holds.
    fn words(&self) -> impl Iterator<Item = u64> + use<> {
        let [first, second, third] = self.values;
        let number = self.number;
        let rest = (5..).map(move |place: u64| number.rotate_left(7) ^ place);
        [self.kind as u64, number, first, second, third].into_iter().chain(rest).take(WORDS)
    }

    /// Makes this the block's data, with room left in front for headers of the kernel or of others.
    pub(crate) fn write(
        &self,
        frame: &mut Frame<'_>,
        route: Route,
    ) -> std::result::Result<(), NoRoom> {
        // Where the payload begins, so that the header has room.
        frame.reset(HEADER)?;
        frame.resize(WORDS * size_of::<u64>(), 0)?;
        let (places, _) = frame.as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(self.words()) {
            *place = word.to_le_bytes();
        }
        frame.prepend(&ETHER_TYPE.to_be_bytes())?;
        frame.prepend(&route.from.0)?;
        frame.prepend(&route.to.0)
    }

    /// What a packet says, if every word of it arrived unchanged.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let (words, []) = packet.get(HEADER..)?.as_chunks::<8>() else { return None };
        let word = |place: usize| Some(u64::from_le_bytes(*words.get(place)?));
        let values = [word(2)?, word(3)?, word(4)?];
        let message = Self { kind: Kind::of(word(0)?)?, number: word(1)?, values };
        let is_intact = words.len() == WORDS
            && words.iter().zip(message.words()).all(|(place, word)| *place == word.to_le_bytes());
        is_intact.then_some(message)
    }

    /// Turns a packet around: its sender gets it back, with this message of the same number in it.
    ///
    /// Only what differs is written: the block goes out as it came in.
    pub(crate) fn answer(&self, packet: &mut [u8], from: Address) {
        if let Some((addresses, _)) = packet.split_first_chunk_mut::<12>() {
            addresses.copy_within(6.., 0);
            addresses[6..].copy_from_slice(&from.0);
        }
        let (places, _) = packet.get_mut(HEADER..).unwrap_or_default().as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(self.words()).take(5) {
            *place = word.to_le_bytes();
        }
    }
}
