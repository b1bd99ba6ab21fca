//! What a planned expectation looks at.
//!
//! Main type: [`Kind`]. Invariant: one variant a kind; an observer and the judge read nothing else.

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Predicate, millis};
use crate::scenario::types::{
    ApiCallExpectation, FindingExpectation, HttpCall, IncidentExpectation, OpsItemExpectation,
    QueueMessages, RuleState, StateValue,
};

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
    /// A finding, as the scenario has it.
    Finding(FindingExpectation),
    /// An OpsItem, as the scenario has it.
    OpsItem(OpsItemExpectation),
    /// An incident, as the scenario has it.
    Incident(IncidentExpectation),
    /// An API call, as the scenario has it.
    ApiCall(ApiCallExpectation),
    /// How many messages a queue holds.
    Queue {
        /// The queue's name or ARN.
        name: String,
        /// Which messages count.
        messages: QueueMessages,
        /// How many it must be.
        level: Level,
    },
    /// A deployment by one of AWS's deployment services, and what becomes of it.
    Deployment {
        /// What deploys to what.
        release: Release,
        /// What must become of it.
        becomes: Becomes,
    },
    /// Log events.
    Log {
        /// The log groups.
        groups: Vec<String>,
        /// What finds them.
        search: LogSearch,
    },
    /// A Step Functions execution in a status.
    Execution {
        /// The state machine's name or ARN.
        state_machine: String,
        /// The status.
        status: String,
        /// What its input has.
        input: Option<Predicate>,
        /// What its output has.
        output: Option<Predicate>,
    },
    /// What a URL answers.
    Http {
        /// The request.
        request: HttpCall,
        /// What the answer has.
        predicate: Predicate,
        /// The path to when it happened.
        time: Option<String>,
        /// The distance between two looks.
        #[serde(with = "millis")]
        every: SignedDuration,
    },
}

/// What finds log events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSearch {
    /// A filter pattern.
    Pattern(String),
    /// An Insights query.
    Query(String),
}

/// How many of something there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// This many or more.
    AtLeast(u32),
    /// This many or fewer.
    AtMost(u32),
}

impl Level {
    /// Whether so many are in it.
    pub fn holds(self, count: u64) -> bool {
        match self {
            Self::AtLeast(least) => count >= u64::from(least),
            Self::AtMost(most) => count <= u64::from(most),
        }
    }

    /// What a queue must hold, in words: `at least 1 message`, `no messages`.
    pub fn words(self, messages: QueueMessages) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {}", messages.words(least.into())),
            Self::AtMost(0) => messages.words(0),
            Self::AtMost(most) => format!("at most {}", messages.words(most.into())),
        }
    }
}

/// One of AWS's deployment services, and what it deploys to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// `CodeDeploy`.
    CodeDeploy {
        /// The application.
        application: String,
        /// The deployment group.
        group: String,
    },
    /// `CloudFormation`.
    CloudFormation {
        /// The stack's name.
        stack: String,
    },
    /// AppConfig.
    AppConfig {
        /// The application's name or id.
        application: String,
        /// The environment's name or id.
        environment: String,
    },
    /// ECS.
    Ecs {
        /// The cluster's name.
        cluster: String,
        /// The service's name.
        service: String,
    },
}

impl Release {
    /// The service and what it deploys to, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::CodeDeploy { application, group } => format!("CodeDeploy {application}/{group}"),
            Self::CloudFormation { stack } => format!("CloudFormation stack {stack}"),
            Self::AppConfig { application, environment } => {
                format!("AppConfig {application}/{environment}")
            }
            Self::Ecs { cluster, service } => format!("ECS service {cluster}/{service}"),
        }
    }
}

/// What must become of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Becomes {
    /// It reaches a state, in the service's own word.
    State {
        /// The state.
        state: String,
    },
    /// The service takes it back by itself.
    RolledBack {
        /// Who or what must have brought that about; AppConfig alone says so.
        triggered_by: Option<String>,
    },
}
