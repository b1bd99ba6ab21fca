//! Logs Insights queries: `fields`, `filter`, `sort`, `limit` and `stats count`.
//!
//! Main type: [`Query`]. Invariant: a query that was accepted can be answered; every other command and
//! function is refused by its name.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>.

use std::cmp::Ordering;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value;

use super::values::{Comparison, Tokens};
use crate::emulator::error::ServiceError;

/// The longest query (documented).
const LONGEST: usize = 10_000;
/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 32;
/// Rows that a query answers at most (documented).
const MOST_ROWS: usize = 10_000;

/// A log event as a query sees it: its fields by name.
pub(super) type Row = IndexMap<String, String>;

/// A query.
#[derive(Debug, Clone)]
pub(super) struct Query(Vec<Command>);

#[derive(Debug, Clone)]
enum Command {
    Fields(Vec<String>),
    Filter(Condition),
    Sort { field: String, descending: bool },
    Limit(usize),
    Stats { counts: Vec<Count>, by: Vec<String> },
}

/// `count(*)` or `count(field)`, and what it is called.
#[derive(Debug, Clone)]
struct Count {
    of: Option<String>,
    name: String,
}

#[derive(Debug, Clone)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Present(String),
    Like(String, Like),
    In(String, Vec<String>),
    Compare(String, Comparison, String),
}

#[derive(Debug, Clone)]
enum Like {
    Text(String),
    Regex(Regex),
}

/// What a query answers.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) matched: usize,
}

fn malformed(why: impl std::fmt::Display) -> ServiceError {
    ServiceError::new("MalformedQueryException", format!("The query is malformed: {why}"))
}

impl Query {
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Self, ServiceError> {
        if text.len() > LONGEST {
            return Err(malformed(format!("it has more than {LONGEST} characters")));
        }
        let mut tokens = Tokens::new(text);
        let mut commands = Vec::new();
        loop {
            commands.push(command(&mut tokens)?);
            if !tokens.take("|") {
                tokens.end().map_err(malformed)?;
                return Ok(Self(commands));
            }
        }
    }

    /// Answers it from events, which come newest first as Insights shows them.
    pub(super) fn answer(&self, events: Vec<Row>) -> Found {
        let mut rows = events;
        let mut shown: Option<Vec<String>> = None;
        let (mut limit, mut aggregated) = (MOST_ROWS, false);
        let mut matched = rows.len();
        for command in &self.0 {
            match command {
                Command::Fields(fields) => {
                    shown.get_or_insert_default().extend(fields.iter().cloned());
                }
                Command::Filter(condition) => {
                    rows.retain(|row| condition.holds(row));
                    matched = rows.len();
                }
                Command::Sort { field, descending } => {
                    rows.sort_by(|one, other| {
                        let order = compare(text(one, field), text(other, field));
                        if *descending { order.reverse() } else { order }
                    });
                }
                Command::Limit(most) => limit = *most,
                Command::Stats { counts, by } => {
                    rows = stats(&rows, counts, by);
                    aggregated = true;
                }
            }
        }
        rows.truncate(limit);
        if !aggregated {
            let default = || vec!["@timestamp".to_owned(), "@message".to_owned()];
            let mut fields = shown.unwrap_or_else(default);
            fields.push("@ptr".to_owned());
            for row in &mut rows {
                *row = fields
                    .iter()
                    .filter_map(|field| Some((field.clone(), row.get(field)?.clone())))
                    .collect();
            }
        }
        Found { rows, matched }
    }
}

fn text<'r>(row: &'r Row, field: &str) -> &'r str {
    row.get(field).map_or("", String::as_str)
}

/// By value where both are numbers, by their letters otherwise.
fn compare(one: &str, other: &str) -> Ordering {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    }
}

fn command(tokens: &mut Tokens<'_>) -> Result<Command, ServiceError> {
    match tokens.skip().name() {
        "fields" | "display" => Ok(Command::Fields(fields(tokens)?)),
        "filter" => Ok(Command::Filter(any_of(tokens, 0)?)),
        "sort" => {
            let field = field(tokens)?;
            let descending = tokens.take_word("desc");
            if !descending {
                let _default = tokens.take_word("asc");
            }
            Ok(Command::Sort { field, descending })
        }
        "limit" | "head" => {
            let rows = tokens.skip().name();
            let rows = rows.parse().ok().filter(|rows| (1..=MOST_ROWS).contains(rows));
            Ok(Command::Limit(rows.ok_or_else(|| malformed("a limit is 1 to 10000"))?))
        }
        "stats" => stats_command(tokens),
        "" => Err(malformed("a command is missing")),
        other => Err(ServiceError::unsupported(format_args!("the Insights command {other}"))),
    }
}

fn fields(tokens: &mut Tokens<'_>) -> Result<Vec<String>, ServiceError> {
    let mut all = vec![field(tokens)?];
    while tokens.take(",") {
        all.push(field(tokens)?);
    }
    if tokens.take_word("as") {
        return Err(ServiceError::unsupported("an alias of a field in an Insights query"));
    }
    Ok(all)
}

/// A field's name, with its dots.
fn field(tokens: &mut Tokens<'_>) -> Result<String, ServiceError> {
    let name = tokens.skip().path();
    if name.is_empty() {
        return Err(malformed("a field is missing"));
    }
    if tokens.take_here("(") {
        return Err(ServiceError::unsupported(format_args!("the Insights function {name}")));
    }
    Ok(name.to_owned())
}

fn stats_command(tokens: &mut Tokens<'_>) -> Result<Command, ServiceError> {
    let mut counts = Vec::new();
    loop {
        let function = tokens.skip().name();
        if function != "count" || !tokens.take("(") {
            let what = format_args!("the Insights statistic {function}");
            return Err(ServiceError::unsupported(what));
        }
        let of = if tokens.take("*") || tokens.take(")") { None } else { Some(field(tokens)?) };
        let _closed = tokens.take(")");
        let shown = of.as_deref().unwrap_or("*");
        let name = if tokens.take_word("as") { field(tokens)? } else { format!("count({shown})") };
        counts.push(Count { of, name });
        if !tokens.take(",") {
            break;
        }
    }
    let by = if tokens.take_word("by") { fields(tokens)? } else { Vec::new() };
    Ok(Command::Stats { counts, by })
}

fn stats(rows: &[Row], counts: &[Count], by: &[String]) -> Vec<Row> {
    let mut groups: IndexMap<Vec<&str>, Vec<&Row>> = IndexMap::new();
    if by.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    for row in rows {
        let key = by.iter().map(|field| text(row, field)).collect();
        groups.entry(key).or_default().push(row);
    }
    let answer = |(key, rows): (Vec<&str>, Vec<&Row>)| {
        let named = by.iter().cloned().zip(key.into_iter().map(str::to_owned));
        let counted = counts.iter().map(|count| {
            let has = |row: &&&Row| count.of.as_ref().is_none_or(|field| row.contains_key(field));
            (count.name.clone(), rows.iter().filter(has).count().to_string())
        });
        named.chain(counted).collect()
    };
    groups.into_iter().map(answer).collect()
}

fn any_of(tokens: &mut Tokens<'_>, depth: usize) -> Result<Condition, ServiceError> {
    let mut all = vec![all_of(tokens, depth)?];
    while tokens.take_word("or") {
        all.push(all_of(tokens, depth)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Condition::Or(all) })
}

fn all_of(tokens: &mut Tokens<'_>, depth: usize) -> Result<Condition, ServiceError> {
    let mut all = vec![one(tokens, depth)?];
    while tokens.take_word("and") {
        all.push(one(tokens, depth)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
}

fn one(tokens: &mut Tokens<'_>, depth: usize) -> Result<Condition, ServiceError> {
    if depth > DEEPEST {
        return Err(malformed(format!("conditions nest deeper than {DEEPEST}")));
    }
    if tokens.take_word("not") {
        return Ok(Condition::Not(Box::new(one(tokens, depth + 1)?)));
    }
    if tokens.take("(") {
        let inner = any_of(tokens, depth + 1)?;
        return if tokens.take(")") { Ok(inner) } else { Err(malformed("a ) is missing")) };
    }
    if tokens.take_word("ispresent") {
        let open = tokens.take("(");
        let field = field(tokens)?;
        return if open && tokens.take(")") {
            Ok(Condition::Present(field))
        } else {
            Err(malformed("ispresent is written ispresent(field)"))
        };
    }
    let field = field(tokens)?;
    if tokens.take_word("not") {
        let condition = like_or_in(tokens, field)?;
        let condition = condition.ok_or_else(|| malformed("not is followed by like or in"))?;
        return Ok(Condition::Not(Box::new(condition)));
    }
    if let Some(condition) = like_or_in(tokens, field.clone())? {
        return Ok(condition);
    }
    let comparison = tokens.comparison().ok_or_else(|| malformed("a comparison is missing"))?;
    Ok(Condition::Compare(field, comparison, value(tokens)?))
}

fn like_or_in(tokens: &mut Tokens<'_>, field: String) -> Result<Option<Condition>, ServiceError> {
    if tokens.take_word("like") || tokens.take("=~") {
        if tokens.take("/") {
            let pattern = tokens.until('/').ok_or_else(|| malformed("a / is missing"))?;
            let regex = Regex::new(pattern).map_err(|error| malformed(error.to_string()))?;
            return Ok(Some(Condition::Like(field, Like::Regex(regex))));
        }
        return Ok(Some(Condition::Like(field, Like::Text(value(tokens)?))));
    }
    if !tokens.take_word("in") {
        return Ok(None);
    }
    if !tokens.take("[") {
        return Err(malformed("in is followed by a list in brackets"));
    }
    let mut values = vec![value(tokens)?];
    while tokens.take(",") {
        values.push(value(tokens)?);
    }
    if tokens.take("]") {
        Ok(Some(Condition::In(field, values)))
    } else {
        Err(malformed("a ] is missing"))
    }
}

/// Text in quotes, or a number.
fn value(tokens: &mut Tokens<'_>) -> Result<String, ServiceError> {
    for quote in ['"', '\''] {
        if tokens.take(quote.encode_utf8(&mut [0; 4])) {
            let inner = tokens.until(quote).ok_or_else(|| malformed("a quote is not closed"))?;
            return Ok(inner.to_owned());
        }
    }
    let bare = tokens.skip().path();
    if bare.parse::<f64>().is_err() {
        return Err(malformed(format!("`{bare}` is no number and no text in quotes")));
    }
    Ok(bare.to_owned())
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(row)),
            Self::Or(any) => any.iter().any(|one| one.holds(row)),
            Self::Not(inner) => !inner.holds(row),
            Self::Present(field) => row.contains_key(field),
            Self::Like(field, Like::Text(wanted)) => text(row, field).contains(wanted.as_str()),
            Self::Like(field, Like::Regex(regex)) => regex.is_match(text(row, field)),
            Self::In(field, values) => values.iter().any(|value| text(row, field) == value),
            Self::Compare(field, comparison, value) => {
                let order = compare(text(row, field), value);
                match comparison {
                    Comparison::Equal => order.is_eq(),
                    Comparison::NotEqual => order.is_ne(),
                    Comparison::Less => order.is_lt(),
                    Comparison::LessOrEqual => order.is_le(),
                    Comparison::Greater => order.is_gt(),
                    Comparison::GreaterOrEqual => order.is_ge(),
                }
            }
        }
    }
}

/// The fields that Insights discovers in a JSON message: nested keys with dots.
pub(super) fn discover(message: &str, row: &mut Row) {
    const MOST: usize = 1000;
    let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(message) else { return };
    let mut waiting = vec![(String::new(), value)];
    while let Some((path, value)) = waiting.pop() {
        let below = |key: &str| {
            if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
        };
        match value {
            Value::Object(members) => {
                waiting.extend(members.into_iter().map(|(key, value)| (below(&key), value)));
            }
            Value::Array(items) => {
                let numbered = items.into_iter().enumerate();
                waiting.extend(numbered.map(|(index, value)| (below(&index.to_string()), value)));
            }
            Value::String(text) => {
                row.insert(path, text);
            }
            Value::Null => {}
            // Flags are shown as numbers.
            Value::Bool(flag) => {
                row.insert(path, u8::from(flag).to_string());
            }
            Value::Number(number) => {
                row.insert(path, number.to_string());
            }
        }
        if row.len() >= MOST {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let messages =
            [r#"{"level":"error","ms":17}"#, r#"{"level":"info","ms":3}"#, "ERROR plain"];
        messages
            .iter()
            .enumerate()
            .map(|(index, message)| {
                let mut row = Row::new();
                row.insert("@timestamp".to_owned(), format!("2026-01-05 09:00:0{index}.000"));
                row.insert("@message".to_owned(), (*message).to_owned());
                row.insert("@ptr".to_owned(), index.to_string());
                discover(message, &mut row);
                row
            })
            .collect()
    }

    fn pointers(query: &str) -> Vec<String> {
        let found = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        found.answer(rows()).rows.iter().map(|row| text(row, "@ptr").to_owned()).collect()
    }

    #[test]
    fn events_are_filtered_sorted_and_limited() {
        assert_eq!(pointers("fields @timestamp, level | filter level = \"error\""), ["0"]);
        assert_eq!(pointers("filter ms > 3"), ["0"]);
        assert_eq!(pointers("filter @message like /(?i)error/"), ["0", "2"]);
        assert_eq!(pointers("filter @message like 'ERROR' and not ispresent(level)"), ["2"]);
        assert_eq!(pointers("filter level in [\"info\", \"warn\"] or ms = 17"), ["0", "1"]);
        assert_eq!(pointers("filter @message not like \"level\""), ["2"]);
        assert_eq!(pointers("sort ms desc | limit 2"), ["0", "1"]);
        assert_eq!(pointers("sort @timestamp asc"), ["0", "1", "2"]);
    }

    #[test]
    fn events_are_counted() {
        let query = Query::parse("stats count(*) as many, count(ms) by level").unwrap();
        let rows = query.answer(rows()).rows;
        let told: Vec<Vec<&str>> =
            rows.iter().map(|row| row.values().map(String::as_str).collect()).collect();
        assert_eq!(told, [vec!["error", "1", "1"], vec!["info", "1", "1"], vec!["", "1", "0"]]);
    }

    #[test]
    fn what_is_not_emulated_is_refused_by_its_name() {
        let cases = [
            ("parse @message 'a *' as b", "the Insights command parse"),
            ("stats avg(ms)", "the Insights statistic avg"),
            ("stats count(*) by bin(5m)", "the Insights function bin"),
            ("fields strlen(@message)", "the Insights function strlen"),
            ("filter level == ", "malformed"),
            ("filter (level = 'a'", "malformed"),
            ("limit 0", "malformed"),
            ("", "malformed"),
        ];
        for (query, words) in cases {
            let error = Query::parse(query).expect_err(query).to_string();
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
