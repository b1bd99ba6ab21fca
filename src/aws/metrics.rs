//! Values of metrics and of expressions over them, asked for together by everybody who looks at any.
//!
//! Main function: [`answers`]. One GetMetricData takes 500 queries, so that the questions of all drills go
//! into few calls: each gets ids of its own, and its expression is written with them. Invariants: a series is
//! answered whole or not at all; one that CloudWatch refuses spoils no other. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{
    Dimension, DimensionFilter, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
    StatusCode,
};
use jiff::{SignedDuration, Timestamp};

use super::shared::Shared;
use super::{Aws, CallError, CallErrorKind, date_time, timestamp};

const OPERATION: &str = "cloudwatch:GetMetricData";

/// The most queries of one call (the page above).
const MOST_QUERIES: usize = 500;

/// The id of what is asked for; the metrics of a question have a name after it.
const ANSWER: &str = "answer";

/// What somebody wants to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// Metric math over the metrics; nothing for the one metric itself.
    pub(crate) expression: Option<String>,
    /// The metrics, by their ids in the expression.
    pub(crate) metrics: Vec<(String, Source)>,
    pub(crate) period: SignedDuration,
    /// From this moment on, a multiple of the period.
    pub(crate) from: Timestamp,
}

impl Question {
    /// Whether both want the same values, if from different moments on.
    fn is_like(&self, other: &Self) -> bool {
        (self.period, &self.expression, &self.metrics)
            == (other.period, &other.expression, &other.metrics)
    }

    /// How many queries it takes: one a metric, and one for an expression over them.
    fn size(&self) -> usize {
        if self.expression.is_some() { self.metrics.len() + 1 } else { 1 }
    }
}

/// A statistic of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: Vec<(String, String)>,
    pub(crate) statistic: String,
}

/// The value of each period that has one, by the period's beginning.
pub(crate) type Series = BTreeMap<Timestamp, f64>;

type Answer = Result<Series, CallError>;

/// What somebody asks for at once, and until when.
type Ask = (Vec<Question>, Timestamp);

/// The reader that everybody shares who looks at metrics.
pub(super) type Reader = Shared<Ask, Arc<Vec<(Question, Answer)>>>;

/// The series that answer these questions, up to the period of `until`, together with whoever else asks at
/// this moment.
pub(crate) async fn answers(aws: &Aws, questions: &[Question], until: Timestamp) -> Vec<Answer> {
    let reader = aws.readers.metrics.clone();
    let client = aws.cloudwatch.clone();
    let ask = (questions.to_vec(), until);
    let read = reader
        .ask(ask, aws.readers.moment, move |asks| async move {
            let mut answers = Vec::new();
            for batch in batches(asks) {
                answers.extend(read_batch(&client, batch).await);
            }
            Arc::new(answers)
        })
        .await;
    let answer = |question: &Question| {
        let (_, answer) = read.iter().find(|(asked, _)| asked.is_like(question))?;
        // Somebody else may have asked for earlier periods, too.
        let own =
            |series: &Series| series.range(question.from..).map(|(at, n)| (*at, *n)).collect();
        Some(answer.as_ref().map(own).map_err(Clone::clone))
    };
    let unasked = || Err(unreadable("the question was not asked".to_owned(), None));
    questions.iter().map(|question| answer(question).unwrap_or_else(unasked)).collect()
}

/// The most pages of metrics, 500 each, that are looked through for one.
const MOST_PAGES: usize = 20;

/// Whether CloudWatch lists a metric with just these dimensions: it has had a value in the last two weeks.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>.
pub(crate) async fn is_listed(
    aws: &Aws,
    namespace: &str,
    name: &str,
    dimensions: &[(&String, &String)],
) -> Result<bool, CallError> {
    let mut request = aws.cloudwatch.list_metrics().namespace(namespace).metric_name(name);
    for (name, value) in dimensions {
        request = request.dimensions(DimensionFilter::builder().name(*name).value(*value).build());
    }
    let mut pages = request.into_paginator().send();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { return Ok(false) };
        let page = page.map_err(|error| CallError::of("cloudwatch:ListMetrics", &error))?;
        // The filters let metrics with more dimensions through.
        if page.metrics().iter().any(|one| one.dimensions().len() == dimensions.len()) {
            return Ok(true);
        }
    }
    let message = format!("{MOST_PAGES} pages of metrics have more dimensions than `{name}`");
    Err(CallError {
        kind: CallErrorKind::Refused,
        operation: "cloudwatch:ListMetrics",
        code: None,
        message,
    })
}

/// The beginning of the period that a moment is in.
pub(crate) fn period_of(at: Timestamp, period: SignedDuration) -> Timestamp {
    let length = period.as_secs().max(1);
    Timestamp::from_second(at.as_second().div_euclid(length) * length).unwrap_or(at)
}

/// Questions of one period that fit into one call, each once.
struct Batch {
    period: SignedDuration,
    questions: Vec<Question>,
    until: Timestamp,
    queries: usize,
}

impl Batch {
    /// Answers the question with one that is here already, if there is any like it.
    fn takes_in(&mut self, question: &Question, until: Timestamp) -> bool {
        let Some(same) = self.questions.iter_mut().find(|one| one.is_like(question)) else {
            return false;
        };
        same.from = same.from.min(question.from);
        self.until = self.until.max(until);
        true
    }
}

fn batches(asks: Vec<Ask>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let each = asks.into_iter().flat_map(|(questions, until)| {
        questions.into_iter().map(move |question| (question, until))
    });
    for (question, until) in each {
        if batches.iter_mut().any(|batch| batch.takes_in(&question, until)) {
            continue;
        }
        let size = question.size();
        let fits = |batch: &&mut Batch| {
            batch.period == question.period && batch.queries + size <= MOST_QUERIES
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => {
                batch.until = batch.until.max(until);
                batch.queries += size;
                batch.questions.push(question);
            }
            None => batches.push(Batch {
                period: question.period,
                questions: vec![question],
                until,
                queries: size,
            }),
        }
    }
    batches
}

/// Whether a call may be refused for one of its questions alone.
fn is_for_one(kind: CallErrorKind) -> bool {
    matches!(kind, CallErrorKind::Refused | CallErrorKind::Unsupported)
}

/// Asks; where CloudWatch refuses the call for one of the questions, each is asked by itself.
async fn read_batch(client: &aws_sdk_cloudwatch::Client, batch: Batch) -> Vec<(Question, Answer)> {
    let read = read(client, &batch.questions, batch.until).await;
    match read {
        Ok(answers) => batch.questions.into_iter().zip(answers).collect(),
        Err(error) if is_for_one(error.kind) && batch.questions.len() > 1 => {
            let mut answers = Vec::new();
            for question in batch.questions {
                let alone = read_one(client, &question, batch.until).await;
                answers.push((question, alone));
            }
            answers
        }
        Err(error) => {
            batch.questions.into_iter().map(|question| (question, Err(error.clone()))).collect()
        }
    }
}

async fn read_one(
    client: &aws_sdk_cloudwatch::Client,
    question: &Question,
    until: Timestamp,
) -> Answer {
    let mut answers = read(client, std::slice::from_ref(question), until).await?;
    answers.pop().unwrap_or_else(|| Err(unreadable("the question has no answer".to_owned(), None)))
}

/// One call, all its pages.
async fn read(
    client: &aws_sdk_cloudwatch::Client,
    questions: &[Question],
    until: Timestamp,
) -> Result<Vec<Answer>, CallError> {
    let Some(from) = questions.iter().map(|question| question.from).min() else {
        return Ok(Vec::new());
    };
    let longest = questions.iter().map(|question| question.period).max().unwrap_or_default();
    let until = period_of(until, longest) + longest;
    let queries = questions.iter().enumerate().flat_map(|(index, one)| queries(index, one));
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(date_time(from))
        .end_time(date_time(until))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    let mut found: Vec<Found> = questions.iter().map(|_| Found::default()).collect();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::of(OPERATION, &error))?;
        for result in page.metric_data_results() {
            let index = result.id().and_then(|id| id.strip_prefix(ANSWER)?.parse::<usize>().ok());
            if let Some(found) = index.and_then(|index| found.get_mut(index)) {
                found.add(result);
            }
        }
    }
    let answers = found.into_iter().zip(questions);
    Ok(answers.map(|(found, question)| found.whole(question)).collect())
}

/// What the pages say of one question.
#[derive(Default)]
struct Found {
    series: Series,
    status: Option<StatusCode>,
    label: Option<String>,
    several: bool,
}

impl Found {
    fn add(&mut self, result: &MetricDataResult) {
        let label = result.label().map(str::to_owned);
        self.several |= self.status.is_some() && self.label != label;
        self.label = label;
        self.status = result.status_code().cloned();
        let times = result.timestamps().iter().filter_map(timestamp);
        for (at, value) in times.zip(result.values().iter().copied()) {
            self.several |= self.series.insert(at, value).is_some();
        }
    }

    /// `PartialData` on a page means that more follows; on the last one, that some is held back.
    fn whole(self, question: &Question) -> Answer {
        if self.several {
            return Err(unreadable("the expression gives more than one series".to_owned(), None));
        }
        match self.status {
            Some(StatusCode::Complete) => {
                let series = self.series.into_iter();
                Ok(series.filter(|(at, value)| *at >= question.from && value.is_finite()).collect())
            }
            Some(status) => {
                let status = status.as_str().to_owned();
                Err(unreadable(format!("the values are not whole: {status}"), Some(status)))
            }
            None => Err(unreadable("the answer says nothing of the metric".to_owned(), None)),
        }
    }
}

fn unreadable(message: String, code: Option<String>) -> CallError {
    CallError { kind: CallErrorKind::Unreachable, operation: OPERATION, code, message }
}

/// The queries of one question; only its answer is returned.
fn queries(index: usize, question: &Question) -> Vec<MetricDataQuery> {
    let answer = format!("{ANSWER}{index}");
    let Some(expression) = &question.expression else {
        let only = question.metrics.first();
        return only
            .map(|(_, source)| query(&answer, source, question.period))
            .into_iter()
            .collect();
    };
    let ids: Vec<&str> = question.metrics.iter().map(|(id, _)| id.as_str()).collect();
    let own = |id: &str| format!("q{index}_{id}");
    let mut all: Vec<MetricDataQuery> = Vec::new();
    for (id, source) in &question.metrics {
        let mut hidden = query(&own(id), source, question.period);
        hidden.return_data = Some(false);
        all.push(hidden);
    }
    let expression = renamed(expression, &ids, own);
    all.push(MetricDataQuery::builder().id(answer).expression(expression).build());
    all
}

fn query(id: &str, source: &Source, period: SignedDuration) -> MetricDataQuery {
    let mut metric = Metric::builder().namespace(&source.namespace).metric_name(&source.name);
    for (name, value) in &source.dimensions {
        metric = metric.dimensions(Dimension::builder().name(name).value(value).build());
    }
    let seconds = i32::try_from(period.as_secs()).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(metric.build()).period(seconds);
    let stat = stat.stat(&source.statistic).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

/// An expression with other names for its metrics; texts in quotes stay as they are.
fn renamed(expression: &str, ids: &[&str], own: impl Fn(&str) -> String) -> String {
    let mut told = String::new();
    let mut word = String::new();
    let mut quote = None;
    let flush = |word: &mut String, told: &mut String| {
        if ids.contains(&word.as_str()) {
            told.push_str(&own(word));
        } else {
            told.push_str(word);
        }
        word.clear();
    };
    for letter in expression.chars() {
        let in_quotes = quote.is_some();
        if !in_quotes && (letter.is_ascii_alphanumeric() || letter == '_') {
            word.push(letter);
            continue;
        }
        flush(&mut word, &mut told);
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (_, _) => {}
        }
        told.push(letter);
    }
    flush(&mut word, &mut told);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_written_with_names_of_its_own() {
        let own = |id: &str| format!("q7_{id}");
        assert_eq!(
            renamed("100 * e / FILL(m1, 0) + m10 > \"e 'm1\" - e", &["e", "m1"], own),
            "100 * q7_e / FILL(q7_m1, 0) + m10 > \"e 'm1\" - q7_e"
        );
    }

    fn question(name: &str, seconds: i64, metrics: usize) -> Ask {
        let source = Source {
            namespace: "Shop".to_owned(),
            name: name.to_owned(),
            dimensions: Vec::new(),
            statistic: "Sum".to_owned(),
        };
        let question = Question {
            expression: (metrics > 1).then(|| "m0".to_owned()),
            metrics: (0..metrics).map(|index| (format!("m{index}"), source.clone())).collect(),
            period: SignedDuration::from_secs(seconds),
            from: Timestamp::UNIX_EPOCH,
        };
        (vec![question], Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn questions_of_one_period_share_a_call_and_the_same_question_is_asked_once() {
        let asks = vec![
            question("a", 60, 1),
            question("b", 60, 1),
            question("a", 60, 1),
            question("a", 300, 1),
            question("c", 60, 496),
            question("d", 60, 1),
        ];
        let sizes: Vec<(i64, usize)> = batches(asks)
            .iter()
            .map(|batch| (batch.period.as_secs(), batch.questions.len()))
            .collect();
        assert_eq!(sizes, [(60, 4), (300, 1)]);
    }

    #[test]
    fn five_hundred_metrics_are_one_call_and_one_more_is_another() {
        let asks = |count| (0..count).map(|number| question(&format!("m{number}"), 60, 1));
        let calls = |count| batches(asks(count).collect()).len();
        assert_eq!([1, 500, 501, 1_000, 1_001].map(calls), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn the_same_values_from_different_moments_on_are_asked_for_once() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let from = |second| {
            let (mut questions, until) = question("a", 60, 1);
            questions[0].from = at(second);
            (questions, until + SignedDuration::from_secs(second))
        };
        let batches = batches(vec![from(120), from(60), from(180)]);
        let [batch] = batches.as_slice() else { panic!("{} calls", batches.len()) };
        assert_eq!((batch.questions.len(), batch.questions[0].from), (1, at(60)));
        assert_eq!(batch.until, at(180));
    }
}
