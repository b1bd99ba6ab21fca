//! What a planned expectation looks at.
//!
//! Main type: [`Kind`]. Invariant: one variant a kind; an observer and the judge read nothing else.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::scenario::types::{IncidentExpectation, OpsItemExpectation, RuleState, StateValue};

/// What an expectation looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An alarm in a state.
    Alarm {
        /// The alarm's name.
        name: String,
        /// The state.
        state: StateValue,
        /// Its action must have run: an ARN, or `*`.
        action: Option<String>,
    },
    /// A rule that matched, invoked or failed.
    Rule {
        /// The rule's name.
        name: String,
        /// Its bus.
        bus: String,
        /// What it did.
        state: RuleState,
    },
    /// A runbook execution.
    Runbook {
        /// The document's name.
        document: String,
        /// The status.
        status: String,
        /// Steps that succeeded.
        steps: Vec<String>,
        /// Parameters.
        parameters: IndexMap<String, String>,
        /// Outputs.
        outputs: IndexMap<String, String>,
    },
    /// A `CodeDeploy` rollback.
    CodeDeployRollback {
        /// The application.
        application: String,
        /// The deployment group.
        group: String,
    },
    /// An event on a bus.
    Event {
        /// The bus.
        bus: String,
        /// The pattern, as JSON text.
        pattern: String,
    },
    /// A message on a topic.
    Notification {
        /// The topic's name or ARN.
        topic: String,
        /// Text that it contains.
        contains: Option<String>,
    },
    /// The experiment of a fault in a state.
    Experiment {
        /// The fault's id.
        fault: String,
        /// The state.
        state: String,
    },
    /// An OpsItem, as the scenario has it.
    OpsItem(OpsItemExpectation),
    /// An incident, as the scenario has it.
    Incident(IncidentExpectation),
}
