//! A line in a log group, in a stream of the drill's own: what matches on the group sees a real line.
//!
//! Deleting the stream takes the line back; what a metric filter or a subscription made of it stays.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.

use aws_sdk_cloudwatchlogs::types::{InputLogEvent, RejectedLogEventsInfo};

use super::{ChangeError, Context, Injected, ids, is_there_already, started};
use crate::aws::once::Once;
use crate::outside::payload;
use crate::plan::PlannedFault;
use crate::timeline::{Purpose, Undo};

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    (group, stream): (&str, &str),
    line: &str,
    count: u32,
) -> Result<Injected<'a>, ChangeError> {
    create_stream(context, fault, group, stream).await?;
    let logged_at = context.at_aws(context.clock().now());
    put(context, fault, (group, stream), line, count, logged_at.at.as_millisecond()).await?;
    started(
        context,
        fault,
        logged_at,
        [("group", group.to_owned()), ("stream", stream.to_owned()), ("lines", count.to_string())],
    );
    Ok(Injected { experiment: None, continuation: None })
}

async fn create_stream(
    context: Context<'_>,
    fault: &PlannedFault,
    group: &str,
    stream: &str,
) -> Result<(), ChangeError> {
    const CALL: &str = "logs:CreateLogStream";
    let undo = Undo::DeleteLogStream { group: group.to_owned(), stream: stream.to_owned() };
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, Some(undo))?;
    let request = context.aws.logs.create_log_stream();
    let sent = request.log_group_name(group).log_stream_name(stream).send().await;
    match context.recorder.heard(intent, CALL, sent) {
        Ok(_) => context.recorder.receipt(intent, Ok(ids([("stream", stream)]))),
        // It has the name of this drill and fault: the answer to our first try was lost.
        Err(error) if is_there_already(&error) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn put(
    context: Context<'_>,
    fault: &PlannedFault,
    (group, stream): (&str, &str),
    line: &str,
    count: u32,
    at: i64,
) -> Result<(), ChangeError> {
    const CALL: &str = "logs:PutLogEvents";
    let line = payload(line).map_err(ChangeError::NoEffect)?;
    let event = InputLogEvent::builder().timestamp(at).message(line).build();
    let event = event.map_err(|error| ChangeError::NoEffect(error.to_string()))?;
    let events = vec![event; usize::try_from(count).unwrap_or(1)];
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, CALL, None)?;
    let request = context.aws.logs.put_log_events().log_group_name(group).log_stream_name(stream);
    let once = aws_sdk_cloudwatchlogs::config::Builder::new().retry_classifier(Once);
    let request = request.set_log_events(Some(events)).customize().config_override(once);
    let answer = context.recorder.heard(intent, CALL, request.send().await)?;
    context.recorder.receipt(intent, Ok(ids([("stream", stream)])));
    // AWS answers success for events that it threw away.
    answer.rejected_log_events_info().map_or(Ok(()), |info| Err(rejected(group, info)))
}

fn rejected(group: &str, info: &RejectedLogEventsInfo) -> ChangeError {
    let why = if info.too_new_log_event_start_index().is_some() {
        "more than two hours in the future"
    } else if info.too_old_log_event_end_index().is_some() {
        "older than 14 days"
    } else {
        "older than the group's retention"
    };
    ChangeError::NoEffect(format!(
        "the log group `{group}` rejected the line: by AWS's clock it is {why}; check this machine's clock"
    ))
}
