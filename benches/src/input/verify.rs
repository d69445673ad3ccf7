//! What a worker does with a received packet: parse it in place, then check its signatures.
//!
//! Parsing does not copy: the view that [`parse`] returns borrows the packet, so the packet can
//! stay in the buffer that it was received into.
//!
//! Signatures are checked in batches, several transactions at once, under the rules of ZIP-215. A batch and a
//! single check agree under these rules, so whether a packet passes does not depend on its neighbours. (The
//! older, strict rules also refuse a few keys and signatures that honest signing never produces; a batch
//! cannot check for those.)

use std::fmt;

use agave_transaction_view::{
    result::TransactionViewError, sanitize::SanitizeConfig,
    transaction_view::SanitizedTransactionView,
};
use solana_ed25519::ed_sigs::{
    Signature, VerificationKeyBytes,
    batch::{Item, Verifier},
};

use crate::input::transactions::{PACKET_LIMIT, VERSION_1_LIMIT};

/// Why a packet is refused.
///
/// The first check that fails counts; they run in the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalid {
    /// The packet has no bytes.
    Empty,
    /// The packet is longer than the longest transaction of its layout.
    TooLong,
    /// The bytes are not laid out as a transaction: something is cut short, left over or miscounted.
    Malformed,
    /// The layout is right but breaks a rule: an account that does not exist, too few signatures.
    RuleBroken,
    /// A signature is not the signer's for this message.
    BadSignature,
}

impl Invalid {
    /// Every reason, in the order of the checks; `reason as usize` is its index here.
    pub const ALL: [Self; 5] =
        [Self::Empty, Self::TooLong, Self::Malformed, Self::RuleBroken, Self::BadSignature];

    /// The reason in words, for tables and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too long",
            Self::Malformed => "malformed",
            Self::RuleBroken => "rule broken",
            Self::BadSignature => "bad signature",
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl std::error::Error for Invalid {}

/// The cluster's limits; the parser leaves them to its caller.
const RULES: SanitizeConfig = SanitizeConfig {
    min_requested_heap_size: 32 * 1024,
    max_requested_heap_size: 256 * 1024,
    max_instructions: 64,
    max_accounts_per_instruction: 255,
};

/// Set in the first byte of transactions from version 1 on; older ones count signatures there.
const VERSIONED: u8 = 0x80;

/// Parses a packet in place and checks it against the rules, all but the signatures.
///
/// O(length); never panics; copies nothing. Allocates nothing for version 1; for legacy and version 0
/// transactions the view keeps a list of where instructions are, which is one allocation of 6 bytes per
/// instruction.
pub fn parse(data: &[u8]) -> Result<SanitizedTransactionView<&[u8]>, Invalid> {
    let limit = match data.first() {
        None => return Err(Invalid::Empty),
        Some(first) if first & VERSIONED != 0 => VERSION_1_LIMIT,
        Some(_) => PACKET_LIMIT,
    };
    if data.len() > limit {
        return Err(Invalid::TooLong);
    }
    SanitizedTransactionView::try_new_sanitized(data, &RULES).map_err(|error| match error {
        TransactionViewError::ParseError => Invalid::Malformed,
        // A lookup mismatch can only occur later, once tables are loaded, but it breaks a rule too.
        TransactionViewError::SanitizeError | TransactionViewError::AddressLookupMismatch => {
            Invalid::RuleBroken
        }
    })
}

/// Parses packets and checks all their signatures at once.
///
/// Clears `results`, then adds one per packet, in order. If the batch as a whole fails, the signatures are
/// checked one by one to find the bad ones, which takes several times as long.
///
/// O(total length), mostly the signature checks; never panics on any input. Allocates what [`parse`] does,
/// the lists of signatures, and one list for each signing key. Asks the operating system for 16 random bytes
/// per signature, and panics if it cannot provide them.
///
/// A sender of bad packets slows down everyone's batches, so test with such a load too.
pub fn verify_batch<P: AsRef<[u8]>>(packets: &[P], results: &mut Vec<Result<(), Invalid>>) {
    results.clear();
    // Signatures, each with the index of its packet; one packet may carry several.
    let mut signatures: Vec<(usize, Item)> = Vec::with_capacity(packets.len());
    for (index, packet) in packets.iter().enumerate() {
        results.push(parse(packet.as_ref()).and_then(|view| {
            let message = view.message_data();
            for (signature, signer) in view.signatures().iter().zip(view.static_account_keys()) {
                let signature = Signature::from_slice(signature.as_ref());
                let signer = VerificationKeyBytes::try_from(signer.as_ref());
                let (Ok(signature), Ok(signer)) = (signature, signer) else {
                    return Err(Invalid::BadSignature);
                };
                signatures.push((index, Item::from((signer, signature, message))));
            }
            Ok(())
        }));
    }
    if signatures.len() > 1 && batch_is_valid(&signatures) {
        return;
    }
    for (index, signature) in signatures {
        if results[index].is_ok() && signature.verify_single().is_err() {
            results[index] = Err(Invalid::BadSignature);
        }
    }
}

/// Whether every signature is valid.
fn batch_is_valid(signatures: &[(usize, Item)]) -> bool {
    let mut batch = Verifier::new();
    for (_, signature) in signatures {
        batch.queue(signature.clone());
    }
    batch.verify().is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::input::transactions::generate;

    fn verify(packets: &[Vec<u8>]) -> Vec<Result<(), Invalid>> {
        let mut results = vec![Err(Invalid::Empty)];
        verify_batch(packets, &mut results);
        results
    }

    /// Valid packets to damage, of every layout.
    static VALID: LazyLock<Vec<Vec<Vec<u8>>>> =
        LazyLock::new(|| (0..4).map(|seed| generate(seed, 12, true)).collect());

    /// A payment, which is 215 bytes long.
    fn transfer() -> Vec<u8> {
        generate(1, 64, false)
            .into_iter()
            .find(|packet| packet.len() == 215)
            .expect("one in five is a payment")
    }

    #[test]
    fn each_reason_can_be_told_apart() {
        let good = transfer();
        let mut missing_account = good.clone();
        // The instruction's first account, out of three.
        missing_account[200] = 9;
        let mut bad_signature = good.clone();
        bad_signature[214] ^= 1;
        let mut left_over = good.clone();
        left_over.push(0);
        let mut too_long = good.clone();
        too_long.resize(PACKET_LIMIT + 1, 0);
        let mut too_long_for_version_1 = vec![VERSIONED | 1];
        too_long_for_version_1.resize(VERSION_1_LIMIT + 1, 0);

        let packets = [
            good,
            Vec::new(),
            too_long,
            too_long_for_version_1,
            left_over,
            missing_account,
            bad_signature,
        ];
        assert_eq!(
            verify(&packets),
            [
                Ok(()),
                Err(Invalid::Empty),
                Err(Invalid::TooLong),
                Err(Invalid::TooLong),
                Err(Invalid::Malformed),
                Err(Invalid::RuleBroken),
                Err(Invalid::BadSignature),
            ]
        );
    }

    #[test]
    fn reasons_have_distinct_names_and_places() {
        for (place, reason) in Invalid::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(format!("{reason:>14}").trim_start(), reason.as_str());
            let same = Invalid::ALL.iter().filter(|r| r.as_str() == reason.as_str());
            assert_eq!(same.count(), 1);
        }
    }

    #[test]
    fn the_view_borrows_the_packet() {
        let packet = transfer();
        let view = parse(&packet).expect("a valid transaction");
        assert_eq!(view.data().as_ptr(), packet.as_ptr());
        assert_eq!(view.data().len(), packet.len());
    }

    #[test]
    fn a_bad_packet_does_not_spoil_its_neighbours() {
        let mut packets = generate(2, 24, true);
        let last = packets.len() - 1;
        for index in [0, 7, last] {
            // The first signature's first byte: at the end of version 1, at byte 1 of the others.
            let signature =
                if packets[index][0] & VERSIONED == 0 { 1 } else { packets[index].len() - 64 };
            packets[index][signature] ^= 0x40;
        }
        for (index, result) in verify(&packets).into_iter().enumerate() {
            let expected =
                if [0, 7, last].contains(&index) { Err(Invalid::BadSignature) } else { Ok(()) };
            assert_eq!(result, expected, "packet {index}");
        }
    }

    #[test]
    fn every_signature_of_a_packet_counts() {
        let packet = generate(1, 400, false)
            .into_iter()
            .find(|packet| packet[0] == 2)
            .expect("some swaps have two signers");
        assert_eq!(verify(std::slice::from_ref(&packet)), [Ok(())]);
        for signature in [1, 65] {
            let mut bad = packet.clone();
            bad[signature] ^= 1;
            assert_eq!(verify(&[bad]), [Err(Invalid::BadSignature)]);
        }
    }

    #[test]
    fn batches_of_none_and_one_work() {
        assert_eq!(verify(&[]), []);
        let good = transfer();
        let mut bad = good.clone();
        bad[1] ^= 1;
        assert_eq!(verify(&[good]), [Ok(())]);
        assert_eq!(verify(&[bad]), [Err(Invalid::BadSignature)]);
    }

    #[test]
    fn every_truncation_is_refused() {
        for packet in VALID.iter().flatten() {
            for length in 0..packet.len() {
                assert!(parse(&packet[..length]).is_err());
            }
        }
    }

    /// Each bit is covered by the layout, the rules or a signature.
    #[test]
    fn every_flipped_bit_is_refused() {
        let packet = transfer();
        let flipped: Vec<Vec<u8>> = (0..packet.len() * 8)
            .step_by(13)
            .map(|bit| {
                let mut flipped = packet.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                flipped
            })
            .collect();
        for (index, result) in verify(&flipped).into_iter().enumerate() {
            assert!(result.is_err(), "bit {}", index * 13);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_never_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4)) {
            prop_assert_eq!(verify(&packets).len(), packets.len());
        }

        #[test]
        fn a_damaged_packet_neither_panics_nor_spoils_its_neighbour(
            seed in 0..VALID.len(),
            index in 0..12_usize,
            start in any::<prop::sample::Index>(),
            bytes in prop::collection::vec(any::<u8>(), 1..8),
            cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        ) {
            let neighbour = VALID[seed][0].clone();
            let mut damaged = VALID[seed][index].clone();
            let start = start.index(damaged.len());
            for (place, byte) in damaged[start..].iter_mut().zip(&bytes) {
                *place = *byte;
            }
            if let Some(cut) = cut {
                damaged.truncate(cut.index(damaged.len()));
            }
            let unharmed = damaged == VALID[seed][index];
            let results = verify(&[damaged, neighbour]);
            prop_assert_eq!(results[0].is_ok(), unharmed);
            prop_assert_eq!(results[1], Ok(()));
        }
    }
}
