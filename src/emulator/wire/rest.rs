//! restJson1: the operation is the method and the path, whose labels and query
//! parameters join the JSON body as one input.
//!
//! One table of routes a service. Source: <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>.

use serde_json::{Map, Value};

use super::{Operation, Request, json, percent_decode};
use crate::emulator::error::ServiceError;

/// Method, path template, operation. A label in braces becomes a member of the input.
pub(super) type Route = (&'static str, &'static str, &'static str);

/// <https://docs.aws.amazon.com/fis/latest/APIReference/API_Operations.html>.
pub(super) const FIS: &[Route] = &[
    ("POST", "/experimentTemplates", "CreateExperimentTemplate"),
    ("GET", "/experimentTemplates", "ListExperimentTemplates"),
    ("GET", "/experimentTemplates/{id}", "GetExperimentTemplate"),
    ("PATCH", "/experimentTemplates/{id}", "UpdateExperimentTemplate"),
    ("DELETE", "/experimentTemplates/{id}", "DeleteExperimentTemplate"),
    ("POST", "/experiments", "StartExperiment"),
    ("GET", "/experiments", "ListExperiments"),
    ("GET", "/experiments/{id}", "GetExperiment"),
    ("DELETE", "/experiments/{id}", "StopExperiment"),
    ("GET", "/experiments/{experimentId}/resolvedTargets", "ListExperimentResolvedTargets"),
    ("GET", "/actions", "ListActions"),
    ("GET", "/actions/{id}", "GetAction"),
    ("GET", "/safetyLevers/{id}", "GetSafetyLever"),
    ("PATCH", "/safetyLevers/{id}/state", "UpdateSafetyLeverState"),
    ("GET", "/tags/{resourceArn}", "ListTagsForResource"),
    ("POST", "/tags/{resourceArn}", "TagResource"),
    ("DELETE", "/tags/{resourceArn}", "UntagResource"),
];

/// Query parameters that hold a number, and those that repeat.
const NUMBERS: &[&str] = &["maxResults"];
const LISTS: &[&str] = &["tagKeys"];

/// Reads operation and input.
pub(super) fn read(request: &Request, routes: &[Route]) -> Result<Operation, ServiceError> {
    for (method, template, name) in routes {
        if *method != request.method {
            continue;
        }
        if let Some(labels) = labels(template, &request.path) {
            let mut input = match json::body(request)? {
                Value::Object(members) => members,
                other => return Err(not_an_object(&other)),
            };
            for (label, value) in labels {
                input.insert(label.to_owned(), Value::String(value));
            }
            read_query(&request.query, &mut input);
            return Ok(Operation { name: (*name).to_owned(), input: Value::Object(input) });
        }
    }
    Err(ServiceError::unsupported(format_args!("{} {}", request.method, request.path)))
}

fn not_an_object(value: &Value) -> ServiceError {
    ServiceError::new("SerializationException", format!("the body is not an object: {value}"))
}

/// The values of a template's labels, when the path has its form.
fn labels<'a>(template: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    let mut labels = Vec::new();
    let mut actual = path.split('/');
    for expected in template.split('/') {
        let segment = actual.next()?;
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(label) if !segment.is_empty() => labels.push((label, percent_decode(segment))),
            None if expected == segment => {}
            Some(_) | None => return None,
        }
    }
    actual.next().is_none().then_some(labels)
}

fn read_query(query: &str, input: &mut Map<String, Value>) {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decode(name), percent_decode(value));
        if LISTS.contains(&name.as_str()) {
            let list = input.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(Value::String(value));
            }
        } else if NUMBERS.contains(&name.as_str()) {
            let number = value.parse::<i64>().map_or(Value::String(value), Value::from);
            input.insert(name, number);
        } else {
            input.insert(name, Value::String(value));
        }
    }
}
