//! The scenario language, version 1, exactly as it is written in YAML.
//!
//! The main type is [`Scenario`]. Every struct denies unknown keys; nothing is flattened or untagged,
//! so that an error can name the key. An expectation carries exactly one kind; since serde can't say
//! that, the kinds are options here and [`crate::scenario::Loaded::check`] holds the rule; [`crate::plan`] turns
//! them into enums.

mod compliance;
mod expectation;
mod fault;
mod findings;
mod guardrails;
mod kinds;
mod machines;
mod messages;
mod metrics;
mod outside;
mod records;
mod target;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use compliance::*;
pub use expectation::*;
pub use fault::*;
pub use findings::*;
pub use guardrails::*;
pub(crate) use kinds::Kinds;
pub use machines::*;
pub use messages::*;
pub use metrics::*;
pub use outside::*;
pub use records::*;
pub use target::*;

/// One scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the language: 1.
    pub version: u32,
    /// The scenario's name, unique in a run: lower-case letters, digits and dashes.
    pub name: String,
    /// One line for reports.
    #[serde(default)]
    pub title: Option<String>,
    /// What is believed to be true of the system, in words.
    #[serde(default)]
    pub hypothesis: Option<String>,
    /// Who answers for the scenario.
    #[serde(default)]
    pub owner: Option<String>,
    /// The severity of the incident that is drilled: 1 (critical) to 5.
    #[serde(default)]
    pub severity: Option<u8>,
    /// Labels to select scenarios by (`--tag`).
    #[serde(default)]
    pub tags: Vec<String>,
    /// The environment file of the emulated account, relative to this file; ignored on a real account.
    #[serde(default)]
    pub environment: Option<String>,
    /// Values for `${var.NAME}`, with their defaults; `--var NAME=VALUE` overrides.
    #[serde(default)]
    pub vars: IndexMap<String, String>,
    /// The other accounts and regions that the drill spans, by name.
    #[serde(default)]
    pub targets: IndexMap<String, TargetAccount>,
    /// Where and how far a real run may go.
    #[serde(default)]
    pub guardrails: Guardrails,
    /// What ends the drill early: the fault is reverted, the outcome is `stopped`.
    #[serde(default)]
    pub stop_conditions: Vec<StopCondition>,
    /// What must hold before anything is injected.
    #[serde(default)]
    pub steady_state: Vec<SteadyState>,
    /// What is broken, in order.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What must (or must never) happen in answer.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// What must hold again at the end, and by when (counted from the fault).
    #[serde(default)]
    pub recovery: Vec<Expectation>,
    /// How long to keep looking after a deadline, so that late can be told from missed. Default 1m.
    #[serde(default)]
    pub grace: Option<Duration>,
    /// The objectives that the MTTR report holds the drill against.
    #[serde(default)]
    pub objectives: Objectives,
    /// The weakest correlation that counts as an observation of ours. Default `window`.
    #[serde(default)]
    pub correlation: Option<Correlation>,
}

/// A duration as humantime writes it: `90s`, `5m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            serde::de::Error::custom(format!(
                "`{text}` is not a duration such as `90s` or `5m`: {error}"
            ))
        })
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A duration: 90s, 5m, 1h 30m.",
            "examples": ["90s", "5m", "1h 30m"]
        })
    }
}

/// What ends a drill early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopCondition {
    /// Where: the name of one of `targets`; default: the home target.
    #[serde(default)]
    pub target: Option<String>,
    /// The name of a CloudWatch alarm; the drill stops when it is in ALARM.
    pub alarm: String,
}

/// Something that must hold before injection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadyState {
    /// Where: the name of one of `targets`; default: the home target.
    #[serde(default)]
    pub target: Option<String>,
    /// An alarm in a state (default OK).
    pub alarm: AlarmState,
}

/// An alarm and a state that it must be in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    /// The alarm's name.
    pub name: String,
    /// The state; default OK.
    #[serde(default = "StateValue::ok")]
    pub state: StateValue,
}

/// A CloudWatch alarm state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateValue {
    /// `OK`
    Ok,
    /// `ALARM`
    Alarm,
    /// `INSUFFICIENT_DATA`
    InsufficientData,
}

impl StateValue {
    fn ok() -> Self {
        Self::Ok
    }

    pub(super) fn alarm() -> Self {
        Self::Alarm
    }

    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// Reads the API's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Objectives for the response, counted from the fault's own start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// Time to detect.
    #[serde(default)]
    pub detect: Option<Duration>,
    /// Time to act.
    #[serde(default)]
    pub act: Option<Duration>,
    /// Time to mitigate.
    #[serde(default)]
    pub mitigate: Option<Duration>,
    /// Time to recover.
    #[serde(default)]
    pub recover: Option<Duration>,
}

/// The bus that every account has.
pub(super) fn default_bus() -> String {
    "default".to_owned()
}
