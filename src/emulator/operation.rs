//! The table of what a service can do, and how an input is read.
//!
//! Main type: [`Operation`]. Invariant: an input is a typed struct with `deny_unknown_fields`, so a
//! parameter that is not emulated is refused by name; the coverage table is read off the same structs
//! and can't drift from what is accepted.

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde_json::Value;

use super::account::Account;
use super::error::{Answer, ServiceError};

/// One operation of one service.
pub(crate) struct Operation {
    /// The API's own name, such as `PutEvents`.
    pub(crate) name: &'static str,
    /// The top-level parameters that are understood.
    pub(crate) parameters: fn() -> &'static [&'static str],
    /// Reads the input and does it.
    pub(crate) run: fn(&mut Account, Value) -> Answer,
}

/// Builds a service's table: `operations!["PutEvents": PutEventsInput => put_events, …]`.
///
/// Each handler is `fn(&mut Account, Input) -> Answer`; each input derives `Deserialize` with
/// `deny_unknown_fields`.
macro_rules! operations {
    ($($name:literal : $input:ty => $handler:path),* $(,)?) => {
        &[$($crate::emulator::operation::Operation {
            name: $name,
            parameters: $crate::emulator::operation::parameters::<$input>,
            run: |account, input| {
                let input = $crate::emulator::operation::parse::<$input>($name, input)?;
                $handler(account, input)
            },
        }),*]
    };
}
pub(crate) use operations;

/// Reads an operation's input; the error names the parameter that is unknown or wrong.
pub(crate) fn parse<I: DeserializeOwned>(operation: &str, input: Value) -> Result<I, ServiceError> {
    let input = if input.is_null() { Value::Object(serde_json::Map::new()) } else { input };
    serde_json::from_value(input).map_err(|error| {
        let text = error.to_string();
        if let Some(rest) = text.strip_prefix("unknown field ") {
            let name = rest.split(',').next().unwrap_or(rest);
            ServiceError::unsupported(format_args!("the parameter {name} of {operation}"))
        } else {
            ServiceError::validation(format!("{operation}: {text}"))
        }
    })
}

/// The names of an input struct's fields, as they appear on the wire.
pub(crate) fn parameters<I: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The visit is refused on purpose: all that is wanted is the list that serde hands over.
    let _refused = I::deserialize(FieldNames(&mut names));
    names
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only the field names are wanted"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("only the field names are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
