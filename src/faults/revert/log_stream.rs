//! The drill's own log stream: deleted, and read back.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html>.

use super::{ChangeError, Context, Pending, revert};
use crate::aws::{CallError, CallErrorKind};

const CALL: &str = "logs:DeleteLogStream";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    group: &str,
    stream: &str,
) -> Result<(), ChangeError> {
    let logs = &context.aws.logs;
    let work = async {
        let deleted = logs.delete_log_stream().log_group_name(group).log_stream_name(stream);
        deleted.send().await.map_err(|error| CallError::of(CALL, &error))?;
        let found = logs
            .describe_log_streams()
            .log_group_name(group)
            .log_stream_name_prefix(stream)
            .send()
            .await
            .map_err(|error| CallError::of("logs:DescribeLogStreams", &error))?;
        let still = found.log_streams().iter().any(|one| one.log_stream_name() == Some(stream));
        if !still {
            return Ok(());
        }
        let message = "the stream was deleted, and is still there after that".to_owned();
        Err(CallError { kind: CallErrorKind::Refused, operation: CALL, code: None, message })
    };
    revert(context, change, CALL, work).await
}

/// What is left, in words.
pub(super) fn words(group: &str, stream: &str) -> String {
    format!("log stream `{stream}` of `{group}` exists")
}
