//! awsJson1.0 and awsJson1.1: the operation in `X-Amz-Target`, a JSON body both ways; restJson1 answers
//! look the same.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.

use serde_json::{Map, Value, json};

use super::{Operation, Request, Response};
use crate::emulator::error::ServiceError;

/// Reads operation and input.
pub(super) fn read(request: &Request) -> Result<Operation, ServiceError> {
    let target = request.header("x-amz-target").unwrap_or_default();
    let Some((_, name)) = target.rsplit_once('.') else {
        return Err(ServiceError::new(
            "UnknownOperationException",
            "the request has no X-Amz-Target header that names an operation",
        ));
    };
    Ok(Operation { name: name.to_owned(), input: body(request)? })
}

/// Reads a JSON body; an empty one is an empty object.
pub(super) fn body(request: &Request) -> Result<Value, ServiceError> {
    if request.body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(&request.body).map_err(|error| {
        ServiceError::new("SerializationException", format!("the body is not JSON: {error}"))
    })
}

/// Writes a successful answer.
pub(super) fn write(output: &Value, content_type: &str) -> Response {
    let body =
        if output.is_null() { Vec::from(&b"{}"[..]) } else { output.to_string().into_bytes() };
    Response { status: 200, headers: vec![("content-type", content_type.to_owned())], body }
}

/// Writes an error: the code stands in the body and in the header that restJson1 reads.
pub(super) fn refuse(error: &ServiceError, content_type: &str) -> Response {
    let mut body = json!({ "__type": error.code, "message": error.message });
    if let (Some(Value::Object(details)), Value::Object(body)) = (&error.details, &mut body) {
        body.extend(details.clone());
    }
    Response {
        status: error.status,
        headers: vec![
            ("content-type", content_type.to_owned()),
            ("x-amzn-errortype", error.code.clone()),
        ],
        body: body.to_string().into_bytes(),
    }
}
