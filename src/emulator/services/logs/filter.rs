//! Filter patterns of CloudWatch Logs: plain terms, JSON and space-delimited.
//!
//! Main type: [`Filter`]. One implementation for `FilterLogEvents` and for metric filters. Invariant: a
//! pattern that was accepted can be matched; what is not understood is refused when it is read.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>. What that page
//! leaves open is decided so: a term matches anywhere in the text, also inside of a word; `!=` on a
//! property that is not there does not match.

use regex::Regex;
use serde_json::Value;

use super::values::{Comparison, Operand, Tokens, compare, compile};

/// The longest pattern
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
const LONGEST: usize = 1024;
/// How deep parentheses may nest.
const DEEPEST: usize = 32;

/// A filter pattern.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// Terms of plain text.
    Terms(Terms),
    /// Conditions on a JSON text.
    Json(Expression),
    /// Conditions on the fields of a line.
    Fields(Fields),
}

/// Terms: all of the included, none of the excluded; only without any of those, one of the optional.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    include: Vec<Term>,
    exclude: Vec<Term>,
    optional: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Text(String),
    Regex(Regex),
}

/// A condition, or several.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Is { selector: Vec<Step>, test: Test },
}

/// A step into a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(Comparison, Operand),
    True,
    False,
    Null,
    Exists,
    NotExists,
}

/// The fields of a line: those before an ellipsis, and those after it.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    before: Vec<Field>,
    after: Option<Vec<Field>>,
}

/// A field: its name and what it must be, where several alternatives may stand.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    any: Vec<Vec<(Comparison, Operand)>>,
}

impl Filter {
    /// Reads a pattern; the error is a message for a person.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        if pattern.len() > LONGEST {
            return Err(format!("a filter pattern has at most {LONGEST} characters"));
        }
        let text = pattern.trim();
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or("the closing } is missing")?;
            let mut tokens = Tokens::new(inner);
            let expression = json_or(&mut tokens, 0)?;
            tokens.end()?;
            return Ok(Self::Json(expression));
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or("the closing ] is missing")?;
            return fields(inner).map(Self::Fields);
        }
        terms(text).map(Self::Terms)
    }

    /// Whether a log event's message matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms(terms) => terms.matches(message),
            Self::Json(expression) => serde_json::from_str::<Value>(message)
                .is_ok_and(|value| value.is_object() && expression.holds(&value)),
            Self::Fields(fields) => fields.split(message).is_some(),
        }
    }

    /// The value of `$.selector` or `$name` in a message that matches: what a metric filter publishes.
    pub(super) fn value(&self, message: &str, wanted: &str) -> Option<f64> {
        match self {
            Self::Terms(_) => None,
            Self::Json(_) => {
                let selector = selector(&mut Tokens::new(wanted)).ok()?;
                let value: Value = serde_json::from_str(message).ok()?;
                let found = find(&value, &selector)?;
                found.as_f64().or_else(|| found.as_str()?.parse().ok())
            }
            Self::Fields(fields) => {
                let name = wanted.strip_prefix('$')?;
                let found = fields.split(message)?;
                found.into_iter().find(|(field, _)| *field == name)?.1.parse().ok()
            }
        }
    }
}

impl Terms {
    fn matches(&self, message: &str) -> bool {
        let occurs = |term: &Term| match term {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Regex(regex) => regex.is_match(message),
        };
        // "If you combine them, the question mark is ignored": then optional terms decide nothing.
        let optional = !self.include.is_empty()
            || !self.exclude.is_empty()
            || self.optional.is_empty()
            || self.optional.iter().any(occurs);
        optional && self.include.iter().all(occurs) && !self.exclude.iter().any(occurs)
    }
}

fn terms(pattern: &str) -> Result<Terms, String> {
    let mut terms = Terms::default();
    let mut rest = pattern.trim_start();
    while let Some(first) = rest.chars().next() {
        let list = match first {
            '?' => &mut terms.optional,
            '-' => &mut terms.exclude,
            _ => &mut terms.include,
        };
        if matches!(first, '?' | '-') {
            rest = &rest[1..];
        }
        let (term, after) = term(rest)?;
        list.push(term);
        rest = after.trim_start();
    }
    Ok(terms)
}

/// One term and what stands after it.
fn term(text: &str) -> Result<(Term, &str), String> {
    for (quote, what) in [('"', "phrase"), ('%', "regular expression")] {
        let Some(inner) = text.strip_prefix(quote) else { continue };
        let end = inner.find(quote).ok_or(format!("the {what} has no closing {quote}"))?;
        let (body, after) = (&inner[..end], &inner[end + 1..]);
        let term =
            if quote == '"' { Term::Text(body.to_owned()) } else { Term::Regex(compile(body)?) };
        return Ok((term, after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let word = &text[..end];
    // "Terms with characters other than alphanumeric or underscore must be in double quotes."
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("Invalid character(s) in term '{word}'"));
    }
    Ok((Term::Text(word.to_owned()), &text[end..]))
}

fn json_or(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expression, String> {
    let mut all = vec![json_and(tokens, depth)?];
    while tokens.take("||") {
        all.push(json_and(tokens, depth)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Expression::Or(all) })
}

fn json_and(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expression, String> {
    let mut all = vec![json_one(tokens, depth)?];
    while tokens.take("&&") {
        all.push(json_one(tokens, depth)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Expression::And(all) })
}

fn json_one(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expression, String> {
    if depth > DEEPEST {
        return Err(format!("parentheses nest deeper than {DEEPEST}"));
    }
    if tokens.take("(") {
        let inner = json_or(tokens, depth + 1)?;
        return if tokens.take(")") { Ok(inner) } else { Err("a ) is missing".to_owned()) };
    }
    let selector = selector(tokens)?;
    let test = if tokens.take_word("IS") {
        let tests = [("TRUE", Test::True), ("FALSE", Test::False), ("NULL", Test::Null)];
        let found = tests.into_iter().find(|(word, _)| tokens.take_word(word));
        found.ok_or("IS is followed by TRUE, FALSE or NULL")?.1
    } else if tokens.take_word("NOT") {
        if !tokens.take_word("EXISTS") {
            return Err("NOT is followed by EXISTS".to_owned());
        }
        Test::NotExists
    } else if tokens.take_word("EXISTS") {
        Test::Exists
    } else {
        let comparison = tokens.comparison().ok_or("a comparison such as = is missing")?;
        Test::Compare(comparison, tokens.operand("&|)")?)
    };
    Ok(Expression::Is { selector, test })
}

/// `$.a.b[0]`, or `$.['a.b']` for a key with dots.
fn selector(tokens: &mut Tokens<'_>) -> Result<Vec<Step>, String> {
    if !tokens.take("$") {
        return Err("a property selector begins with $".to_owned());
    }
    let mut steps = Vec::new();
    loop {
        let dotted = tokens.take_here(".");
        if tokens.take_here("[") {
            let inner = tokens.until(']').ok_or("a ] is missing")?;
            let inner = inner.trim();
            let quoted =
                inner.strip_prefix(['\'', '"']).and_then(|key| key.strip_suffix(['\'', '"']));
            steps.push(match (quoted, inner.parse()) {
                (Some(key), _) => Step::Key(key.to_owned()),
                (None, Ok(index)) => Step::Index(index),
                (None, Err(_)) => return Err(format!("[{inner}] is not emulated in a selector")),
            });
        } else if dotted {
            let key = tokens.name();
            if key.is_empty() {
                return Err("a name is missing after the .".to_owned());
            }
            steps.push(Step::Key(key.to_owned()));
        } else {
            return if steps.is_empty() {
                Err("the selector is empty".to_owned())
            } else {
                Ok(steps)
            };
        }
    }
}

fn find<'v>(value: &'v Value, selector: &[Step]) -> Option<&'v Value> {
    selector.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.as_object()?.get(key),
        Step::Index(index) => value.as_array()?.get(*index),
    })
}

impl Expression {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(value)),
            Self::Or(any) => any.iter().any(|one| one.holds(value)),
            Self::Is { selector, test } => {
                let found = find(value, selector);
                match (test, found) {
                    (Test::Exists, found) => found.is_some(),
                    (Test::NotExists, found) => found.is_none(),
                    (Test::True, Some(Value::Bool(true)))
                    | (Test::False, Some(Value::Bool(false)))
                    | (Test::Null, Some(Value::Null)) => true,
                    (Test::Compare(comparison, operand), Some(Value::String(text))) => {
                        compare(text, *comparison, operand)
                    }
                    (Test::Compare(comparison, operand), Some(Value::Number(number))) => {
                        compare(&number.to_string(), *comparison, operand)
                    }
                    // A selector that points to an object, an array, a flag or nothing compares with nothing.
                    (Test::Compare(..) | Test::True | Test::False | Test::Null, _) => false,
                }
            }
        }
    }
}

fn fields(inner: &str) -> Result<Fields, String> {
    let mut fields = Fields { before: Vec::new(), after: None };
    let mut tokens = Tokens::new(inner);
    loop {
        if tokens.take("...") {
            if fields.after.is_some() {
                return Err("only one ellipsis can stand in a pattern".to_owned());
            }
            fields.after = Some(Vec::new());
        } else {
            let field = field(&mut tokens)?;
            fields.after.as_mut().unwrap_or(&mut fields.before).push(field);
        }
        if !tokens.take(",") {
            tokens.end()?;
            return Ok(fields);
        }
    }
}

/// `status`, `status = 4*`, `status = 404 || status = 410`.
fn field(tokens: &mut Tokens<'_>) -> Result<Field, String> {
    let name = tokens.skip().name().to_owned();
    if name.is_empty() {
        return Err("a field has no name".to_owned());
    }
    let mut field = Field { name, any: Vec::new() };
    let Some(first) = tokens.comparison() else { return Ok(field) };
    field.any.push(vec![(first, tokens.operand(",&|")?)]);
    loop {
        let and = tokens.take("&&");
        if !and && !tokens.take("||") {
            return Ok(field);
        }
        if tokens.skip().name() != field.name {
            return Err(format!("the conditions of a field repeat its name, `{}`", field.name));
        }
        let comparison = tokens.comparison().ok_or("a comparison such as = is missing")?;
        let condition = (comparison, tokens.operand(",&|")?);
        match field.any.last_mut().filter(|_| and) {
            Some(all) => all.push(condition),
            None => field.any.push(vec![condition]),
        }
    }
}

impl Fields {
    /// The fields of a line by their names, if the line matches.
    fn split<'f, 'm>(&'f self, message: &'m str) -> Option<Vec<(&'f str, &'m str)>> {
        let values = split_line(message);
        let after = self.after.as_deref().unwrap_or_default();
        let fits = match self.after {
            None => values.len() == self.before.len(),
            Some(_) => values.len() >= self.before.len() + after.len(),
        };
        if !fits {
            return None;
        }
        let last = values.len() - after.len();
        let named: Vec<(&Field, &str)> = self
            .before
            .iter()
            .zip(values.iter().copied())
            .chain(after.iter().zip(values[last..].iter().copied()))
            .collect();
        let holds = named.iter().all(|(field, value)| {
            let holds = |all: &Vec<(Comparison, Operand)>| {
                all.iter().all(|(comparison, operand)| compare(value, *comparison, operand))
            };
            field.any.is_empty() || field.any.iter().any(holds)
        });
        holds
            .then(|| named.into_iter().map(|(field, value)| (field.name.as_str(), value)).collect())
    }
}

/// Splits a line at blanks; what stands in double quotes or in brackets is one field.
fn split_line(message: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = message.trim();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = close.and_then(|close| Some(&rest[1..=rest[1..].find(close)?]));
        let (value, length) = if let Some(inner) = enclosed {
            (inner, inner.len() + 2)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (&rest[..end], end)
        };
        values.push(value);
        rest = rest[length..].trim_start();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Filter::parse(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).matches(message)
    }

    #[test]
    fn terms_are_included_excluded_or_optional() {
        let cases = [
            ("", "anything", true),
            ("\" \"", "a b", true),
            ("ERROR", "[ERROR 400] BAD REQUEST", true),
            ("ERROR", "error", false),
            ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
            ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false),
            ("\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR", true),
            ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false),
            ("ERROR -ARGUMENTS", "[ERROR 401] UNAUTHORIZED", true),
            ("?ERROR ?ARGUMENTS", "INVALID ARGUMENTS", true),
            ("?ERROR ?ARGUMENTS", "fine", false),
            // The question mark is ignored beside other terms.
            ("?ERROR ?ARGUMENTS REQUEST", "BAD REQUEST", true),
            ("%AUTHORI[SZ]ED%", "UNAUTHORIZED", true),
            ("%^ERROR%", "an ERROR", false),
        ];
        for (pattern, message, expected) in cases {
            assert_eq!(matches(pattern, message), expected, "{pattern} on {message}");
        }
    }

    #[test]
    fn properties_of_json_are_compared() {
        let event = r#"{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111",
            "arrayKey":["value","another value"],"objectList":[{"name":"a","id":1},{"name":"b","id":2}],
            "SomeObject":null,"ThisFlag":true,"latency":2.5,"cluster.name":"c","errors":0}"#;
        let cases = [
            (r#"{ $.eventType = "UpdateTrail" }"#, true),
            (r#"{ $.eventType = "updatetrail" }"#, false),
            ("{ $.sourceIPAddress != 123.123.* }", true),
            ("{ $.sourceIPAddress = 111.111.* }", true),
            (r#"{ $.arrayKey[0] = "value" }"#, true),
            ("{ $.objectList[1].id = 2 }", true),
            ("{ $.objectList[1] = 2 }", false),
            ("{ $.SomeObject IS NULL }", true),
            ("{ $.SomeOtherObject NOT EXISTS }", true),
            ("{ $.SomeOtherObject != 1 }", false),
            ("{ $.ThisFlag IS TRUE }", true),
            ("{ $.ThisFlag IS FALSE }", false),
            ("{ $.latency > 2 }", true),
            ("{ $.latency >= 2.5e0 && $.errors < 1 }", true),
            ("{ ($.latency < 2) || ($.eventType = Update*) }", true),
            ("{ $.['cluster.name'] = c }", true),
            ("{ $.eventType = %Trail$% }", true),
            ("{ $.eventType = * }", true),
            ("{ $.nothing = * }", false),
        ];
        for (pattern, expected) in cases {
            assert_eq!(matches(pattern, event), expected, "{pattern}");
        }
        assert!(!matches("{ $.a = 1 }", "no JSON"));
    }

    #[test]
    fn fields_of_a_line_are_compared_by_position() {
        let line = r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
        let cases = [
            ("[ip, user, username, timestamp, request, status_code, bytes]", true),
            ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", true),
            ("[ip, user]", false),
            ("[..., status_code = 4*, bytes]", true),
            ("[..., status_code = 404 || status_code = 410, bytes]", true),
            ("[..., status_code >= 400 && status_code < 404, bytes]", false),
            ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", true),
            ("[ip != 10.*, ..., bytes > 1000]", true),
            ("[ip, user = \"Prod\", ...]", true),
        ];
        for (pattern, expected) in cases {
            assert_eq!(matches(pattern, line), expected, "{pattern}");
        }
    }

    #[test]
    fn a_metric_filter_reads_its_value() {
        let json = Filter::parse("{ $.latency = * }").unwrap();
        assert_eq!(json.value(r#"{"latency": 2.5}"#, "$.latency"), Some(2.5));
        let fields = Filter::parse("[w1 = ERROR, ms]").unwrap();
        assert_eq!(fields.value("ERROR 17", "$ms"), Some(17.0));
        assert_eq!(fields.value("INFO 17", "$ms"), None);
    }

    #[test]
    fn what_is_not_a_pattern_is_refused_in_words() {
        let long = "x".repeat(1025);
        let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(40), ")".repeat(40));
        let cases = [
            ("foo-bar", "Invalid character(s) in term 'foo-bar'"),
            ("\"open", "the phrase has no closing \""),
            ("%a!b%", "is not supported in a regular expression"),
            ("{ $.a = 1", "the closing } is missing"),
            ("{ a = 1 }", "a property selector begins with $"),
            ("{ $.a IS 5 }", "IS is followed by"),
            ("{ $.a[*].b = 1 }", "is not emulated"),
            ("{ ($.a = 1 }", "a ) is missing"),
            ("{ $.a = 1 $.b = 2 }", "can't be read"),
            ("[a, ..., b, ...]", "only one ellipsis"),
            ("[a = 1 || b = 2]", "repeat its name"),
            (long.as_str(), "at most 1024"),
            (deep.as_str(), "deeper than 32"),
        ];
        for (pattern, words) in cases {
            let why = Filter::parse(pattern).expect_err(pattern);
            assert!(why.contains(words), "{pattern}: {why}");
        }
    }
}
