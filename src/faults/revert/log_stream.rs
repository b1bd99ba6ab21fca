//! The drill's own log stream: deleted, and read back.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Pending, revert_unless_gone};
use crate::aws::{CallError, CallErrorKind};

const CALL: &str = "logs:DeleteLogStream";

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    group: &str,
    stream: &str,
) -> Result<(), ChangeError> {
    let logs = &context.aws.logs;
    let is_there = async || {
        let found = logs
            .describe_log_streams()
            .log_group_name(group)
            .log_stream_name_prefix(stream)
            .send()
            .await
            .map_err(|error| CallError::of("logs:DescribeLogStreams", &error))?;
        Ok(found.log_streams().iter().any(|one| one.log_stream_name() == Some(stream)))
    };
    let work = async |_: &IndexMap<String, String>| {
        let deleted = logs.delete_log_stream().log_group_name(group).log_stream_name(stream);
        deleted.send().await.map_err(|error| CallError::of(CALL, &error))?;
        if !is_there().await? {
            return Ok(());
        }
        let message = "the stream was deleted, and is still there after that".to_owned();
        Err(CallError { kind: CallErrorKind::Refused, operation: CALL, code: None, message })
    };
    revert_unless_gone(context, change, CALL, work, is_there).await
}

/// What is left, in words.
pub(super) fn words(group: &str, stream: &str) -> String {
    format!("log stream `{stream}` of `{group}` exists")
}
