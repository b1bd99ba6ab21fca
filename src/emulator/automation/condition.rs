//! The conditions of `aws:branch` and of `aws:loop`.
//!
//! Main type: [`Condition`]. Invariant: a condition that was parsed can be evaluated; operators that AWS
//! does not have are refused when the document is created, as AWS does.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-branch-condition.html>.

use serde_json::Value;

use super::references::text;

/// How deep `And`, `Or` and `Not` may nest; ours.
const MAX_DEPTH: usize = 10;

/// Something that is true or false of an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// All of these.
    And(Vec<Condition>),
    /// At least one of these.
    Or(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A variable compared with a value; both may hold references.
    Compare { variable: Value, operator: Operator, against: Value },
}

/// How a variable is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `StringEquals`
    StringEquals,
    /// `EqualsIgnoreCase`
    EqualsIgnoreCase,
    /// `StartsWith`
    StartsWith,
    /// `EndsWith`
    EndsWith,
    /// `Contains`
    Contains,
    /// `NumericEquals`
    NumericEquals,
    /// `NumericGreater`
    NumericGreater,
    /// `NumericLesser`
    NumericLesser,
    /// `NumericGreaterOrEquals`
    NumericGreaterOrEquals,
    /// `NumericLesserOrEquals`
    NumericLesserOrEquals,
    /// `BooleanEquals`
    BooleanEquals,
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "StringEquals" => Self::StringEquals,
            "EqualsIgnoreCase" => Self::EqualsIgnoreCase,
            "StartsWith" => Self::StartsWith,
            "EndsWith" => Self::EndsWith,
            "Contains" => Self::Contains,
            "NumericEquals" => Self::NumericEquals,
            "NumericGreater" => Self::NumericGreater,
            "NumericLesser" => Self::NumericLesser,
            "NumericGreaterOrEquals" => Self::NumericGreaterOrEquals,
            "NumericLesserOrEquals" => Self::NumericLesserOrEquals,
            "BooleanEquals" => Self::BooleanEquals,
            _ => return None,
        })
    }

    fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Self::StringEquals => text(left) == text(right),
            Self::EqualsIgnoreCase => text(left).eq_ignore_ascii_case(&text(right)),
            Self::StartsWith => text(left).starts_with(&text(right)),
            Self::EndsWith => text(left).ends_with(&text(right)),
            Self::Contains => match left {
                Value::Array(items) => items.iter().any(|item| text(item) == text(right)),
                _ => text(left).contains(&text(right)),
            },
            Self::NumericEquals => numeric(left, right, |a, b| (a - b).abs() < f64::EPSILON),
            Self::NumericGreater => numeric(left, right, |a, b| a > b),
            Self::NumericLesser => numeric(left, right, |a, b| a < b),
            Self::NumericGreaterOrEquals => numeric(left, right, |a, b| a >= b),
            Self::NumericLesserOrEquals => numeric(left, right, |a, b| a <= b),
            Self::BooleanEquals => match (boolean(left), boolean(right)) {
                (Some(left), Some(right)) => left == right,
                _ => false,
            },
        }
    }
}

impl Condition {
    /// Reads a choice of `aws:branch` or the condition of a loop.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        Self::parse_within(value, 0)
    }

    fn parse_within(value: &Value, depth: usize) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("conditions can't be nested deeper than {MAX_DEPTH}"));
        }
        let fields = value.as_object().ok_or("a condition must be a map")?;
        let list = |value: &Value| -> Result<Vec<Self>, String> {
            let items = value.as_array().ok_or("And and Or take a list of conditions")?;
            items.iter().map(|item| Self::parse_within(item, depth + 1)).collect()
        };
        if let Some(inner) = fields.get("And") {
            return list(inner).map(Self::And);
        }
        if let Some(inner) = fields.get("Or") {
            return list(inner).map(Self::Or);
        }
        if let Some(inner) = fields.get("Not") {
            return Ok(Self::Not(Box::new(Self::parse_within(inner, depth + 1)?)));
        }
        let variable = fields.get("Variable").cloned().ok_or("a condition needs a Variable")?;
        let mut compare = None;
        for (name, against) in fields {
            match name.as_str() {
                "Variable" | "NextStep" => {}
                name => match Operator::parse(name) {
                    Some(operator) if compare.is_none() => compare = Some((operator, against)),
                    Some(_) => return Err("a condition takes one operation".to_owned()),
                    None => return Err(format!("the operation {name} is not supported")),
                },
            }
        }
        let (operator, against) = compare.ok_or("a condition needs an operation")?;
        Ok(Self::Compare { variable, operator, against: against.clone() })
    }

    /// Whether it holds, `resolve` putting values in the place of references.
    pub(crate) fn holds(&self, resolve: &dyn Fn(&Value) -> Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|condition| condition.holds(resolve)),
            Self::Or(any) => any.iter().any(|condition| condition.holds(resolve)),
            Self::Not(condition) => !condition.holds(resolve),
            Self::Compare { variable, operator, against } => {
                operator.holds(&resolve(variable), &resolve(against))
            }
        }
    }
}

fn numeric(left: &Value, right: &Value, compare: fn(f64, f64) -> bool) -> bool {
    let number = |value: &Value| text(value).trim().parse::<f64>().ok();
    match (number(left), number(right)) {
        (Some(left), Some(right)) => compare(left, right),
        _ => false,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match text(value).to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operator_compares_as_documented() {
        let table = [
            (json!({"Variable": "Linux", "StringEquals": "Linux"}), true),
            (json!({"Variable": "linux", "StringEquals": "Linux"}), false),
            (json!({"Variable": "linux", "EqualsIgnoreCase": "LINUX"}), true),
            (json!({"Variable": "i-012", "StartsWith": "i-"}), true),
            (json!({"Variable": "i-012", "EndsWith": "12"}), true),
            (json!({"Variable": "abc", "Contains": "b"}), true),
            (json!({"Variable": ["a", "b"], "Contains": "b"}), true),
            (json!({"Variable": "3", "NumericEquals": 3}), true),
            (json!({"Variable": 4, "NumericGreater": 3}), true),
            (json!({"Variable": 3, "NumericGreater": 3}), false),
            (json!({"Variable": 3, "NumericGreaterOrEquals": 3}), true),
            (json!({"Variable": 2, "NumericLesser": 3}), true),
            (json!({"Variable": 3, "NumericLesserOrEquals": 3}), true),
            (json!({"Variable": "x", "NumericEquals": 3}), false),
            (json!({"Variable": "true", "BooleanEquals": true}), true),
            (json!({"Variable": "", "BooleanEquals": false}), false),
            (json!({"Not": {"Variable": "a", "StringEquals": "a"}}), false),
            (
                json!({"And": [{"Variable": "a", "StringEquals": "a"}, {"Or": [
                    {"Variable": "b", "StringEquals": "c"}, {"Variable": 1, "NumericEquals": 1}]}]}),
                true,
            ),
        ];
        for (condition, expected) in table {
            let parsed = Condition::parse(&condition).unwrap();
            assert_eq!(parsed.holds(&Value::clone), expected, "{condition}");
        }
    }

    #[test]
    fn an_operation_that_aws_does_not_have_is_refused() {
        let error = Condition::parse(&json!({"Variable": "a", "Matches": "a"})).unwrap_err();
        assert_eq!(error, "the operation Matches is not supported");
        let error = Condition::parse(&json!({"Variable": "a"})).unwrap_err();
        assert_eq!(error, "a condition needs an operation");
    }
}
