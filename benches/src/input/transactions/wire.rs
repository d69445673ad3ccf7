//! The wire format of Solana transactions: unsigned messages in, signed bytes out.
//!
//! Legacy and version 0 put the signatures before the message, version 1 after it; the signatures
//! cover the message alone.

use solana_ed25519::ed_sigs::SigningKey;

/// Bytes in an address and in a hash.
const ADDRESS_SIZE: usize = 32;
/// Bytes in a signature.
const SIGNATURE_SIZE: usize = 64;
/// Set in the first byte of a versioned message; the other bits hold the version.
const VERSION_FLAG: u8 = 0x80;

/// An account's address, or a hash.
pub(super) type Address = [u8; ADDRESS_SIZE];

/// Which of the three layouts a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The message lists all accounts.
    Legacy,
    /// Accounts may also be looked up in tables on the chain.
    Version0,
    /// Longer messages, without lookups; fees and limits are in the header.
    Version1 {
        /// Paid to be included early.
        priority_fee_lamports: u64,
        /// Largest amount of work that the transaction may take.
        compute_unit_limit: u32,
    },
}

/// A call of one program.
#[derive(Clone, Debug)]
pub(super) struct Instruction {
    /// Index of the program among the message's accounts.
    pub(super) program: u8,
    /// Indexes of the accounts that are passed to the program.
    pub(super) accounts: Vec<u8>,
    /// The program's input.
    pub(super) data: Vec<u8>,
}

/// Accounts that a version 0 message takes from one table on the chain.
#[derive(Clone, Debug)]
pub(super) struct TableLookup {
    /// The table's address.
    pub(super) table: Address,
    /// Entries that may be written.
    pub(super) writable: Vec<u8>,
    /// Entries that may only be read.
    pub(super) readonly: Vec<u8>,
}

/// A message that is not signed yet.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// How it is laid out.
    pub(super) layout: Layout,
    /// How many of the first accounts sign, in [1, 12].
    pub(super) signers: u8,
    /// How many of the last accounts may only be read.
    pub(super) readonly: u8,
    /// The accounts' addresses: signers, writable accounts, then readonly ones.
    pub(super) accounts: Vec<Address>,
    /// A recent block's hash, which limits how long the transaction stays valid.
    pub(super) recent_hash: Address,
    /// The calls, in order.
    pub(super) instructions: Vec<Instruction>,
    /// Accounts from tables; version 0 only.
    pub(super) lookups: Vec<TableLookup>,
}

impl Message {
    /// Bytes that the transaction has on the wire, signatures included.
    pub(super) fn signed_size(&self) -> usize {
        let signatures = usize::from(self.signers) * SIGNATURE_SIZE;
        match self.layout {
            // One byte counts the signatures: there are at most 12.
            Layout::Legacy | Layout::Version0 => 1 + signatures + self.encode().len(),
            Layout::Version1 { .. } => signatures + self.encode().len(),
        }
    }

    /// Lengthens the last instruction's data with `fill` so that the signed transaction has exactly
    /// `size` bytes.
    ///
    /// From 128 on, the data's length takes a second byte, so one size cannot be reached with data alone;
    /// another account index in the instruction makes up for it.
    ///
    /// # Panics
    ///
    /// If the transaction is longer than `size` already, or has no instruction.
    pub(super) fn fill_to(&mut self, size: usize, mut fill: impl FnMut() -> u8) {
        loop {
            let now = self.signed_size();
            assert!(now <= size, "{now} bytes do not fit in {size}");
            let missing = size - now;
            if missing == 0 {
                return;
            }
            let last = self.instructions.len() - 1;
            let data = &mut self.instructions[last].data;
            data.extend((0..missing).map(|_| fill()));
            if self.signed_size() > size {
                self.instructions[last].data.pop();
                if self.signed_size() < size {
                    self.instructions[last].accounts.push(0);
                }
            }
        }
    }

    /// Signs the message and returns the transaction as it goes over the wire.
    ///
    /// # Panics
    ///
    /// If the number of `keys` is not the number of the message's signers.
    pub(super) fn sign(&self, keys: &[&SigningKey]) -> Vec<u8> {
        assert_eq!(keys.len(), usize::from(self.signers), "one key a signer");
        let message = self.encode();
        let signatures = keys.iter().map(|key| key.sign(&message).to_bytes());
        match self.layout {
            Layout::Legacy | Layout::Version0 => {
                let mut wire = vec![self.signers];
                wire.extend(signatures.flatten());
                wire.extend(message);
                wire
            }
            Layout::Version1 { .. } => {
                let signatures: Vec<u8> = signatures.flatten().collect();
                [message, signatures].concat()
            }
        }
    }

    /// The bytes that are signed.
    fn encode(&self) -> Vec<u8> {
        match self.layout {
            Layout::Legacy => {
                let mut out = Vec::new();
                self.encode_compact(&mut out);
                out
            }
            Layout::Version0 => {
                let mut out = vec![VERSION_FLAG];
                self.encode_compact(&mut out);
                push_length(&mut out, self.lookups.len());
                for lookup in &self.lookups {
                    out.extend(lookup.table);
                    push_bytes(&mut out, &lookup.writable);
                    push_bytes(&mut out, &lookup.readonly);
                }
                out
            }
            Layout::Version1 { priority_fee_lamports, compute_unit_limit } => {
                // Bits 0 and 1 stand for the two words of the fee, bit 2 for the limit.
                let settings: u32 = 0b111;
                let mut out = vec![VERSION_FLAG | 1];
                out.extend(self.header());
                out.extend(settings.to_le_bytes());
                out.extend(self.recent_hash);
                out.push(one_byte(self.instructions.len()));
                out.push(one_byte(self.accounts.len()));
                out.extend(self.accounts.iter().flatten());
                out.extend(priority_fee_lamports.to_le_bytes());
                out.extend(compute_unit_limit.to_le_bytes());
                for instruction in &self.instructions {
                    let data_size = u16::try_from(instruction.data.len()).expect("at most 4096");
                    out.push(instruction.program);
                    out.push(one_byte(instruction.accounts.len()));
                    out.extend(data_size.to_le_bytes());
                }
                for instruction in &self.instructions {
                    out.extend(&instruction.accounts);
                    out.extend(&instruction.data);
                }
                out
            }
        }
    }

    /// Encodes what legacy and version 0 have in common.
    fn encode_compact(&self, out: &mut Vec<u8>) {
        out.extend(self.header());
        push_length(out, self.accounts.len());
        out.extend(self.accounts.iter().flatten());
        out.extend(self.recent_hash);
        push_length(out, self.instructions.len());
        for instruction in &self.instructions {
            out.push(instruction.program);
            push_bytes(out, &instruction.accounts);
            push_bytes(out, &instruction.data);
        }
    }

    /// The numbers of signers, of read-only signers (none here), and of other read-only accounts.
    fn header(&self) -> [u8; 3] {
        [self.signers, 0, self.readonly]
    }
}

/// Appends `bytes` after their length.
fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, bytes.len());
    out.extend(bytes);
}

/// Appends a length in seven bits per byte, lowest first; all bytes except the last have the top bit set.
pub(super) fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// A count that has to fit in one byte.
fn one_byte(count: usize) -> u8 {
    u8::try_from(count).expect("counts are below 256")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(layout: Layout, data: usize) -> Message {
        Message {
            layout,
            signers: 1,
            readonly: 1,
            accounts: vec![[1; 32], [2; 32]],
            recent_hash: [3; 32],
            instructions: vec![Instruction { program: 1, accounts: vec![0], data: vec![7; data] }],
            lookups: Vec::new(),
        }
    }

    const LAYOUTS: [Layout; 3] = [
        Layout::Legacy,
        Layout::Version0,
        Layout::Version1 { priority_fee_lamports: 1, compute_unit_limit: 2 },
    ];

    #[test]
    fn lengths_take_seven_bits_a_byte() {
        let encoded = |length| {
            let mut out = Vec::new();
            push_length(&mut out, length);
            out
        };
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(127), [127]);
        assert_eq!(encoded(128), [0x80, 1]);
        assert_eq!(encoded(148), [0x94, 1]);
        assert_eq!(encoded(16_384), [0x80, 0x80, 1]);
    }

    #[test]
    fn every_size_can_be_filled_to() {
        for layout in LAYOUTS {
            let smallest = message(layout, 0).signed_size();
            for size in smallest..smallest + 300 {
                let mut message = message(layout, 0);
                message.fill_to(size, || 9);
                assert_eq!(message.signed_size(), size, "{layout:?}");
            }
        }
    }

    #[test]
    fn the_size_told_is_the_size_signed() {
        let key = SigningKey::from_bytes(&[5; 32]);
        for layout in LAYOUTS {
            let message = message(layout, 200);
            assert_eq!(message.sign(&[&key]).len(), message.signed_size());
        }
    }

    #[test]
    #[should_panic(expected = "do not fit")]
    fn a_message_too_long_is_not_cut() {
        message(Layout::Legacy, 500).fill_to(300, || 0);
    }
}
