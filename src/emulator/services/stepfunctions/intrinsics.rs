//! Intrinsic functions: `States.Format('{}', $.name)` and its siblings.
//!
//! Main type: [`Call`]. Invariant: a function that the emulator does not have, or a wrong number of
//! arguments, is an error when the machine is created; a wrong type of argument is
//! `States.IntrinsicFailure` when it runs. What a function makes is bounded.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::paths::Path;
use super::templates::{Fault, Scope};

/// How deep calls may stand inside each other.
const DEEPEST: usize = 10;
/// The most items that `States.ArrayRange` makes (documented limit).
const MOST_ITEMS: i64 = 1000;
/// The longest text that base64 takes (documented limit), in characters.
const LONGEST_BASE64: usize = 10_000;

/// A call of a function.
#[derive(Debug, Clone)]
pub(super) struct Call {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    /// Text with its escapes.
    Text(String),
    /// A number, `true`, `false` or `null`.
    Plain(Value),
    Path(Path),
    Call(Call),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

/// Name, function, least and most arguments. `States.Hash` is missing: its digests are not here.
const FUNCTIONS: &[(&str, Function, usize, usize)] = &[
    ("States.Format", Function::Format, 1, usize::MAX),
    ("States.StringToJson", Function::StringToJson, 1, 1),
    ("States.JsonToString", Function::JsonToString, 1, 1),
    ("States.Array", Function::Array, 0, usize::MAX),
    ("States.ArrayPartition", Function::ArrayPartition, 2, 2),
    ("States.ArrayContains", Function::ArrayContains, 2, 2),
    ("States.ArrayRange", Function::ArrayRange, 3, 3),
    ("States.ArrayGetItem", Function::ArrayGetItem, 2, 2),
    ("States.ArrayLength", Function::ArrayLength, 1, 1),
    ("States.ArrayUnique", Function::ArrayUnique, 1, 1),
    ("States.Base64Encode", Function::Base64Encode, 1, 1),
    ("States.Base64Decode", Function::Base64Decode, 1, 1),
    ("States.JsonMerge", Function::JsonMerge, 3, 3),
    ("States.MathRandom", Function::MathRandom, 2, 3),
    ("States.MathAdd", Function::MathAdd, 2, 2),
    ("States.StringSplit", Function::StringSplit, 2, 2),
    ("States.UUID", Function::Uuid, 0, 0),
];

impl Call {
    /// Reads a call; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { whole: text, rest: text };
        let call = reader.call(0)?;
        reader.blank();
        if reader.rest.is_empty() { Ok(call) } else { Err(reader.wrong("something follows it")) }
    }

    /// What it returns.
    pub(super) fn run(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Text(text) => Value::String(unescaped(text)),
                Argument::Plain(value) => value.clone(),
                Argument::Path(path) => scope.find(path, self.name())?,
                Argument::Call(call) => call.run(scope)?,
            });
        }
        let result = match (self.function, self.arguments.first()) {
            // The braces of a template that is written here may be escaped.
            (Function::Format, Some(Argument::Text(template))) => format(template, &values[1..]),
            _ => apply(self.function, &values, scope),
        };
        result.ok_or_else(|| {
            let cause = format!(
                "The function '{}' had invalid arguments: {}",
                self.name(),
                Value::Array(values)
            );
            Fault::new("States.IntrinsicFailure", cause)
        })
    }

    fn name(&self) -> &'static str {
        let found = FUNCTIONS.iter().find(|(_, function, ..)| *function == self.function);
        found.map_or("", |(name, ..)| name)
    }
}

struct Reader<'t> {
    whole: &'t str,
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn wrong(&self, why: &str) -> String {
        format!("`{}` is not a call of an intrinsic function: {why}", self.whole)
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, mark: char) -> bool {
        self.blank();
        let after = self.rest.strip_prefix(mark);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Text up to the first of these marks.
    fn until(&mut self, marks: &[char]) -> &'t str {
        let end = self.rest.find(marks).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.trim()
    }

    fn call(&mut self, depth: usize) -> Result<Call, String> {
        if depth > DEEPEST {
            return Err(self.wrong("its calls are nested too deeply"));
        }
        self.blank();
        let name = self.until(&['(', ',', ')']);
        let Some((_, function, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name)
        else {
            return Err(format!("the emulated account does not support the function `{name}`"));
        };
        if !self.take('(') {
            return Err(self.wrong("it has no arguments"));
        }
        let mut arguments = Vec::new();
        if !self.take(')') {
            loop {
                arguments.push(self.argument(depth)?);
                if self.take(')') {
                    break;
                }
                if !self.take(',') {
                    return Err(self.wrong("its arguments have no end"));
                }
            }
        }
        if arguments.len() < *least || arguments.len() > *most {
            let count = arguments.len();
            return Err(self.wrong(&format!("{name} does not take {count} arguments")));
        }
        Ok(Call { function: *function, arguments })
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, String> {
        self.blank();
        if let Some(quoted) = self.rest.strip_prefix('\'') {
            let mut escaped = false;
            for (at, letter) in quoted.char_indices() {
                match letter {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '\'' => {
                        self.rest = &quoted[at + 1..];
                        return Ok(Argument::Text(quoted[..at].to_owned()));
                    }
                    _ => {}
                }
            }
            return Err(self.wrong("a text is not closed"));
        }
        if self.rest.starts_with('$') {
            let path = self.path();
            return Path::parse(path).map(Argument::Path).map_err(|why| self.wrong(&why));
        }
        if self.rest.starts_with("States.") {
            return self.call(depth + 1).map(Argument::Call);
        }
        let word = self.until(&[',', ')']);
        match serde_json::from_str::<Value>(word) {
            Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => {
                Ok(Argument::Plain(value))
            }
            Ok(_) | Err(_) => Err(self.wrong(&format!("`{word}` is no argument"))),
        }
    }

    /// A path ends at a comma or at the bracket of the call, outside of its own brackets.
    fn path(&mut self) -> &'t str {
        let mut open = 0_usize;
        let end = self.rest.char_indices().find(|(_, letter)| {
            match letter {
                '[' | '(' => open += 1,
                ']' => open = open.saturating_sub(1),
                ')' if open > 0 => open -= 1,
                ',' | ')' if open == 0 => return true,
                _ => {}
            }
            false
        });
        let (path, rest) = self.rest.split_at(end.map_or(self.rest.len(), |(at, _)| at));
        self.rest = rest;
        path.trim()
    }
}

fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    plain
}

/// Fills `{}` by `{}`; a brace behind a backslash is a brace.
fn format(template: &str, values: &[Value]) -> Option<Value> {
    let mut filled = String::with_capacity(template.len());
    let mut values = values.iter();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => filled.push(letters.next()?),
            '{' => {
                if letters.next() != Some('}') {
                    return None;
                }
                match values.next()? {
                    Value::String(text) => filled.push_str(text),
                    plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => {
                        filled.push_str(&plain.to_string());
                    }
                    Value::Array(_) | Value::Object(_) => return None,
                }
            }
            '}' => return None,
            other => filled.push(other),
        }
    }
    values.next().is_none().then_some(Value::String(filled))
}

fn apply(function: Function, values: &[Value], scope: &mut Scope<'_>) -> Option<Value> {
    match (function, values) {
        (Function::Format, [template, rest @ ..]) => format(template.as_str()?, rest),
        (Function::StringToJson, [text]) => serde_json::from_str(text.as_str()?).ok(),
        (Function::JsonToString, [value]) => Some(Value::String(value.to_string())),
        (Function::Array, items) => Some(items.to_vec().into()),
        (Function::ArrayPartition, [items, size]) => {
            let size = usize::try_from(size.as_u64()?).ok().filter(|size| *size > 0)?;
            Some(items.as_array()?.chunks(size).map(<[Value]>::to_vec).collect())
        }
        (Function::ArrayContains, [items, wanted]) => {
            Some(items.as_array()?.contains(wanted).into())
        }
        (Function::ArrayRange, [from, to, by]) => range(from.as_i64()?, to.as_i64()?, by.as_i64()?),
        (Function::ArrayGetItem, [items, at]) => {
            items.as_array()?.get(usize::try_from(at.as_u64()?).ok()?).cloned()
        }
        (Function::ArrayLength, [items]) => Some(items.as_array()?.len().into()),
        (Function::ArrayUnique, [items]) => {
            let mut unique: Vec<Value> = Vec::new();
            for item in items.as_array()? {
                if !unique.contains(item) {
                    unique.push(item.clone());
                }
            }
            Some(unique.into())
        }
        (Function::Base64Encode, [text]) => {
            let text = text.as_str().filter(|text| text.len() <= LONGEST_BASE64)?;
            Some(STANDARD.encode(text).into())
        }
        (Function::Base64Decode, [text]) => {
            let text = text.as_str().filter(|text| text.len() <= LONGEST_BASE64)?;
            String::from_utf8(STANDARD.decode(text).ok()?).ok().map(Value::String)
        }
        // Only the shallow mode exists, on AWS too.
        (Function::JsonMerge, [one, other, Value::Bool(false)]) => {
            let mut merged: Map<String, Value> = one.as_object()?.clone();
            merged.extend(other.as_object()?.clone());
            Some(merged.into())
        }
        (Function::MathRandom, [from, to, ..]) => {
            let (from, to) = (from.as_i64()?, to.as_i64()?);
            let width = u64::try_from(to.checked_sub(from)?).ok().filter(|width| *width > 0)?;
            // A seed of one's own gives the same number each time.
            let drawn = match values.get(2) {
                Some(seed) => scope.ids.number(&seed.to_string()) % width,
                None => scope.ids.below(width),
            };
            Some(json!(from.checked_add(i64::try_from(drawn).ok()?)?))
        }
        (Function::MathAdd, [one, other]) => {
            Some(json!(one.as_i64()?.checked_add(other.as_i64()?)?))
        }
        (Function::StringSplit, [text, marks]) => {
            let marks: Vec<char> = marks.as_str()?.chars().collect();
            let parts = text.as_str()?.split(marks.as_slice()).filter(|part| !part.is_empty());
            Some(parts.map(Value::from).collect())
        }
        (Function::Uuid, []) => Some(scope.ids.uuid().into()),
        _ => None,
    }
}

fn range(from: i64, to: i64, by: i64) -> Option<Value> {
    let count = to.checked_sub(from)?.checked_div(by)?;
    if !(0..MOST_ITEMS).contains(&count) {
        return None;
    }
    Some((0..=count).map(|step| Value::from(from + step * by)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::ids::Ids;

    fn run(call: &str) -> Result<Value, String> {
        let input = json!({"name": "Arnav", "list": [1, 2, 2, 3], "a": {"x": 1}, "b": {"x": 2}});
        let mut ids = Ids::seeded(1);
        let mut scope = Scope { input: &input, context: &Value::Null, ids: &mut ids };
        Call::parse(call)?.run(&mut scope).map_err(|fault| fault.error)
    }

    #[test]
    fn functions_return_what_their_page_says() {
        for (call, wanted) in [
            (
                "States.Format('Hi {}, \\{{}\\} it\\'s {}', $.name, 7, null)",
                json!("Hi Arnav, {7} it's null"),
            ),
            ("States.Array($.name, 1, true)", json!(["Arnav", 1, true])),
            ("States.ArrayPartition($.list, 3)", json!([[1, 2, 2], [3]])),
            ("States.ArrayContains($.list, 2)", json!(true)),
            ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
            ("States.ArrayRange(3, 1, -1)", json!([3, 2, 1])),
            ("States.ArrayGetItem($.list, 3)", json!(3)),
            ("States.ArrayLength($.list[?(@ > 1)])", json!(3)),
            ("States.ArrayUnique($.list)", json!([1, 2, 3])),
            ("States.Base64Decode(States.Base64Encode($.name))", json!("Arnav")),
            ("States.StringToJson('{\"a\": 1}')", json!({"a": 1})),
            ("States.JsonToString($.a)", json!("{\"x\":1}")),
            ("States.JsonMerge($.a, $.b, false)", json!({"x": 2})),
            ("States.MathAdd(40, 2)", json!(42)),
            ("States.StringSplit('a.b+c', '.+')", json!(["a", "b", "c"])),
        ] {
            assert_eq!(run(call), Ok(wanted), "{call}");
        }
        assert_eq!(run("States.UUID()").unwrap().as_str().unwrap().len(), 36);
        assert!((5..9).contains(&run("States.MathRandom(5, 9)").unwrap().as_i64().unwrap()));
    }

    #[test]
    fn wrong_calls_are_told_at_creation_and_wrong_values_when_they_run() {
        for call in [
            "States.Hash('a', 'SHA-1')",
            "States.Format()",
            "States.Format('a'",
            "States.Format('a) ",
            "States.UUID(1)",
            "States.Array(x)",
            "States.UUID() and more",
        ] {
            assert!(Call::parse(call).is_err(), "{call}");
        }
        assert!(Call::parse("States.Hash('a', 'MD5')").unwrap_err().contains("does not support"));
        for call in [
            "States.Format('{}')",
            "States.Format('{}', $.list)",
            "States.ArrayGetItem($.list, 9)",
            "States.ArrayRange(1, 100000, 1)",
            "States.ArrayRange(1, 5, 0)",
            "States.MathAdd('1', 2)",
        ] {
            assert_eq!(run(call), Err("States.IntrinsicFailure".to_owned()), "{call}");
        }
        assert_eq!(run("States.Array($.none)"), Err("States.ParameterPathFailure".to_owned()));
        let deep = "States.Array(".repeat(50) + &")".repeat(50);
        assert!(Call::parse(&deep).is_err());
    }
}
