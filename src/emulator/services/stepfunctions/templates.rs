//! Payload templates: `Parameters`, `ResultSelector`, `ItemSelector`, with their `.$` fields.
//!
//! Main types: [`Template`] and [`Scope`]. Invariant: a template is read once, when the machine is created;
//! filling it either gives a value or the error that Step Functions names.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html>.

use serde_json::{Map, Value};

use super::intrinsics::Call;
use super::paths::Path;
use crate::emulator::ids::Ids;

/// What a state failed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The error's name, such as `States.TaskFailed`.
    pub(super) error: String,
    /// AWS's words for people, or what a function threw.
    pub(super) cause: String,
}

impl Fault {
    /// An error of this name.
    pub(super) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self { error: error.to_owned(), cause: cause.into() }
    }

    /// An error that no retry and no catch stops.
    pub(super) fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }
}

/// What a template is filled from.
pub(super) struct Scope<'a> {
    pub(super) input: &'a Value,
    pub(super) context: &'a Value,
    /// For `States.UUID` and `States.MathRandom`.
    pub(super) ids: &'a mut Ids,
}

impl Scope<'_> {
    /// What a path finds; the error is that of a field that it stands in.
    pub(super) fn find(&self, path: &Path, field: &str) -> Result<Value, Fault> {
        path.find(self.input, self.context).ok_or_else(|| {
            let cause = format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the \
                 input '{}'",
                path.text(),
                self.input
            );
            Fault::new("States.ParameterPathFailure", cause)
        })
    }
}

/// A payload template.
#[derive(Debug, Clone)]
pub(super) enum Template {
    /// A value as it is.
    Plain(Value),
    /// An object, some of whose fields are filled.
    Object(Vec<(String, Template)>),
    /// A list, some of whose items are filled.
    List(Vec<Template>),
    /// What a path finds.
    Path(Path),
    /// What an intrinsic function returns.
    Call(Call),
}

impl Template {
    /// Reads a template; the error names the field.
    pub(super) fn parse(written: &Value) -> Result<Self, String> {
        Ok(match written {
            Value::Object(fields) => {
                let mut read = Vec::with_capacity(fields.len());
                for (key, value) in fields {
                    match key.strip_suffix(".$") {
                        Some(name) => read.push((name.to_owned(), dynamic(key, value)?)),
                        None => read.push((key.clone(), Self::parse(value)?)),
                    }
                }
                Self::Object(read)
            }
            Value::Array(items) => {
                Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Self::Plain(plain.clone())
            }
        })
    }

    /// The value with everything filled in.
    pub(super) fn fill(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.fill_field(scope, "")
    }

    fn fill_field(&self, scope: &mut Scope<'_>, field: &str) -> Result<Value, Fault> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Object(fields) => {
                let mut filled = Map::new();
                for (name, template) in fields {
                    filled.insert(name.clone(), template.fill_field(scope, name)?);
                }
                Value::Object(filled)
            }
            Self::List(items) => items
                .iter()
                .map(|item| item.fill_field(scope, field))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Self::Path(path) => scope.find(path, &format!("{field}.$"))?,
            Self::Call(call) => call.run(scope)?,
        })
    }
}

fn dynamic(key: &str, value: &Value) -> Result<Template, String> {
    let Some(text) = value.as_str() else {
        return Err(format!("the value of the field `{key}` must be text: a path or a function"));
    };
    if text.starts_with('$') {
        return Path::parse(text).map(Template::Path).map_err(|why| format!("`{key}`: {why}"));
    }
    Call::parse(text).map(Template::Call).map_err(|why| format!("`{key}`: {why}"))
}
