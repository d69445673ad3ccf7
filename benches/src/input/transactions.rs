//! Generates genuine, validly signed Solana transactions in the sizes that occur in practice.
//!
//! Nothing here is a stand-in: programs, accounts and instructions have the same shape as real ones, each
//! transaction is signed with ed25519, and a validator's parser accepts it. Only the owners of the accounts
//! are made up, so no cluster would execute the transactions.

mod wire;

use std::ops::RangeInclusive;

use solana_ed25519::ed_sigs::{SigningKey, VerificationKeyBytes};
use wire::{Address, Instruction, Layout, Message, TableLookup, push_length};

/// Largest legacy or version 0 transaction in bytes: what fits in one IPv6 packet of 1280.
pub const PACKET_LIMIT: usize = 1232;
/// Largest version 1 transaction in bytes.
pub const VERSION_1_LIMIT: usize = 4096;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A validator's vote on a block, legacy layout.
    Vote,
    /// A payment between two accounts, legacy layout.
    Transfer,
    /// A trade through an exchange program, version 0 layout with address lookup tables.
    Swap,
    /// A trade that needs the room of the version 1 layout.
    LongSwap,
}

/// One line of the mix: how often a kind comes up, and how long it is on the wire.
#[derive(Clone, Debug)]
pub struct Share {
    /// What the transactions are for.
    pub kind: Kind,
    /// Share of all transactions, relative to the other weights in use.
    pub weight: u32,
    /// Bytes on the wire, signatures included; every size in the range is equally likely.
    pub size: RangeInclusive<usize>,
}

/// The mix that [`generate`] draws from; [`Kind::LongSwap`] only if version 1 is requested.
///
/// The sizes are those of real transactions. The weights are ours: votes are most of what a validator
/// receives, payments and trades share the rest, and a few transactions reach their limit exactly, because
/// that is where a buffer may be too short by one.
pub const MIX: [Share; 6] = [
    share(Kind::Vote, 64, 352..=352),
    share(Kind::Transfer, 18, 215..=215),
    share(Kind::Swap, 16, 313..=1218),
    share(Kind::Swap, 2, PACKET_LIMIT..=PACKET_LIMIT),
    share(Kind::LongSwap, 4, PACKET_LIMIT + 1..=VERSION_1_LIMIT),
    share(Kind::LongSwap, 1, VERSION_1_LIMIT..=VERSION_1_LIMIT),
];

const fn share(kind: Kind, weight: u32, size: RangeInclusive<usize>) -> Share {
    Share { kind, weight, size }
}

/// How many accounts sign.
///
/// Batch verification gains from keys that repeat within a batch, so a handful of signers would
/// make it look faster than it is for the thousands that a validator hears from.
const SIGNERS: u64 = 256;

/// How many transactions in a row belong to one block and share its hashes.
const TRANSACTIONS_A_BLOCK: usize = 64;

/// Bytes of instruction data to expect in a swap; accounts take up the rest.
const SWAP_DATA_ROOM: usize = 160;

/// Bytes in a swap's instructions, except for the data of the last one, and in the counts around them.
const INSTRUCTION_ROOM: usize = 40;

/// Accounts that one swap names, tables included; version 1 allows 64.
const ACCOUNT_LIMIT: usize = 60;

/// The system program, which moves lamports.
const SYSTEM_PROGRAM: Address = [0; 32];
/// `Vote111111111111111111111111111111111111111`.
const VOTE_PROGRAM: Address =
    address("0761481d357474bb7c4d7624ebd3bdb3d8355e73d11043fc0da3538000000000");
/// `ComputeBudget111111111111111111111111111111`, which sets limits and the priority fee.
const COMPUTE_BUDGET_PROGRAM: Address =
    address("0306466fe5211732ffecadba72c39be7bc8ce5bbc5f7126b2c439b3a40000000");
/// `JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4`, which routes trades to exchanges.
const SWAP_PROGRAM: Address =
    address("0479d55bf231c06eee74c56ece681507fdb1b2dea3f48e5102b1cda256bc138f");

/// Generates `count` transactions, each as the bytes that go over the wire.
///
/// The same `seed` gives the same transactions, and a longer run starts with the shorter one. All
/// differ from each other and all have valid signatures. With `include_v1` about one in twenty uses
/// the version 1 layout and is longer than [`PACKET_LIMIT`].
///
/// Costs one ed25519 signature per transaction (two for some swaps); allocates freely, so generate the input
/// before anything is measured.
pub fn generate(seed: u64, count: usize, include_v1: bool) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(seed, include_v1);
    (0..count).map(|index| generator.next(index)).collect()
}

/// Draws transactions one after the other.
struct Generator {
    random: Random,
    seed: u64,
    mix: Vec<Share>,
    /// Keys made so far, by index; deriving one costs about as much as a signature.
    signers: Vec<Option<SigningKey>>,
    block: Block,
}

/// What the transactions of one block have in common.
struct Block {
    root_slot: u64,
    timestamp_s: i64,
    bank_hash: Address,
    block_id: Address,
    recent_hash: Address,
}

impl Generator {
    fn new(seed: u64, include_v1: bool) -> Self {
        let mut random = Random(seed);
        Self {
            seed,
            mix: MIX
                .into_iter()
                .filter(|share| include_v1 || share.kind != Kind::LongSwap)
                .collect(),
            signers: (0..SIGNERS).map(|_| None).collect(),
            block: Block {
                root_slot: 385_970_000 + random.below(1_000_000),
                timestamp_s: 1_768_000_000 + random.below(1_000_000) as i64,
                bank_hash: random.address(),
                block_id: random.address(),
                recent_hash: random.address(),
            },
            random,
        }
    }

    fn next(&mut self, index: usize) -> Vec<u8> {
        if index > 0 && index.is_multiple_of(TRANSACTIONS_A_BLOCK) {
            self.next_block();
        }
        let (kind, size) = self.draw();
        let payer = self.signer();
        let wire = match kind {
            Kind::Vote => {
                let message = self.vote(&payer);
                message.sign(&[&payer])
            }
            Kind::Transfer => {
                let message = self.transfer(&payer);
                message.sign(&[&payer])
            }
            Kind::Swap | Kind::LongSwap => {
                let second = if size > 512 && self.random.below(8) == 0 {
                    Some(self.signer()).filter(|second| second != &payer)
                } else {
                    None
                };
                let signers: Vec<&SigningKey> = [&payer].into_iter().chain(&second).collect();
                self.swap(kind, size, &signers).sign(&signers)
            }
        };
        assert_eq!(wire.len(), size, "{kind:?} comes out as long as drawn");
        wire
    }

    /// Draws a kind by weight, then a size.
    fn draw(&mut self) -> (Kind, usize) {
        let total: u32 = self.mix.iter().map(|share| share.weight).sum();
        let mut point = self.random.below(u64::from(total)) as u32;
        for share in &self.mix {
            if point < share.weight {
                let span = share.size.end() - share.size.start() + 1;
                let size = share.size.start() + self.random.below(span as u64) as usize;
                return (share.kind, size);
            }
            point -= share.weight;
        }
        unreachable!("the point lies below the sum of the weights")
    }

    /// Draws one of the signers.
    fn signer(&mut self) -> SigningKey {
        let number = self.random.below(SIGNERS);
        let seed = self.seed;
        self.signers[number as usize]
            .get_or_insert_with(|| {
                // Mixed twice, so that neighbouring seeds do not share keys.
                let mut random = Random(Random(seed ^ SIGNER_STREAM).next().wrapping_add(number));
                SigningKey::from_bytes(&random.address())
            })
            .clone()
    }

    fn next_block(&mut self) {
        self.block.root_slot += 1;
        self.block.timestamp_s += i64::from(self.block.root_slot.is_multiple_of(2));
        self.block.bank_hash = self.random.address();
        self.block.block_id = self.random.address();
        self.block.recent_hash = self.random.address();
    }

    /// A tower-sync vote: 31 slots, the block's hash, and a timestamp, in 148 bytes of data.
    fn vote(&mut self, payer: &SigningKey) -> Message {
        let identity = address_of(payer);
        // A validator always votes from the same account.
        let vote_account = derived(&identity, b"vote");
        let mut data = vec![14, 0, 0, 0];
        data.extend(self.block.root_slot.to_le_bytes());
        push_length(&mut data, 31);
        let skipped = self.random.below(31);
        for depth in 0..31 {
            // Slots since the previous vote; below 128, so one byte.
            let distance = if depth == skipped { 2 + self.random.below(7) } else { 1 };
            data.extend([distance as u8, 31 - depth as u8]);
        }
        data.extend(self.block.bank_hash);
        data.push(1); // A timestamp follows.
        data.extend((self.block.timestamp_s).to_le_bytes());
        // Two votes of one validator on one block would be the same transaction; the real ones
        // differ in the slots they vote for.
        data.extend(xor(&self.block.block_id, self.random.next()));
        Message {
            layout: Layout::Legacy,
            signers: 1,
            readonly: 1,
            accounts: vec![identity, vote_account, VOTE_PROGRAM],
            recent_hash: self.block.recent_hash,
            instructions: vec![Instruction { program: 2, accounts: vec![1, 0], data }],
            lookups: Vec::new(),
        }
    }

    /// A payment through the system program.
    fn transfer(&mut self, payer: &SigningKey) -> Message {
        let lamports = 1 + self.random.below(1_000_000_000_000);
        let mut data = vec![2, 0, 0, 0];
        data.extend(lamports.to_le_bytes());
        Message {
            layout: Layout::Legacy,
            signers: 1,
            readonly: 1,
            accounts: vec![address_of(payer), self.random.address(), SYSTEM_PROGRAM],
            recent_hash: self.block.recent_hash,
            instructions: vec![Instruction { program: 2, accounts: vec![0, 1], data }],
            lookups: Vec::new(),
        }
    }

    /// A trade over several pools: `size` determines how many accounts take part in it.
    fn swap(&mut self, kind: Kind, size: usize, signers: &[&SigningKey]) -> Message {
        let compute_unit_limit = 100_000 + self.random.below(1_300_000) as u32;
        let price = self.random.below(1_000_000);
        let mut message = Message {
            layout: match kind {
                Kind::LongSwap => {
                    Layout::Version1 { priority_fee_lamports: price, compute_unit_limit }
                }
                _ => Layout::Version0,
            },
            signers: signers.len() as u8,
            readonly: 1,
            accounts: signers.iter().map(|signer| address_of(signer)).collect(),
            recent_hash: self.block.recent_hash,
            instructions: Vec::new(),
            lookups: Vec::new(),
        };
        let mut programs = vec![SWAP_PROGRAM];
        if message.layout == Layout::Version0 {
            // Version 1 has the limit and the fee in its header, version 0 passes them to a program.
            message.readonly = 2;
            programs.push(COMPUTE_BUDGET_PROGRAM);
            message.lookups.push(self.table());
        }

        // Take accounts, each named once by the last instruction, until only the data is missing. Each adds
        // the size of an address and its index, or of a table's entry and its index.
        let mut named = message.accounts.len() + programs.len();
        let fixed = message.signed_size() + programs.len() * 32 + INSTRUCTION_ROOM;
        let mut room = size.saturating_sub(fixed + SWAP_DATA_ROOM);
        while room >= 33 && named < ACCOUNT_LIMIT {
            let tables = message.lookups.len();
            let choice = self.random.below(6);
            if tables == 0 || choice < 3 {
                message.accounts.push(self.random.address());
                room -= 33;
                named += 1;
            } else if choice == 3 && tables < 3 && room >= 36 {
                message.lookups.push(self.table());
                room -= 36;
                named += 1;
            } else {
                let entry = self.random.next() as u8;
                let lookup = &mut message.lookups[tables - 1];
                if choice == 4 {
                    lookup.writable.push(entry);
                } else {
                    lookup.readonly.push(entry);
                }
                room -= 2;
                named += 1;
            }
        }

        let first_program = message.accounts.len() as u8;
        message.accounts.extend(&programs);
        if message.layout == Layout::Version0 {
            let budget =
                |data| Instruction { program: first_program + 1, accounts: Vec::new(), data };
            let limit = [&[2][..], &compute_unit_limit.to_le_bytes()].concat();
            let price = [&[3][..], &price.to_le_bytes()].concat();
            message.instructions.extend([budget(limit), budget(price)]);
        }
        let looked_up: usize = message
            .lookups
            .iter()
            .map(|lookup| lookup.writable.len() + lookup.readonly.len())
            .sum();
        let total = (message.accounts.len() + looked_up) as u8;
        let programs = first_program..first_program + programs.len() as u8;
        message.instructions.push(Instruction {
            program: first_program,
            accounts: (0..total).filter(|index| !programs.contains(index)).collect(),
            data: Vec::new(),
        });
        message.fill_to(size, || self.random.next() as u8);
        message
    }

    /// A lookup table with its first entry, since a table must not be unused.
    fn table(&mut self) -> TableLookup {
        TableLookup {
            table: self.random.address(),
            writable: vec![self.random.next() as u8],
            readonly: Vec::new(),
        }
    }
}

/// Keeps the random numbers of the signers apart from those that shape the transactions.
const SIGNER_STREAM: u64 = 0x5349_474e_4552_5331;

/// The account that `key` signs for.
fn address_of(key: &SigningKey) -> Address {
    VerificationKeyBytes::from(key).into()
}

/// An address derived from another one, the same every time.
fn derived(owner: &Address, purpose: &[u8; 4]) -> Address {
    let start = u64::from_le_bytes(owner[..8].try_into().expect("8 of 32 bytes"));
    Random(start ^ u64::from(u32::from_le_bytes(*purpose))).address()
}

/// `hash` with its first bytes changed.
fn xor(hash: &Address, bits: u64) -> Address {
    let mut changed = *hash;
    for (byte, bits) in changed.iter_mut().zip(bits.to_le_bytes()) {
        *byte ^= bits;
    }
    changed
}

/// Reads 64 hexadecimal digits.
const fn address(digits: &str) -> Address {
    const fn value(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let digits = digits.as_bytes();
    assert!(digits.len() == 64, "an address has 64 hexadecimal digits");
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = value(digits[2 * index]) << 4 | value(digits[2 * index + 1]);
        index += 1;
    }
    bytes
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in [0, `end`), uniform except for a bias below 2⁻²³ at the ends used here.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn address(&mut self) -> Address {
        let mut bytes = [0; 32];
        for eight in bytes.chunks_exact_mut(8) {
            eight.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::input::{
        capture::{self, shared_data},
        verify,
    };

    #[test]
    fn the_same_seed_gives_the_same_transactions() {
        let all = generate(7, 96, true);
        assert_eq!(all, generate(7, 96, true));
        assert_eq!(all[..70], generate(7, 70, true)[..]);
        assert_ne!(all, generate(8, 96, true));
    }

    #[test]
    fn transactions_differ_from_each_other() {
        let all = generate(3, 300, true);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn every_transaction_verifies() {
        for include_v1 in [false, true] {
            let all = generate(1, 300, include_v1);
            let mut results = Vec::new();
            verify::verify_batch(&all, &mut results);
            let bad = results.iter().position(Result::is_err);
            assert_eq!(bad, None, "{results:?}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_mix() {
        let count = 2000;
        let all = drawn(11, count, true);
        let total: u32 = MIX.iter().map(|share| share.weight).sum();
        for share in &MIX {
            let expected = count as f64 * f64::from(share.weight) / f64::from(total);
            let met = all
                .iter()
                .filter(|(kind, size)| *kind == share.kind && share.size.contains(size))
                .count() as f64;
            assert!(
                met > expected * 0.6 && met < expected * 1.6,
                "{share:?}: {met} of {expected} expected"
            );
        }
    }

    #[test]
    fn without_version_1_none_is_longer_than_a_packet() {
        assert!(generate(5, 200, false).iter().all(|t| t.len() <= PACKET_LIMIT));
        assert!(generate(5, 200, true).iter().any(|t| t.len() > PACKET_LIMIT));
    }

    #[test]
    fn every_size_of_every_share_can_be_made() {
        for share in &MIX {
            // Every 7th, so that an unoptimised build stays quick.
            for size in share.size.clone().step_by(7).chain([*share.size.end()]) {
                let mut generator = Generator::new(size as u64, true);
                let signers = [generator.signer(), generator.signer()];
                let message = match share.kind {
                    Kind::Vote => generator.vote(&signers[0]),
                    Kind::Transfer => generator.transfer(&signers[0]),
                    kind if size > 512 => generator.swap(kind, size, &[&signers[0], &signers[1]]),
                    kind => generator.swap(kind, size, &[&signers[0]]),
                };
                assert_eq!(message.signed_size(), size, "{share:?}");
            }
        }
    }

    #[test]
    fn swaps_are_mostly_accounts() {
        let mut generator = Generator::new(2, false);
        let signer = generator.signer();
        for size in [313, 600, 900, 1218, PACKET_LIMIT] {
            let message = generator.swap(Kind::Swap, size, &[&signer]);
            let data = message.instructions.last().map_or(0, |last| last.data.len());
            assert!((8..=300).contains(&data), "{size}: {data} bytes of data");
            assert!(!message.lookups.is_empty());
        }
    }

    /// Only kinds and sizes, which costs no signature.
    fn drawn(seed: u64, count: usize, include_v1: bool) -> Vec<(Kind, usize)> {
        let mut generator = Generator::new(seed, include_v1);
        (0..count).map(|_| generator.draw()).collect()
    }

    #[test]
    fn votes_have_the_shape_of_real_ones() {
        let mut generator = Generator::new(4, false);
        let signer = generator.signer();
        let vote = generator.vote(&signer).sign(&[&signer]);
        assert_eq!(vote.len(), 352);
        // One signature, header, three accounts.
        assert_eq!(vote[0], 1);
        assert_eq!(vote[65..69], [1, 0, 1, 3]);
        assert_eq!(vote[133..165], VOTE_PROGRAM);
        // One instruction: program, two accounts, 148 bytes of data that start with 14.
        assert_eq!(vote[197..199], [1, 2]);
        assert_eq!(vote[199..208], [2, 1, 0, 0x94, 1, 14, 0, 0, 0]);
        // 31 slots, the latest with one confirmation.
        assert_eq!(vote[216], 31);
        assert_eq!(vote[218], 31);
        assert_eq!(vote[278], 1);
    }

    #[test]
    fn recorded_votes_have_the_same_shape() {
        let Some(path) = shared_data("cluster-votes.txs") else {
            return;
        };
        let mut generator = Generator::new(4, false);
        let signer = generator.signer();
        let made = generator.vote(&signer).sign(&[&signer]);
        let recorded = capture::read(&path, None).expect("a sound file");
        let of_that_size: Vec<_> =
            recorded.packets.iter().filter(|packet| packet.data.len() == made.len()).collect();
        assert_eq!(of_that_size.len(), 62);
        for packet in of_that_size {
            let data = &packet.data;
            assert_eq!(data[..1], made[..1], "signatures");
            assert_eq!(data[65..69], made[65..69], "header and accounts");
            assert_eq!(data[133..165], made[133..165], "program");
            // The first account given is the vote account, 1, in most but not all.
            assert_eq!(data[197..200], made[197..200], "instruction");
            assert_eq!(data[201..208], made[201..208], "start of its data");
            assert_eq!(data[216], made[216], "number of slots");
            for depth in 0..31 {
                let confirmations = 218 + 2 * depth;
                assert_eq!(data[confirmations], made[confirmations], "slot {depth}");
            }
            assert_eq!(data[311], made[311], "a timestamp follows");
        }
    }
}
