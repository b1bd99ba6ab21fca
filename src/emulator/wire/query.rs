//! awsQuery as SNS, STS and older clients of CloudWatch speak it: a form in, XML out.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. A form has no types, so the
//! reader knows the members that are not strings; the writer knows the members that are maps and those
//! that are timestamps.

use quick_xml::escape::escape;
use serde_json::{Map, Value};

use super::cbor::TIMESTAMPS;
use super::{Operation, Request, Response, percent_decode};
use crate::emulator::account::{epoch_seconds, from_epoch_seconds};
use crate::emulator::error::ServiceError;

const BOOLEANS: &[&str] = &["ReturnSubscriptionArn", "ActionsEnabled", "ReturnData"];

/// Members that are numbers wherever they stand.
const NUMBERS: &[&str] = &[
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "Counts",
    "DatapointsToAlarm",
    "DurationSeconds",
    "EvaluationPeriods",
    "MaxDatapoints",
    "MaxRecords",
    "Maximum",
    "Minimum",
    "Period",
    "SampleCount",
    "StorageResolution",
    "Sum",
    "Threshold",
];

/// Members that are numbers right below this one; elsewhere (a dimension, a tag) they are text.
const NUMBERS_BELOW: (&str, &[&str]) = ("MetricData", &["Value", "Values"]);

/// Members that are timestamps: ISO 8601 in a form, seconds since the epoch in an input.
const INSTANTS: &[&str] =
    &["EndDate", "EndTime", "ExpireDate", "StartDate", "StartTime", "Timestamp"];

/// Members of outputs that are maps from string to string.
const MAPS: &[&str] = &["Attributes"];
/// How many parts a parameter's name may have.
const MAX_DEPTH: usize = 16;

/// Reads operation and input.
pub(super) fn read(request: &Request) -> Result<Operation, ServiceError> {
    let text = std::str::from_utf8(&request.body)
        .map_err(|_| ServiceError::new("MalformedQueryString", "the form is not UTF-8"))?;
    let mut name = String::new();
    let mut tree = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = percent_decode(&key.replace('+', " "));
        let value = percent_decode(&value.replace('+', " "));
        match key.as_str() {
            "Action" => name = value,
            "Version" => {}
            _ => {
                let parts: Vec<&str> = key.split('.').collect();
                if parts.len() > MAX_DEPTH {
                    return Err(ServiceError::new("MalformedQueryString", "a name is too deep"));
                }
                insert(&mut tree, &parts, leaf(&parts, value));
            }
        }
    }
    if name.is_empty() {
        return Err(ServiceError::new("MissingAction", "the form has no Action"));
    }
    Ok(Operation { name, input: gather(Value::Object(tree)) })
}

/// A member's value in its own type; a text that has another form is left for the service to refuse.
fn leaf(parts: &[&str], value: String) -> Value {
    let is_name = |part: &&&str| {
        !matches!(**part, "member" | "entry") && !part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut names = parts.iter().rev().filter(is_name).copied();
    let name = names.next().unwrap_or_default();
    let (above, below) = NUMBERS_BELOW;
    if BOOLEANS.contains(&name) {
        return value.parse().map_or(Value::String(value), Value::Bool);
    }
    if NUMBERS.contains(&name) || (below.contains(&name) && names.next() == Some(above)) {
        return number(value);
    }
    if INSTANTS.contains(&name) {
        return value.parse().map_or(Value::String(value), epoch_seconds);
    }
    Value::String(value)
}

fn number(value: String) -> Value {
    if let Ok(whole) = value.parse::<i64>() {
        return Value::from(whole);
    }
    value.parse::<f64>().map_or(Value::String(value), Value::from)
}

fn insert(tree: &mut Map<String, Value>, parts: &[&str], value: Value) {
    let Some((first, rest)) = parts.split_first() else { return };
    if rest.is_empty() {
        tree.insert((*first).to_owned(), value);
        return;
    }
    let branch = tree.entry((*first).to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(branch) = branch {
        insert(branch, rest, value);
    }
}

/// Turns `member.1`, `member.2` into lists and `entry.1.key`/`entry.1.value` into maps.
fn gather(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    if members.len() == 1 {
        if let Some(Value::Object(items)) = members.get("member") {
            return Value::Array(in_order(items).into_iter().map(gather).collect());
        }
        if let Some(Value::Object(entries)) = members.get("entry") {
            return Value::Object(in_order(entries).into_iter().filter_map(entry).collect());
        }
    }
    Value::Object(members.into_iter().map(|(key, member)| (key, gather(member))).collect())
}

/// The members of a numbered container, by number.
fn in_order(items: &Map<String, Value>) -> Vec<Value> {
    let mut numbered: Vec<(usize, Value)> =
        items.iter().map(|(key, item)| (key.parse().unwrap_or(0), item.clone())).collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, item)| item).collect()
}

/// One map entry: SNS spells its halves `key`/`value` or `Name`/`Value`.
fn entry(item: Value) -> Option<(String, Value)> {
    let Value::Object(mut halves) = item else { return None };
    let key = halves.remove("key").or_else(|| halves.remove("Name"))?;
    let value = halves.remove("value").or_else(|| halves.remove("Value"))?;
    Some((key.as_str()?.to_owned(), gather(value)))
}

/// Writes a successful answer.
pub(super) fn write(
    operation: &str,
    namespace: &str,
    request_id: &str,
    output: &Value,
) -> Response {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    write_members(&mut xml, output);
    let end = format!(
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{operation}Response>"
    );
    respond(200, xml + &end)
}

fn open(xml: &mut String, element: &str) {
    xml.push('<');
    xml.push_str(element);
    xml.push('>');
}

fn close(xml: &mut String, element: &str) {
    xml.push_str("</");
    xml.push_str(element);
    xml.push('>');
}

fn write_members(xml: &mut String, value: &Value) {
    let Value::Object(members) = value else { return };
    for (key, member) in members {
        open(xml, key);
        if TIMESTAMPS.contains(&key.as_str()) {
            write_instants(xml, member);
        } else {
            write_value(xml, member, MAPS.contains(&key.as_str()));
        }
        close(xml, key);
    }
}

/// Writes one timestamp, or a list of them, as ISO 8601.
fn write_instants(xml: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            for item in items {
                open(xml, "member");
                write_instants(xml, item);
                close(xml, "member");
            }
        }
        Value::Number(seconds) => {
            let at = seconds.as_f64().and_then(from_epoch_seconds);
            xml.push_str(&at.map(|at| at.to_string()).unwrap_or_default());
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => {
            write_value(xml, value, false);
        }
    }
}

fn write_value(xml: &mut String, value: &Value, map: bool) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => xml.push_str(&value.to_string()),
        Value::String(text) => xml.push_str(&escape(text.as_str())),
        Value::Array(items) => {
            for item in items {
                xml.push_str("<member>");
                write_value(xml, item, false);
                xml.push_str("</member>");
            }
        }
        Value::Object(entries) if map => {
            for (key, entry) in entries {
                xml.push_str("<entry><key>");
                xml.push_str(&escape(key.as_str()));
                xml.push_str("</key><value>");
                write_value(xml, entry, false);
                xml.push_str("</value></entry>");
            }
        }
        Value::Object(_) => write_members(xml, value),
    }
}

/// Writes an error.
pub(super) fn refuse(error: &ServiceError, namespace: &str, request_id: &str) -> Response {
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    let xml = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(error.code.as_str()),
        escape(error.message.as_str()),
    );
    respond(error.status, xml)
}

fn respond(status: u16, xml: String) -> Response {
    Response {
        status,
        headers: vec![("content-type", "text/xml".to_owned())],
        body: xml.into_bytes(),
    }
}
