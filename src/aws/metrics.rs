//! Sums of metrics by the minute, asked for in batches and read once for everybody who wants them.
//!
//! Main function: [`sums`]. Invariant: a series is answered whole, or with the reason why it is not.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode,
};
use jiff::Timestamp;

use super::shared::Shared;
use super::{Aws, CallError, CallErrorKind, date_time, timestamp};

/// The most metrics that one GetMetricData takes.
const BATCH: usize = 500;

/// The most pages of one answer that are read: a page has up to 100,800 datapoints.
const MOST_PAGES: usize = 100;

/// A metric, as its sums by the minute are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) namespace: &'static str,
    pub(crate) metric: &'static str,
    /// Names and values.
    pub(crate) dimensions: Vec<(&'static str, String)>,
}

impl Series {
    fn query(&self, index: usize) -> MetricDataQuery {
        let mut metric = Metric::builder().namespace(self.namespace).metric_name(self.metric);
        for (name, value) in &self.dimensions {
            metric = metric.dimensions(Dimension::builder().name(*name).value(value).build());
        }
        let stat = MetricStat::builder().metric(metric.build()).period(60).stat("Sum");
        MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat.build()).build()
    }
}

/// Minutes with their sums, in order; a minute without datapoints is left out.
pub(crate) type Sums = Vec<(Timestamp, f64)>;

/// What came of each series.
type Answers = Arc<BTreeMap<Series, Result<Sums, CallError>>>;

/// The reader that everybody shares who wants sums.
pub(super) type Reader = Shared<Ask, Answers>;

/// What somebody wants: series, from one moment to another.
#[derive(Debug)]
pub(super) struct Ask {
    series: BTreeSet<Series>,
    start: Timestamp,
    end: Timestamp,
}

/// The sums of each series between two whole minutes.
pub(crate) async fn sums(
    aws: &Aws,
    series: &BTreeSet<Series>,
    start: Timestamp,
    end: Timestamp,
) -> BTreeMap<Series, Result<Sums, CallError>> {
    let client = aws.cloudwatch.clone();
    let ask = Ask { series: series.clone(), start, end };
    let read = |asks: Vec<Ask>| async move { Arc::new(read_all(&client, asks).await) };
    let answers = aws.readers.metrics.ask(ask, aws.readers.moment, read).await;
    let within = |sums: &Sums| {
        let sums = sums.iter().filter(|(minute, _)| *minute >= start && *minute < end);
        sums.copied().collect::<Sums>()
    };
    let of_ours = |one: &Series| {
        let answer = answers.get(one).expect("each series is answered");
        (one.clone(), answer.as_ref().map(within).map_err(Clone::clone))
    };
    series.iter().map(of_ours).collect()
}

async fn read_all(
    client: &aws_sdk_cloudwatch::Client,
    asks: Vec<Ask>,
) -> BTreeMap<Series, Result<Sums, CallError>> {
    let start = asks.iter().map(|ask| ask.start).min().unwrap_or(Timestamp::UNIX_EPOCH);
    let end = asks.iter().map(|ask| ask.end).max().unwrap_or(start);
    let distinct: BTreeSet<Series> = asks.into_iter().flat_map(|ask| ask.series).collect();
    let distinct: Vec<Series> = distinct.into_iter().collect();
    let mut answers = BTreeMap::new();
    for batch in distinct.chunks(BATCH) {
        match read_batch(client, batch, start, end).await {
            Ok(found) => answers.extend(batch.iter().cloned().zip(found)),
            Err(error) => {
                answers.extend(batch.iter().map(|one| (one.clone(), Err(error.clone()))));
            }
        }
    }
    answers
}

/// What is known of one series so far.
#[derive(Debug, Clone, Default)]
struct Part {
    sums: Sums,
    status: Option<StatusCode>,
}

async fn read_batch(
    client: &aws_sdk_cloudwatch::Client,
    batch: &[Series],
    start: Timestamp,
    end: Timestamp,
) -> Result<Vec<Result<Sums, CallError>>, CallError> {
    let queries = batch.iter().enumerate().map(|(index, series)| series.query(index));
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(date_time(start))
        .end_time(date_time(end))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    let mut parts: Vec<Option<Part>> = vec![None; batch.len()];
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { break };
        let page = page.map_err(|error| CallError::of("cloudwatch:GetMetricData", &error))?;
        for result in page.metric_data_results() {
            let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some(part) = index.and_then(|index| parts.get_mut(index)) else { continue };
            let part = part.get_or_insert_default();
            part.status = result.status_code().cloned();
            let minutes = result.timestamps().iter().filter_map(timestamp);
            part.sums.extend(minutes.zip(result.values().iter().copied()));
        }
    }
    Ok(batch.iter().zip(parts).map(|(series, part)| whole(series, part)).collect())
}

/// Whether a series was answered in full. `PartialData` on a page means that more follows; on the last one
/// it means that CloudWatch holds some of it back.
fn whole(series: &Series, part: Option<Part>) -> Result<Sums, CallError> {
    let status = match part {
        Some(Part { sums, status: Some(StatusCode::Complete) }) => return Ok(sums),
        Some(Part { status: Some(status), .. }) => status.as_str().to_owned(),
        Some(Part { status: None, .. }) => "no status".to_owned(),
        None => "no answer".to_owned(),
    };
    let what = series.dimensions.iter().map(|(name, value)| format!("{name} `{value}`"));
    let what = what.collect::<Vec<_>>().join(", ");
    let message = format!("the metric {} of {what} is not whole: {status}", series.metric);
    Err(CallError {
        kind: CallErrorKind::Unreachable,
        operation: "cloudwatch:GetMetricData",
        code: Some(status),
        message,
    })
}
