//! What a target receives: paths into the event, and the input transformer.
//!
//! Main types: [`Path`], [`Template`]. The quoting rules are those of
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>:
//! outside of quotes a variable becomes the JSON of its value (so strings get quotes); inside of quotes
//! a string is inserted as it is, without escaping, and an object or an array without its quotes.
//! Invariant: a template is parsed once, when the target is put; filling it is one pass.

use indexmap::IndexMap;
use serde_json::Value;

/// Variables of one transformer (documented limit).
const MOST_VARIABLES: usize = 100;
/// The length of a template (documented limit).
const LONGEST_TEMPLATE: usize = 8192;

/// A path such as `$.detail.instance-id` or `$.resources[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    All,
}

impl Path {
    /// Reads a path in the documented subset: dots, names, indices and `*`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(index) = rest.strip_prefix('[') {
                let (index, after) = index.split_once(']')?;
                steps.push(match index {
                    "*" => Step::All,
                    number => Step::Index(number.parse().ok()?),
                });
                rest = after;
            } else {
                let name = rest.strip_prefix('.')?;
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (name, after) = name.split_at(end);
                let legal = |c: char| c.is_alphanumeric() || "_-/:".contains(c);
                steps.push(match name {
                    "*" => Step::All,
                    name if !name.is_empty() && name.chars().all(legal) => {
                        Step::Key(name.to_owned())
                    }
                    _ => return None,
                });
                rest = after;
            }
        }
        Some(Self(steps))
    }

    /// What stands there; with a `*` in the path, the list of all that stands there.
    pub(crate) fn find(&self, event: &Value) -> Option<Value> {
        let mut found = vec![event];
        for step in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| -> Vec<&Value> {
                    match step {
                        Step::Key(key) => value.get(key).into_iter().collect(),
                        Step::Index(index) => value.get(index).into_iter().collect(),
                        Step::All => match value {
                            Value::Array(items) => items.iter().collect(),
                            Value::Object(fields) => fields.values().collect(),
                            _ => Vec::new(),
                        },
                    }
                })
                .collect();
        }
        if self.0.contains(&Step::All) {
            return Some(found.into_iter().cloned().collect());
        }
        found.first().map(|value| (*value).clone())
    }
}

/// An input template, cut into what is fixed and what is filled in.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    /// The whole has to be JSON, because it starts as an object or an array.
    json: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Variable { source: Source, quoted: bool },
}

#[derive(Debug, Clone)]
enum Source {
    RuleArn,
    RuleName,
    IngestionTime,
    /// The event without its detail.
    Event,
    /// The whole event.
    EventJson,
    Path(Path),
}

/// What the predefined variables stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Predefined<'a> {
    pub(super) rule_arn: &'a str,
    pub(super) rule_name: &'a str,
    pub(super) ingestion_time: &'a str,
}

impl Template {
    /// Reads a template; the error says what AWS would object to.
    pub(super) fn parse(paths: &IndexMap<String, String>, template: &str) -> Result<Self, String> {
        if paths.len() > MOST_VARIABLES {
            return Err(format!("more than {MOST_VARIABLES} variables"));
        }
        if template.len() > LONGEST_TEMPLATE {
            return Err(format!("longer than {LONGEST_TEMPLATE} characters"));
        }
        for name in paths.keys() {
            if name.to_ascii_uppercase().starts_with("AWS.") {
                return Err(format!("the name {name} is reserved"));
            }
        }
        let pieces = cut(paths, template)?;
        let start = template.trim_start();
        if !start.starts_with(['{', '[', '"', '<']) {
            return Err("a template is JSON, or text in double quotes".to_owned());
        }
        let json = start.starts_with(['{', '[']);
        let read = Self { pieces, json };
        // Filled with empty strings, a JSON template has to be JSON.
        let trial = read.fill_with(|_| Some(Value::String(String::new())));
        if json {
            serde_json::from_str::<Value>(&trial).map_err(|error| error.to_string())?;
        }
        Ok(read)
    }

    /// Fills the template; nothing if it should be JSON and what came out is not.
    pub(super) fn fill(&self, event: &Value, predefined: Predefined<'_>) -> Option<String> {
        let filled = self.fill_with(|source| match source {
            Source::RuleArn => Some(predefined.rule_arn.into()),
            Source::RuleName => Some(predefined.rule_name.into()),
            Source::IngestionTime => Some(predefined.ingestion_time.into()),
            Source::EventJson => Some(event.clone()),
            Source::Event => {
                let mut event = event.clone();
                if let Some(fields) = event.as_object_mut() {
                    fields.shift_remove("detail");
                }
                Some(event)
            }
            Source::Path(path) => path.find(event),
        });
        if self.json && serde_json::from_str::<serde::de::IgnoredAny>(&filled).is_err() {
            return None;
        }
        Some(filled)
    }

    fn fill_with(&self, value_of: impl Fn(&Source) -> Option<Value>) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                // A path that leads nowhere leaves nothing in a text and an empty string in JSON.
                Piece::Variable { source, quoted } => match (value_of(source), quoted) {
                    (None, true) => {}
                    (None, false) => filled.push_str("\"\""),
                    (Some(Value::String(text)), true) => filled.push_str(&text),
                    (Some(value), true) => filled.push_str(&value.to_string().replace('"', "")),
                    (Some(value), false) => filled.push_str(&value.to_string()),
                },
            }
        }
        filled
    }
}

/// Cuts a template at its variables, knowing for each whether it stands inside of quotes.
fn cut(paths: &IndexMap<String, String>, template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut quoted = false;
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let mut step = c.len_utf8();
        match c {
            '"' => quoted = !quoted,
            // An escaped character, such as a quote, belongs to the text.
            '\\' if quoted => {
                step += rest[step..].chars().next().map_or(0, char::len_utf8);
            }
            '<' => {
                if let Some((source, read)) = variable(paths, rest)? {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Variable { source, quoted });
                    rest = &rest[read..];
                    continue;
                }
            }
            _ => {}
        }
        text.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// The variable that stands at the start of `rest`, and how long it is with its brackets.
///
/// What looks like no variable name stays text; a name that nobody defined is refused.
fn variable(
    paths: &IndexMap<String, String>,
    rest: &str,
) -> Result<Option<(Source, usize)>, String> {
    let Some(end) = rest.find('>') else { return Ok(None) };
    let name = &rest[1..end];
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(legal) {
        return Ok(None);
    }
    let found = match name {
        "aws.events.rule-arn" => Source::RuleArn,
        "aws.events.rule-name" => Source::RuleName,
        "aws.events.event.ingestion-time" => Source::IngestionTime,
        "aws.events.event" => Source::Event,
        "aws.events.event.json" => Source::EventJson,
        own => {
            let path = paths.get(own).ok_or_else(|| format!("<{own}> is not defined"))?;
            let path =
                Path::parse(path).ok_or_else(|| format!("{path} is not a supported path"))?;
            Source::Path(path)
        }
    };
    Ok(Some((found, end + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The event of the documentation's examples.
    fn event() -> Value {
        json!({
            "version": "0",
            "id": "7bf73129-1428-4cd3-a780-95db273d1602",
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "account": "123456789012",
            "time": "2015-11-11T21:29:54Z",
            "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
            "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "code": 16, "note": "say \"hi\""},
        })
    }

    fn paths() -> IndexMap<String, String> {
        let pairs = [
            ("timestamp", "$.time"),
            ("instance", "$.detail.instance-id"),
            ("state", "$.detail.state"),
            ("resource", "$.resources[0]"),
            ("code", "$.detail.code"),
            ("detail", "$.detail"),
            ("note", "$.detail.note"),
            ("nowhere", "$.detail.absent.deeper"),
            ("all", "$.resources[*]"),
        ];
        pairs.into_iter().map(|(name, path)| (name.to_owned(), path.to_owned())).collect()
    }

    fn fill(template: &str) -> Option<String> {
        let read = Template::parse(&paths(), template).expect("a valid template");
        let predefined = Predefined {
            rule_arn: "arn:aws:events:us-east-2:123456789012:rule/example",
            rule_name: "example",
            ingestion_time: "2015-11-11T21:29:55Z",
        };
        read.fill(&event(), predefined)
    }

    #[test]
    fn variables_are_quoted_as_the_documentation_says() {
        let table = [
            (r#""instance <instance> is in <state>""#, r#""instance i-0123456789 is in RUNNING""#),
            (
                r#""instance \"<instance>\" is in <state>""#,
                r#""instance \"i-0123456789\" is in RUNNING""#,
            ),
            (
                r#"{"instance" : <instance>, "state": <state>}"#,
                r#"{"instance" : "i-0123456789", "state": "RUNNING"}"#,
            ),
            (
                r#"{"state": "<state>", "s": "instance \"<instance>\" is in <state>"}"#,
                r#"{"state": "RUNNING", "s": "instance \"i-0123456789\" is in RUNNING"}"#,
            ),
            (
                r#"{"state": [ 9, <state>, true ], "Transformed" : "Yes"}"#,
                r#"{"state": [ 9, "RUNNING", true ], "Transformed" : "Yes"}"#,
            ),
            (
                r#"{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>"}"#,
                r#"{"arn": "arn:aws:events:us-east-2:123456789012:rule/example", "name": "example"}"#,
            ),
            (r#""<aws.events.rule-name> triggered""#, r#""example triggered""#),
            (r#"{"at": <aws.events.event.ingestion-time>}"#, r#"{"at": "2015-11-11T21:29:55Z"}"#),
            (r#"{"code": <code>, "text": "<code>"}"#, r#"{"code": 16, "text": "16"}"#),
            (
                r#"{"all": <all>}"#,
                r#"{"all": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]}"#,
            ),
            (r#"{"gone": <nowhere>, "text": "[<nowhere>]"}"#, r#"{"gone": "", "text": "[]"}"#),
            ("\"<state>\"\n\"second: <code>\"", "\"RUNNING\"\n\"second: 16\""),
            ("<state>", "\"RUNNING\""),
            (r#"{"less": "1 < 2 > 0"}"#, r#"{"less": "1 < 2 > 0"}"#),
        ];
        for (template, expected) in table {
            assert_eq!(fill(template).as_deref(), Some(expected), "{template}");
        }
    }

    #[test]
    fn an_object_keeps_its_quotes_as_a_value_and_loses_them_in_a_text() {
        assert_eq!(
            fill(r#"{"d": <detail>}"#).as_deref(),
            Some(
                r#"{"d": {"instance-id":"i-0123456789","state":"RUNNING","code":16,"note":"say \"hi\""}}"#
            )
        );
        let text = fill(r#""Detail is <detail>""#).expect("filled");
        assert!(text.starts_with(r#""Detail is {instance-id:i-0123456789,state:RUNNING,code:16"#));
    }

    #[test]
    fn the_event_comes_with_or_without_its_detail() {
        let whole = fill(r#"{"e": <aws.events.event.json>}"#).expect("filled");
        let whole: Value = serde_json::from_str(&whole).expect("JSON");
        assert_eq!(whole["e"], event());
        let bare = fill(r#"{"e": <aws.events.event>}"#).expect("filled");
        let bare: Value = serde_json::from_str(&bare).expect("JSON");
        assert!(bare["e"].get("detail").is_none());
        assert_eq!(bare["e"]["source"], "aws.ec2");
    }

    #[test]
    fn a_value_that_breaks_the_json_is_noticed() {
        assert_eq!(fill(r#"{"note": "<note>"}"#), None);
        assert_eq!(fill(r#"{"note": <note>}"#).as_deref(), Some(r#"{"note": "say \"hi\""}"#));
    }

    #[test]
    fn a_template_that_can_never_work_is_refused() {
        for (template, named) in [
            ("instance <instance>", "double quotes"),
            (r#"{"a": <undefined>}"#, "<undefined>"),
            (r#"{"a": <instance>"#, "EOF"),
            (r#""open <instance>"#, "quote"),
        ] {
            let error = Template::parse(&paths(), template).expect_err(template);
            assert!(error.contains(named), "{template}: {error}");
        }
        let reserved = IndexMap::from([("aws.mine".to_owned(), "$.time".to_owned())]);
        assert!(Template::parse(&reserved, "\"x\"").is_err());
    }

    #[test]
    fn paths_outside_of_the_subset_are_refused() {
        for path in ["detail", "$.", "$..a", "$['a']", "$.a[x]", "$.a b", "$.a[?(@.b)]"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
        assert_eq!(Path::parse("$").and_then(|path| path.find(&json!(1))), Some(json!(1)));
    }
}
