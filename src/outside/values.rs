//! `${env.NAME}` in what is sent to AWS or elsewhere, or in a program's environment, put in at the last moment.
//!
//! Main functions: [`resolve`] and [`payload`]. The scenario keeps such a substitution as it is written, so that the plan,
//! the timeline and the reports show its name and never its value; the value is remembered as a secret, so
//! that no answer and no error shows it either. `$${` stands for `${`.

use crate::aws::secrets;
use crate::scenario::load::is_public;

/// The text with the values of the environment in it, which are secrets from then on; the error names the
/// variable that is not set.
pub(crate) fn resolve(
    text: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    filled(text, |name| {
        let found = value(name)?;
        if !is_public(&found) {
            secrets::remember(&found);
        }
        Some(found)
    })
}

/// What a fault sends to AWS, with the values of this process's environment in it. In JSON a value stays
/// inside the text that it stands in, whatever it holds.
///
/// Which of the values are secrets is the scenario's to say (`Loaded::secrets`): a payload may well name a
/// region.
///
/// # Errors
/// A variable is not set.
pub(crate) fn payload(text: &str) -> Result<String, String> {
    payload_of(text, from_environment)
}

fn payload_of(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    if !text.contains("${") {
        return Ok(text.to_owned());
    }
    let is_json = serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|value| value.is_object() || value.is_array());
    if is_json {
        filled(text, |name| value(name).map(|found| escaped(&found)))
    } else {
        filled(text, value)
    }
}

/// A text as it stands inside a text of JSON.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn filled(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            resolved.push_str(before);
            resolved.push_str("${");
            rest = &from[2..];
            continue;
        }
        resolved.push_str(before);
        let inside = from.find('}').map(|end| (&from[2..end], &from[end + 1..]));
        let Some((name, after)) =
            inside.and_then(|(token, after)| Some((token.strip_prefix("env.")?, after)))
        else {
            resolved.push_str("${");
            rest = &from[2..];
            continue;
        };
        let found = value(name).ok_or_else(|| {
            format!("the environment variable `{name}` is not set: set it and run again")
        })?;
        resolved.push_str(&found);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// The process's own environment.
pub(super) fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_json_a_value_stays_inside_its_text() {
        let value = |name: &str| (name == "WORD").then(|| "a \"quoted\" \\ word".to_owned());
        let filled = payload_of(r#"{"a":"${env.WORD}","b":["$${env.WORD}"]}"#, value);
        let read: serde_json::Value = serde_json::from_str(&filled.expect("it is set")).unwrap();
        assert_eq!(read["a"], "a \"quoted\" \\ word");
        assert_eq!(read["b"][0], "${env.WORD}");
        let plain = payload_of("say ${env.WORD}", value);
        assert_eq!(plain, Ok("say a \"quoted\" \\ word".to_owned()));
        assert!(payload_of("${env.NONE}", value).is_err());
    }

    #[test]
    fn values_come_from_the_environment_and_escapes_stay_text() {
        let value = |name: &str| (name == "TOKEN").then(|| "s3cr3t-token".to_owned());
        assert_eq!(resolve("Bearer ${env.TOKEN}!", value), Ok("Bearer s3cr3t-token!".to_owned()));
        assert_eq!(
            resolve("$${env.TOKEN} costs $5", value),
            Ok("${env.TOKEN} costs $5".to_owned())
        );
        assert_eq!(resolve("${other} ${", value), Ok("${other} ${".to_owned()));
        assert!(resolve("${env.NONE}", value).unwrap_err().contains("`NONE` is not set"));
        assert!(!secrets::scrub("the token is s3cr3t-token.").contains("s3cr3t-token"));
    }
}
