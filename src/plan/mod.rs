//! What a run will do, decided before anything is touched.
//!
//! The main type is [`Plan`]: immutable, made from a [`Scenario`](crate::scenario::Scenario) by a pure
//! function, and specific enough that no choice is left for execution. Every offset, deadline and id is
//! here; the dry run and the IAM policy are renderings of it.

mod action;
pub mod calls;
mod deployments;
pub mod iam;
mod ids;
mod kind;
mod kinds;
mod machines;
mod messages;
mod metrics;
mod outside;
mod predicate;
pub(crate) mod records;
mod resolve;
mod schedule;
mod target;
pub mod text;
mod wakeups;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::scenario::types::{Correlation, Guardrails, Objectives, Stage, StateValue};

pub use action::{FaultAction, Message, Replay, Span};
pub use calls::BUS_LOG_GROUPS;
pub use kind::{Becomes, Kind, Level, LogSearch, Release};
pub(crate) use machines::token;
pub use machines::{AutomationStart, CommandSend, ExecutionStart, FunctionInvoke};
pub use messages::RUN_ATTRIBUTE;
pub use metrics::{METRIC_LAG, MetricWatch};
pub use predicate::{Predicate, Test};
pub use resolve::{
    DEFAULT_GRACE, DEFAULT_SPACING, MAX_PARTS, RUN_MARKER, Unplannable, natural_stage,
};
pub use schedule::{
    CLOUDTRAIL_LAG, FIS_START, MARGIN, REPLAY_START, SECURITY_HUB_LAG, Schedule, Window, shown_late,
};
pub use target::PlannedTarget;
pub use wakeups::{Subject, WakeUp, WakeUpRule};

/// The resolved, immutable schedule of one drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What reports call the drill.
    pub scenario: About,
    /// The id of this drill, unique: it marks everything that the drill creates.
    pub run_id: String,
    /// The other accounts and regions that the drill spans, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub targets: IndexMap<String, PlannedTarget>,
    /// Where a real run may go.
    pub guardrails: Guardrails,
    /// The drill ends at the latest this long after its start.
    #[serde(with = "millis")]
    pub max_duration: SignedDuration,
    /// What stops the drill.
    pub stop_conditions: Vec<PlannedStop>,
    /// What must hold before injection.
    pub steady_state: Vec<PlannedSteadyState>,
    /// The faults, in the order of their start.
    pub faults: Vec<PlannedFault>,
    /// The expectations in file order, those of `recovery` after those of `expect`.
    pub expectations: Vec<PlannedExpectation>,
    /// How long to look past a deadline.
    #[serde(with = "millis")]
    pub grace: SignedDuration,
    /// The objectives of the MTTR report.
    pub objectives: Objectives,
}

impl Plan {
    /// Whether any fault is a FIS experiment.
    pub fn has_experiments(&self) -> bool {
        self.faults.iter().any(|fault| fault.action.is_experiment())
    }
}

/// Words about the scenario, for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The scenario's name.
    pub name: String,
    /// The file, as given on the command line.
    pub file: String,
    /// One line.
    pub title: Option<String>,
    /// What is believed.
    pub hypothesis: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// 1 to 5.
    pub severity: Option<u8>,
    /// Labels.
    pub tags: Vec<String>,
}

/// An alarm that stops the drill when it is in ALARM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenStop", into = "WrittenStop")]
pub struct PlannedStop {
    /// Where: the name of a target; nothing for the home target, that of the command line.
    pub target: Option<String>,
    /// The alarm's name.
    pub alarm: String,
}

/// A stop condition in JSON: the alarm's name alone stands for one of the home target.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenStop {
    Home(String),
    At { target: String, alarm: String },
}

impl From<WrittenStop> for PlannedStop {
    fn from(written: WrittenStop) -> Self {
        match written {
            WrittenStop::Home(alarm) => Self { target: None, alarm },
            WrittenStop::At { target, alarm } => Self { target: Some(target), alarm },
        }
    }
}

impl From<PlannedStop> for WrittenStop {
    fn from(planned: PlannedStop) -> Self {
        match planned {
            PlannedStop { target: None, alarm } => Self::Home(alarm),
            PlannedStop { target: Some(target), alarm } => Self::At { target, alarm },
        }
    }
}

/// An alarm that must be in a state before injection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedSteadyState {
    /// Where: the name of a target; nothing for the home target, that of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The alarm's name.
    pub alarm: String,
    /// The state.
    pub state: StateValue,
}

/// One fault, with its start resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// Unique in the plan.
    pub id: String,
    /// Where: the name of a target; nothing for the home target, that of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When it starts.
    pub start: Start,
    /// The expectation that proves its effect.
    pub effect: Option<String>,
    /// What it does.
    pub action: FaultAction,
}

/// When a fault starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// This long after the beginning of the injection.
    At(#[serde(with = "millis")] SignedDuration),
    /// When this fault has taken effect, plus a delay.
    After {
        /// The other fault's id.
        fault: String,
        /// The delay.
        #[serde(with = "millis")]
        delay: SignedDuration,
    },
}

/// Which list of the file an expectation stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// `expect`
    Expect,
    /// `recovery`
    Recovery,
}

/// One expectation, with its anchor and its windows resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedExpectation {
    /// Unique in the plan.
    pub id: String,
    /// Where: the name of a target; nothing for the home target, that of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Which list it stands in.
    pub phase: Phase,
    /// What is looked at.
    pub kind: Kind,
    /// What is demanded of it.
    pub demand: Demand,
    /// What the windows count from.
    pub anchor: Anchor,
    /// Which part of the response it belongs to.
    pub stage: Stage,
    /// The weakest correlation that counts.
    pub correlation: Correlation,
}

/// What a window counts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The start of a fault, by AWS's clock.
    Fault(String),
    /// The moment at which another expectation was first satisfied.
    Expectation(String),
}

/// What is demanded of the observations of an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// It happens, `count` times, within the deadline, and then holds for `sustain`.
    Happens {
        /// The deadline.
        #[serde(with = "millis")]
        within: SignedDuration,
        /// How many occurrences are needed; at least 1.
        count: u32,
        /// How long the state must hold; zero for not at all.
        #[serde(with = "millis")]
        sustain: SignedDuration,
    },
    /// It happens at most `more_than` times in the window.
    Never {
        /// The window.
        #[serde(with = "millis")]
        watch_for: SignedDuration,
        /// How many are still fine.
        more_than: u32,
    },
}

/// Durations as whole milliseconds in JSON.
pub mod millis {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes milliseconds.
    pub fn serialize<S: Serializer>(
        duration: &SignedDuration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        serializer.serialize_i64(milliseconds)
    }

    /// Reads milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SignedDuration, D::Error> {
        i64::deserialize(deserializer).map(SignedDuration::from_millis)
    }

    /// The same for a duration that may be absent.
    pub mod option {
        use super::{Deserialize, Deserializer, Serializer, SignedDuration};

        /// Writes milliseconds or null.
        pub fn serialize<S: Serializer>(
            duration: &Option<SignedDuration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads milliseconds or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<SignedDuration>, D::Error> {
            Ok(Option::<i64>::deserialize(deserializer)?.map(SignedDuration::from_millis))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
