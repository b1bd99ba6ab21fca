//! What must be found in JSON.
//!
//! Main type: [`Predicate`]. Invariant: it is pure; a path or a pattern that can't be read finds nothing
//! and is an error, which the check tells before.

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;

/// A path and what is asked of the values that it finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicate {
    /// The JSONPath.
    pub path: String,
    /// What is asked.
    pub test: Test,
}

/// What is asked of the values that a path finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Whether there is any.
    Exists(bool),
    /// It is this value.
    Equals(Value),
    /// Its text matches this regular expression.
    Matches(String),
}

impl Predicate {
    /// Of the three ways to ask, the one that is there; nothing where there are several.
    pub(crate) fn new(
        path: &str,
        equals: Option<&Value>,
        matches: Option<&String>,
        exists: Option<bool>,
    ) -> Option<Self> {
        let test = match (equals, matches, exists) {
            (None, None, exists) => Test::Exists(exists.unwrap_or(true)),
            (Some(value), None, None) => Test::Equals(value.clone()),
            (None, Some(pattern), None) => Test::Matches(pattern.clone()),
            (_, _, _) => return None,
        };
        Some(Self { path: path.to_owned(), test })
    }

    /// The values that fit, as text; where nothing must be there and nothing is, one empty text.
    pub(crate) fn fitting(&self, document: &Value) -> Result<Vec<String>, String> {
        let path = JsonPath::parse(&self.path)
            .map_err(|error| format!("`{}` is not a JSONPath: {error}", self.path))?;
        let found = path.query(document).all();
        Ok(match &self.test {
            Test::Exists(true) => found.into_iter().map(text).collect(),
            Test::Exists(false) if found.is_empty() => vec![String::new()],
            Test::Exists(false) => Vec::new(),
            Test::Equals(wanted) => {
                let wanted_text = text(wanted);
                let same = |value: &&Value| {
                    *value == wanted
                        || (is_plain(value) && is_plain(wanted) && text(value) == wanted_text)
                };
                found.into_iter().filter(same).map(text).collect()
            }
            Test::Matches(pattern) => {
                let pattern = Regex::new(pattern)
                    .map_err(|error| format!("`{pattern}` is no regular expression: {error}"))?;
                found.into_iter().map(text).filter(|text| pattern.is_match(text)).collect()
            }
        })
    }

    /// In a few words: `$.state is open`.
    pub(crate) fn words(&self) -> String {
        match &self.test {
            Test::Exists(true) => format!("{} is there", self.path),
            Test::Exists(false) => format!("{} is not there", self.path),
            Test::Equals(value) => format!("{} is {}", self.path, text(value)),
            Test::Matches(pattern) => format!("{} matches {pattern}", self.path),
        }
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Text as it is, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_by_what_is_asked_of_them() {
        let document = json!({"tickets": [{"n": "INC1", "p": 1}, {"n": "INC22", "p": 2}]});
        let fitting = |path: &str, equals: Option<Value>, matches: Option<&str>, exists| {
            let matches = matches.map(str::to_owned);
            let predicate = Predicate::new(path, equals.as_ref(), matches.as_ref(), exists);
            predicate.expect("one way to ask").fitting(&document).expect("it can be read").len()
        };
        assert_eq!(fitting("$.tickets[*].n", None, None, None), 2);
        assert_eq!(fitting("$.tickets[*].p", Some(json!("2")), None, None), 1);
        assert_eq!(fitting("$.tickets[*].p", Some(json!(2)), None, None), 1);
        assert_eq!(fitting("$.tickets[*].n", None, Some(r"^INC\d$"), None), 1);
        assert_eq!(fitting("$.closed", None, None, Some(false)), 1);
        assert_eq!(fitting("$.tickets", None, None, Some(false)), 0);
        assert!(Predicate::new("$", Some(&json!(1)), Some(&"a".to_owned()), None).is_none());
        let broken = Predicate { path: "tickets".to_owned(), test: Test::Exists(true) };
        assert!(broken.fitting(&document).is_err());
    }
}
