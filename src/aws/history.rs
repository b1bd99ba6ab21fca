//! The history of an alarm since a moment, read whole or not at all.
//!
//! Main function: [`history`]. Invariant: what is answered is everything since then; where AWS holds back a
//! part of it (more pages than we read, more time than it keeps), that is an error and never a shorter
//! answer. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>; its
//! `AlarmTypes` defaults to metric alarms alone, so both are asked for.

use aws_sdk_cloudwatch::types::{AlarmHistoryItem, AlarmType, ScanBy};
use jiff::Timestamp;

use super::shared::Since;
use super::{Aws, CallError, CallErrorKind, date_time};

/// The most pages of one history that are read, a hundred items each: far more than an alarm that is
/// evaluated every ten seconds writes in a drill of a day.
const MOST_PAGES: usize = 200;

/// How many hours back CloudWatch keeps an alarm's history: 30 days.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Alarms.html>
const KEPT_HOURS: i64 = 30 * 24;

/// A history, or why it is not known.
type Answer = Result<Vec<AlarmHistoryItem>, CallError>;

/// The reader that everybody shares who reads histories.
pub(super) type Reader = Since<Vec<AlarmHistoryItem>>;

/// Everything that happened to an alarm since then, oldest first; `now` is the present.
pub(crate) async fn history(aws: &Aws, alarm: &str, since: Timestamp, now: Timestamp) -> Answer {
    if now.duration_since(since).as_hours() >= KEPT_HOURS {
        return Err(truncated(alarm, "CloudWatch keeps it for 30 days"));
    }
    let (client, name) = (aws.cloudwatch.clone(), alarm.to_owned());
    let read = move |since| {
        let (client, name) = (client.clone(), name.clone());
        async move { read_all(&client, &name, since).await }
    };
    aws.readers.histories.read(alarm.to_owned(), since, aws.readers.moment, read).await
}

async fn read_all(client: &aws_sdk_cloudwatch::Client, alarm: &str, since: Timestamp) -> Answer {
    let mut pages = client
        .describe_alarm_history()
        .alarm_name(alarm)
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .start_date(date_time(since))
        .scan_by(ScanBy::TimestampAscending)
        .max_records(100)
        .into_paginator()
        .send();
    let (mut items, mut read) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| CallError::of("cloudwatch:DescribeAlarmHistory", &error))?;
        items.extend(page.alarm_history_items.unwrap_or_default());
        read += 1;
        if read >= MOST_PAGES && page.next_token.is_some() {
            return Err(truncated(alarm, "it has more pages than are read"));
        }
    }
    Ok(items)
}

fn truncated(alarm: &str, why: &str) -> CallError {
    CallError {
        kind: CallErrorKind::Unreachable,
        operation: "cloudwatch:DescribeAlarmHistory",
        code: None,
        message: format!("the history of alarm `{alarm}` is not whole: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use aws_types::region::Region;
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn a_history_that_cloudwatch_no_longer_keeps_is_no_answer() {
        let config = aws_types::SdkConfig::builder();
        let config = config.behavior_version(
            aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest(),
        );
        let aws = Aws::new(&config.region(Region::from_static("eu-west-1")).build());
        let now = Timestamp::from_second(1_767_603_600).expect("in range");
        let since = now - SignedDuration::from_hours(KEPT_HOURS);
        let error = history(&aws, "errors", since, now).await.expect_err("it is not kept");
        assert_eq!(error.kind, CallErrorKind::Unreachable);
        assert!(error.message.contains("`errors` is not whole"), "{error}");
        assert!(error.message.contains("30 days"), "{error}");
    }
}
