//! `equals-ignore-case`, the way the service folds case.
//!
//! Main type: [`Fold`]. Invariant: every UTF-16 unit of the pattern accepts its own lower-case and
//! upper-case form and nothing else; the event is never folded.

/// The two byte strings that one unit of the pattern accepts; equal when it has no case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Unit {
    pub(crate) lower: Box<[u8]>,
    pub(crate) upper: Box<[u8]>,
}

impl Unit {
    pub(crate) fn has_case(&self) -> bool {
        self.lower != self.upper
    }

    /// The form that `text` starts with. Neither form is a prefix of the other, in any alphabet.
    fn start<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        text.strip_prefix(&*self.lower).or_else(|| text.strip_prefix(&*self.upper))
    }

    fn end<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        text.strip_suffix(&*self.lower).or_else(|| text.strip_suffix(&*self.upper))
    }
}

/// A text whose case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fold {
    source: Box<[u8]>,
    units: Box<[Unit]>,
}

impl Fold {
    /// `source` is UTF-8 with lone surrogates already replaced by `?`.
    pub(crate) fn new(source: &[u8]) -> Self {
        let text = String::from_utf8_lossy(source);
        let units = text.chars().flat_map(units).collect();
        Self { source: source.into(), units }
    }

    /// The pattern's text.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
    }

    pub(crate) fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Whether `text` is the whole text.
    pub(crate) fn equals(&self, text: &[u8]) -> bool {
        self.after(text).is_some_and(<[u8]>::is_empty)
    }

    /// Whether `text` followed by its closing quote starts with the text.
    pub(crate) fn starts(&self, text: &[u8]) -> bool {
        self.after(text).is_some()
            || self.units.split_last().is_some_and(|(last, most)| {
                &*last.lower == b"\"" && all_start(most, text).is_some_and(<[u8]>::is_empty)
            })
    }

    /// Whether `text` behind its opening quote ends with the text.
    pub(crate) fn ends(&self, text: &[u8]) -> bool {
        all_end(&self.units, text).is_some()
            || self.units.split_first().is_some_and(|(first, most)| {
                &*first.lower == b"\"" && all_end(most, text).is_some_and(<[u8]>::is_empty)
            })
    }

    fn after<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        all_start(&self.units, text)
    }
}

fn all_start<'t>(units: &[Unit], text: &'t [u8]) -> Option<&'t [u8]> {
    units.iter().try_fold(text, |rest, unit| unit.start(rest))
}

fn all_end<'t>(units: &[Unit], text: &'t [u8]) -> Option<&'t [u8]> {
    units.iter().rev().try_fold(text, |rest, unit| unit.end(rest))
}

/// The UTF-16 units of one character: a character outside the basic plane is two lone surrogates
/// to the service, each of which it encodes as `?`.
fn units(letter: char) -> Vec<Unit> {
    if letter.len_utf16() == 2 {
        let lone = Unit { lower: (*b"?").into(), upper: (*b"?").into() };
        return vec![lone.clone(), lone];
    }
    let bytes = |text: String| text.into_bytes().into_boxed_slice();
    vec![Unit {
        lower: bytes(letter.to_lowercase().collect()),
        upper: bytes(letter.to_uppercase().collect()),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_of_the_pattern_accepts_its_two_cases() {
        let table = [
            ("É", "é", true),
            ("ß", "ß", true),
            ("ß", "SS", true),
            ("ß", "ss", false),
            ("İ", "İ", true),
            ("İ", "i̇", true),
            ("\u{212a}", "k", true),
            ("\u{212a}", "\u{212a}", true),
            ("\u{212a}", "K", false),
            ("k", "\u{212a}", false),
            ("ς", "ς", true),
            ("ς", "Σ", true),
            ("ς", "σ", false),
            ("😀", "??", true),
            ("😀", "😀", false),
            ("straße", "STRASSE", true),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in table {
            let fold = Fold::new(pattern.as_bytes());
            assert_eq!(fold.equals(text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_prefix_and_a_suffix_may_reach_into_the_quotes() {
        assert!(Fold::new(b"aB\"").starts(b"Ab"));
        assert!(Fold::new(b"\"aB").ends(b"Ab"));
        assert!(!Fold::new(b"\"aB").ends(b"xAb"));
    }
}
