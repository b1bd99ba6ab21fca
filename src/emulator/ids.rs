//! Identifiers in AWS's shapes, from the account's seeded generator.
//!
//! Main type: [`Ids`]. Invariant: the n-th identifier of an account depends on its seed and on n alone.

/// The account's source of identifiers and of chance.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    generator: fastrand::Rng,
    seed: u64,
}

impl Ids {
    /// A source that always yields the same sequence for the same seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { generator: fastrand::Rng::with_seed(seed), seed }
    }

    /// `n` lower-case hexadecimal digits, as in `i-0123456789abcdef0`.
    pub(crate) fn hex(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from_digit(self.generator.u32(0..16), 16).expect("below 16")).collect()
    }

    /// `n` characters of `A-Z0-9`, as in a CodeDeploy deployment id.
    pub(crate) fn upper(&mut self, n: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..n).map(|_| char::from(ALPHABET[self.generator.usize(0..ALPHABET.len())])).collect()
    }

    /// `n` characters of `A-Za-z0-9`, as in a FIS experiment id.
    pub(crate) fn alphanumeric(&mut self, n: usize) -> String {
        (0..n).map(|_| self.generator.alphanumeric()).collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        self.generator.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A number from 0 up to, but not including, `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.generator.u64(0..limit.max(1))
    }

    /// A source of its own for one purpose: what is drawn from it changes nothing elsewhere, and what is
    /// drawn elsewhere changes nothing in it (FNV-1a of the purpose, over the seed).
    pub(crate) fn apart(&self, purpose: &str) -> Self {
        Self::seeded(self.number(purpose))
    }

    /// A number that belongs to the seed and a name; nothing is drawn.
    pub(crate) fn number(&self, name: &str) -> u64 {
        name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// A number from 0.0 up to, but not including, 1.0.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.generator.f64()
    }

    /// Puts a list into a random order (FIS picks targets by chance).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.generator.shuffle(items);
    }
}
