//! `{{ references }}`: what stands for a parameter, a step's output, a variable or a system value.
//!
//! Main functions: [`substitute`] and [`check`]. Invariant: a string that is one reference keeps the
//! type of what it stands for (a `StringList` stays a list); a reference inside a longer string becomes
//! text. Double braces around anything that can't be a reference are left as they are.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-variables.html>.

use indexmap::IndexMap;
use serde_json::Value;

use super::document::Document;

/// What a reference stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// This value.
    Value(Value),
    /// The step ran and declares this output, but its selector found nothing.
    Nothing,
    /// There is no such thing (yet).
    Unknown,
}

/// Puts values in the place of references; the error names the reference that has none.
pub(crate) fn substitute(
    value: &Value,
    resolve: &dyn Fn(&str) -> Resolved,
) -> Result<Value, String> {
    match value {
        Value::String(text) => substitute_text(text, resolve),
        Value::Array(items) => {
            let mut result = Vec::with_capacity(items.len());
            for item in items {
                let list_reference = item.as_str().is_some_and(|text| whole(text).is_some());
                match substitute(item, resolve)? {
                    // `InstanceIds: ["{{ InstanceIds }}"]` is the list itself, not a list in a list.
                    Value::Array(inner) if list_reference => result.extend(inner),
                    other => result.push(other),
                }
            }
            Ok(Value::Array(result))
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), substitute(value, resolve)?)))
            .collect::<Result<serde_json::Map<_, _>, String>>()
            .map(Value::Object),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}

/// The same where an unknown reference is an empty text: branches compare outputs that may not exist.
pub(crate) fn substitute_leniently(value: &Value, resolve: &dyn Fn(&str) -> Resolved) -> Value {
    let lenient = |name: &str| match resolve(name) {
        Resolved::Unknown => Resolved::Nothing,
        known @ (Resolved::Value(_) | Resolved::Nothing) => known,
    };
    substitute(value, &lenient).unwrap_or_else(|_| value.clone())
}

fn substitute_text(text: &str, resolve: &dyn Fn(&str) -> Resolved) -> Result<Value, String> {
    let missing = |name: &str| {
        format!(
            "Failed to resolve input: {name} to type String. \
             {name} is not defined in the Automation Document."
        )
    };
    if let Some(name) = whole(text) {
        return match resolve(name) {
            Resolved::Value(value) => Ok(value),
            Resolved::Nothing => Ok(Value::String(String::new())),
            Resolved::Unknown => Err(missing(name)),
        };
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        result.push_str(before);
        match resolve(name) {
            Resolved::Value(value) => result.push_str(&self::text(&value)),
            Resolved::Nothing => {}
            Resolved::Unknown => return Err(missing(name)),
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(Value::String(result))
}

/// A value as text: strings bare, everything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The reference that is the whole text.
fn whole(text: &str) -> Option<&str> {
    let (before, name, after) = next(text.trim())?;
    (before.is_empty() && after.is_empty()).then_some(name)
}

/// The next reference: what stands before it, its name, and what follows.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find("{{") {
        let open = from + open;
        let close = open + text[open..].find("}}")?;
        let name = text[open + 2..close].trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-/".contains(c);
        if !name.is_empty() && name.chars().all(fits) {
            return Some((&text[..open], name, &text[close + 2..]));
        }
        from = open + 2;
    }
    None
}

/// Every reference in a tree.
pub(crate) fn all(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    gather(value, &mut found);
    found
}

fn gather<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((_, name, after)) = next(rest) {
                found.push(name);
                rest = after;
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| gather(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether every reference of a tree can stand for something in this document.
pub(crate) fn check(
    value: &Value,
    document: &Document,
    steps: &IndexMap<&str, ()>,
) -> Result<(), String> {
    for name in all(value) {
        if let Some((space, key)) = name.split_once(':') {
            let known = match space {
                "global" => {
                    ["DATE", "DATE_TIME", "REGION", "ACCOUNT_ID", "AWS_PARTITION"].contains(&key)
                }
                "automation" => key == "EXECUTION_ID",
                "variable" => document.variables.contains_key(key.split('.').next().unwrap_or(key)),
                "ssm" => !key.is_empty(),
                _ => false,
            };
            if !known {
                return Err(format!("{{{{ {name} }}}} is not a system variable"));
            }
            continue;
        }
        let known = match name.split_once('.') {
            Some((step, _)) => steps.contains_key(step) || document.parameters.contains_key(name),
            None => document.parameters.contains_key(name),
        };
        if !known {
            return Err(format!("{{{{ {name} }}}} is neither a parameter nor a step's output"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(name: &str) -> Resolved {
        match name {
            "Ids" => Resolved::Value(json!(["i-1", "i-2"])),
            "Count" => Resolved::Value(json!(3)),
            "step.Out" => Resolved::Value(json!("out")),
            "step.Missing" => Resolved::Nothing,
            _ => Resolved::Unknown,
        }
    }

    #[test]
    fn a_whole_reference_keeps_its_type_and_an_embedded_one_becomes_text() {
        let table = [
            (json!("{{ Count }}"), json!(3)),
            (json!("{{Ids}}"), json!(["i-1", "i-2"])),
            (json!(["{{ Ids }}", "i-3"]), json!(["i-1", "i-2", "i-3"])),
            (json!("n={{Count}} o={{ step.Out }}"), json!("n=3 o=out")),
            (json!({"a": {"b": "{{step.Out}}"}}), json!({"a": {"b": "out"}})),
            (json!("{{step.Missing}}"), json!("")),
            (json!("{0} {{ 'no reference' }} {{"), json!("{0} {{ 'no reference' }} {{")),
        ];
        for (input, expected) in table {
            assert_eq!(substitute(&input, &resolve).unwrap(), expected, "{input}");
        }
    }

    #[test]
    fn an_unknown_reference_is_named() {
        let error = substitute(&json!("x {{ other.Out }}"), &resolve).unwrap_err();
        assert!(error.starts_with("Failed to resolve input: other.Out"), "{error}");
    }
}
