//! "Did you mean": the nearest known word to one that is not known.
//!
//! Main function: [`did_you_mean`]. Invariant: the answer depends on the words alone; among equally near
//! candidates the first one wins.

/// Words that people write for a key of the language, and the key that they want.
const SYNONYMS: &[(&str, &str)] = &[
    ("timeout", "within"),
    ("deadline", "within"),
    ("expectations", "expect"),
    ("expected", "expect"),
    ("experiments", "faults"),
    ("inject", "faults"),
    ("injections", "faults"),
    ("method", "faults"),
    ("assertions", "expect"),
    ("hold_for", "sustain"),
    ("duration", "for"),
    ("depends_on", "after"),
    ("needs", "after"),
    ("start", "at"),
    ("offset", "at"),
    ("automation", "runbook"),
    ("sns", "notification"),
    ("body", "message"),
    ("sqs", "queue"),
    ("queue_url", "queue"),
    ("event_pattern", "pattern"),
    ("variables", "vars"),
    ("description", "title"),
    ("detail_type", "detail-type"),
    ("detailType", "detail-type"),
    ("DetailType", "detail-type"),
    ("metric_name", "metric"),
    ("topic_arn", "topic"),
    ("alarm_name", "name"),
];

/// The longest word that is compared, in characters: comparing takes time and space by the product of
/// the lengths.
const LONGEST: usize = 128;

/// The nearest of `candidates` to `word`, when one is near enough to be a slip of the pen.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let wanted = word.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(known, _)| *known == word).map(|(_, key)| *key);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        if synonym == Some(candidate) {
            return Some(candidate);
        }
        if candidate.len() > 4 * LONGEST {
            continue;
        }
        let lower = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&wanted, &lower);
        let long = wanted.chars().count().max(lower.chars().count());
        let prefix =
            wanted.len() >= 4 && (lower.starts_with(&wanted) || wanted.starts_with(&lower));
        let near = distance <= long.div_ceil(3).min(4) || prefix;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A hint for a word that is none of the known ones: the nearest one, or all of them when they are few.
pub(crate) fn hint_for<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = did_you_mean(word, known.iter().copied()) {
        return Some(format!("did you mean `{}`?", shortened(near)));
    }
    match known.len() {
        0 => None,
        1..=24 => Some(format!("known here: {}", list(&known))),
        _ => Some(format!("known here: {}, and {} more", list(&known[..12]), known.len() - 12)),
    }
}

/// A text short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN - 3).collect();
    format!("{head}…")
}

/// One of several words: "`a`, `b` or `c`".
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [before @ .., last] => format!("{} or `{last}`", list(before)),
    }
}

/// Words in backticks, separated by commas.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{}`", shortened(word))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_distant_one_is_not() {
        for (word, known, nearest) in [
            ("withn", vec!["within", "after"], Some("within")),
            ("timeout", vec!["within", "after"], Some("within")),
            ("expects", vec!["faults", "expect"], Some("expect")),
            ("checkout-erors", vec!["checkout-errors", "orders"], Some("checkout-errors")),
            ("zebra", vec!["within", "after"], None),
            ("Sucess", vec!["Success", "Failed"], Some("Success")),
            ("x", vec![], None),
        ] {
            assert_eq!(did_you_mean(word, known), nearest, "{word}");
        }
    }

    #[test]
    fn a_distant_word_gets_the_list_of_known_ones() {
        assert_eq!(hint_for("zebra", ["a", "bc"]).as_deref(), Some("known here: `a`, `bc`"));
        assert_eq!(hint_for("zebra", []), None);
    }
}
