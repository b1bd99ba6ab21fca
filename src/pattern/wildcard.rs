//! `wildcard` patterns: `*` for any run of bytes, `\*` and `\\` for themselves.
//!
//! Main type: [`Wildcard`]. Invariant: `parts` are the literal runs between the stars, so there is
//! one more of them than there are stars; no two stars are neighbours.

/// A parsed wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wildcard {
    source: Box<[u8]>,
    parts: Box<[Box<[u8]>]>,
}

impl Wildcard {
    /// Parses the text of a wildcard (UTF-8), or gives the service's refusal. Positions count
    /// bytes, from 1.
    pub(crate) fn parse(source: &[u8]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut at = 0;
        while at < source.len() {
            match (source[at], source.get(at + 1)) {
                (b'*', Some(b'*')) => {
                    return Err(format!("Consecutive wildcard characters at pos {}", at + 1));
                }
                (b'*', _) => parts.push(std::mem::take(&mut part).into_boxed_slice()),
                (b'\\', Some(&escaped @ (b'*' | b'\\'))) => {
                    part.push(escaped);
                    at += 1;
                }
                (b'\\', _) => return Err(format!("Invalid escape character at pos {}", at + 1)),
                (byte, _) => part.push(byte),
            }
            at += 1;
        }
        parts.push(part.into_boxed_slice());
        Ok(Self { source: source.into(), parts: parts.into_boxed_slice() })
    }

    /// The pattern's text.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    /// The literal runs between the stars.
    pub(crate) fn parts(&self) -> &[Box<[u8]>] {
        &self.parts
    }

    /// Whether the whole of `text` matches.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let (first, rest) = self.parts.split_first().expect("there is always one part");
        let Some((last, middle)) = rest.split_last() else {
            return **first == *text;
        };
        let Some(text) = text.strip_prefix(&**first) else {
            return false;
        };
        let Some(mut text) = text.strip_suffix(&**last) else {
            return false;
        };
        for part in middle {
            match find(text, part) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

/// The leftmost place of `part` in `text`.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_matches_whole_texts() {
        let table = [
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("a?c", "abc", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*ab", "aab", true),
            ("*aab*b", "aaabb", true),
        ];
        for (pattern, text, expected) in table {
            let wildcard = Wildcard::parse(pattern.as_bytes()).unwrap();
            assert_eq!(wildcard.matches(text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_malformed_wildcard_is_refused_at_its_byte() {
        let table = [
            ("a**b", "Consecutive wildcard characters at pos 2"),
            ("a\\xb", "Invalid escape character at pos 2"),
            ("é\\", "Invalid escape character at pos 3"),
        ];
        for (pattern, message) in table {
            assert_eq!(Wildcard::parse(pattern.as_bytes()).unwrap_err(), message);
        }
    }
}
