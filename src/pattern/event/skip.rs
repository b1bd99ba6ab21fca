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

/// How often quotes, opening and closing brackets occur in a block.
#[inline]
fn counts(block: &[u8; BLOCK]) -> (u8, u8, u8) {
    let (mut quotes, mut opening, mut closing) = (0, 0, 0);
    for &byte in block {
        quotes += u8::from(byte == b'"');
        opening += u8::from(byte | 0x20 == b'{');
        closing += u8::from(byte | 0x20 == b'}');
    }
    (quotes, opening, closing)
}

/// Behind the object or array that opens at `at`. `outside` is how deep it lies.
///
/// # Errors
/// It is nested too deeply.
pub(super) fn container(bytes: &[u8], at: usize, outside: usize) -> Result<Option<usize>, ()> {
    let mut depth = 1;
    let mut at = at + 1;
    while at < bytes.len() {
        if let Some(block) = bytes.get(at..at + BLOCK) {
            let block: &[u8; BLOCK] = block.try_into().expect("a whole block");
            let (quotes, opening, closing) = counts(block);
            let (opening, closing) = (usize::from(opening), usize::from(closing));
            if quotes == 0 && closing < depth && outside + depth + opening <= MAX_DEPTH {
                depth = depth + opening - closing;
                at += BLOCK;
                continue;
            }
        }
        let stop = bytes.len().min(at + BLOCK);
        while at < stop {
            let Some(next) = special(bytes, at) else {
                return Ok(None);
            };
            at = next;
            match bytes[at] {
                b'"' => {
                    let Some(end) = string(bytes, at) else {
                        return Ok(None);
                    };
                    at = end;
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    if outside + depth > MAX_DEPTH {
                        return Err(());
                    }
                }
                _ => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(Some(at + 1));
                    }
                }
            }
            at += 1;
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
        for text in ["{}x", "[[]]x", r#"{"a":"}"}x"#, r#"{"a\"}":[{}]}x"#, &long, &strings] {
            let end = container(text.as_bytes(), 0, 0).unwrap();
            assert_eq!(end, Some(text.len() - 1), "{text}");
        }
        assert_eq!(container(b"[[1,2]", 0, 0), Ok(None));
        assert_eq!(container("[".repeat(2000).as_bytes(), 0, 0), Err(()));
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
