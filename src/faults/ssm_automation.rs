//! A runbook started as a fault: the drill's own, followed to its end.
//!
//! The fault's start is the execution's own. The client token makes the start idempotent, and a tag whose
//! key is the token finds the execution after a crash (only keys of tags can be searched). Source:
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html>.

use aws_sdk_ssm::types::{AutomationExecution, AutomationExecutionStatus, Tag};

use super::{ChangeError, Context, Injected, ended, ids, parameters, started};
use crate::aws::asked_for::automation_execution;
use crate::aws::{CallError, CallErrorKind, timestamp};
use crate::context::Moment;
use crate::plan::{AutomationStart, PlannedFault, token};
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// The call that starts it.
const START: &str = "ssm:StartAutomationExecution";

/// What the key of the tag begins with that finds an execution.
pub(super) const TOKEN_TAG: &str = "firedrill:token:";

/// The key of the tag that all executions of a drill have: only keys can be asked for.
pub(super) fn run_tag(run_id: &str) -> String {
    format!("firedrill:run:{run_id}")
}

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    start: &'a AutomationStart,
) -> Result<Injected<'a>, ChangeError> {
    let sent_at = context.clock().now();
    let id = start_it(context, fault, start).await?;
    // It was started, whatever becomes of this look at it.
    let took_effect = context.took_effect(sent_at);
    let execution = get(context, &id).await.ok();
    let at = execution.as_ref().and_then(|one| one.automation_execution_status());
    let at = at.map(AutomationExecutionStatus::as_str);
    let evidence = [
        ("execution", id.clone()),
        ("document", start.document.clone()),
        ("status", at.unwrap_or_default().to_owned()),
    ];
    let since = execution.and_then(|one| one.execution_start_time).as_ref().and_then(timestamp);
    started(context, fault, since.map_or(took_effect, Moment::from), evidence);
    let continuation = Box::pin(async move { follow(context, fault, &id).await });
    Ok(Injected { experiment: None, continuation: Some(continuation) })
}

async fn start_it(
    context: Context<'_>,
    fault: &PlannedFault,
    start: &AutomationStart,
) -> Result<String, ChangeError> {
    let token = token(context.run_id, &fault.id);
    let undo = Undo::StopAutomation { token: token.clone() };
    let parameters = parameters(&start.parameters)?;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = [
        tag("firedrill:run", context.run_id),
        tag(&run_tag(context.run_id), ""),
        tag(&format!("{TOKEN_TAG}{token}"), ""),
    ];
    let tags: Vec<Tag> = tags.into_iter().collect::<Result<_, _>>().map_err(refused)?;
    let request = context
        .aws
        .ssm
        .start_automation_execution()
        .document_name(&start.document)
        .set_document_version(start.version.clone())
        .set_parameters((!parameters.is_empty()).then_some(parameters))
        .client_token(uuid(&token))
        .set_tags(Some(tags));
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, START, Some(undo))?;
    let answer = context.recorder.heard(intent, START, request.send().await)?;
    let id = answer.automation_execution_id.unwrap_or_default();
    context.recorder.receipt(intent, Ok(ids([("execution", &id)])));
    Ok(id)
}

fn refused(error: impl std::fmt::Display) -> CallError {
    CallError {
        kind: CallErrorKind::Refused,
        operation: START,
        code: None,
        message: error.to_string(),
    }
}

/// A client token has the form of a UUID: FNV-1a of the token, twice.
fn uuid(token: &str) -> String {
    let hash = |seed: u64| {
        token
            .bytes()
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let both = format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9ae1_6a3b_2f90_404f));
    let parts = [&both[..8], &both[8..12], &both[12..16], &both[16..20], &both[20..]];
    parts.join("-")
}

/// The execution as it is now.
pub(super) async fn get(context: Context<'_>, id: &str) -> Result<AutomationExecution, CallError> {
    automation_execution(context.aws, id).await
}

/// The state in which a fault of this status ended: `completed`, `failed` or `stopped`; nothing while it
/// runs.
pub(super) fn end_of(status: &AutomationExecutionStatus) -> Option<&'static str> {
    match status.as_str() {
        "Success" | "CompletedWithSuccess" => Some("completed"),
        "Failed"
        | "TimedOut"
        | "Rejected"
        | "CompletedWithFailure"
        | "Exited"
        | "ChangeCalendarOverrideRejected" => Some("failed"),
        "Cancelled" => Some("stopped"),
        _ => None,
    }
}

/// Follows the execution to its end, which is recorded with AWS's time and reason.
async fn follow(context: Context<'_>, fault: &PlannedFault, id: &str) {
    loop {
        let mark = context.pace.mark(Topic::Automations);
        // A look that failed says nothing about it; the undo looks again.
        if let Ok(execution) = get(context, id).await
            && let Some(status) = execution.automation_execution_status()
            && let Some(state) = end_of(status)
        {
            let at = execution.execution_end_time().and_then(timestamp);
            let at = at.unwrap_or_else(|| context.clock().now());
            let why = execution.failure_message().map(str::to_owned);
            let why = why
                .or_else(|| (state != "completed").then(|| format!("it is {}", status.as_str())));
            return ended(context, fault, at, state, why);
        }
        context.pace.pause(Topic::Automations, mark).await;
    }
}
