//! Passing over bytes fast: to the end of a string, of a scalar, of an object or array.
//!
//! Main function: [`container`]. Invariant: no function reads past the end of the text; each gives
//! the place behind what it passed, or nothing when the text ends first.

use wide::u8x16;

use super::MAX_DEPTH;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// The eight bytes from `at` on.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(chunk.try_into().expect("eight bytes")))
}

/// Marks the first byte of a word that equals `byte` (and maybe later ones).
#[inline]
fn find(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    differs.wrapping_sub(ONES) & !differs & HIGHS
}

/// The sixteen bytes from `at` on.
#[inline]
fn vector(bytes: &[u8], at: usize) -> Option<u8x16> {
    Some(u8x16::new(*bytes.get(at..)?.first_chunk()?))
}

/// The next quote or backslash from `at` on.
#[inline]
pub(super) fn quote_or_backslash(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(vector) = vector(bytes, at) {
        let marks = vector.simd_eq(u8x16::splat(b'"')) | vector.simd_eq(u8x16::splat(b'\\'));
        let marks = marks.to_bitmask();
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize);
        }
        at += 16;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|found| at + found)
}

/// The quotes and backslashes of a text, found a block at a time: where the next one is does not hang
/// on where the one before was, so that the processor can look ahead.
struct Quotes<'e> {
    bytes: &'e [u8],
    /// Where the block starts, and its marks.
    start: usize,
    marks: u64,
}

impl<'e> Quotes<'e> {
    #[inline]
    fn new(bytes: &'e [u8], start: usize) -> Option<Self> {
        let mut quotes = Self { bytes, start, marks: 0 };
        quotes.load()?;
        Some(quotes)
    }

    #[inline]
    fn load(&mut self) -> Option<()> {
        let block = vectors(self.bytes.get(self.start..)?.first_chunk()?);
        self.marks = mask(&block, 0, b'"') | mask(&block, 0, b'\\');
        Some(())
    }

    /// The first one from `at` on, which must not lie before the block. Nothing near the text's end.
    #[inline]
    fn from(&mut self, at: usize) -> Option<usize> {
        let mut at = at;
        loop {
            let offset = at - self.start;
            if offset < BLOCK {
                let marks = self.marks >> offset;
                if marks != 0 {
                    return Some(at + marks.trailing_zeros() as usize);
                }
                at = self.start + BLOCK;
            }
            self.start += BLOCK;
            self.load()?;
        }
    }
}

/// Which keys of an object nobody wants, as one can tell without looking them up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// A bit for each length of a wanted key; the highest stands for all longer ones.
    pub(crate) lengths: u64,
    /// A key with dots may be wanted whatever its length.
    pub(crate) dots: bool,
}

impl Wanted {
    /// The bit of a length.
    pub(crate) fn bit(length: usize) -> u64 {
        1 << length.min(63)
    }

    #[inline]
    fn may_be(self, key: &[u8]) -> bool {
        self.lengths & Self::bit(key.len()) != 0 || (self.dots && key.contains(&b'.'))
    }
}

/// Passes over members of an object whose keys nobody wants. `at` is a key's opening quote; the answer
/// is another one, or the object's closing bracket. It stops at whatever is out of the ordinary (space,
/// an escape, an object), which is for the caller to read.
#[inline]
pub(super) fn unwanted(bytes: &[u8], mut at: usize, wanted: Wanted) -> usize {
    let Some(mut quotes) = Quotes::new(bytes, at) else { return at };
    while let Some((next, more)) = unwanted_member(&mut quotes, at, wanted) {
        at = next;
        if !more {
            break;
        }
    }
    at
}

/// Behind one unwanted member and its comma, or at the bracket behind the last one.
#[inline]
fn unwanted_member(quotes: &mut Quotes<'_>, at: usize, wanted: Wanted) -> Option<(usize, bool)> {
    let bytes = quotes.bytes;
    let end = quotes.from(at + 1)?;
    if wanted.may_be(&bytes[at + 1..end]) {
        return None;
    }
    let start = end + 2;
    let behind = match bytes.get(end..end + 3)? {
        b"\":\"" => {
            let last = quotes.from(start + 1)?;
            if bytes[last] != b'"' {
                return None;
            }
            last + 1
        }
        [b'"', b':', b'-' | b'0'..=b'9' | b't' | b'f' | b'n'] => scalar(bytes, start)?,
        _ => return None,
    };
    match bytes.get(behind..behind + 2)? {
        b",\"" => Some((behind + 1, true)),
        [b'}', _] => Some((behind, false)),
        _ => None,
    }
}

/// Behind the escape that starts with the backslash at `at`, if it is a sound one.
pub(super) fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}

/// Behind the string whose opening quote is at `at`.
#[inline]
pub(super) fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at = quote_or_backslash(bytes, at)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind a number or a word.
#[inline]
pub(super) fn scalar(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// A block of bytes.
type Block = [u8; BLOCK];

/// Where the bytes stand that equal `byte` once they have the bits of `or`, one bit a byte.
#[inline]
fn mask(block: &[u8x16; 4], or: u8, byte: u8) -> u64 {
    let (or, byte) = (u8x16::splat(or), u8x16::splat(byte));
    let bits = |part: u8x16| u64::from((part | or).simd_eq(byte).to_bitmask());
    bits(block[0]) | bits(block[1]) << 16 | bits(block[2]) << 32 | bits(block[3]) << 48
}

/// The bytes of a block as four vectors.
#[inline]
fn vectors(block: &Block) -> [u8x16; 4] {
    let (parts, _) = block.as_chunks::<16>();
    [0, 1, 2, 3].map(|part| u8x16::new(parts[part]))
}

/// The bits from each odd quote up to the next: what is inside strings.
#[inline]
fn inside(quotes: u64) -> u64 {
    let mut inside = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        inside ^= inside << shift;
    }
    inside
}

/// The number of bits, as a depth counts. Most blocks have at most two brackets of a kind.
#[inline]
fn bits(mask: u64) -> usize {
    let without_one = mask & mask.wrapping_sub(1);
    let without_two = without_one & without_one.wrapping_sub(1);
    if without_two == 0 {
        usize::from(mask != 0) + usize::from(without_one != 0)
    } else {
        mask.count_ones() as usize
    }
}

/// Behind the object or array that opens at `at`. `outside` is how deep it lies.
///
/// # Errors
/// It is nested too deeply.
#[inline(never)]
pub(super) fn container(bytes: &[u8], at: usize, outside: usize) -> Result<Option<usize>, ()> {
    let mut depth = 1;
    let mut at = at + 1;
    // All ones while the block before ended inside a string.
    let mut carried = 0_u64;
    let mut rest = [b' '; BLOCK];
    while at < bytes.len() {
        let block: &Block = if let Some(block) = bytes.get(at..at + BLOCK) {
            block.try_into().expect("a whole block")
        } else {
            rest[..bytes.len() - at].copy_from_slice(&bytes[at..]);
            &rest
        };
        let block = vectors(block);
        if mask(&block, 0, b'\\') != 0 {
            return slowly(bytes, at, depth, outside, carried != 0);
        }
        let strings = carried ^ inside(mask(&block, 0, b'"'));
        carried = if strings >> 63 == 1 { u64::MAX } else { 0 };
        let opening = mask(&block, 0x20, b'{') & !strings;
        let closing = mask(&block, 0x20, b'}') & !strings;
        let (more, less) = (bits(opening), bits(closing));
        if outside + depth + more > MAX_DEPTH {
            return Err(());
        }
        if less >= depth
            && let Some(end) = last(closing, opening, depth)
        {
            return Ok(Some(at + end + 1));
        }
        depth = depth + more - less;
        at += BLOCK;
    }
    Ok(None)
}

/// The place of the closing bracket at which the depth gets to zero.
fn last(mut ends: u64, starts: u64, mut depth: usize) -> Option<usize> {
    let mut seen = 0;
    while ends != 0 {
        let end = ends.trailing_zeros();
        let before = (1_u64 << end) - 1;
        depth += bits(starts & before & !seen);
        seen = before;
        depth -= 1;
        if depth == 0 {
            return Some(end as usize);
        }
        ends &= ends - 1;
    }
    None
}

/// The same from bracket to bracket, where there are escapes. `open` when `at` is inside a string.
#[cold]
fn slowly(
    bytes: &[u8],
    mut at: usize,
    mut depth: usize,
    outside: usize,
    open: bool,
) -> Result<Option<usize>, ()> {
    if open {
        match string(bytes, at - 1) {
            Some(end) => at = end,
            None => return Ok(None),
        }
    }
    while let Some(next) = special(bytes, at) {
        at = next + 1;
        match bytes[next] {
            b'"' => match string(bytes, next) {
                Some(end) => at = end,
                None => return Ok(None),
            },
            b'{' | b'[' => {
                depth += 1;
                if outside + depth > MAX_DEPTH {
                    return Err(());
                }
            }
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at));
                }
            }
        }
    }
    Ok(None)
}

/// The next quote or bracket from `at` on.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(word) = word(bytes, at) {
        let folded = word | (ONES * 0x20);
        let marks = find(word, b'"') | find(folded, b'{') | find(folded, b'}');
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'));
    found.map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_ends_at_its_own_bracket() {
        let long = format!("[{}1]x", "[1.25,2],".repeat(40));
        let strings = format!("{{\"k\":\"}}]{}\"}}x", "\\\"]".repeat(40));
        let objects = format!("[{}0]x", "{\"k}\":\"]]\",\"long [key\":[1,{}]},".repeat(30));
        for text in
            ["{}x", "[[]]x", r#"{"a":"}"}x"#, r#"{"a\"}":[{}]}x"#, &long, &strings, &objects]
        {
            let end = container(text.as_bytes(), 0, 0).unwrap();
            assert_eq!(end, Some(text.len() - 1), "{text}");
        }
        assert_eq!(container(b"[[1,2]", 0, 0), Ok(None));
        assert_eq!(container("[".repeat(2000).as_bytes(), 0, 0), Err(()));
    }

    #[test]
    fn members_that_nobody_wants_are_passed_up_to_what_is_out_of_the_ordinary() {
        let plain = Wanted { lengths: 1 << 6 | 1 << 63, dots: false };
        let dotted = Wanted { dots: true, ..plain };
        let pass = |text: &str, wanted| unwanted(text.as_bytes(), 0, wanted);
        let tail = format!(",\"last\": \"{}\"}}", "x".repeat(100));
        for (text, stop) in [
            (r#""a":"b","c":-1.5e3,"d":null,"status":1"#, r#""status""#),
            (r#""a":"","":"","d":true,"a\"b":1"#, r#""a\"b""#),
            (r#""a":"b","c":"d\"e","f":1"#, r#""c""#),
            (r#""a":"b","c": 1,"f":1"#, r#""c""#),
            (r#""a":"b","c":{"d":1},"f":1"#, r#""c""#),
            (r#""a":"b","c":[1],"f":1"#, r#""c""#),
            (r#""a":1 ,"c":2"#, r#""a""#),
            (r#""a":1, "c":2"#, r#""a""#),
            (r#""a":1,"c":2},"d":3"#, "},"),
        ] {
            let text = format!("{text}{tail}");
            let long = format!("\"{}\":1,{text}", "k".repeat(62));
            for text in [text, long] {
                let at = pass(&text, plain);
                assert!(text[at..].starts_with(stop), "{text}: stopped at {}", &text[at..]);
                assert_eq!(pass(&text, dotted), at, "{text} has no dots in keys");
            }
        }
        let dots = format!("\"a\":\"1.5\",\"b.c\":1{tail}");
        assert_eq!(pass(&dots, dotted), 10, "a key with dots may be wanted");
        assert!(pass(&dots, plain) > 10);
        let long = format!("\"a\":1,\"{}\":1{tail}", "k".repeat(80));
        assert_eq!(pass(&long, plain), 6, "a long key may be one of the wanted");
        assert_eq!(pass(r#""a":"b","c":"d"}"#, plain), 0, "near the end it is left to the caller");
    }

    #[test]
    fn masks_mark_quotes_and_brackets() {
        for seed in 0..200_u32 {
            let mut block = [0; BLOCK];
            for (at, byte) in (0_u32..).zip(&mut block) {
                let draw = (seed * 64 + at).wrapping_mul(0x9e37_79b9) >> 24;
                *byte = b"\"#{}[]y_Ya;=\x00\x7f\xfb\xfd"[draw as usize % 16];
            }
            let parts = vectors(&block);
            for (at, byte) in block.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                assert_eq!(bit(mask(&parts, 0, b'"')), *byte == b'"');
                assert_eq!(bit(mask(&parts, 0x20, b'{')), matches!(byte, b'{' | b'['));
                assert_eq!(bit(mask(&parts, 0x20, b'}')), matches!(byte, b'}' | b']'));
            }
        }
    }

    #[test]
    fn letters_that_look_like_brackets_are_none() {
        // The two brackets of a kind differ in one bit; no other byte is one of them with that bit.
        for byte in 0..=255_u8 {
            let bracket = matches!(byte, b'{' | b'[' | b'}' | b']' | b'"');
            assert_eq!(special(&[byte; 9], 0).is_some(), bracket, "{byte}");
        }
    }
}
