//! The parameters of a runbook: what they accept, and what an execution was given.
//!
//! Main type: [`Declaration`]. Invariant: [`bind`] answers a value of the declared type for every
//! declared parameter, or the refusal that `StartAutomationExecution` would give.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html>.

use indexmap::IndexMap;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::references::text;
use super::selector::OutputType;

/// A parameter as a document declares it.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(crate) kind: OutputType,
    /// The type as written, such as `AWS::EC2::Instance::Id`.
    pub(crate) written: String,
    pub(crate) description: String,
    pub(crate) default: Option<Value>,
    allowed_values: Vec<Value>,
    allowed_pattern: Option<Regex>,
    items: (usize, usize),
    chars: (usize, usize),
}

/// A parameter as it stands in the document's text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Raw {
    r#type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    allowed_values: Vec<Value>,
    #[serde(default)]
    allowed_pattern: Option<String>,
    #[serde(default)]
    min_items: Option<usize>,
    #[serde(default)]
    max_items: Option<usize>,
    #[serde(default)]
    min_chars: Option<usize>,
    #[serde(default)]
    max_chars: Option<usize>,
    #[serde(default)]
    #[expect(dead_code, reason = "only consoles read it")]
    display_type: Option<String>,
}

impl Declaration {
    /// Reads a declaration; a default of the wrong type or a pattern that can't be read is refused.
    pub(crate) fn new(name: &str, raw: Raw) -> Result<Self, String> {
        let refuse = |error: String| format!("parameter {name}: {error}");
        let kind = OutputType::parse(&raw.r#type).map_err(refuse)?;
        let allowed_pattern = raw
            .allowed_pattern
            .filter(|pattern| !pattern.is_empty())
            .map(|pattern| Regex::new(&format!("^(?:{pattern})$")))
            .transpose()
            .map_err(|error| refuse(format!("the allowedPattern can't be read: {error}")))?;
        let default = raw.default.map(|value| kind.coerce(value)).transpose().map_err(refuse)?;
        Ok(Self {
            kind,
            written: raw.r#type,
            description: raw.description,
            default,
            allowed_values: raw.allowed_values,
            allowed_pattern,
            items: (raw.min_items.unwrap_or(0), raw.max_items.unwrap_or(usize::MAX)),
            chars: (raw.min_chars.unwrap_or(0), raw.max_chars.unwrap_or(usize::MAX)),
        })
    }

    /// Makes the list of strings that the API carries a value of the declared type.
    fn read(&self, given: &[String]) -> Result<Value, String> {
        let single = || match given {
            [one] => Ok(Value::String(one.clone())),
            [] => Ok(Value::String(String::new())),
            many => Err(format!("it takes one value, not {}", many.len())),
        };
        match self.kind {
            OutputType::String | OutputType::Integer | OutputType::Boolean => {
                self.kind.coerce(single()?)
            }
            OutputType::StringMap => self.kind.coerce(single()?),
            OutputType::StringList => {
                Ok(Value::Array(given.iter().cloned().map(Value::String).collect()))
            }
            OutputType::MapList => match given {
                // The console sends the whole list as one text, the SDK each map as its own.
                [one] if one.trim_start().starts_with('[') => self.kind.coerce(single()?),
                maps => maps
                    .iter()
                    .map(|map| OutputType::StringMap.coerce(Value::String(map.clone())))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array),
            },
        }
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let scalars: Vec<String> = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            other => vec![text(other)],
        };
        if let Value::Array(items) = value
            && !(self.items.0..=self.items.1).contains(&items.len())
        {
            return Err(format!("it has {} items", items.len()));
        }
        for scalar in &scalars {
            if !(self.chars.0..=self.chars.1).contains(&scalar.chars().count()) {
                return Err(format!("{scalar} has {} characters", scalar.chars().count()));
            }
            if !self.allowed_values.is_empty()
                && !self.allowed_values.iter().any(|allowed| text(allowed) == *scalar)
            {
                let allowed: Vec<String> = self.allowed_values.iter().map(text).collect();
                return Err(format!("{scalar} is not one of [{}]", allowed.join(", ")));
            }
            if let Some(pattern) = &self.allowed_pattern
                && !pattern.is_match(scalar)
            {
                return Err(format!("{scalar} does not match the allowed pattern"));
            }
        }
        Ok(())
    }
}

/// Gives every declared parameter its value; the error is the message of
/// `InvalidAutomationExecutionParametersException`.
pub(crate) fn bind(
    declared: &IndexMap<String, Declaration>,
    given: &IndexMap<String, Vec<String>>,
) -> Result<IndexMap<String, Value>, String> {
    let unknown: Vec<&str> =
        given.keys().filter(|name| !declared.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(format!(
            "The following parameters are not defined in the Automation document: [{}]",
            unknown.join(", ")
        ));
    }
    let missing: Vec<&str> = declared
        .iter()
        .filter(|(name, declaration)| declaration.default.is_none() && !given.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "The following required parameters are missing: [{}]",
            missing.join(", ")
        ));
    }
    let mut bound = IndexMap::new();
    for (name, declaration) in declared {
        let value = match given.get(name) {
            Some(given) => {
                let refuse = |error| format!("Invalid value for parameter {name}: {error}");
                let value = declaration.read(given).map_err(refuse)?;
                // A default is the author's own word and is not held against the pattern (as on AWS,
                // where an optional role defaults to the empty text).
                if declaration.default.as_ref() != Some(&value) {
                    declaration.check(&value).map_err(refuse)?;
                }
                value
            }
            None => declaration.default.clone().unwrap_or_default(),
        };
        bound.insert(name.clone(), value);
    }
    Ok(bound)
}

/// A bound value as the list of strings that the API carries.
pub(crate) fn wire(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        other => vec![text(other)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(raw: Value) -> IndexMap<String, Declaration> {
        let raw: IndexMap<String, Raw> = serde_json::from_value(raw).unwrap();
        raw.into_iter()
            .map(|(name, raw)| {
                let declaration = Declaration::new(&name, raw).unwrap();
                (name, declaration)
            })
            .collect()
    }

    fn given(raw: Value) -> IndexMap<String, Vec<String>> {
        serde_json::from_value(raw).unwrap()
    }

    #[test]
    fn values_take_the_declared_type_and_defaults_fill_the_rest() {
        let declared = declared(json!({
            "Id": {"type": "AWS::EC2::Instance::Id"},
            "Ids": {"type": "StringList"},
            "Count": {"type": "Integer", "default": 2},
            "Dry": {"type": "Boolean", "default": "false"},
            "Tags": {"type": "StringMap", "default": {}},
            "Rules": {"type": "MapList", "default": []},
        }));
        let bound = bind(
            &declared,
            &given(json!({"Id": ["i-1"], "Ids": ["a", "b"], "Dry": ["true"],
                "Tags": ["{\"k\":\"v\"}"], "Rules": ["{\"a\":1}", "{\"b\":2}"]})),
        )
        .unwrap();
        assert_eq!(
            json!(bound),
            json!({"Id": "i-1", "Ids": ["a", "b"], "Count": 2, "Dry": true, "Tags": {"k": "v"},
                "Rules": [{"a": 1}, {"b": 2}]})
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let declared = declared(json!({
            "Size": {"type": "String", "allowedValues": ["small", "large"], "default": "small"},
            "Arn": {"type": "String", "allowedPattern": "^arn:.*$", "default": ""},
            "Must": {"type": "String"},
        }));
        let table = [
            (json!({}), "The following required parameters are missing: [Must]"),
            (
                json!({"Must": ["x"], "Other": ["y"]}),
                "The following parameters are not defined in the Automation document: [Other]",
            ),
            (
                json!({"Must": ["x"], "Size": ["huge"]}),
                "Invalid value for parameter Size: huge is not one of [small, large]",
            ),
            (
                json!({"Must": ["x"], "Arn": ["role"]}),
                "Invalid value for parameter Arn: role does not match the allowed pattern",
            ),
            (
                json!({"Must": ["x", "y"]}),
                "Invalid value for parameter Must: it takes one value, not 2",
            ),
        ];
        for (input, message) in table {
            assert_eq!(bind(&declared, &given(input)).unwrap_err(), message);
        }
        assert!(bind(&declared, &given(json!({"Must": ["x"], "Arn": [""]}))).is_ok());
    }
}
