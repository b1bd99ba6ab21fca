//! Signals as the environment file declares them.
//!
//! Main type: [`Signal`]. Invariant: what was read can run; a kind of fact that nobody announces, a pattern
//! that EventBridge refuses or a service that is not emulated is an error of the file.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};

use crate::emulator::facts::KINDS;
use crate::emulator::services::Service;
use crate::emulator::services::cloudwatch::Unit;
use crate::pattern::Pattern;

/// The shortest time between two datapoints, in seconds.
const SHORTEST: i64 = 1;

/// The most samples that one datapoint stands for (ours).
const MAX_SAMPLES: u32 = 100_000;

/// One metric, what it shows normally, and what changes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    pub(crate) metric: SignalMetric,
    /// A datapoint lands at every multiple of it.
    #[serde(deserialize_with = "every")]
    pub(crate) every: SignedDuration,
    /// How long until a datapoint can be read.
    #[serde(default, deserialize_with = "optional_duration")]
    pub(crate) delay: Option<SignedDuration>,
    /// What the metric shows where no effect applies; null: nothing.
    #[serde(deserialize_with = "nullable")]
    pub(crate) baseline: Option<f64>,
    /// How many samples a datapoint stands for.
    #[serde(default = "one", deserialize_with = "samples")]
    pub(crate) samples: u32,
    /// How far a value may be from what is declared, either way.
    #[serde(default)]
    pub(crate) spread: f64,
    /// The first one that applies wins.
    #[serde(default)]
    pub(crate) effects: Vec<Effect>,
}

/// Which metric a signal is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalMetric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) dimensions: IndexMap<String, String>,
    #[serde(default, deserialize_with = "unit")]
    pub(crate) unit: Option<Unit>,
}

/// What changes a metric, and to what.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WrittenEffect")]
pub(crate) struct Effect {
    pub(crate) cause: Cause,
    /// What the metric shows; nothing makes it silent.
    pub(crate) value: Option<f64>,
    /// How long after its cause began the effect shows.
    pub(crate) after: SignedDuration,
}

/// Why an effect applies.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// As long as a fact holds.
    Fact(FactMatch),
    /// From one moment until another, or for some time, or for good.
    Lasting { from: Moment, until: Option<Moment>, lasts: Option<SignedDuration> },
}

/// Something that happens at one moment.
#[derive(Debug, Clone)]
pub(crate) enum Moment {
    /// An event on any bus.
    Event(Pattern),
    /// A successful API call with at least this input.
    ApiCall(ApiCallMatch),
}

/// A fact's kind and globs over its attributes.
#[derive(Debug, Clone)]
pub(crate) struct FactMatch {
    pub(crate) kind: &'static str,
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// Which API calls are meant.
#[derive(Debug, Clone)]
pub(crate) struct ApiCallMatch {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) input: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEffect {
    #[serde(rename = "while")]
    while_fact: Option<FactMatch>,
    from: Option<WrittenMoment>,
    until: Option<WrittenMoment>,
    #[serde(default, rename = "for", deserialize_with = "optional_duration")]
    lasts: Option<SignedDuration>,
    #[serde(deserialize_with = "nullable")]
    value: Option<f64>,
    #[serde(default, deserialize_with = "optional_duration")]
    after: Option<SignedDuration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMoment {
    event: Option<serde_json::Value>,
    api_call: Option<WrittenApiCall>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApiCall {
    service: String,
    operation: String,
    #[serde(default)]
    input: serde_json::Value,
}

impl TryFrom<WrittenEffect> for Effect {
    type Error = String;

    fn try_from(written: WrittenEffect) -> Result<Self, String> {
        let cause = match (written.while_fact, written.from) {
            (Some(fact), None) if written.until.is_none() && written.lasts.is_none() => {
                Cause::Fact(fact)
            }
            (None, Some(from)) => Cause::Lasting {
                from: from.try_into()?,
                until: written.until.map(Moment::try_from).transpose()?,
                lasts: written.lasts,
            },
            (Some(_), None) => {
                return Err("`until` and `for` belong to `from`; `while` ends by itself".to_owned());
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err("an effect has exactly one of `while` and `from`".to_owned());
            }
        };
        let after = written.after.unwrap_or(SignedDuration::ZERO);
        Ok(Self { cause, value: written.value, after })
    }
}

impl TryFrom<WrittenMoment> for Moment {
    type Error = String;

    fn try_from(written: WrittenMoment) -> Result<Self, String> {
        match (written.event, written.api_call) {
            (Some(pattern), None) => Pattern::parse(&pattern.to_string())
                .map(Moment::Event)
                .map_err(|error| error.to_string()),
            (None, Some(call)) => {
                let service = Service::from_prefix(&call.service)
                    .ok_or_else(|| format!("no service `{}` is emulated", call.service))?;
                let operation = call.operation;
                Ok(Moment::ApiCall(ApiCallMatch { service, operation, input: call.input }))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err("a moment is exactly one of `event` and `api_call`".to_owned())
            }
        }
    }
}

impl<'de> Deserialize<'de> for FactMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = BTreeMap::<String, String>::deserialize(deserializer)?;
        Self::try_from(written).map_err(de::Error::custom)
    }
}

impl TryFrom<BTreeMap<String, String>> for FactMatch {
    type Error = String;

    fn try_from(mut written: BTreeMap<String, String>) -> Result<Self, String> {
        let kind = written.remove("fact").ok_or("`while` names a `fact`")?;
        let Some((kind, known)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no fact `{kind}`; there are {}", kinds.join(", ")));
        };
        let mut attributes = Vec::new();
        for (name, glob) in written {
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(format!("`{kind}` has no `{name}`; it has {}", known.join(", ")));
            };
            attributes.push((*name, glob));
        }
        Ok(Self { kind, attributes })
    }
}

fn one() -> u32 {
    1
}

/// A member that must be written, but may be null.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed: Duration = humantime::parse_duration(&text)
        .map_err(|error| de::Error::custom(format!("`{text}` is no duration: {error}")))?;
    SignedDuration::try_from(parsed).map_err(de::Error::custom)
}

fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SignedDuration>, D::Error> {
    duration(deserializer).map(Some)
}

fn every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let every = duration(deserializer)?;
    if every < SignedDuration::from_secs(SHORTEST) || every.subsec_nanos() != 0 {
        return Err(de::Error::custom("`every` is a whole number of seconds, at least 1s"));
    }
    Ok(every)
}

fn samples<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let samples = u32::deserialize(deserializer)?;
    if (1..=MAX_SAMPLES).contains(&samples) {
        return Ok(samples);
    }
    Err(de::Error::custom(format!("`samples` is between 1 and {MAX_SAMPLES}")))
}

fn unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Unit>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match Unit::parse(&text) {
        Some(unit) => Ok(Some(unit)),
        None => Err(de::Error::custom(format!("CloudWatch has no unit `{text}`"))),
    }
}
