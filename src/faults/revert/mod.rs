//! Undo: takes back what the timeline says was changed, newest first, and reads back that it is gone.
//!
//! Main functions: [`pending`] (pure: what is still to undo) and [`undo`]. One file per kind of undo, with
//! the same face: `undo`, `words` for what is left, and `sweep`, which finds what carries the id of a drill
//! whose timeline is lost. Invariants: undoing is idempotent; something that
//! is already gone counts as done; nothing is needed but the timeline, so it works after a crash as well.

mod alarm;
mod automation;
mod command;
mod compliance;
mod enabled_rule;
mod execution;
mod experiment;
mod findings;
mod lock;
mod log_stream;
mod program;
mod queue;
mod replay;
mod request;
mod rule;
mod samples;
mod subscription;
mod template;

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::{ChangeError, Context, ids};
use crate::aws::{CallError, CallErrorKind, NO_SUCH_OPERATION};
use crate::scenario::names::at_target;
use crate::timeline::{Entry, EntryKind, Purpose, Undo};
use crate::wakeup::Topic;

/// One change that is still to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Where it was made: the name of a target; nothing for the home target.
    pub target: Option<String>,
    /// Why it was made.
    pub purpose: Purpose,
    /// The fault that it served.
    pub fault: Option<String>,
    /// What undoes it.
    pub undo: Undo,
    /// Ids from its receipt.
    pub ids: IndexMap<String, String>,
    /// The server said that it has no such operation.
    pub lacked: bool,
}

impl Pending {
    /// Words for it where it could not be taken back.
    pub fn describe(&self) -> String {
        describe(&self.undo) + &at_target(self.target.as_deref())
    }

    /// The same with the error that the last try to take it back met: which call failed, and why.
    pub fn told(&self, timeline: &[Entry]) -> String {
        let tried = timeline.iter().rev().find_map(|entry| match &entry.kind {
            EntryKind::Intent {
                intent,
                purpose: Purpose::Revert,
                undo: Some(undo),
                target,
                ..
            } if *undo == self.undo && *target == self.target => Some(*intent),
            _ => None,
        });
        let error = timeline.iter().find_map(|entry| match &entry.kind {
            EntryKind::Receipt { intent, error, .. } if Some(*intent) == tried => error.as_ref(),
            _ => None,
        });
        match error {
            Some(error) => format!("{}: {error}", self.describe()),
            None => self.describe(),
        }
    }
}

/// What is still to undo, newest first.
///
/// A change that AWS refused outright was not made; one whose answer never came may have been.
pub fn pending(timeline: &[Entry], purpose: Purpose) -> Vec<Pending> {
    let mut changes: IndexMap<u32, Pending> = IndexMap::new();
    let mut reverts: IndexMap<u32, (Option<String>, Undo)> = IndexMap::new();
    for entry in timeline {
        match &entry.kind {
            EntryKind::Intent {
                intent,
                target,
                purpose: Purpose::Revert,
                undo: Some(undo),
                ..
            } => {
                reverts.insert(*intent, (target.clone(), undo.clone()));
            }
            EntryKind::Intent { intent, target, fault, purpose, undo: Some(undo), .. } => {
                let (purpose, fault, undo) = (*purpose, fault.clone(), undo.clone());
                let (target, ids) = (target.clone(), IndexMap::new());
                let lacked = false;
                changes.insert(*intent, Pending { target, purpose, fault, undo, ids, lacked });
            }
            EntryKind::Receipt { intent, error, ids } => match (error, reverts.get(intent)) {
                // What is named alike in two places is two things.
                (None, Some((target, done))) => {
                    changes.retain(|_, change| change.undo != *done || change.target != *target);
                }
                (None, None) => {
                    if let Some(change) = changes.get_mut(intent) {
                        change.ids.clone_from(ids);
                    }
                }
                (Some(error), None) if was_refused(error) => {
                    changes.shift_remove(intent);
                }
                (Some(error), None) if was_lacked(error) => {
                    if let Some(change) = changes.get_mut(intent) {
                        change.lacked = true;
                    }
                }
                (Some(_), _) => {}
            },
            EntryKind::Intent { undo: None, .. }
            | EntryKind::DrillStarted { .. }
            | EntryKind::Preflight { .. }
            | EntryKind::ObserverArmed { .. }
            | EntryKind::SteadyState { .. }
            | EntryKind::FaultStarted { .. }
            | EntryKind::FaultFailed { .. }
            | EntryKind::FaultEnded { .. }
            | EntryKind::Observation(_)
            | EntryKind::Looked { .. }
            | EntryKind::Blind { .. }
            | EntryKind::Stopping { .. }
            | EntryKind::ClockSkew { .. }
            | EntryKind::Calls { .. }
            | EntryKind::Reverting
            | EntryKind::Reverted { .. }
            | EntryKind::DrillEnded => {}
        }
    }
    let mut pending: Vec<Pending> = Vec::new();
    for change in changes.into_values().rev().filter(|change| change.purpose == purpose) {
        // What was changed again and again (a lock that is renewed) is taken back once.
        let known = |one: &Pending| one.undo == change.undo && one.target == change.target;
        if !pending.iter().any(known) {
            pending.push(change);
        }
    }
    pending
}

/// Whether a receipt's error says that the server does not have the operation. Our own first try, whose answer
/// was lost, may have met one that does.
fn was_lacked(error: &str) -> bool {
    NO_SUCH_OPERATION.contains(&error.split(": ").nth(1).unwrap_or_default())
}

/// Whether a receipt's error says that AWS answered and refused: `service:Operation: Code: message`.
fn was_refused(error: &str) -> bool {
    if was_lacked(error) {
        return false;
    }
    let code = error.split(": ").nth(1).unwrap_or_default();
    !code.is_empty()
        && code.chars().all(char::is_alphanumeric)
        && !UNSURE.iter().any(|word| code.contains(word))
}

/// What AWS may say to the second try of a call whose first one was heard, though its answer was lost: only the
/// last answer is on record. What exists already, or stands in the way, may be what the first try made.
/// Everything is named after its drill, so that taking it back can hit nobody else's.
const UNSURE: [&str; 16] = [
    "Internal",
    "Unavailable",
    "Timeout",
    "AlreadyExists",
    "Throttl",
    "TooManyRequests",
    "TooManyUpdates",
    "LimitExceeded",
    "BandwidthLimit",
    "SlowDown",
    "Concurrent",
    "Conflict",
    "InUse",
    "OptimisticLock",
    "Expired",
    "Busy",
];

/// Undoes one change; the context is that of the change's place.
pub async fn undo(context: Context<'_>, change: &Pending) -> Result<(), ChangeError> {
    match undo_one(context, change).await {
        // What a server can neither make nor look for was never made there.
        Err(ChangeError::Call(error))
            if change.lacked && error.kind == CallErrorKind::Unsupported =>
        {
            Ok(())
        }
        undone => undone,
    }
}

async fn undo_one(context: Context<'_>, change: &Pending) -> Result<(), ChangeError> {
    match &change.undo {
        Undo::StopExperiment { client_token } => {
            experiment::undo(context, change, client_token).await
        }
        Undo::DeleteExperimentTemplate { client_token } => {
            template::undo(context, change, client_token).await
        }
        Undo::SetAlarmState { alarm, state } => alarm::undo(context, change, alarm, state).await,
        Undo::DeleteQueue { name } => queue::undo(context, change, name).await,
        Undo::Unlock { parameter } => lock::undo(context, change, parameter).await,
        Undo::DeleteRule { bus, name } => rule::undo(context, change, bus, name).await,
        Undo::Unsubscribe { topic, endpoint } => {
            subscription::undo(context, change, topic, endpoint).await
        }
        Undo::StopAutomation { token } => automation::undo(context, change, token).await,
        Undo::CancelCommand { document, comment } => {
            command::undo(context, change, document, comment).await
        }
        Undo::StopExecution { state_machine, name } => {
            execution::undo(context, change, state_machine, name).await
        }
        Undo::PutExternalEvaluation { rule, compliance } => {
            compliance::undo(context, change, rule, compliance).await
        }
        Undo::EnableRule { bus, name } => enabled_rule::undo(context, change, bus, name).await,
        Undo::ArchiveSampleFindings { detector, types, keep } => {
            samples::undo(context, change, detector, types, keep).await
        }
        Undo::ArchiveFindings { product, ids } => {
            findings::undo(context, change, product, ids).await
        }
        Undo::DeleteLogStream { group, stream } => {
            log_stream::undo(context, change, group, stream).await
        }
        Undo::CancelReplay { name } => replay::undo(context, change, name).await,
        Undo::SendRequest { request } => request::undo(context, change, request).await,
        Undo::EndCommand { token, revert } => {
            program::undo(context, change, token, revert.as_ref()).await
        }
    }
}

/// Words for a change that could not be taken back.
pub fn describe(undo: &Undo) -> String {
    match undo {
        Undo::StopExperiment { client_token } => experiment::words(client_token),
        Undo::DeleteExperimentTemplate { client_token } => template::words(client_token),
        Undo::SetAlarmState { alarm, state } => alarm::words(alarm, state),
        Undo::DeleteQueue { name } => queue::words(name),
        Undo::Unlock { parameter } => lock::words(parameter),
        Undo::DeleteRule { bus, name } => rule::words(bus, name),
        Undo::Unsubscribe { topic, endpoint } => subscription::words(topic, endpoint),
        Undo::StopAutomation { token } => automation::words(token),
        Undo::CancelCommand { document, comment } => command::words(document, comment),
        Undo::StopExecution { state_machine, name } => execution::words(state_machine, name),
        Undo::PutExternalEvaluation { rule, compliance } => compliance::words(rule, compliance),
        Undo::EnableRule { bus, name } => enabled_rule::words(bus, name),
        Undo::ArchiveSampleFindings { detector, types, .. } => samples::words(detector, types),
        Undo::ArchiveFindings { ids, .. } => findings::words(ids),
        Undo::DeleteLogStream { group, stream } => log_stream::words(group, stream),
        Undo::CancelReplay { name } => replay::words(name),
        Undo::SendRequest { request } => request::words(request),
        Undo::EndCommand { token, revert } => program::words(token, revert.as_ref()),
    }
}

/// Something of a drill that was found in an account: what undoes it, and its ids.
type Found = (Undo, IndexMap<String, String>);

/// Everything in the context's account that carries its drill's id, in the order in which it is to be
/// undone; and in words what could not be looked for.
pub async fn sweep(context: Context<'_>) -> (Vec<Pending>, Vec<String>) {
    // One after another: an account that throttles is not to be asked for everything at once.
    let looked = [
        ("running experiments", experiment::sweep(context).await),
        ("runbooks", automation::sweep(context).await),
        ("commands", command::sweep(context).await),
        ("executions", execution::sweep(context).await),
        ("replays", replay::sweep(context).await),
        ("findings", findings::sweep(context).await),
        ("process checks of AWS Config", compliance::sweep(context).await),
        ("alarm states", alarm::sweep(context).await),
        ("experiment templates", template::sweep(context).await),
        ("subscriptions", subscription::sweep(context).await),
        ("rules", rule::sweep(context).await),
        ("queues", queue::sweep(context).await),
        ("the lock", lock::sweep(context).await),
    ];
    let (mut pending, mut unseen) = (Vec::new(), Vec::new());
    for (what, found) in looked {
        match found {
            Ok(found) => pending.extend(found.into_iter().map(|(undo, ids)| Pending {
                target: context.place.name.clone(),
                purpose: Purpose::Inject,
                fault: None,
                undo,
                ids,
                lacked: false,
            })),
            Err(error) => unseen.push(format!("{what} could not be looked for: {error}")),
        }
    }
    (pending, unseen)
}

/// How long something that was deleted may still be seen: "the deletion process takes up to 60 seconds"
/// for a queue, <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>.
const GONE_PATIENCE: SignedDuration = SignedDuration::from_secs(90);

/// How long to rest between two looks at it.
const BETWEEN_LOOKS: SignedDuration = SignedDuration::from_secs(2);

/// Reads back that something is gone, within a bound.
async fn until_gone(
    context: Context<'_>,
    operation: &'static str,
    is_there: impl AsyncFn() -> Result<bool, CallError>,
) -> Result<(), CallError> {
    let clock = context.clock();
    let give_up = clock.now() + GONE_PATIENCE;
    loop {
        match is_there().await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        }
        let now = clock.now();
        if now >= give_up {
            let message = "it was deleted and is still there".to_owned();
            return Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation,
                code: None,
                message,
            });
        }
        clock.sleep_until(now + BETWEEN_LOOKS).await;
    }
}

/// How long something that was told to stop may take to end before it counts as left behind.
const STOP_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// Reads back that something which was told to stop is over, within a bound; `still` are the words for
/// what is not.
async fn until_over(
    context: Context<'_>,
    topic: Topic,
    operation: &'static str,
    is_over: impl AsyncFn() -> Result<bool, CallError>,
    still: impl Fn() -> String,
) -> Result<(), CallError> {
    let clock = context.clock();
    let give_up = clock.now() + STOP_PATIENCE;
    loop {
        let mark = context.pace.mark(topic);
        if is_over().await? {
            return Ok(());
        }
        if clock.now() >= give_up {
            let (kind, message) = (CallErrorKind::Unreachable, still());
            return Err(CallError { kind, operation, code: None, message });
        }
        tokio::select! {
            biased;
            () = context.pace.pause(topic, mark) => {}
            () = clock.sleep_until(give_up) => {}
        }
    }
}

/// What a search finds; one that finds nothing is made once more. Its answer may have been touched on its
/// way, and nothing else would tell that something is left.
async fn sought<T>(
    search: impl AsyncFn() -> Result<Option<T>, CallError>,
) -> Result<Option<T>, CallError> {
    match search().await? {
        Some(found) => Ok(Some(found)),
        None => search().await,
    }
}

/// Announces, undoes, receipts.
async fn revert(
    context: Context<'_>,
    change: &Pending,
    call: &str,
    work: impl Future<Output = Result<(), CallError>>,
) -> Result<(), ChangeError> {
    let work = Box::pin(async { work.await.map(|()| ids([])) });
    receipted(context, change, call, work).await
}

/// Announces, undoes, receipts; what is gone already is done.
///
/// "Not found" alone does not say that it is gone: the id that was recorded may be a wrong one, and the
/// answer may be one to somebody else's call. `is_there` looks for it by what the drill itself named it;
/// where it is there after all, `work` is done again without the recorded ids.
async fn revert_unless_gone(
    context: Context<'_>,
    change: &Pending,
    call: &str,
    work: impl AsyncFn(&IndexMap<String, String>) -> Result<(), CallError>,
    is_there: impl AsyncFn() -> Result<bool, CallError>,
) -> Result<(), ChangeError> {
    let thorough = async {
        match work(&change.ids).await {
            Err(error) if error.is_not_found() => {}
            done => return done.map(|()| ids([])),
        }
        match is_there().await {
            Ok(true) => work(&ids([])).await.map(|()| ids([])),
            Ok(false) => Ok(ids([("already", "gone")])),
            Err(error) if error.is_not_found() => Ok(ids([("already", "gone")])),
            Err(error) => Err(error),
        }
    };
    receipted(context, change, call, Box::pin(thorough)).await
}

async fn receipted(
    context: Context<'_>,
    change: &Pending,
    call: &str,
    work: impl Future<Output = Result<IndexMap<String, String>, CallError>>,
) -> Result<(), ChangeError> {
    let undo = Some(change.undo.clone());
    let scribe = context.recorder;
    let intent = scribe.intent(change.fault.as_deref(), Purpose::Revert, call, undo)?;
    match work.await {
        Ok(ids) => scribe.receipt(intent, Ok(ids)),
        Err(error) => {
            scribe.receipt(intent, Err(&error));
            return Err(error.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{was_lacked, was_refused};

    #[test]
    fn what_exists_already_may_be_our_own() {
        assert!(was_refused("ssm:PutParameter: AccessDeniedException: no"));
        assert!(!was_refused("ssm:PutParameter: ParameterAlreadyExists: it is there"));
        assert!(!was_refused("sqs:CreateQueue: UnknownOperationException: no"));
        assert!(was_lacked("sqs:CreateQueue: UnknownOperationException: no"));
        assert!(!was_refused("ssm:PutParameter: no answer"));
    }

    #[test]
    fn what_only_the_last_of_several_tries_met_is_no_refusal() {
        let codes = [
            "ThrottlingException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "ConcurrentModificationException",
            "ConflictException",
            "ResourceInUseException",
            "ExpiredTokenException",
            "ServiceUnavailable",
        ];
        for code in codes {
            assert!(!was_refused(&format!("events:DisableRule: {code}: later")), "{code}");
        }
        for code in ["ValidationException", "ResourceNotFoundException", "ManagedRuleException"] {
            assert!(was_refused(&format!("events:DisableRule: {code}: no")), "{code}");
        }
    }
}
