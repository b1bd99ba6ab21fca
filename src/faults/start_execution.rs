//! An execution of a Step Functions state machine as a fault, followed to its end.
//!
//! The fault's start is the execution's own. Its name holds the run's id: the same start again answers the
//! same execution, and after a crash the name finds it. Source:
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;

use super::{ChangeError, Context, Injected, ended, ids, started};
use crate::aws::asked_for::the_one;
use crate::aws::{CallError, timestamp};
use crate::outside::payload;
use crate::plan::{ExecutionStart, PlannedFault};
use crate::timeline::{Purpose, Undo};
use crate::wakeup::Topic;

/// The call that starts it.
const START: &str = "states:StartExecution";

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    start: &'a ExecutionStart,
) -> Result<Injected<'a>, ChangeError> {
    let machine = context.place.state_machine_arn(&start.state_machine);
    let input = payload(&start.input).map_err(ChangeError::NoEffect)?;
    let undo = Undo::StopExecution {
        state_machine: start.state_machine.clone(),
        name: start.name.clone(),
    };
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, START, Some(undo))?;
    let sent = context
        .aws
        .sfn
        .start_execution()
        .state_machine_arn(&machine)
        .name(&start.name)
        .input(input)
        .send()
        .await;
    let answer = context.recorder.heard(intent, START, sent)?;
    let arn = answer.execution_arn.clone();
    context.recorder.receipt(intent, Ok(ids([("execution", &arn)])));
    let at = timestamp(&answer.start_date).unwrap_or_else(|| context.clock().now());
    started(context, fault, at, [("execution", arn.clone()), ("state machine", machine)]);
    let continuation = Box::pin(async move { follow(context, fault, &arn).await });
    Ok(Injected { experiment: None, continuation: Some(continuation) })
}

/// The execution as it is now.
pub(super) async fn describe(
    context: Context<'_>,
    arn: &str,
) -> Result<DescribeExecutionOutput, CallError> {
    let sent = context.aws.sfn.describe_execution().execution_arn(arn).send().await;
    let found = sent.map_err(|error| CallError::of("states:DescribeExecution", &error))?;
    the_one("states:DescribeExecution", arn, Some(found), |one| Some(one.execution_arn()))
}

/// The state in which a fault of this status ended; nothing while it runs.
pub(super) fn end_of(status: &ExecutionStatus) -> Option<&'static str> {
    match status {
        ExecutionStatus::Succeeded => Some("completed"),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => Some("failed"),
        ExecutionStatus::Aborted => Some("stopped"),
        _ => None,
    }
}

/// Follows the execution to its end, which is recorded with AWS's time and reason.
async fn follow(context: Context<'_>, fault: &PlannedFault, arn: &str) {
    loop {
        let mark = context.pace.mark(Topic::Executions);
        // A look that failed says nothing about it; the undo looks again.
        if let Ok(execution) = describe(context, arn).await
            && let Some(state) = end_of(&execution.status)
        {
            let at = execution.stop_date().and_then(timestamp);
            let at = at.unwrap_or_else(|| context.clock().now());
            let words: Vec<&str> = execution.error().into_iter().chain(execution.cause()).collect();
            let why = (!words.is_empty()).then(|| words.join(": "));
            let why = why.or_else(|| {
                (state != "completed").then(|| format!("it is {}", execution.status.as_str()))
            });
            return ended(context, fault, at, state, why);
        }
        context.pace.pause(Topic::Executions, mark).await;
    }
}
