//! rpc-v2-cbor as `CloudWatch` speaks it: the operation in the path, CBOR both ways.
//!
//! Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>. Timestamps are tag 1
//! over seconds; in the JSON form of inputs and outputs they are plain numbers, so the writer knows the
//! names of the members that are timestamps.

use minicbor::data::{IanaTag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Value};

use super::{Operation, Request, Response};
use crate::emulator::error::ServiceError;

/// Members of `CloudWatch` outputs that are timestamps (or lists of them).
pub(super) const TIMESTAMPS: &[&str] = &[
    "Timestamp",
    "Timestamps",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "AlarmConfigurationUpdatedTimestamp",
    "LastUpdatedTimestamp",
    "StartDate",
    "ExpireDate",
    "Expiration",
];

/// How deep a CBOR document may nest.
const MAX_DEPTH: usize = 64;

/// Reads operation and input.
pub(super) fn read(request: &Request) -> Result<Operation, ServiceError> {
    let Some((_, name)) = request.path.rsplit_once("/operation/") else {
        return Err(ServiceError::new(
            "UnknownOperationException",
            format!("`{}` is no rpc-v2-cbor path", request.path),
        ));
    };
    let input = if request.body.is_empty() {
        Value::Object(Map::new())
    } else {
        let mut decoder = Decoder::new(&request.body);
        decode(&mut decoder, 0).map_err(|error| {
            ServiceError::new("SerializationException", format!("the body is not CBOR: {error}"))
        })?
    };
    Ok(Operation { name: name.to_owned(), input })
}

/// Writes a successful answer.
pub(super) fn write(output: &Value) -> Response {
    let empty = Value::Object(Map::new());
    respond(200, if output.is_null() { &empty } else { output })
}

/// Writes an error.
pub(super) fn refuse(error: &ServiceError) -> Response {
    let mut members = Map::new();
    members.insert("__type".to_owned(), Value::from(error.code.as_str()));
    members.insert("message".to_owned(), Value::from(error.message.as_str()));
    if let Some(Value::Object(details)) = &error.details {
        members.extend(details.clone());
    }
    respond(error.status, &Value::Object(members))
}

fn respond(status: u16, output: &Value) -> Response {
    let mut body = Vec::new();
    let mut encoder = Encoder::new(&mut body);
    encode(&mut encoder, output, false).expect("writing to memory can't fail");
    let headers = vec![
        ("content-type", "application/cbor".to_owned()),
        ("smithy-protocol", "rpc-v2-cbor".to_owned()),
    ];
    Response { status, headers, body }
}

type Fault = minicbor::decode::Error;

fn decode(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::message("nested too deeply"));
    }
    match decoder.datatype()? {
        Type::Bool => Ok(Value::Bool(decoder.bool()?)),
        Type::Null | Type::Undefined => decoder.skip().map(|()| Value::Null),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Ok(Value::from(decoder.u64()?)),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Ok(Value::from(decoder.i64()?)),
        Type::F16 => Ok(Value::from(f64::from(decoder.f16()?))),
        Type::F32 => Ok(Value::from(f64::from(decoder.f32()?))),
        Type::F64 => Ok(Value::from(decoder.f64()?)),
        Type::String => Ok(Value::from(decoder.str()?)),
        Type::StringIndef => {
            let pieces: Result<Vec<&str>, Fault> = decoder.str_iter()?.collect();
            Ok(Value::from(pieces?.concat()))
        }
        Type::Array | Type::ArrayIndef => decode_array(decoder, depth),
        Type::Map | Type::MapIndef => decode_map(decoder, depth),
        Type::Tag => {
            decoder.tag()?;
            decode(decoder, depth + 1)
        }
        other @ (Type::Int
        | Type::Simple
        | Type::Bytes
        | Type::BytesIndef
        | Type::Break
        | Type::Unknown(_)) => Err(Fault::message(format!("{other} is not used by this service"))),
    }
}

fn decode_array(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Fault> {
    let mut items = Vec::new();
    let length = decoder.array()?;
    let mut index = 0;
    while more(decoder, length, &mut index)? {
        items.push(decode(decoder, depth + 1)?);
    }
    Ok(Value::Array(items))
}

fn decode_map(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Fault> {
    let mut members = Map::new();
    let length = decoder.map()?;
    let mut index = 0;
    while more(decoder, length, &mut index)? {
        let Value::String(key) = decode(decoder, depth + 1)? else {
            return Err(Fault::message("a map's key is not a string"));
        };
        members.insert(key, decode(decoder, depth + 1)?);
    }
    Ok(Value::Object(members))
}

/// Whether a container of this (or an indefinite) length goes on; eats the break at its end.
fn more(decoder: &mut Decoder<'_>, length: Option<u64>, index: &mut u64) -> Result<bool, Fault> {
    *index += 1;
    if let Some(length) = length {
        return Ok(*index <= length);
    }
    if decoder.datatype()? == Type::Break {
        decoder.skip()?;
        return Ok(false);
    }
    Ok(true)
}

type Unwritable = minicbor::encode::Error<std::convert::Infallible>;

fn encode(
    encoder: &mut Encoder<&mut Vec<u8>>,
    value: &Value,
    timestamp: bool,
) -> Result<(), Unwritable> {
    match value {
        Value::Null => encoder.null()?,
        Value::Bool(flag) => encoder.bool(*flag)?,
        Value::Number(number) if timestamp => {
            encoder.tag(IanaTag::Timestamp)?.f64(number.as_f64().unwrap_or_default())?
        }
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => encoder.u64(whole)?,
            (None, Some(whole)) => encoder.i64(whole)?,
            (None, None) => encoder.f64(number.as_f64().unwrap_or_default())?,
        },
        Value::String(text) => encoder.str(text)?,
        Value::Array(items) => {
            encoder.array(items.len() as u64)?;
            for item in items {
                encode(encoder, item, timestamp)?;
            }
            encoder
        }
        Value::Object(members) => {
            encoder.map(members.len() as u64)?;
            for (key, member) in members {
                encoder.str(key)?;
                encode(encoder, member, TIMESTAMPS.contains(&key.as_str()))?;
            }
            encoder
        }
    };
    Ok(())
}
