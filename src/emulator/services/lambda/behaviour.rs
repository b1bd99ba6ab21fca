//! What a function does, as an environment declares it, and the doing of it.
//!
//! Main type: [`FunctionBehaviour`]. Invariant: the outcome depends on the event and on the answers of the
//! account's own services alone. A template that finds nothing fails the function and names itself, as a
//! missing key would in code.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::emulator::account::Account;
use crate::emulator::policy::Caller;
use crate::emulator::services::events::Path;
use crate::emulator::services::events::matcher::EventPattern;
use crate::emulator::services::{self, Service};

/// Calls of one function.
const MOST_CALLS: usize = 100;

/// What a Lambda function does when it is invoked.
///
/// Texts may hold `{{ event.detail.id }}` or `{{ name[0].Key }}`, where `name` was saved by a call before; a
/// text that is nothing but one such path becomes the value itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionBehaviour {
    /// How long an invocation lasts (`900ms`, `2s`); its calls are made at the end.
    #[serde(default = "a_moment", deserialize_with = "duration")]
    pub(crate) duration: SignedDuration,
    /// The role that makes the calls, where no template says (an ARN).
    #[serde(default)]
    pub(crate) role: Option<String>,
    /// The calls, in order; the first that is refused fails the function.
    #[serde(default)]
    pub(crate) calls: Vec<FunctionCall>,
    /// The result, where no `returns_when` applies.
    #[serde(default)]
    pub(crate) returns: Value,
    /// Results for some events; the first whose condition holds is taken.
    #[serde(default)]
    pub(crate) returns_when: Vec<ReturnWhen>,
    /// How the function fails instead.
    #[serde(default)]
    pub(crate) fails: Option<Failure>,
}

/// One API call of a function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionCall {
    /// The service's IAM prefix, such as `ssm`.
    pub(crate) service: String,
    /// The operation, such as `StartAutomationExecution`.
    pub(crate) operation: String,
    /// Its input, in the API's own spelling.
    #[serde(default = "no_input")]
    pub(crate) input: Value,
    /// The name under which later calls find the answer.
    #[serde(default)]
    pub(crate) save_as: Option<String>,
    /// The call is left out where this does not hold.
    #[serde(default)]
    pub(crate) when: Option<When>,
}

/// A condition: an event pattern over the event, or over something that was saved.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// The pattern, in `EventBridge`'s language.
    pub(crate) pattern: Value,
    /// What it looks at: `event`, or the path of a saved answer.
    #[serde(default = "the_event")]
    pub(crate) over: String,
}

/// A result for some events.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReturnWhen {
    /// When it is returned.
    pub(crate) when: When,
    /// The result.
    pub(crate) value: Value,
}

/// How a function fails, after its calls.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// The error's type, such as `RuntimeError`.
    pub(crate) error: String,
    /// The error's message.
    #[serde(default)]
    pub(crate) message: String,
    /// Only the first so many invocations fail; without it, all do.
    #[serde(default)]
    pub(crate) first: Option<u32>,
    /// Only where this holds.
    #[serde(default)]
    pub(crate) when: Option<When>,
}

/// Why an invocation failed: the error's type and its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) kind: String,
    pub(super) message: String,
}

fn a_moment() -> SignedDuration {
    SignedDuration::from_millis(100)
}

fn no_input() -> Value {
    Value::Object(Map::new())
}

fn the_event() -> String {
    "event".to_owned()
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = humantime::parse_duration(&text).map_err(serde::de::Error::custom)?;
    SignedDuration::try_from(parsed).map_err(serde::de::Error::custom)
}

impl FunctionBehaviour {
    /// Whether the declaration can be followed; the error says what is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.duration > SignedDuration::from_secs(900) {
            return Err("a function lasts at most 15 minutes".to_owned());
        }
        if self.calls.len() > MOST_CALLS {
            return Err(format!("more than {MOST_CALLS} calls"));
        }
        for call in &self.calls {
            let service = service_of(&call.service)?;
            let known = services::operations(service);
            if !known.iter().any(|operation| operation.name == call.operation) {
                return Err(format!(
                    "the emulated account does not support {}:{}",
                    call.service, call.operation
                ));
            }
        }
        let calls = self.calls.iter().filter_map(|call| call.when.as_ref());
        let returns = self.returns_when.iter().map(|given| &given.when);
        let fails = self.fails.iter().filter_map(|fails| fails.when.as_ref());
        for when in calls.chain(returns).chain(fails) {
            EventPattern::parse(&when.pattern.to_string())
                .map_err(|error| error.message().to_owned())?;
        }
        Ok(())
    }

    /// Does what the function does: its calls, then its failure or its result.
    pub(super) fn follow(
        &self,
        account: &mut Account,
        caller: &Caller,
        event: Value,
        failed_before: u32,
    ) -> Result<Value, Broken> {
        let mut known = Map::new();
        known.insert("event".to_owned(), event);
        let mut known = Value::Object(known);
        for call in &self.calls {
            if !holds(call.when.as_ref(), &known)? {
                continue;
            }
            let answer = make(account, caller, call, &known)?;
            if let Some(name) = &call.save_as {
                known[name.as_str()] = answer;
            }
        }
        if let Some(failure) = &self.fails
            && failure.first.is_none_or(|first| failed_before < first)
            && holds(failure.when.as_ref(), &known)?
        {
            let message = fill_text(&failure.message, &known)?;
            let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            return Err(Broken { kind: failure.error.clone(), message });
        }
        for given in &self.returns_when {
            if holds(Some(&given.when), &known)? {
                return fill(&given.value, &known);
            }
        }
        fill(&self.returns, &known)
    }
}

fn service_of(prefix: &str) -> Result<Service, String> {
    Service::from_prefix(prefix)
        .ok_or_else(|| format!("the emulated account does not have the service {prefix}"))
}

fn make(
    account: &mut Account,
    caller: &Caller,
    call: &FunctionCall,
    known: &Value,
) -> Result<Value, Broken> {
    let broken = |kind: &str, message: String| Broken { kind: kind.to_owned(), message };
    let service = service_of(&call.service).map_err(|why| broken("UnknownService", why))?;
    let input = fill(&call.input, known)?;
    account
        .call_as(caller, service, &call.operation, input)
        .map_err(|error| broken(&error.code, error.message))
}

fn holds(when: Option<&When>, known: &Value) -> Result<bool, Broken> {
    let Some(when) = when else { return Ok(true) };
    let Some(looked_at) = find(&when.over, known) else { return Ok(false) };
    let pattern = EventPattern::parse(&when.pattern.to_string()).map_err(|error| Broken {
        kind: "InvalidPattern".to_owned(),
        message: error.message().to_owned(),
    })?;
    Ok(pattern.matches(&looked_at.to_string()))
}

/// Fills every text of a value.
fn fill(value: &Value, known: &Value) -> Result<Value, Broken> {
    Ok(match value {
        Value::String(text) => fill_text(text, known)?,
        Value::Array(items) => {
            items.iter().map(|item| fill(item, known)).collect::<Result<_, _>>()?
        }
        Value::Object(fields) => {
            let mut filled = Map::new();
            for (key, value) in fields {
                filled.insert(key.clone(), fill(value, known)?);
            }
            filled.into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn fill_text(text: &str, known: &Value) -> Result<Value, Broken> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((path, after)) = after.split_once("}}") else { break };
        let path = path.trim();
        let value = find(path, known).ok_or_else(|| Broken {
            kind: "KeyError".to_owned(),
            message: format!("{{{{ {path} }}}} finds nothing"),
        })?;
        if before.is_empty() && after.is_empty() && filled.is_empty() {
            return Ok(value);
        }
        filled.push_str(before);
        match &value {
            Value::String(text) => filled.push_str(text),
            other => filled.push_str(&other.to_string()),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled.into())
}

fn find(path: &str, known: &Value) -> Option<Value> {
    Path::parse(&format!("$.{path}"))?.find(known)
}
