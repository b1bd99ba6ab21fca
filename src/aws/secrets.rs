//! Secrets that this process knows, and how they are kept out of everything that it writes.
//!
//! Main functions: [`remember`] and [`scrub`]. Whoever receives a secret (credentials as they are resolved,
//! an external id) remembers it here; whoever writes words that came from outside scrubs them. Invariant:
//! a remembered secret, or the signature and the token of a presigned URL, never leaves [`scrub`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{LazyLock, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Shorter texts are no secrets: taking them out would only garble words.
const SHORTEST: usize = 6;

/// The query parameters of a presigned URL that let whoever reads them use it:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, and those
/// of its predecessor, signature version 2.
const SIGNED: [&str; 4] =
    ["X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential", "Signature"];

/// What a URL or a form encodes: all but the unreserved letters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

static KNOWN: LazyLock<RwLock<BTreeSet<String>>> = LazyLock::new(RwLock::default);

/// Remembers a secret, as it is, as it stands in a URL, and as it stands in JSON and in JSON that is text of
/// JSON. Short texts are not remembered.
pub fn remember(secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    let plain = {
        let known = KNOWN.read().expect("nobody panics while reading the secrets");
        known.contains(secret)
    };
    if plain {
        return;
    }
    let encoded = utf8_percent_encode(secret, ENCODED);
    let once = in_json(secret);
    let twice = in_json(&once);
    let mut known = KNOWN.write().expect("nobody panics while adding a secret");
    known.extend([secret.to_owned(), encoded.to_string(), in_json(&twice), twice, once]);
}

/// A text as it stands inside a text of JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Whether there is anything to keep: without it (in a rehearsal) nobody needs to look.
pub fn any() -> bool {
    !KNOWN.read().expect("nobody panics while reading the secrets").is_empty()
}

/// The text without any secret.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    let known = KNOWN.read().expect("nobody panics while reading the secrets");
    // The longer ones first, so that one inside another leaves nothing of it behind.
    let mut found: Vec<&String> = known.iter().filter(|secret| text.contains(*secret)).collect();
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in found {
        clean = Cow::Owned(clean.replace(secret.as_str(), REDACTED));
    }
    for name in SIGNED {
        if clean.contains(name) {
            clean = Cow::Owned(without_parameter(&clean, name));
        }
    }
    clean
}

/// The beginning of a text, at most so many characters, without any secret: one that is cut in two would no
/// longer be known for one.
pub fn excerpt(text: &str, most: usize) -> String {
    scrub(text).chars().take(most).collect()
}

/// Takes the value of a query parameter out, wherever it stands.
fn without_parameter(text: &str, name: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let end = at + name.len();
        clean.push_str(&rest[..end]);
        rest = &rest[end..];
        // Only a parameter of a query: the name in a sentence is a word like any other.
        let is_parameter = clean[..clean.len() - name.len()].ends_with(['?', '&', ';'])
            || clean[..clean.len() - name.len()].ends_with("\\u0026");
        if let Some(value) = rest.strip_prefix('=').filter(|_| is_parameter) {
            let ends =
                |letter: char| !(letter.is_ascii_alphanumeric() || "-_.~%+/=".contains(letter));
            let stop = value.find(ends).unwrap_or(value.len());
            clean.push('=');
            clean.push_str(REDACTED);
            rest = &value[stop..];
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_taken_out_as_it_is_and_as_it_stands_in_a_url() {
        remember("zebra/secret+one==");
        let text = "a zebra/secret+one== b zebra%2Fsecret%2Bone%3D%3D c";
        assert_eq!(scrub(text), "a [redacted] b [redacted] c");
        assert_eq!(scrub("nothing of that kind"), "nothing of that kind");
    }

    #[test]
    fn what_is_remembered_is_taken_out_of_json_inside_json_too() {
        remember("okapi \"quoted\" okapi");
        let inner = serde_json::json!({"token": "okapi \"quoted\" okapi"}).to_string();
        let outer = serde_json::json!({"body": inner}).to_string();
        let line = serde_json::json!({"evidence": outer}).to_string();
        for text in [inner, outer, line] {
            assert!(!scrub(&text).contains("okapi"), "{}", scrub(&text));
        }
    }

    #[test]
    fn an_excerpt_holds_no_part_of_a_secret() {
        remember("narwhal-secret");
        assert_eq!(excerpt("token narwhal-secret end", 10), "token [red");
    }

    #[test]
    fn a_secret_inside_another_leaves_nothing_behind() {
        remember("walrus-inner");
        remember("long-walrus-inner-long");
        assert_eq!(scrub("<long-walrus-inner-long>"), "<[redacted]>");
        assert_eq!(scrub("<walrus-inner>"), "<[redacted]>");
    }

    #[test]
    fn a_short_text_is_no_secret() {
        remember("dev");
        assert_eq!(scrub("developer"), "developer");
    }

    #[test]
    fn a_presigned_url_loses_what_lets_others_use_it() {
        let url = "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=2026\
                   &X-Amz-Security-Token=abc%3D&X-Amz-Signature=00ff\" rest";
        assert_eq!(
            scrub(url),
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=[redacted]&X-Amz-Date=2026\
             &X-Amz-Security-Token=[redacted]&X-Amz-Signature=[redacted]\" rest"
        );
        assert_eq!(scrub("X-Amz-Signature is a parameter"), "X-Amz-Signature is a parameter");
    }
}
