//! Reads a [`Node`] into any type that serde can read, and says where it did not fit.
//!
//! Main function: [`decode`]. Invariant: an error points at the innermost key or value that was wrong.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde_json::Value;

use super::node::{Entry, Kind, Node};
use crate::diagnostic::Span;

/// What did not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) span: Option<Span>,
    pub(crate) message: String,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { span: None, message: message.to_string() }
    }
}

impl Misfit {
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

/// Reads a node.
pub(crate) fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, Misfit> {
    T::deserialize(Reading(node)).map_err(|misfit| misfit.at(node.span))
}

#[derive(Clone, Copy)]
struct Reading<'a>(&'a Node);

impl<'de> Deserializer<'de> for Reading<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let span = self.0.span;
        let read = match &self.0.kind {
            Kind::List(items) => visitor.visit_seq(Items(items.iter())),
            Kind::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
            Kind::Scalar { text, plain: false } => visitor.visit_str(text),
            Kind::Scalar { text, plain: true } => match self.0.json() {
                Value::Null => visitor.visit_unit(),
                Value::Bool(value) => visitor.visit_bool(value),
                Value::Number(number) => visit_number(&number, visitor),
                Value::String(_) | Value::Array(_) | Value::Object(_) => visitor.visit_str(text),
            },
        };
        read.map_err(|misfit| misfit.at(span))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.0.kind {
            // A name may look like a number; it was written where text is wanted.
            Kind::Scalar { text, .. } if !self.0.is_null() => {
                visitor.visit_str(text).map_err(|misfit: Misfit| misfit.at(self.0.span))
            }
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let span = self.0.span;
        let read = if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) };
        read.map_err(|misfit| misfit.at(span))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let span = self.0.span;
        let read = match &self.0.kind {
            Kind::Scalar { text, .. } => {
                visitor.visit_enum(Variant { name: text, span, value: None })
            }
            Kind::Map(entries) => match entries.as_slice() {
                [only] => visitor.visit_enum(Variant {
                    name: &only.key,
                    span: only.key_span,
                    value: Some(&only.value),
                }),
                _ => Err(de::Error::custom("a map with exactly one key is wanted here")),
            },
            Kind::List(_) => Err(de::Error::custom("text or a map is wanted here, not a list")),
        };
        read.map_err(|misfit| misfit.at(span))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier
    }
}

fn visit_number<'de, V: Visitor<'de>>(
    number: &serde_json::Number,
    visitor: V,
) -> Result<V::Value, Misfit> {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(number), _, _) => visitor.visit_u64(number),
        (None, Some(number), _) => visitor.visit_i64(number),
        (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.0.next() else { return Ok(None) };
        seed.deserialize(Reading(item)).map(Some).map_err(|misfit| misfit.at(item.span))
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Misfit> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|misfit| misfit.at(entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let value = self.value.take().expect("serde asks for a key before its value");
        seed.deserialize(Reading(value)).map_err(|misfit| misfit.at(value.span))
    }
}

struct Variant<'a> {
    name: &'a str,
    span: Span,
    value: Option<&'a Node>,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Misfit;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), Misfit> {
        let name: StrDeserializer<'_, Misfit> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|misfit| misfit.at(self.span))?;
        Ok((variant, Content { name: self.name.to_owned(), value: self.value }))
    }
}

struct Content<'a> {
    name: String,
    value: Option<&'a Node>,
}

impl<'a> Content<'a> {
    fn value(&self) -> Result<Reading<'a>, Misfit> {
        self.value
            .map(Reading)
            .ok_or_else(|| de::Error::custom(format!("`{}` needs a value", self.name)))
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.value {
            Some(value) if !value.is_null() => Err(Misfit {
                span: Some(value.span),
                message: format!("`{}` takes no value", self.name),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.value()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.value()?.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::emulator::cloudformation::document::read;
    use crate::emulator::cloudformation::findings::Findings;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Effect {
        Stays,
        Becomes(f64),
        Rises { by: i64 },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Signal {
        name: String,
        baseline: Option<f64>,
        #[serde(default)]
        dimensions: BTreeMap<String, String>,
        effects: Vec<Effect>,
    }

    fn node(text: &str) -> Node {
        read(text, &mut Findings::about("t.yaml")).unwrap()
    }

    #[test]
    fn a_node_reads_into_any_type() {
        let text = "name: 12\nbaseline: ~\ndimensions: {VpnId: v}\neffects: [stays, becomes: 2, rises: {by: -1}]\n";
        let expected = Signal {
            name: "12".to_owned(),
            baseline: None,
            dimensions: BTreeMap::from([("VpnId".to_owned(), "v".to_owned())]),
            effects: vec![Effect::Stays, Effect::Becomes(2.0), Effect::Rises { by: -1 }],
        };
        assert_eq!(decode::<Signal>(&node(text)).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        for (text, line, column, words) in [
            ("name: x\nefects: []\n", 2, 1, "unknown field `efects`"),
            ("name: x\neffects:\n  - becomes: lots\n", 3, 14, "invalid type"),
            ("name: x\neffects:\n  - fals: 1\n", 3, 5, "unknown variant `fals`"),
            ("name: x\n", 1, 1, "missing field `effects`"),
        ] {
            let misfit = decode::<Signal>(&node(text)).unwrap_err();
            let span = misfit.span.unwrap();
            assert_eq!((span.line, span.column), (line, column), "{text}: {misfit}");
            assert!(misfit.message.contains(words), "{misfit}");
        }
    }
}
