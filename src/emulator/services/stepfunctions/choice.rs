//! Choice rules: what a Choice state compares.
//!
//! Main type: [`Rule`]. Invariants: a comparison of the wrong type does not match and is no error, as on
//! AWS; a variable that is not there is an error unless `IsPresent` asks for it.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html>.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::paths::Path;
use super::templates::Fault;

/// A rule without its `Next`.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
    Test { variable: Path, test: Test },
}

/// What one variable is held against.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Whether it is there at all.
    IsPresent(bool),
    /// Whether it is of a type.
    Is(Type, bool),
    /// Text with `*` for any text; `\*` is a star.
    Matches(String),
    /// A comparison with a constant or with what another path finds.
    Compare { of: Type, relation: Relation, with: Operand },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Text,
    Number,
    Flag,
    Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Constant(Value),
    Path(Path),
}

/// Keys of a rule that are not its test.
const AROUND: &[&str] = &["Next", "Variable", "Comment"];

impl Rule {
    /// Reads a rule; the error says what is wrong with it.
    pub(super) fn parse(written: &Value) -> Result<Self, String> {
        let fields = written.as_object().ok_or_else(|| format!("{written} is not a rule"))?;
        let tests: Vec<&String> =
            fields.keys().filter(|key| !AROUND.contains(&key.as_str())).collect();
        let [name] = tests.as_slice() else {
            return Err(format!("a rule has exactly one comparison, not {}", tests.len()));
        };
        let value = &fields[name.as_str()];
        match name.as_str() {
            "And" => Ok(Self::All(list(value)?)),
            "Or" => Ok(Self::Any(list(value)?)),
            "Not" => Ok(Self::Not(Box::new(Self::parse(value)?))),
            _ => {
                let variable = variable(fields)?;
                Ok(Self::Test { variable, test: test(name, value)? })
            }
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, input: &Value, context: &Value) -> Result<bool, Fault> {
        match self {
            Self::All(rules) => {
                for rule in rules {
                    if !rule.holds(input, context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(rules) => {
                for rule in rules {
                    if rule.holds(input, context)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.holds(input, context)?),
            Self::Test { variable, test } => {
                let found = variable.find(input, context);
                if let Test::IsPresent(wanted) = test {
                    return Ok(found.is_some() == *wanted);
                }
                let found = found.ok_or_else(|| missing(variable))?;
                test.holds(&found, input, context)
            }
        }
    }
}

fn missing(path: &Path) -> Fault {
    Fault::runtime(format!(
        "Invalid path '{}': The choice state's condition path references an invalid value.",
        path.text()
    ))
}

fn list(value: &Value) -> Result<Vec<Rule>, String> {
    let items = value.as_array().filter(|items| !items.is_empty());
    items.ok_or("And and Or need a list of rules")?.iter().map(Rule::parse).collect()
}

fn variable(fields: &Map<String, Value>) -> Result<Path, String> {
    let text = fields.get("Variable").and_then(Value::as_str);
    Path::parse(text.ok_or("a comparison needs a Variable")?)
}

fn test(name: &str, value: &Value) -> Result<Test, String> {
    let flag = || value.as_bool().ok_or_else(|| format!("{name} needs true or false"));
    match name {
        "IsPresent" => return Ok(Test::IsPresent(flag()?)),
        "IsNull" => return Ok(Test::Is(Type::Null, flag()?)),
        "IsString" => return Ok(Test::Is(Type::Text, flag()?)),
        "IsNumeric" => return Ok(Test::Is(Type::Number, flag()?)),
        "IsBoolean" => return Ok(Test::Is(Type::Flag, flag()?)),
        "IsTimestamp" => return Ok(Test::Is(Type::Moment, flag()?)),
        "StringMatches" => {
            let pattern = value.as_str().ok_or("StringMatches needs text")?;
            return Ok(Test::Matches(pattern.to_owned()));
        }
        _ => {}
    }
    let unknown = || format!("the comparison `{name}` is not known");
    let (of, rest) = [
        ("String", Type::Text),
        ("Numeric", Type::Number),
        ("Boolean", Type::Flag),
        ("Timestamp", Type::Moment),
    ]
    .into_iter()
    .find_map(|(prefix, of)| Some((of, name.strip_prefix(prefix)?)))
    .ok_or_else(unknown)?;
    let (relation, by_path) = match rest.strip_suffix("Path") {
        Some(relation) => (relation, true),
        None => (rest, false),
    };
    let relation = match relation {
        "Equals" => Relation::Equal,
        "LessThan" if of != Type::Flag => Relation::Less,
        "GreaterThan" if of != Type::Flag => Relation::Greater,
        "LessThanEquals" if of != Type::Flag => Relation::LessOrEqual,
        "GreaterThanEquals" if of != Type::Flag => Relation::GreaterOrEqual,
        _ => return Err(unknown()),
    };
    let with = if by_path {
        Operand::Path(Path::parse(value.as_str().ok_or_else(|| format!("{name} needs a path"))?)?)
    } else if of.has(value) {
        Operand::Constant(value.clone())
    } else {
        return Err(format!("{name} can't compare with {value}"));
    };
    Ok(Test::Compare { of, relation, with })
}

impl Type {
    fn has(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::Moment => moment(value).is_some(),
        }
    }

    /// How two values of this type lie to each other; nothing where one is of another type.
    fn compare(self, one: &Value, other: &Value) -> Option<Ordering> {
        match self {
            Self::Null => (one.is_null() && other.is_null()).then_some(Ordering::Equal),
            Self::Text => Some(one.as_str()?.cmp(other.as_str()?)),
            Self::Number => one.as_f64()?.partial_cmp(&other.as_f64()?),
            Self::Flag => Some(one.as_bool()?.cmp(&other.as_bool()?)),
            Self::Moment => Some(moment(one)?.cmp(&moment(other)?)),
        }
    }
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

impl Test {
    fn holds(&self, found: &Value, input: &Value, context: &Value) -> Result<bool, Fault> {
        Ok(match self {
            Self::IsPresent(wanted) => *wanted,
            Self::Is(of, wanted) => of.has(found) == *wanted,
            Self::Matches(pattern) => found.as_str().is_some_and(|text| matches(pattern, text)),
            Self::Compare { of, relation, with } => {
                let other = match with {
                    Operand::Constant(value) => value.clone(),
                    Operand::Path(path) => {
                        path.find(input, context).ok_or_else(|| missing(path))?
                    }
                };
                let order = of.compare(found, &other);
                order.is_some_and(|order| match relation {
                    Relation::Equal => order.is_eq(),
                    Relation::Less => order.is_lt(),
                    Relation::Greater => order.is_gt(),
                    Relation::LessOrEqual => order.is_le(),
                    Relation::GreaterOrEqual => order.is_ge(),
                })
            }
        })
    }
}

/// Whether a text has the form of a pattern, `*` for any text, in one pass with one point of return.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces: Vec<Option<char>> = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        pieces.push(match letter {
            '*' => None,
            '\\' => Some(letters.next().unwrap_or('\\')),
            other => Some(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        match pieces.get(piece) {
            Some(None) => {
                back = Some((piece + 1, at));
                piece += 1;
            }
            Some(Some(letter)) if *letter == text[at] => (at, piece) = (at + 1, piece + 1),
            _ => {
                let Some((after_star, from)) = back else { return false };
                back = Some((after_star, from + 1));
                (piece, at) = (after_star, from + 1);
            }
        }
    }
    pieces[piece..].iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(rule: Value) -> Result<bool, String> {
        let input = json!({
            "n": 5, "m": 5.0, "t": "web-1.log", "f": true, "nothing": null,
            "at": "2026-01-05T09:00:00Z", "later": "2026-01-05T10:00:00+00:00"
        });
        let rule = Rule::parse(&rule)?;
        rule.holds(&input, &Value::Null).map_err(|fault| fault.error)
    }

    #[test]
    fn comparisons_hold_as_documented() {
        for (rule, wanted) in [
            (json!({"Variable": "$.n", "NumericEquals": 5}), true),
            (json!({"Variable": "$.n", "NumericEqualsPath": "$.m"}), true),
            (json!({"Variable": "$.n", "NumericLessThan": 5}), false),
            (json!({"Variable": "$.n", "StringEquals": "5"}), false),
            (json!({"Variable": "$.t", "StringMatches": "web-*.log"}), true),
            (json!({"Variable": "$.t", "StringMatches": "*.txt"}), false),
            (json!({"Variable": "$.t", "StringGreaterThan": "a"}), true),
            (json!({"Variable": "$.f", "BooleanEquals": true}), true),
            (json!({"Variable": "$.at", "TimestampLessThanPath": "$.later"}), true),
            (json!({"Variable": "$.nothing", "IsNull": true}), true),
            (json!({"Variable": "$.gone", "IsPresent": false}), true),
            (json!({"Variable": "$.at", "IsTimestamp": true}), true),
            (json!({"Not": {"Variable": "$.n", "IsNumeric": true}}), false),
            (
                json!({"And": [{"Variable": "$.gone", "IsPresent": true}, {"Variable": "$.gone", "NumericEquals": 1}]}),
                false,
            ),
            (
                json!({"Or": [{"Variable": "$.n", "NumericEquals": 1}, {"Variable": "$.f", "BooleanEquals": true}]}),
                true,
            ),
        ] {
            assert_eq!(holds(rule.clone()), Ok(wanted), "{rule}");
        }
        let gone = json!({"Variable": "$.gone", "NumericEquals": 1});
        assert_eq!(holds(gone), Err("States.Runtime".to_owned()));
    }

    #[test]
    fn rules_that_say_nothing_are_refused() {
        for rule in [
            json!({}),
            json!({"Variable": "$.n"}),
            json!({"NumericEquals": 1}),
            json!({"Variable": "$.n", "NumericEquals": "x"}),
            json!({"Variable": "$.n", "NumericEquals": 1, "IsNull": true}),
            json!({"Variable": "$.n", "BooleanLessThan": true}),
            json!({"Variable": "$.n", "Sounds": 1}),
            json!({"And": []}),
        ] {
            assert!(Rule::parse(&rule).is_err(), "{rule}");
        }
    }
}
