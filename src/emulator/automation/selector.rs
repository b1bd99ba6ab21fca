//! Selectors: how a step's output is taken out of a response.
//!
//! Main types: [`Selector`] (a `JSONPath`) and [`OutputType`]. Invariant: a selector that finds nothing
//! yields nothing and is no error (AWS's own runbooks branch on the platform that Linux instances do not
//! have); a value of the wrong type is an error.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeAwsApi.html>.

use serde_json::Value;
use serde_json_path::JsonPath;

/// A `JSONPath` into a response.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    path: JsonPath,
}

impl Selector {
    /// Reads a `JSONPath` such as `$.Reservations[0].Instances[0].State.Name`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // AWS takes a path without the dollar too.
        let full = if text.starts_with('$') { text.to_owned() } else { format!("$.{text}") };
        JsonPath::parse(&full)
            .map(|path| Self { path })
            .map_err(|error| format!("the selector {text} can't be read: {error}"))
    }

    /// What the path finds: nothing, one value, or several as a list.
    pub(crate) fn select(&self, response: &Value) -> Option<Value> {
        let mut found: Vec<Value> = self.path.query(response).all().into_iter().cloned().collect();
        match found.len() {
            0 => None,
            1 => found.pop().filter(|value| !value.is_null()),
            _ => Some(Value::Array(found)),
        }
    }

    /// Every value that the path finds.
    pub(crate) fn all(&self, response: &Value) -> Vec<Value> {
        self.path.query(response).all().into_iter().cloned().collect()
    }
}

/// The type of an output, a parameter or a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputType {
    /// `String`
    String,
    /// `Integer`
    Integer,
    /// `Boolean`
    Boolean,
    /// `StringList`
    StringList,
    /// `StringMap`
    StringMap,
    /// `MapList`
    MapList,
}

impl OutputType {
    /// Reads the name of a type; AWS's resource types (`AWS::EC2::Instance::Id`, `List<…>`) are strings.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "String" => Self::String,
            "Integer" => Self::Integer,
            "Boolean" => Self::Boolean,
            "StringList" => Self::StringList,
            "StringMap" => Self::StringMap,
            "MapList" => Self::MapList,
            _ if text.starts_with("AWS::") => Self::String,
            _ if text.starts_with("List<AWS::") && text.ends_with('>') => Self::StringList,
            _ => return Err(format!("{text} is not a type of Automation documents")),
        })
    }

    /// The API's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::StringList => "StringList",
            Self::StringMap => "StringMap",
            Self::MapList => "MapList",
        }
    }

    /// Makes a value this type where AWS would, or says why not.
    pub(crate) fn coerce(self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (Self::String, value @ Value::String(_))
            | (Self::Integer, value @ Value::Number(_))
            | (Self::Boolean, value @ Value::Bool(_))
            | (Self::StringMap, value @ Value::Object(_)) => Ok(value),
            (Self::String, value @ (Value::Number(_) | Value::Bool(_))) => {
                Ok(Value::String(super::references::text(&value)))
            }
            // One selected element is a list of one: the selector could have found several.
            (Self::String, Value::Array(mut items)) if items.len() == 1 => {
                self.coerce(items.pop().unwrap_or_default())
            }
            (Self::Integer, Value::String(text)) => match text.trim().parse::<i64>() {
                Ok(number) => Ok(number.into()),
                Err(_) => Err(format!("{text} is not an Integer")),
            },
            (Self::Boolean, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(true.into()),
                "false" => Ok(false.into()),
                _ => Err(format!("{text} is not a Boolean")),
            },
            (Self::StringList, Value::Array(items)) => {
                items.into_iter().map(|item| Self::String.coerce(item)).collect::<Result<_, _>>()
            }
            (Self::StringList, value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => {
                Ok(Value::Array(vec![Self::String.coerce(value)?]))
            }
            (Self::MapList, Value::Array(items)) => {
                items.into_iter().map(|item| Self::StringMap.coerce(item)).collect::<Result<_, _>>()
            }
            (Self::MapList, value @ Value::Object(_)) => Ok(Value::Array(vec![value])),
            (Self::StringMap, Value::String(text)) => parse_json(&text, Value::is_object, self),
            (Self::MapList, Value::String(text)) => parse_json(&text, Value::is_array, self),
            (wanted, value) => Err(format!("{value} is not a {}", wanted.name())),
        }
    }

    /// A variable's first value: what it declares, or the empty value of its type.
    pub(crate) fn default_value(self, declared: Value) -> Value {
        if !declared.is_null() {
            return declared;
        }
        match self {
            Self::String => Value::String(String::new()),
            Self::Integer => 0.into(),
            Self::Boolean => false.into(),
            Self::StringList | Self::MapList => Value::Array(Vec::new()),
            Self::StringMap => Value::Object(serde_json::Map::new()),
        }
    }
}

fn parse_json(text: &str, fits: fn(&Value) -> bool, wanted: OutputType) -> Result<Value, String> {
    serde_json::from_str(text)
        .ok()
        .filter(fits)
        .ok_or_else(|| format!("{text} is not a {}", wanted.name()))
}
