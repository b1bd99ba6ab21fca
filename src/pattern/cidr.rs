//! IP addresses and CIDR blocks, which the service compares as ranges of hexadecimal text.
//!
//! Main type: [`AddressRange`]. Invariant: an address is 8 or 32 upper-case hexadecimal digits; a
//! text is in the range as soon as its digits decide it, so that blocks of one family can match
//! addresses of the other that share their leading digits, exactly as in the service.

use std::fmt;

/// An address as hexadecimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex {
    digits: [u8; 32],
    length: u8,
}

impl Hex {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }

    /// The digits as a number.
    pub(crate) fn value(&self) -> Value {
        let digits = self.as_bytes().iter();
        let value = digits.fold(0_u128, |value, digit| {
            let digit = char::from(*digit).to_digit(16).expect("a hexadecimal digit");
            value << 4 | u128::from(digit)
        });
        match u32::try_from(value) {
            Ok(four) if self.length == 8 => Value::Four(four),
            _ => Value::Six(value),
        }
    }

    fn from_address(address: Address) -> Self {
        let mut digits = [0; 32];
        for (index, byte) in address.bytes().iter().enumerate() {
            digits[2 * index] = digit(byte >> 4);
            digits[2 * index + 1] = digit(byte & 15);
        }
        Self { digits, length: if address.four { 8 } else { 32 } }
    }
}

fn digit(nibble: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(nibble)]
}

/// An address as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Four(u32),
    Six(u128),
}

/// An address, four or sixteen bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    bytes: [u8; 16],
    four: bool,
}

impl Address {
    fn bytes(&self) -> &[u8] {
        if self.four { &self.bytes[..4] } else { &self.bytes }
    }
}

/// Whether `text` looks like an IPv4 address to the service: four runs of digits.
fn looks_four(text: &[u8]) -> bool {
    let mut parts = 0;
    for part in text.split(|&byte| byte == b'.') {
        parts += 1;
        if part.is_empty() || !part.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    parts == 4
}

/// Whether `text` looks like an IPv6 address to the service: hexadecimal digits and a colon.
fn looks_six(text: &[u8]) -> bool {
    text.contains(&b':') && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':')
}

fn parse_four(text: &[u8]) -> Option<Address> {
    // Java gives up on longer texts, however many of their digits are leading zeros.
    if text.len() > 15 {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, part) in text.split(|&byte| byte == b'.').enumerate() {
        let value = part.iter().fold(0_u64, |value, byte| value * 10 + u64::from(byte - b'0'));
        bytes[index] = u8::try_from(value).ok()?;
    }
    Some(Address { bytes, four: true })
}

/// Java's reading of an IPv6 literal; an IPv4-mapped one becomes IPv4.
fn parse_six(text: &[u8]) -> Option<Address> {
    if text.len() < 2 || (text[0] == b':' && text[1] != b':') {
        return None;
    }
    let mut groups: Vec<u16> = Vec::with_capacity(8);
    let mut gap = None;
    let mut group: Option<u32> = None;
    let start = usize::from(text[0] == b':');
    for (index, &byte) in text.iter().enumerate().skip(start) {
        if let Some(value) = char::from(byte).to_digit(16) {
            let grown = group.unwrap_or(0) * 16 + value;
            if grown > 0xffff {
                return None;
            }
            group = Some(grown);
            continue;
        }
        match group.take() {
            None if gap.is_some() => return None,
            None => gap = Some(groups.len()),
            Some(_) if index + 1 == text.len() || groups.len() == 8 => return None,
            Some(value) => groups.push(u16::try_from(value).expect("checked above")),
        }
    }
    if let Some(value) = group {
        if groups.len() == 8 {
            return None;
        }
        groups.push(u16::try_from(value).expect("checked above"));
    }
    if let Some(gap) = gap {
        if groups.len() == 8 {
            return None;
        }
        let missing = 8 - groups.len();
        groups.splice(gap..gap, std::iter::repeat_n(0, missing));
    }
    if groups.len() != 8 {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, value) in groups.iter().enumerate() {
        bytes[2 * index..2 * index + 2].copy_from_slice(&value.to_be_bytes());
    }
    if groups[..5].iter().all(|&value| value == 0) && groups[5] == 0xffff {
        let mut four = [0; 16];
        four[..4].copy_from_slice(&bytes[12..]);
        return Some(Address { bytes: four, four: true });
    }
    Some(Address { bytes, four: false })
}

fn parse(text: &[u8]) -> Option<Address> {
    if looks_four(text) {
        parse_four(text)
    } else if looks_six(text) {
        parse_six(text)
    } else {
        None
    }
}

/// The hexadecimal text of an address, or nothing when `text` is no address.
pub(crate) fn hex(text: &[u8]) -> Option<Hex> {
    // The first byte decides almost always, and this runs for every string of a wanted field.
    let first = *text.first()?;
    if !(first.is_ascii_hexdigit() || first == b':') {
        return None;
    }
    parse(text).map(Hex::from_address)
}

/// A range of addresses, as text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AddressRange {
    low: Hex,
    low_open: bool,
    high: Hex,
    high_open: bool,
    /// The text that it came from, for explanations.
    source: Box<str>,
    /// Written as a plain string and not as a `cidr`.
    literal: bool,
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressRange({})", self.source)
    }
}

impl AddressRange {
    /// The single address that an exact string stands for, when it is one.
    pub(crate) fn literal(text: &[u8]) -> Option<Self> {
        let address = hex(text)?;
        let last = usize::from(address.length) - 1;
        let (mut low, mut high) = (address, address);
        let (mut low_open, mut high_open) = (false, true);
        match address.digits[last] {
            b'F' => {
                low.digits[last] = b'E';
                (low_open, high_open) = (true, false);
            }
            b'9' => high.digits[last] = b'A',
            other => high.digits[last] = other + 1,
        }
        let source = String::from_utf8_lossy(text).into();
        Some(Self { low, low_open, high, high_open, source, literal: true })
    }

    /// A CIDR block, or the service's refusal.
    pub(crate) fn block(text: &str) -> Result<Self, String> {
        let mut parts: Vec<&str> = text.split('/').collect();
        while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [address, bits] = parts[..] else {
            return Err("Malformed CIDR, one '/' required".into());
        };
        let Ok(bits) = bits.parse::<i32>() else {
            return Err("Malformed CIDR, mask bits must be an integer".into());
        };
        let Ok(bits) = usize::try_from(bits) else {
            return Err("Malformed CIDR, mask bits must not be negative".into());
        };
        let looks = looks_four(address.as_bytes()) || looks_six(address.as_bytes());
        if !looks {
            return Err(format!("Nonstandard IP address: {address}"));
        }
        let Some(base) = parse(address.as_bytes()) else {
            return Err(format!("Invalid IP address: {address}"));
        };
        if base.four && bits > 31 {
            return Err("IPv4 mask bits must be < 32".into());
        }
        if bits > 127 {
            return Err("IPv6 mask bits must be < 128".into());
        }
        let (mut low, mut high) = (base, base);
        for index in 0..base.bytes().len() {
            let fixed = bits.saturating_sub(8 * index).min(8);
            let host = u8::try_from(0xff_u32 >> fixed).expect("at most eight bits");
            low.bytes[index] &= !host;
            high.bytes[index] |= host;
        }
        Ok(Self {
            low: Hex::from_address(low),
            low_open: false,
            high: Hex::from_address(high),
            high_open: false,
            source: text.into(),
            literal: false,
        })
    }

    /// The pattern text that it came from.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it was written as a plain string.
    pub(crate) fn is_literal(&self) -> bool {
        self.literal
    }

    /// The first and the last value of each bound without its openness: a literal's bounds enclose
    /// the one address that it is.
    fn closed(&self) -> (Value, Value) {
        let inner = |hex: &Hex, open: bool, up: bool| match (hex.value(), open, up) {
            (value, false, _) => value,
            (Value::Four(value), true, true) => Value::Four(value + 1),
            (Value::Four(value), true, false) => Value::Four(value - 1),
            (Value::Six(value), true, true) => Value::Six(value + 1),
            (Value::Six(value), true, false) => Value::Six(value - 1),
        };
        (inner(&self.low, self.low_open, true), inner(&self.high, self.high_open, false))
    }

    /// The IPv4 addresses in the range, first and last.
    pub(crate) fn four(&self) -> Option<(u32, u32)> {
        match self.closed() {
            (Value::Four(low), Value::Four(high)) => Some((low, high)),
            (Value::Six(low), Value::Six(high)) => {
                // Eight digits decide a longer bound only strictly between its own first eight.
                let lead = |value: u128| u32::try_from(value >> 96).expect("32 bits are left");
                let low = lead(low).checked_add(1)?;
                let high = lead(high).checked_sub(1)?;
                (low <= high).then_some((low, high))
            }
            (Value::Four(_), Value::Six(_)) | (Value::Six(_), Value::Four(_)) => None,
        }
    }

    /// The IPv6 addresses in the range, first and last.
    pub(crate) fn six(&self) -> (u128, u128) {
        match self.closed() {
            (Value::Four(low), Value::Four(high)) => {
                let lead = |value: u32| u128::from(value) << 96;
                (lead(low), lead(high) | (u128::MAX >> 32))
            }
            (Value::Six(low), Value::Six(high)) => (low, high),
            (Value::Four(_), Value::Six(high)) => (high, high),
            (Value::Six(low), Value::Four(_)) => (low, low),
        }
    }

    /// Whether `text` (an address's digits, or the text of a number) lies in the range.
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        let (low, high) = (self.low.as_bytes(), self.high.as_bytes());
        let fork = low.iter().zip(high).take_while(|(a, b)| a == b).count();
        let Some(&decisive) = text.get(fork) else {
            return false;
        };
        if text[..fork] != low[..fork] || !is_hex(decisive) {
            return false;
        }
        if low[fork] < decisive && decisive < high[fork] {
            return true;
        }
        let last = low.len() - 1;
        if decisive == low[fork] {
            follows(text, low, fork, last, self.low_open, |a, b| a > b)
        } else if decisive == high[fork] {
            follows(text, high, fork, last, self.high_open, |a, b| a < b)
        } else {
            false
        }
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

/// Goes on along one bound after the fork until a digit falls on the inner side of it.
fn follows(
    text: &[u8],
    bound: &[u8],
    fork: usize,
    last: usize,
    open: bool,
    inside: fn(u8, u8) -> bool,
) -> bool {
    if fork == last {
        return !open;
    }
    let mut rest = text[fork + 1..].iter();
    for &digit in &bound[fork + 1..=last] {
        match rest.next() {
            Some(&byte) if byte == digit => {}
            Some(&byte) => return is_hex(byte) && inside(byte, digit),
            None => return false,
        }
    }
    !open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: &str) -> Option<String> {
        hex(address.as_bytes()).map(|hex| String::from_utf8(hex.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn addresses_are_read_as_java_reads_them() {
        let table = [
            ("10.0.0.1", Some("0A000001")),
            ("010.0.0.1", Some("0A000001")),
            ("256.0.0.1", None),
            ("0000000010.0.0.1", None),
            ("1.2.3", None),
            ("::", Some("00000000000000000000000000000000")),
            ("::ffff:102:304", Some("01020304")),
            ("2001:DB8::5", Some("20010DB8000000000000000000000005")),
            ("1:2:3:4:5:6:7:8:9", None),
            ("1:", None),
            (":1::2", None),
            ("1::2::3", None),
            ("host", None),
        ];
        for (address, expected) in table {
            assert_eq!(text(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_block_is_a_range_of_text() {
        let table: [(&str, &[u8], bool); 9] = [
            ("10.0.0.0/24", b"0A000007", true),
            ("10.0.0.0/24", b"0A000107", false),
            ("10.0.0.7/24", b"0A0000FF", true),
            ("0.0.0.0/0", b"5", true),
            ("0.0.0.0/0", b"0", false),
            ("0.0.0.0/0", b"-5", false),
            ("::/0", b"0A000001", true),
            ("10.0.0.0/8", b"0A000000000000000000000000000001", true),
            ("::/0", b"00000000", false),
        ];
        for (block, digits, expected) in table {
            assert_eq!(AddressRange::block(block).unwrap().contains(digits), expected, "{block}");
        }
    }

    #[test]
    fn intervals_hold_the_same_addresses_as_the_text() {
        let blocks = ["10.0.0.0/8", "0.0.0.0/0", "::/0", "::/1", "8000::/1", "a00::/16", "::/64"];
        let literals = ["10.0.0.1", "a00:1::", "::9", "::f"];
        let mut ranges: Vec<_> =
            blocks.iter().map(|block| AddressRange::block(block).unwrap()).collect();
        ranges.extend(literals.iter().map(|text| AddressRange::literal(text.as_bytes()).unwrap()));
        let addresses = [
            "0.0.0.0",
            "0.0.0.1",
            "10.0.0.1",
            "10.255.0.0",
            "255.255.255.255",
            "127.255.255.255",
            "128.0.0.0",
            "::",
            "::9",
            "::f",
            "a00::",
            "a00:1::",
            "a00:1::5",
            "ffff::",
            "7fff::1",
        ];
        for range in &ranges {
            for address in addresses {
                let hex = hex(address.as_bytes()).unwrap();
                let inside = match hex.value() {
                    Value::Four(value) => {
                        range.four().is_some_and(|(low, high)| low <= value && value <= high)
                    }
                    Value::Six(value) => {
                        let (low, high) = range.six();
                        low <= value && value <= high
                    }
                };
                assert_eq!(inside, range.contains(hex.as_bytes()), "{range:?} {address}");
            }
        }
    }

    #[test]
    fn a_literal_is_only_itself() {
        for address in ["10.0.0.9", "10.0.0.15", "10.0.0.10", "::f"] {
            let range = AddressRange::literal(address.as_bytes()).unwrap();
            assert!(range.contains(hex(address.as_bytes()).unwrap().as_bytes()), "{address}");
            assert!(!range.contains(hex(b"10.0.0.1").unwrap().as_bytes()), "{address}");
        }
    }
}
