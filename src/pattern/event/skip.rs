//! Passing over bytes fast: to the end of a string, of a scalar, of an object or array.
//!
//! Main function: [`container`]. Invariant: no function reads past the end of the text; each gives
//! the place behind what it passed, or nothing when the text ends first.

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

/// The next quote or backslash from `at` on.
#[inline]
pub(super) fn quote_or_backslash(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(word) = word(bytes, at) {
        let marks = find(word, b'"') | find(word, b'\\');
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|found| at + found)
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

/// How often some bytes occur in a block.
#[derive(Debug, Clone, Copy)]
struct Counts {
    quotes: u8,
    backslashes: u8,
    opening: u8,
    closing: u8,
}

/// Counts without branches, which compiles to a few vector instructions.
#[inline]
fn counts(block: &[u8; BLOCK]) -> Counts {
    let (mut quotes, mut backslashes, mut opening, mut closing) = (0, 0, 0, 0);
    for &byte in block {
        quotes += u8::from(byte == b'"');
        backslashes += u8::from(byte == b'\\');
        opening += u8::from(byte | 0x20 == b'{');
        closing += u8::from(byte | 0x20 == b'}');
    }
    Counts { quotes, backslashes, opening, closing }
}

/// Where quotes and brackets stand in a block, one bit a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Masks {
    quotes: u64,
    opening: u64,
    closing: u64,
}

/// The high bit of every byte, side by side.
#[inline]
fn gather(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Quotes are marked exactly. Brackets may have a wrong mark right behind a true one, on a letter
/// that can only stand there inside a string (`z` or `Z` behind an opening one).
#[inline]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    for (at, chunk) in block.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let differs = word ^ (ONES * u64::from(b'"'));
        let quotes = !(((differs & !HIGHS) + !HIGHS) | differs | !HIGHS);
        let folded = word | (ONES * 0x20);
        masks.quotes |= gather(quotes) << (8 * at);
        masks.opening |= gather(find(folded, b'{')) << (8 * at);
        masks.closing |= gather(find(folded, b'}')) << (8 * at);
    }
    masks
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

/// The number of bits, as a depth counts.
fn bits(mask: u64) -> usize {
    mask.count_ones() as usize
}

/// Behind the object or array that opens at `at`. `outside` is how deep it lies.
///
/// # Errors
/// It is nested too deeply.
pub(super) fn container(bytes: &[u8], at: usize, outside: usize) -> Result<Option<usize>, ()> {
    let mut depth = 1;
    let mut at = at + 1;
    // All ones while the block before ended inside a string.
    let mut carried = 0_u64;
    while let Some(block) = bytes.get(at..at + BLOCK) {
        let block = block.try_into().expect("a whole block");
        let found = counts(block);
        if found.backslashes > 0 {
            break;
        }
        if found.quotes == 0 && (carried != 0 || usize::from(found.closing) < depth) {
            if carried == 0 {
                let (more, less) = (usize::from(found.opening), usize::from(found.closing));
                if outside + depth + more > MAX_DEPTH {
                    break;
                }
                depth = depth + more - less;
            }
            at += BLOCK;
            continue;
        }
        let found = masks(block);
        let strings = carried ^ inside(found.quotes);
        let opening = found.opening & !strings;
        let closing = found.closing & !strings;
        if opening | closing != 0 {
            let (more, less) = (bits(opening), bits(closing));
            if outside + depth + more > MAX_DEPTH {
                break;
            }
            if less >= depth
                && let Some(end) = last(closing, opening, depth)
            {
                return Ok(Some(at + end + 1));
            }
            depth = depth + more - less;
        }
        carried = if strings >> 63 == 1 { u64::MAX } else { 0 };
        at += BLOCK;
    }
    if carried != 0 {
        match string(bytes, at - 1) {
            Some(end) => at = end,
            None => return Ok(None),
        }
    }
    slowly(bytes, at, depth, outside)
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

/// The same from bracket to bracket: near the end of the text, and where there are escapes.
fn slowly(
    bytes: &[u8],
    mut at: usize,
    mut depth: usize,
    outside: usize,
) -> Result<Option<usize>, ()> {
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
    fn masks_mark_quotes_and_brackets() {
        for seed in 0..200_u32 {
            let mut block = [0; BLOCK];
            for (at, byte) in (0_u32..).zip(&mut block) {
                let draw = (seed * 64 + at).wrapping_mul(0x9e37_79b9) >> 24;
                *byte = b"\"#{}[]y_Ya;=\x00\x7f\xfb\xfd"[draw as usize % 16];
            }
            let found = masks(&block);
            for (at, byte) in block.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                assert_eq!(bit(found.quotes), *byte == b'"');
                assert_eq!(bit(found.opening), matches!(byte, b'{' | b'['));
                assert_eq!(bit(found.closing), matches!(byte, b'}' | b']'));
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
