//! The record of a drill: what happened, in order, with AWS's clock beside ours.
//!
//! Main type: [`Entry`]. One entry is one line of `timeline.jsonl`, written as it happens; verdicts,
//! recovery figures and every report are pure functions of the plan and these entries. Invariant: an
//! [`EntryKind::Intent`] stands in the record before each call that changes something, and its
//! [`EntryKind::Receipt`] right after, so that what a crash leaves behind can be undone.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::scenario::types::{CommandRun, Correlation, HttpCall};

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When we wrote it, by our clock.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub kind: EntryKind,
}

impl Entry {
    /// The entry as one line of `timeline.jsonl`, its line feed included.
    ///
    /// # Panics
    /// Never: an entry is plain data.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("an entry is plain data");
        line.push('\n');
        line
    }
}

/// A timeline as it was read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// The entries, in the order of the record.
    pub entries: Vec<Entry>,
    /// The number of a last line that a crash cut off, from 1; its entry is lost.
    pub cut_off: Option<usize>,
}

/// A line of a timeline that is not an entry.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the timeline is not an entry: {problem}")]
pub struct LineError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads `timeline.jsonl`. Blank lines are skipped; a last line without a line feed that is not an entry
/// is what a crash leaves behind, and tolerated.
///
/// # Errors
/// The first complete line that is not an entry.
pub fn parse_lines(text: &[u8]) -> Result<Lines, LineError> {
    let mut lines = Lines { entries: Vec::new(), cut_off: None };
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(entry) => lines.entries.push(entry),
            Err(_) if !line.ends_with(b"\n") => lines.cut_off = Some(index + 1),
            Err(error) => {
                return Err(LineError { line: index + 1, problem: error.to_string() });
            }
        }
    }
    Ok(lines)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum EntryKind {
    /// The drill began.
    DrillStarted {
        /// The scenario's name.
        scenario: String,
        /// The drill's id.
        run_id: String,
        /// Where it runs: the home target.
        target: Target,
        /// The scenario's other targets, by name.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        targets: IndexMap<String, Target>,
        /// Whether it only looks: nothing is injected, and nothing is proven by it.
        #[serde(default, skip_serializing_if = "is_false")]
        dry_run: bool,
    },
    /// A guardrail or a preflight condition was looked at.
    Preflight {
        /// What was looked at, such as `alarm checkout-errors`.
        subject: String,
        /// What is wrong with it; nothing for fine.
        problem: Option<Problem>,
    },
    /// An observer watches from here on.
    ObserverArmed {
        /// What watches, such as `alarm history`.
        observer: String,
        /// The expectations that it serves.
        expectations: Vec<String>,
    },
    /// A steady-state condition was looked at, before injection.
    SteadyState {
        /// The target that it concerns; nothing for the home target, that of the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The alarm.
        alarm: String,
        /// The state that it must be in.
        expected: String,
        /// The state that it was in; nothing where we could not look.
        found: Option<String>,
        /// Why we could not look.
        reason: Option<String>,
    },
    /// A call that changes something is about to be made.
    Intent {
        /// Numbers the intents of a drill from 1.
        intent: u32,
        /// Where the call goes: the name of a target; nothing for the home target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The fault that it serves; nothing for the drill's own listeners.
        fault: Option<String>,
        /// Whether this changes the account or takes a change back.
        purpose: Purpose,
        /// The call, such as `fis:StartExperiment`.
        call: String,
        /// What would undo it, known before the call is made.
        undo: Option<Undo>,
    },
    /// The call returned.
    Receipt {
        /// The intent that it answers.
        intent: u32,
        /// Nothing for success; otherwise the error, in words.
        error: Option<String>,
        /// Ids that the call returned.
        ids: IndexMap<String, String>,
    },
    /// A fault took effect.
    FaultStarted {
        /// The fault's id.
        fault: String,
        /// When, by AWS's clock: the moment that latencies count from.
        occurred_at: Timestamp,
        /// `occurred_at` is off by this many milliseconds at the most, either way. More than nothing where
        /// AWS gives no time, so that it is our own clock's, corrected by the skew that was measured.
        #[serde(default, skip_serializing_if = "is_zero")]
        uncertain_ms: u64,
        /// What proves it (experiment id, event ids, …).
        evidence: IndexMap<String, String>,
    },
    /// A fault could not be injected.
    FaultFailed {
        /// The fault's id.
        fault: String,
        /// Why.
        reason: String,
        /// We could not reach or were not let through (throttled, denied, unreachable), so that nothing
        /// is said about the fault itself.
        #[serde(default)]
        blind: bool,
    },
    /// A fault ended by itself (a FIS experiment reached a final state, the last datapoint was sent).
    FaultEnded {
        /// The fault's id.
        fault: String,
        /// When, by AWS's clock.
        occurred_at: Timestamp,
        /// The final state: `completed`, `stopped`, `failed`, `cancelled`.
        state: String,
        /// AWS's reason.
        reason: Option<String>,
    },
    /// Something was seen.
    Observation(Observation),
    /// Everything that AWS shows up to `through` has been seen for these expectations.
    Looked {
        /// The expectations.
        expectations: Vec<String>,
        /// Nothing that occurred before this can still turn up.
        through: Timestamp,
        /// A time before this look that no look will ever show: a state shows itself and not what it was
        /// while we could not look. Nothing where a look shows the past as well, as a history does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gap: Option<Gap>,
    },
    /// We could not look.
    Blind {
        /// The expectations that it leaves unseen.
        expectations: Vec<String>,
        /// Why: throttled, denied (names the action), unreachable, partial data.
        reason: String,
    },
    /// The drill is ended early.
    Stopping {
        /// Why.
        reason: StopReason,
        /// In words.
        detail: String,
    },
    /// How far our clock is from AWS's, as the `Date` header of its answers shows.
    ClockSkew {
        /// Where: the name of a target; nothing for the home target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// AWS's clock minus ours, in milliseconds: positive where ours is behind.
        offset_ms: i64,
        /// The offset is off by this much at the most, in milliseconds.
        uncertainty_ms: u64,
        /// How many answers it was read from.
        samples: usize,
    },
    /// The API calls that the drill made, retries included. A call that served several drills stands in the
    /// record of the one that made it.
    Calls {
        /// How many, by the action's name as IAM spells it.
        counts: IndexMap<String, u64>,
    },
    /// Injection and observation are over; reverting starts.
    Reverting,
    /// Every change is taken back, or not.
    Reverted {
        /// What is left behind, in words with its id; empty when all is clean.
        left: Vec<String>,
    },
    /// The drill is over.
    DrillEnded,
}

/// Where a drill runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The account id.
    pub account: String,
    /// The region.
    pub region: String,
    /// Which kind of account.
    pub kind: TargetKind,
}

/// Which kind of account a drill runs against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// The emulated account: a rehearsal.
    Emulator,
    /// AWS itself.
    Aws,
    /// An AWS-compatible endpoint.
    Endpoint,
}

/// What the subject of a look at the safety lever says where a server has none and the command line knew it.
pub const LEVER_WAIVED: &str = "as --no-safety-lever says";

/// What is wrong before a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
    /// Whether we saw that it is wrong, or could not see at all.
    pub blind: bool,
}

/// Why a changing call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To guard: previews of experiments, and the lock that keeps other drills out.
    Guard,
    /// To listen (the drill's own queue, rules and subscriptions).
    Listen,
    /// To break something.
    Inject,
    /// To take one of our changes back.
    Revert,
}

impl Purpose {
    /// The purposes of what must be taken back, in the order in which that is done.
    pub const TO_TAKE_BACK: [Self; 3] = [Self::Inject, Self::Listen, Self::Guard];
}

/// What undoes a change. Everything is named so that it can be found again after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// Stop the experiment that was started with this client token.
    StopExperiment {
        /// The token.
        client_token: String,
    },
    /// Delete the experiment template that was created with this client token.
    DeleteExperimentTemplate {
        /// The token.
        client_token: String,
    },
    /// Set an alarm back to the state that it had.
    SetAlarmState {
        /// The alarm.
        alarm: String,
        /// The state that it had.
        state: String,
    },
    /// Delete a queue.
    DeleteQueue {
        /// Its name.
        name: String,
    },
    /// Remove a listener rule and its target.
    DeleteRule {
        /// Its bus.
        bus: String,
        /// Its name.
        name: String,
    },
    /// Give the lock of an account and region back.
    Unlock {
        /// The SSM parameter that is the lock.
        parameter: String,
    },
    /// Unsubscribe a queue from a topic.
    Unsubscribe {
        /// The topic's ARN.
        topic: String,
        /// The queue's ARN.
        endpoint: String,
    },
    /// Stop the runbook execution that was started with this token.
    StopAutomation {
        /// The token, which ends the key of one of its tags.
        token: String,
    },
    /// Cancel the command that was sent with this comment.
    CancelCommand {
        /// Its document.
        document: String,
        /// The comment.
        comment: String,
    },
    /// Stop a Step Functions execution.
    StopExecution {
        /// Its state machine's name or ARN.
        state_machine: String,
        /// The execution's name.
        name: String,
    },
    /// Enable a rule that was enabled.
    EnableRule {
        /// Its bus.
        bus: String,
        /// Its name.
        name: String,
    },
    /// Tell a process check of AWS Config again what it was told before.
    PutExternalEvaluation {
        /// The rule.
        rule: String,
        /// What it was told.
        compliance: String,
    },
    /// Archive the samples of GuardDuty that were not active before.
    ArchiveSampleFindings {
        /// The detector's id.
        detector: String,
        /// The finding types.
        types: Vec<String>,
        /// The ids of the samples that were active before.
        keep: Vec<String>,
    },
    /// Resolve and archive findings that were imported into Security Hub.
    ArchiveFindings {
        /// The ARN of the product that imported them.
        product: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// Delete the drill's own log stream.
    DeleteLogStream {
        /// Its log group.
        group: String,
        /// Its name.
        stream: String,
    },
    /// Cancel a replay that still runs.
    CancelReplay {
        /// Its name.
        name: String,
    },
    /// Send the request that takes another one back.
    SendRequest {
        /// The request, with its secrets as they are written.
        request: HttpCall,
    },
    /// End everything that a local program started, and run the program that takes it back.
    EndCommand {
        /// What marks its processes.
        token: String,
        /// The program that takes it back.
        revert: Option<CommandRun>,
    },
}

/// Why a drill was ended early, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Another drill failed and the run was told to end then.
    FailFast,
    /// A guardrail, such as the maximum duration.
    Guardrail,
    /// One of the scenario's stop conditions.
    StopCondition,
    /// The experiment was halted by FIS's own stop condition or its safety lever.
    ExperimentStopped,
    /// A person or the machine asked us to end.
    Signal,
    /// The process was gone before the drill ended (a kill, a crash); `firedrill revert` noted it later.
    Gone,
}

/// A time in which something was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The last look before.
    pub from: Timestamp,
    /// The next look after.
    pub to: Timestamp,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The expectation that it bears on.
    pub expectation: String,
    /// Where it was seen: the name of a target; nothing for the home target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether it is what the expectation looks for. For states (alarms, experiments) a change away is
    /// recorded too, with `false`; occurrences (events, messages, executions) are always `true`.
    pub holds: bool,
    /// When it happened, by AWS's clock: the earliest possible instant.
    pub occurred_at: Timestamp,
    /// How coarse `occurred_at` is, in milliseconds: it happened within this long after it.
    pub resolution_ms: u64,
    /// When we saw it, by our clock.
    pub seen_at: Timestamp,
    /// How we know that it was ours.
    pub correlation: Correlation,
    /// One line for people.
    pub summary: String,
    /// The execution is stuck on a human: the words say on what. Never a miss, never met.
    pub blocked: Option<String>,
    /// Ids and values that prove it.
    pub evidence: IndexMap<String, String>,
}

/// The state reason of an alarm that is set back after a drill.
pub(crate) fn set_back_reason(run_id: &str) -> String {
    format!("firedrill {run_id}: set back")
}

/// Whether an alarm's state reason says that this drill set it back.
pub(crate) fn is_set_back(run_id: &str, reason: &str) -> bool {
    reason == set_back_reason(run_id)
}

/// The piece of evidence that names who set an alarm's state by hand.
const SET_BY: &str = "set by";

impl Observation {
    /// The evidence that the drill itself did this.
    pub fn own_doing() -> (&'static str, &'static str) {
        (SET_BY, "firedrill")
    }

    /// Whether the drill itself did this: it is no answer of the system.
    pub fn is_own_doing(&self) -> bool {
        self.evidence.contains_key(SET_BY)
    }
}

#[cfg(test)]
mod tests;
