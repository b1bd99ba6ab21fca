//! One run of a runbook: where it stands, what its steps did.
//!
//! Main type: [`Execution`]. Invariant: `cursor` is the step that runs now (or ran last), and every run
//! of a step that ever began is in `runs`, in the order in which AWS lists them: the document's steps
//! first, then the iterations of loops as they happen.
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html>.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::document::{Document, Step, Steps};
use super::references::Resolved;
use crate::emulator::account::{Account, Identity};
use crate::emulator::agenda::Ticket;
use crate::emulator::policy::Caller;
use crate::emulator::services::Service;

/// The status of an execution or of a step, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not begun.
    Pending,
    /// Running.
    InProgress,
    /// Waiting for a person.
    Waiting,
    /// Done.
    Success,
    /// Ended by its time limit.
    TimedOut,
    /// Being stopped.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// Failed.
    Failed,
}

impl Status {
    /// The API's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Success => "Success",
            Self::TimedOut => "TimedOut",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing changes any more.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Success | Self::TimedOut | Self::Cancelled | Self::Failed => true,
            Self::Pending | Self::InProgress | Self::Waiting | Self::Cancelling => false,
        }
    }
}

/// Where in a step's life it failed, in the words of `FailureDetails.FailureStage` and of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The inputs could not be resolved or are wrong.
    InputValidation,
    /// The call was refused.
    Invocation,
    /// The call was accepted, and what it started did not end well.
    PostVerification,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    /// `Action`, `Permission`, `Throttling`, `Verification` or `Internal`.
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    /// The step's time was over, rather than something going wrong.
    pub(crate) timed_out: bool,
    /// What the step had to show nevertheless (a failed command has an output).
    pub(crate) outputs: IndexMap<String, Value>,
}

impl Failure {
    /// A failure at this stage.
    pub(crate) fn new(stage: Stage, reason: impl Into<String>) -> Self {
        let kind = match stage {
            Stage::InputValidation | Stage::PostVerification => "Verification",
            Stage::Invocation => "Action",
        };
        Self { stage, kind, reason: reason.into(), timed_out: false, outputs: IndexMap::new() }
    }

    /// The inputs are wrong.
    pub(crate) fn input(reason: impl Into<String>) -> Self {
        Self::new(Stage::InputValidation, reason)
    }

    /// The step's time is over.
    pub(crate) fn timeout() -> Self {
        Self { timed_out: true, ..Self::new(Stage::PostVerification, String::new()) }
    }

    /// The stage's name in the API.
    pub(crate) fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::InputValidation => "InputValidation",
            Stage::Invocation => "Invocation",
            Stage::PostVerification => "PostVerification",
        }
    }

    /// The failure message in AWS's wording:
    /// <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-troubleshooting.html>.
    pub(crate) fn message(&self) -> String {
        let doing = match self.stage {
            Stage::InputValidation => "validating and resolving the step inputs",
            Stage::Invocation => "Execute/Cancelling action",
            Stage::PostVerification => "Poll action status for completion",
        };
        let what = if self.timed_out {
            format!("Step timed out while step is {doing}.")
        } else {
            let reason = self.reason.trim_end_matches('.');
            format!("Step fails when it is {doing}. {reason}.")
        };
        format!(
            "{what} Please refer to Automation Service Troubleshooting Guide for more diagnosis \
             details."
        )
    }
}

/// What a step that succeeded has to show.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Success {
    /// The outputs that the action itself defines.
    pub(crate) outputs: IndexMap<String, Value>,
    /// What the step's declared selectors look into.
    pub(crate) response: Option<Value>,
    /// The response code of a command.
    pub(crate) code: Option<String>,
    /// Where a branch leads.
    pub(crate) jump: Option<String>,
}

/// The loop that a step ran in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parent {
    /// The index of the loop's own run.
    pub(crate) run: usize,
    /// The iteration, counted from 1.
    pub(crate) iteration: u32,
    pub(crate) value: Option<Value>,
}

/// One run of one step.
#[derive(Debug, Clone)]
pub(crate) struct StepRun {
    pub(crate) id: String,
    pub(crate) step: Arc<Step>,
    pub(crate) status: Status,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) timeout: Option<i64>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) outputs: IndexMap<String, Value>,
    pub(crate) code: Option<String>,
    pub(crate) failure: Option<Failure>,
    /// How many times the action was tried.
    pub(crate) attempts: u32,
    pub(crate) parent: Option<Parent>,
    /// Who decided what on an approval, in order.
    pub(crate) decisions: Vec<(String, bool)>,
}

impl StepRun {
    /// A run that has not begun.
    pub(crate) fn pending(id: String, step: Arc<Step>, parent: Option<Parent>) -> Self {
        Self {
            id,
            step,
            status: Status::Pending,
            start: None,
            end: None,
            timeout: None,
            inputs: Map::new(),
            outputs: IndexMap::new(),
            code: None,
            failure: None,
            attempts: 0,
            parent,
            decisions: Vec::new(),
        }
    }
}

/// A loop that is going on.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The index of the loop's own run.
    pub(crate) run: usize,
    pub(crate) steps: Steps,
    /// The items of a `for each` loop; nothing for a `do while` loop.
    pub(crate) items: Option<Vec<Value>>,
    /// The iteration, counted from 1.
    pub(crate) iteration: u32,
    pub(crate) max_iterations: u32,
    /// Where the runs of this iteration begin in `runs`; they stand in the order of `steps`.
    pub(crate) first_run: usize,
}

/// One run of a runbook.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) document_name: String,
    pub(crate) document_version: String,
    pub(crate) document: Arc<Document>,
    pub(crate) parameters: IndexMap<String, Value>,
    pub(crate) variables: IndexMap<String, Value>,
    pub(crate) status: Status,
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    /// The ARN of who started it.
    pub(crate) executed_by: String,
    /// On whose behalf the steps call.
    pub(crate) caller: Caller,
    /// Whose permissions count where a document assumes no role; children inherit it.
    pub(crate) starter: Caller,
    /// The execution and the index of the step run that started it.
    pub(crate) parent: Option<(String, usize)>,
    pub(crate) depth: usize,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) runs: Vec<StepRun>,
    /// The index of the latest run of each step.
    pub(crate) latest: IndexMap<String, usize>,
    /// The run that goes on now.
    pub(crate) cursor: usize,
    pub(crate) frames: Vec<Frame>,
    pub(crate) failure: Option<Failure>,
    /// A critical step failed: the execution will not be a success.
    pub(crate) critical: Option<Failure>,
    /// Somebody asked to cancel; the `onCancel` steps still run.
    pub(crate) cancelled: bool,
    /// Somebody asked to stop once the present step is done.
    pub(crate) completing: bool,
    /// How many steps began; an execution that jumps back for ever is ended by this.
    pub(crate) begun: usize,
    /// Changes with each attempt, so that what was due for an earlier one is told apart.
    pub(crate) stamp: u64,
    /// What is on the agenda for the present attempt.
    pub(crate) tickets: Vec<Ticket>,
    /// What the present attempt will have come to when its time is over.
    pub(crate) result: Option<Result<Success, Failure>>,
    /// The command or the child execution that the present step waits for.
    pub(crate) waits_for: Option<String>,
}

impl Execution {
    /// The run that goes on now.
    pub(crate) fn current(&self) -> &StepRun {
        &self.runs[self.cursor]
    }

    /// The run that goes on now.
    pub(crate) fn current_mut(&mut self) -> &mut StepRun {
        &mut self.runs[self.cursor]
    }

    /// The list that the current step stands in, and the index of the run of its first step.
    pub(crate) fn list(&self) -> (&Steps, usize) {
        match self.frames.last() {
            Some(frame) => (&frame.steps, frame.first_run),
            None => (&self.document.steps, 0),
        }
    }

    /// The index of the run of a step in the current list.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let (steps, first) = self.list();
        steps.iter().position(|step| step.name == name).map(|index| first + index)
    }

    /// The run that follows the current one in the current list.
    pub(crate) fn following(&self) -> Option<usize> {
        let (steps, first) = self.list();
        (self.cursor + 1 < first + steps.len()).then_some(self.cursor + 1)
    }

    /// What a reference stands for here and now.
    pub(crate) fn resolve(&self, account: &Account, name: &str) -> Resolved {
        if let Some((space, key)) = name.split_once(':') {
            return self.system(account, space, key);
        }
        if let Some(value) = self.parameters.get(name) {
            return Resolved::Value(value.clone());
        }
        let Some((step, output)) = name.split_once('.') else { return Resolved::Unknown };
        let Some(run) = self.latest.get(step).map(|index| &self.runs[*index]) else {
            return Resolved::Unknown;
        };
        if let Some(value) = run.outputs.get(output) {
            return Resolved::Value(value.clone());
        }
        let declared = run.step.outputs.iter().any(|declared| declared.name == output);
        if run.status == Status::Success && declared {
            Resolved::Nothing
        } else {
            Resolved::Unknown
        }
    }

    fn system(&self, account: &Account, space: &str, key: &str) -> Resolved {
        let text = |value: String| Resolved::Value(Value::String(value));
        match (space, key) {
            ("global", "DATE") => text(account.now().strftime("%Y-%m-%d").to_string()),
            ("global", "DATE_TIME") => {
                text(account.now().strftime("%Y-%m-%d_%H.%M.%S").to_string())
            }
            ("global", "REGION") => text(account.identity().region.clone()),
            ("global", "ACCOUNT_ID") => text(account.identity().account.clone()),
            ("global", "AWS_PARTITION") => text(account.identity().partition.clone()),
            ("automation", "EXECUTION_ID") => text(self.id.clone()),
            ("variable", path) => {
                let mut keys = path.split('.');
                let mut value = keys.next().and_then(|name| self.variables.get(name));
                for key in keys {
                    value = value.and_then(|value| value.get(key));
                }
                value.cloned().map_or(Resolved::Unknown, Resolved::Value)
            }
            ("ssm", name) => crate::emulator::services::ssm::parameter_value(account, name)
                .map_or(Resolved::Unknown, text),
            _ => Resolved::Unknown,
        }
    }

    /// The execution's ARN.
    pub(crate) fn arn(&self, identity: &Identity) -> String {
        identity.arn(Service::Ssm.prefix(), &format!("automation-execution/{}", self.id))
    }
}
