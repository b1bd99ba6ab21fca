//! Pages of a list, in the way of the Systems Manager API.
//!
//! Main function: [`page`]. Invariant: following the tokens yields every item once, in order.

use serde_json::Value;

use crate::emulator::error::ServiceError;

/// The items of one page, and the token of the next.
pub(crate) fn page(
    items: Vec<Value>,
    max: Option<usize>,
    token: Option<&str>,
    default: usize,
) -> Result<(Vec<Value>, Option<String>), ServiceError> {
    let invalid = || ServiceError::new("InvalidNextToken", "The specified token isn't valid.");
    let from = match token {
        None => 0,
        Some(token) => {
            token.parse::<usize>().ok().filter(|from| *from <= items.len()).ok_or_else(invalid)?
        }
    };
    let max = max.unwrap_or(default).max(1);
    let next = (items.len() - from > max).then(|| (from + max).to_string());
    Ok((items.into_iter().skip(from).take(max).collect(), next))
}

/// An answer that is one page of a list under `name`.
pub(super) fn answer(
    name: &str,
    items: Vec<Value>,
    max: Option<usize>,
    token: Option<&str>,
) -> Result<Value, ServiceError> {
    let (items, next) = page(items, max, token, 50)?;
    let mut answer = serde_json::Map::new();
    answer.insert(name.to_owned(), Value::Array(items));
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), Value::String(next));
    }
    Ok(Value::Object(answer))
}
