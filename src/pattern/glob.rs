//! Whole texts with `*` for any run of characters: how a scenario names what AWS words.
//!
//! Main function: [`matches()`]. Invariant: nothing but `*` is special, so that every text is a pattern.

/// Whether the whole of `text` fits `pattern`, in which `*` stands for any run of characters, also none.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().expect("a split has one part at the least");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    // Without a star the whole text is asked for.
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_of_characters_and_nothing_else_is_special() {
        for (pattern, text, fits) in [
            ("VPN *", "VPN vpn-1 is down", true),
            ("VPN *", "The VPN is down", false),
            ("*vpn-1*", "vpn-1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a?c\\", "a?c\\", true),
            ("a?c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} on {text}");
        }
    }
}
