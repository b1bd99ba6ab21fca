//! The order in which the service's hash sets give their strings back.
//!
//! Main function: [`set_order`]. Invariant: the order is that of a `java.util.HashSet` of the
//! quoted strings, filled in the given order. It decides which of several bad members is refused,
//! and how wildcards are laid out before their complexity is counted.

/// `texts` (distinct, UTF-8) in the order of a Java hash set of them with their quotes.
pub(crate) fn set_order(texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    order(texts, true, true, false)
}

/// `texts` in the order of a Java hash set of them with a quote before, a quote after, and the
/// whole of it reversed, as the caller says.
pub(crate) fn order(
    texts: Vec<Vec<u8>>,
    before: bool,
    after: bool,
    reversed: bool,
) -> Vec<Vec<u8>> {
    let mut capacity = 16_usize;
    while texts.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    let quote = |there: bool| if there { "\"" } else { "" };
    let bucket = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let mut stored = format!("{}{text}{}", quote(before), quote(after));
        if reversed {
            stored = stored.chars().rev().collect();
        }
        hash(&stored) & (capacity - 1)
    };
    let mut ordered: Vec<(usize, Vec<u8>)> =
        texts.into_iter().map(|text| (bucket(&text), text)).collect();
    ordered.sort_by_key(|(bucket, _)| *bucket);
    ordered.into_iter().map(|(_, text)| text).collect()
}

/// Java's hash of a string, spread as its hash maps spread it.
fn hash(text: &str) -> usize {
    let units = text.encode_utf16();
    let hash = units.fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_in_bucket_order() {
        let texts = ["b", "a", "c"].map(|text| text.as_bytes().to_vec()).to_vec();
        let ordered = set_order(texts);
        // The hash of `"a"` is 34*961 + 97*31 + 34 = 35715, whose bucket of 16 is 3; each next
        // letter adds 31, so "b" is in 2 and "c" in 1.
        assert_eq!(ordered, ["c", "b", "a"].map(|text| text.as_bytes().to_vec()));
    }
}
