//! Logs Insights: a query is started, runs for a while, and is asked for its results.
//!
//! Main type: [`Running`]. Invariant: a query sees what was there when it was started.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::{Query, Row, discover};
use super::search::{event_id, lines};
use super::{Due, group_mut, invalid, missing, name_of};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::timing;
use crate::wakeup::Topic;

/// Queries that run at the same time (documented quota).
const MOST_RUNNING: usize = 30;
/// Queries whose results are kept here; the oldest make room.
const MOST_KEPT: usize = 1000;
/// Log groups of one query (documented).
const MOST_GROUPS: usize = 50;

/// A query and its results.
#[derive(Debug, Clone)]
pub(super) struct Running {
    status: &'static str,
    rows: Vec<Row>,
    matched: usize,
    scanned: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StartQuery {
    #[serde(default)]
    log_group_name: Option<String>,
    #[serde(default)]
    log_group_names: Vec<String>,
    #[serde(default)]
    log_group_identifiers: Vec<String>,
    start_time: i64,
    end_time: i64,
    query_string: String,
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct QueryOnly {
    query_id: String,
}

/// `StartQuery`.
pub(super) fn start(account: &mut Account, input: StartQuery) -> Answer {
    let query = Query::parse(&input.query_string)?;
    let groups: Vec<String> = input
        .log_group_name
        .into_iter()
        .chain(input.log_group_names)
        .chain(input.log_group_identifiers.iter().map(|one| name_of(one).to_owned()))
        .collect();
    if groups.is_empty() || groups.len() > MOST_GROUPS {
        return Err(invalid("Specify 1 to 50 log groups."));
    }
    if input.end_time <= input.start_time {
        return Err(invalid("End time must be after start time."));
    }
    let running = account.services.logs.queries.values().filter(|one| one.status == "Running");
    if running.count() >= MOST_RUNNING {
        let message = "The account has too many concurrent queries.";
        return Err(ServiceError::new("LimitExceededException", message));
    }
    let mut rows = Vec::new();
    for group in &groups {
        rows.extend(events(account, group, input.start_time * 1000, input.end_time * 1000)?);
    }
    let scanned = rows.len();
    // Newest first, as Insights shows them.
    rows.sort_by(|one: &Row, other: &Row| other["@timestamp"].cmp(&one["@timestamp"]));
    let mut found = query.answer(rows);
    found.rows.truncate(input.limit.unwrap_or(usize::MAX));
    let id = account.ids.uuid();
    let matched = found.matched;
    let queries = &mut account.services.logs.queries;
    if queries.len() >= MOST_KEPT {
        queries.shift_remove_index(0);
    }
    queries.insert(id.clone(), Running { status: "Running", rows: found.rows, matched, scanned });
    account.schedule_in(timing::LOGS_QUERY, Due::QueryDone(id.clone()));
    Ok(json!({ "queryId": id }))
}

/// The events of a group in a span of milliseconds, both ends included.
fn events(account: &mut Account, name: &str, from: i64, to: i64) -> Result<Vec<Row>, ServiceError> {
    let now = account.now().as_millisecond();
    let log = format!("{}:{name}", account.identity.account);
    let group = group_mut(account, name)?;
    let inside = lines(group, now).into_iter().filter(|(_, line)| (from..=to).contains(&line.at));
    let row = |(stream, line): super::search::Placed<'_>| {
        let mut row = Row::new();
        row.insert("@timestamp".to_owned(), stamp(line.at));
        row.insert("@ingestionTime".to_owned(), stamp(line.ingested));
        row.insert("@message".to_owned(), line.message.clone());
        row.insert("@logStream".to_owned(), stream.to_owned());
        row.insert("@log".to_owned(), log.clone());
        row.insert("@ptr".to_owned(), format!("{name}:{}", event_id(stream, line)));
        discover(&line.message, &mut row);
        row
    };
    Ok(inside.map(row).collect())
}

/// A time as Insights writes it: `2026-01-05 09:00:00.000`.
fn stamp(milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    format!("{at:.3}").replace('T', " ").trim_end_matches('Z').to_owned()
}

/// A query is done.
pub(super) fn done(account: &mut Account, id: &str) {
    if let Some(query) = account.services.logs.queries.get_mut(id)
        && query.status == "Running"
    {
        query.status = "Complete";
        account.touch(Topic::Logs);
    }
}

/// `GetQueryResults`: no rows until the query is complete.
pub(super) fn results(account: &mut Account, input: QueryOnly) -> Answer {
    let query = account.services.logs.queries.get(&input.query_id);
    let query = query.ok_or_else(|| missing("query"))?;
    let row = |row: &Row| -> Value {
        row.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect()
    };
    let complete = query.status == "Complete";
    let rows: Vec<Value> = query.rows.iter().filter(|_| complete).map(row).collect();
    Ok(json!({
        "queryLanguage": "CWLI",
        "results": rows,
        "statistics": { "recordsMatched": query.matched, "recordsScanned": query.scanned },
        "status": query.status,
    }))
}

/// `StopQuery`.
pub(super) fn stop(account: &mut Account, input: QueryOnly) -> Answer {
    let query = account.services.logs.queries.get_mut(&input.query_id);
    let query = query.ok_or_else(|| missing("query"))?;
    let running = query.status == "Running";
    if running {
        query.status = "Cancelled";
    }
    Ok(json!({ "success": running }))
}
