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

/// A block of bytes.
type Block = [u8; BLOCK];

/// How often one of two bytes that differ in the bits of `or` occurs in a block. There is no branch
/// in it, so that it compiles to a few vector instructions.
#[inline]
fn count(block: &Block, or: u8, byte: u8) -> usize {
    let mut count = 0_u8;
    for &one in block {
        count += u8::from(one | or == byte);
    }
    usize::from(count)
}

/// One bit for each byte of eight, again and again.
const WEIGHTS: Block = {
    let mut weights = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        weights[at] = 1 << (at % 8);
        at += 1;
    }
    weights
};

/// Where those bytes stand, one bit a byte; mostly vector instructions, too.
#[inline]
fn mask(block: &Block, or: u8, byte: u8) -> u64 {
    let mut weighted = [0; BLOCK];
    for (out, (one, weight)) in weighted.iter_mut().zip(block.iter().zip(&WEIGHTS)) {
        *out = if one | or == byte { *weight } else { 0 };
    }
    let mut mask = [0; 8];
    for (out, eight) in mask.iter_mut().zip(weighted.chunks_exact(8)) {
        let eight = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        // The highest byte of the product is the sum of all eight, whose bits are distinct.
        *out = eight.wrapping_mul(ONES).to_le_bytes()[7];
    }
    u64::from_le_bytes(mask)
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
    let mut rest = [b' '; BLOCK];
    while at < bytes.len() {
        let block: &Block = if let Some(block) = bytes.get(at..at + BLOCK) {
            block.try_into().expect("a whole block")
        } else {
            rest[..bytes.len() - at].copy_from_slice(&bytes[at..]);
            &rest
        };
        if count(block, 0, b'\\') > 0 {
            return slowly(bytes, at, depth, outside, carried != 0);
        }
        let (opening, closing);
        if count(block, 0, b'"') > 0 {
            let strings = carried ^ inside(mask(block, 0, b'"'));
            opening = mask(block, 0x20, b'{') & !strings;
            closing = mask(block, 0x20, b'}') & !strings;
            carried = if strings >> 63 == 1 { u64::MAX } else { 0 };
        } else if carried != 0 {
            at += BLOCK;
            continue;
        } else {
            let (more, less) = (count(block, 0x20, b'{'), count(block, 0x20, b'}'));
            if less < depth && outside + depth + more <= MAX_DEPTH {
                depth = depth + more - less;
                at += BLOCK;
                continue;
            }
            opening = mask(block, 0x20, b'{');
            closing = mask(block, 0x20, b'}');
        }
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
    fn masks_mark_quotes_and_brackets() {
        for seed in 0..200_u32 {
            let mut block = [0; BLOCK];
            for (at, byte) in (0_u32..).zip(&mut block) {
                let draw = (seed * 64 + at).wrapping_mul(0x9e37_79b9) >> 24;
                *byte = b"\"#{}[]y_Ya;=\x00\x7f\xfb\xfd"[draw as usize % 16];
            }
            for (at, byte) in block.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                assert_eq!(bit(mask(&block, 0, b'"')), *byte == b'"');
                assert_eq!(bit(mask(&block, 0x20, b'{')), matches!(byte, b'{' | b'['));
                assert_eq!(bit(mask(&block, 0x20, b'}')), matches!(byte, b'}' | b']'));
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
