//! Paths of the Amazon States Language: into a state's input, into the context object, and reference paths.
//!
//! Main type: [`Path`]. Invariant: a path that names one place finds one value or nothing; a path that may
//! name several (`..`, `*`, slices, filters) finds a list, which may be empty. Names may hold what AWS's
//! own reader takes there (`$.detail-type`), which RFC 9535 would want quoted.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html>.

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

/// A path, read once when the machine is created.
#[derive(Debug, Clone)]
pub(super) struct Path {
    text: String,
    /// Whether it looks into the context object (`$$`).
    of_context: bool,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    /// One place.
    Steps(Vec<Step>),
    /// Any number of places.
    Query(Box<JsonPath>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From the end where it is negative.
    Index(i64),
}

impl Path {
    /// Reads a path; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let of_context = text.starts_with("$$");
        let dollar = if of_context { &text[1..] } else { text };
        let Some(rest) = dollar.strip_prefix('$') else {
            return Err(format!("`{text}` is not a path: it does not begin with `$`"));
        };
        let way = match steps(rest) {
            Some(steps) => Way::Steps(steps),
            None => Way::Query(Box::new(
                JsonPath::parse(dollar)
                    .map_err(|error| format!("`{text}` is not a path: {error}"))?,
            )),
        };
        Ok(Self { text: text.to_owned(), of_context, way })
    }

    /// Reads a reference path: one place in the input, where something can be put.
    pub(super) fn parse_reference(text: &str) -> Result<Self, String> {
        let path = Self::parse(text)?;
        let negative = |step: &Step| matches!(step, Step::Index(index) if *index < 0);
        match &path.way {
            Way::Steps(steps) if !path.of_context && !steps.iter().any(negative) => Ok(path),
            Way::Steps(_) | Way::Query(_) => Err(format!(
                "`{text}` is not a reference path: it must name one place in the input"
            )),
        }
    }

    /// As written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What stands there.
    pub(super) fn find(&self, input: &Value, context: &Value) -> Option<Value> {
        let root = if self.of_context { context } else { input };
        match &self.way {
            Way::Steps(steps) => walk(root, steps).cloned(),
            Way::Query(path) => Some(path.query(root).all().into_iter().cloned().collect()),
        }
    }

    /// Puts a value there; objects are made on the way where nothing stands.
    pub(super) fn put(&self, into: Value, value: Value) -> Result<Value, String> {
        let Way::Steps(steps) = &self.way else {
            return Err(format!("{} does not name one place", self.text));
        };
        let mut whole = into;
        let mut at = &mut whole;
        for step in steps {
            at = match step {
                Step::Key(key) => {
                    if at.is_null() {
                        *at = Value::Object(Map::new());
                    }
                    let fields = at.as_object_mut().ok_or_else(|| self.no_place(key))?;
                    fields.entry(key.clone()).or_insert(Value::Null)
                }
                Step::Index(index) => {
                    let place = usize::try_from(*index).ok();
                    let found = at.as_array_mut().zip(place);
                    let found = found.and_then(|(items, place)| items.get_mut(place));
                    found.ok_or_else(|| self.no_place(&index.to_string()))?
                }
            };
        }
        *at = value;
        Ok(whole)
    }

    fn no_place(&self, step: &str) -> String {
        format!("Unable to apply ReferencePath {}: `{step}` can't be reached", self.text)
    }
}

fn walk<'v>(root: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    let mut at = root;
    for step in steps {
        at = match step {
            Step::Key(key) => at.as_object()?.get(key)?,
            Step::Index(index) => {
                let items = at.as_array()?;
                let place = match usize::try_from(*index) {
                    Ok(place) => place,
                    Err(_) => items.len().checked_sub(usize::try_from(-index).ok()?)?,
                };
                items.get(place)?
            }
        };
    }
    Some(at)
}

/// The steps of a path to one place; nothing for a path that may name several.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = bracket(inside)?;
            steps.push(step);
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            let legal = |c: char| c.is_alphanumeric() || "_-/:#@ ".contains(c);
            if name.is_empty() || !name.chars().all(legal) {
                return None;
            }
            steps.push(Step::Key(name.to_owned()));
            rest = after;
        }
    }
    Some(steps)
}

/// The step of `['name']` or `[7]`, without its opening bracket.
fn bracket(inside: &str) -> Option<(Step, &str)> {
    for quote in ['\'', '"'] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let (name, after) = quoted.split_once(quote)?;
            let after = after.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (Step::Key(name.to_owned()), after));
        }
    }
    let (index, after) = inside.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_one_place_or_a_list() {
        let input = json!({"a": [{"b": 1}, {"b": 2}], "detail-type": "x", "q r": {"s": null}});
        let context = json!({"Execution": {"Name": "n"}});
        for (path, found) in [
            ("$", Some(input.clone())),
            ("$.a[0].b", Some(json!(1))),
            ("$.a[-1].b", Some(json!(2))),
            ("$.detail-type", Some(json!("x"))),
            ("$['q r'].s", Some(Value::Null)),
            ("$.a[*].b", Some(json!([1, 2]))),
            ("$.a[?(@.b > 1)]", Some(json!([{"b": 2}]))),
            ("$..b", Some(json!([1, 2]))),
            ("$.none", None),
            ("$.a[7]", None),
            ("$$.Execution.Name", Some(json!("n"))),
        ] {
            let read = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(read.find(&input, &context), found, "{path}");
        }
        assert!(Path::parse("a.b").is_err());
        assert!(Path::parse("$.a[").is_err());
    }

    #[test]
    fn a_result_is_put_where_the_reference_path_says() {
        let put = |path: &str, into: Value| {
            Path::parse_reference(path).and_then(|path| path.put(into, json!(7)))
        };
        assert_eq!(put("$", json!({"a": 1})), Ok(json!(7)));
        assert_eq!(put("$.b.c", json!({"a": 1})), Ok(json!({"a": 1, "b": {"c": 7}})));
        assert_eq!(put("$.a[1]", json!({"a": [1, 2]})), Ok(json!({"a": [1, 7]})));
        assert!(put("$.a.b", json!({"a": 1})).is_err());
        assert!(put("$.a[5]", json!({"a": []})).is_err());
        assert!(Path::parse_reference("$.a[*]").is_err());
        assert!(Path::parse_reference("$$.Execution").is_err());
    }
}
