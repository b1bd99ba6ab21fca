//! Log events that match a filter pattern, or that an Insights query finds.
//!
//! Main functions: [`poll`] (FilterLogEvents) and [`poll_queries`] (StartQuery, GetQueryResults). An event
//! has the time that its sender gave it, and may be ingested later than one that is younger: it is told
//! only when the lag has passed, so that events are told in the order in which they occurred. A query
//! costs by the bytes that it scans, so it is asked at most once a minute. Invariant: a query that did not
//! complete, and an answer that was cut off, is blindness.
//! Sources: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html>.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::{QueryStatus, ResultField};
use jiff::{SignedDuration, Timestamp};

use super::{Seen, Watch};
use crate::aws::{CallError, CallErrorKind, secrets};
use crate::plan::{Kind, LogSearch};
use crate::scenario::types::Correlation;
use crate::timeline::Observation;
use crate::wakeup::Topic;

/// How long after its own time an event is searched for; AWS publishes no figure for ingestion, ours.
const LAG: SignedDuration = SignedDuration::from_mins(1);

/// The same for a query (ours).
const QUERY_LAG: SignedDuration = SignedDuration::from_mins(2);

/// The shortest time between two queries of one expectation: each costs by the bytes that it scans.
const QUERY_SPACING: SignedDuration = SignedDuration::from_mins(1);

/// How long a query may run.
const QUERY_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Pages of one search, and rows of one query; more is an answer that was cut off.
const MOST_PAGES: usize = 50;
const MOST_ROWS: i32 = 10_000;

/// Characters of a message that a summary shows.
const SHOWN: usize = 160;

struct Subject {
    expectation: String,
    groups: Vec<String>,
    search: String,
}

/// A log event, or a row of a query.
struct Found {
    at: Timestamp,
    id: String,
    group: String,
    stream: String,
    message: String,
}

/// What was told: expectation and event.
type Told = BTreeSet<(String, String)>;

fn subjects(watch: &Watch<'_>, queries: bool) -> Vec<Subject> {
    watch.pick(|expectation| {
        let Kind::Log { groups, search } = &expectation.kind else { return None };
        let search = match (search, queries) {
            (LogSearch::Pattern(text), false) | (LogSearch::Query(text), true) => text.clone(),
            (LogSearch::Pattern(_), true) | (LogSearch::Query(_), false) => return None,
        };
        Some(Subject { expectation: expectation.id.clone(), groups: groups.clone(), search })
    })
}

/// Searches by filter patterns. Never returns.
pub(super) async fn poll(watch: &Watch<'_>) {
    let subjects = subjects(watch, false);
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut told = Told::new();
    watch
        .keep_looking("log events", Topic::Logs, LAG, &expectations, async || {
            let through = watch.clock().now() - LAG;
            for subject in &subjects {
                let mut found = Vec::new();
                for group in &subject.groups {
                    found.extend(filter(watch, group, &subject.search, through).await?);
                }
                tell(watch, subject, found, through, &mut told);
            }
            Ok(())
        })
        .await;
}

/// Searches by Insights queries. Never returns.
pub(super) async fn poll_queries(watch: &Watch<'_>) {
    let subjects = subjects(watch, true);
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let (mut told, mut next) = (Told::new(), watch.since);
    watch
        .keep_looking("log queries", Topic::Logs, QUERY_LAG, &expectations, async || {
            let through = watch.clock().now() - QUERY_LAG;
            watch.clock().sleep_until(next).await;
            next = watch.clock().now() + QUERY_SPACING;
            for subject in &subjects {
                let found = query(watch, subject).await?;
                tell(watch, subject, found, through, &mut told);
            }
            Ok(())
        })
        .await;
}

/// The events of one group that match and whose time has passed by the lag.
async fn filter(
    watch: &Watch<'_>,
    group: &str,
    pattern: &str,
    through: Timestamp,
) -> Result<Vec<Found>, CallError> {
    const OPERATION: &str = "logs:FilterLogEvents";
    let mut found = Vec::new();
    if through < watch.since {
        // Nothing can be told yet; the look still shows whether the group can be searched.
        ask(watch, group, pattern, watch.since, None).await?;
        return Ok(found);
    }
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let (page, next) = ask(watch, group, pattern, through, token).await?;
        found.extend(page);
        token = next;
        if token.is_none() {
            return Ok(found);
        }
    }
    Err(CallError {
        kind: CallErrorKind::Unreachable,
        operation: OPERATION,
        code: None,
        message: format!("more than {MOST_PAGES} pages of `{group}` match: the answer is cut off"),
    })
}

type Page = (Vec<Found>, Option<String>);

async fn ask(
    watch: &Watch<'_>,
    group: &str,
    pattern: &str,
    until: Timestamp,
    token: Option<String>,
) -> Result<Page, CallError> {
    let request = watch.aws.logs.filter_log_events();
    let request = if group.starts_with("arn:") {
        request.log_group_identifier(group)
    } else {
        request.log_group_name(group)
    };
    let answer = request
        .start_time(watch.since.as_millisecond())
        .end_time(until.as_millisecond())
        .filter_pattern(pattern)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| CallError::of("logs:FilterLogEvents", &error))?;
    let events = answer.events().iter().filter_map(|event| {
        Some(Found {
            at: Timestamp::from_millisecond(event.timestamp()?).ok()?,
            id: event.event_id().unwrap_or_default().to_owned(),
            group: group.to_owned(),
            stream: event.log_stream_name().unwrap_or_default().to_owned(),
            message: event.message().unwrap_or_default().to_owned(),
        })
    });
    let events = events.collect();
    Ok((events, answer.next_token))
}

/// Runs one query to its end.
async fn query(watch: &Watch<'_>, subject: &Subject) -> Result<Vec<Found>, CallError> {
    let now = watch.clock().now();
    let (names, arns): (Vec<String>, Vec<String>) =
        subject.groups.iter().cloned().partition(|group| !group.starts_with("arn:"));
    let started = watch
        .aws
        .logs
        .start_query()
        .set_log_group_names((!names.is_empty()).then_some(names))
        .set_log_group_identifiers((!arns.is_empty()).then_some(arns))
        .start_time(watch.since.as_second())
        .end_time(now.as_second().max(watch.since.as_second() + 1))
        .query_string(&subject.search)
        .limit(MOST_ROWS)
        .send()
        .await
        .map_err(|error| CallError::of("logs:StartQuery", &error))?;
    let id = started.query_id.unwrap_or_default();
    let (clock, give_up) = (watch.clock(), now + QUERY_PATIENCE);
    loop {
        let mark = watch.pace.mark(Topic::Logs);
        let answer = watch.aws.logs.get_query_results().query_id(&id).send().await;
        let answer = answer.map_err(|error| CallError::of("logs:GetQueryResults", &error))?;
        match answer.status() {
            Some(QueryStatus::Complete) => return rows(answer.results()),
            Some(QueryStatus::Running | QueryStatus::Scheduled) if clock.now() < give_up => {
                tokio::select! {
                    biased;
                    () = watch.pace.pause(Topic::Logs, mark) => {}
                    () = clock.sleep_until(give_up) => {}
                }
            }
            other => {
                let status = other.map_or("nothing", QueryStatus::as_str);
                return Err(cut(format!("the query is {status}, not Complete")));
            }
        }
    }
}

fn cut(message: String) -> CallError {
    let (kind, operation) = (CallErrorKind::Unreachable, "logs:GetQueryResults");
    CallError { kind, operation, code: None, message }
}

fn rows(results: &[Vec<ResultField>]) -> Result<Vec<Found>, CallError> {
    if results.len() >= usize::try_from(MOST_ROWS).unwrap_or(usize::MAX) {
        return Err(cut(format!(
            "the query finds {MOST_ROWS} rows or more: the answer is cut off"
        )));
    }
    let row = |fields: &Vec<ResultField>| {
        let value = |name: &str| {
            let field = fields.iter().find(|field| field.field() == Some(name));
            field.and_then(ResultField::value).unwrap_or_default().to_owned()
        };
        let shown = || {
            let pairs = fields.iter().filter(|field| field.field() != Some("@ptr"));
            let pair = |field: &ResultField| {
                let (name, value) = (field.field().unwrap_or_default(), field.value());
                format!("{name}={}", value.unwrap_or_default())
            };
            pairs.map(pair).collect::<Vec<_>>().join(" ")
        };
        let at = format!("{}Z", value("@timestamp").replace(' ', "T")).parse();
        let at = at.map_err(|_| {
            cut("a row has no @timestamp: begin the query with `fields @timestamp`".to_owned())
        })?;
        let message = Some(value("@message")).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(shown);
        let id = Some(value("@ptr")).filter(|id| !id.is_empty()).unwrap_or_else(|| message.clone());
        Ok(Found { at, id, group: value("@log"), stream: value("@logStream"), message })
    };
    results.iter().map(row).collect()
}

/// Tells what has not been told yet, in the order in which it occurred.
fn tell(
    watch: &Watch<'_>,
    subject: &Subject,
    mut found: Vec<Found>,
    through: Timestamp,
    told: &mut Told,
) {
    let since = watch.since.as_millisecond();
    found.retain(|event| event.at.as_millisecond() >= since && event.at <= through);
    found.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    let own = format!("firedrill-{}-", watch.plan.run_id);
    for event in found {
        if !told.insert((subject.expectation.clone(), event.id.clone())) {
            continue;
        }
        let message = secrets::scrub(event.message.trim_end());
        let short: String = message.chars().take(SHOWN).collect();
        let more = if short.len() < message.len() { "…" } else { "" };
        let mut seen =
            Seen::new(&subject.expectation, event.at, format!("log event: {short}{more}"))
                .with("group", &event.group)
                .with("stream", &event.stream)
                .with("log event", &event.id);
        if event.stream.starts_with(&own) {
            let (name, value) = Observation::own_doing();
            seen = seen.with(name, value);
            seen.correlation = Some(Correlation::Exact);
        }
        watch.saw(seen, &event.message);
    }
}
