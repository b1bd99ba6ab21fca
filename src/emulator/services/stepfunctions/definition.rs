//! A state machine as it is written: the Amazon States Language, read once and checked whole.
//!
//! Main type: [`Machine`]. Invariant: every machine that is kept can run to an end: each `Next` exists,
//! each path and template is read, and whatever the emulator can't do was refused here with its name and
//! its state.
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::states::{self, Definition};
use crate::emulator::error::ServiceError;

/// The largest definition, in bytes: <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const LARGEST: usize = 1024 * 1024;

/// The fields of a machine, or of a branch of one.
const FIELDS: &[&str] =
    &["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"];

/// A machine, or one branch of a Parallel or Map state.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) start_at: String,
    pub(super) states: IndexMap<String, Arc<Definition>>,
    /// How long an execution may last, in seconds.
    pub(super) timeout: Option<u32>,
}

impl Machine {
    /// Reads a definition's text.
    pub(super) fn parse(text: &str) -> Result<Self, ServiceError> {
        if text.len() > LARGEST {
            return Err(invalid("", "the definition is larger than 1 MB"));
        }
        let written: Value = serde_json::from_str(text).map_err(|error| {
            ServiceError::new(
                "InvalidDefinition",
                format!("Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {error}'"),
            )
        })?;
        Self::read(&written, "", FIELDS)
    }

    /// Reads a machine or a branch; `place` is where it stands.
    pub(super) fn read(
        written: &Value,
        place: &str,
        fields: &[&str],
    ) -> Result<Self, ServiceError> {
        let members =
            written.as_object().ok_or_else(|| invalid(place, "a state machine is an object"))?;
        if let Some(name) = members.keys().find(|name| !fields.contains(&name.as_str())) {
            return Err(unsupported(&format!("the field `{name}`"), place));
        }
        query_language(members, place)?;
        let start_at = members.get("StartAt").and_then(Value::as_str);
        let start_at = start_at.ok_or_else(|| invalid(place, "StartAt is missing"))?.to_owned();
        let written = members.get("States").and_then(Value::as_object);
        let written = written.ok_or_else(|| invalid(place, "States is missing"))?;
        let timeout = match members.get("TimeoutSeconds") {
            None => None,
            Some(seconds) => Some(positive(seconds, place, "TimeoutSeconds")?),
        };
        let mut read = IndexMap::new();
        for (name, state) in written {
            let place = format!("{place}/States/{name}");
            read.insert(name.clone(), Arc::new(states::read(state, &place)?));
        }
        let machine = Self { start_at, states: read, timeout };
        machine.check(place)?;
        Ok(machine)
    }

    /// Every name that is gone to exists, and every state can be reached.
    fn check(&self, place: &str) -> Result<(), ServiceError> {
        let known = |name: &str, from: &str| {
            if self.states.contains_key(name) {
                return Ok(());
            }
            Err(invalid(from, &format!("MISSING_TRANSITION_TARGET: there is no state `{name}`")))
        };
        known(&self.start_at, &format!("{place}/StartAt"))?;
        let mut reached = vec![self.start_at.as_str()];
        let mut next = 0;
        while let Some(name) = reached.get(next).copied() {
            next += 1;
            let Some(state) = self.states.get(name) else { continue };
            for target in state.targets() {
                known(target, &format!("{place}/States/{name}"))?;
                if !reached.contains(&target) {
                    reached.push(target);
                }
            }
        }
        match self.states.keys().find(|name| !reached.contains(&name.as_str())) {
            Some(name) => Err(invalid(
                &format!("{place}/States/{name}"),
                "MISSING_TRANSITION_TARGET: the state is not reachable",
            )),
            None => Ok(()),
        }
    }
}

/// Only JSONPath is spoken here.
pub(super) fn query_language(
    members: &Map<String, Value>,
    place: &str,
) -> Result<(), ServiceError> {
    match members.get("QueryLanguage").and_then(Value::as_str) {
        None | Some("JSONPath") => Ok(()),
        Some(other) => Err(unsupported(&format!("the QueryLanguage {other}"), place)),
    }
}

/// AWS's refusal of a definition.
pub(super) fn invalid(place: &str, why: &str) -> ServiceError {
    let at = if place.is_empty() { "/" } else { place };
    ServiceError::new(
        "InvalidDefinition",
        format!("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {why} at {at}'"),
    )
}

/// The emulator's refusal of a part of a definition, by name and place.
pub(super) fn unsupported(what: &str, place: &str) -> ServiceError {
    let at = if place.is_empty() { "the state machine" } else { place };
    ServiceError::unsupported(format_args!("{what} at {at} of a state machine's definition"))
}

/// A whole number of at least 1.
pub(super) fn positive(value: &Value, place: &str, field: &str) -> Result<u32, ServiceError> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| invalid(place, &format!("{field} must be a positive whole number")))
}
