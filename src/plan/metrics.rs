//! What a metric expectation asks CloudWatch, decided: its metrics, its expression, its threshold.
//!
//! Main type: [`MetricWatch`]. Invariant: it has an expression over its metrics, or exactly one metric.

use std::fmt::Write as _;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::resolve::signed;
use super::{Kind, millis};
use crate::scenario::lag;
use crate::scenario::types::{MetricExpectation, MetricSource, MissingData, Threshold};

/// How long after a period's end its value must be there; the check counts with the same.
pub const METRIC_LAG: SignedDuration = lag::METRIC;

/// The id of the metric where there is only one.
const ONLY: &str = "m";

/// A value of CloudWatch, and what it must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricWatch {
    /// Metric math over the metrics; nothing where it is the one metric itself.
    pub expression: Option<String>,
    /// The metrics by their names in the expression.
    pub metrics: IndexMap<String, MetricSource>,
    /// The length of a period.
    #[serde(with = "millis")]
    pub period: SignedDuration,
    /// What the value must be.
    pub threshold: Threshold,
    /// What a period without a value means.
    pub missing: MissingData,
}

/// What a metric must be; nothing where it is no metric, or several things at once.
pub(super) fn metric(written: &MetricExpectation) -> Option<Kind> {
    let only = match (&written.namespace, &written.name, &written.statistic) {
        (Some(namespace), Some(name), Some(statistic)) => Some(MetricSource {
            namespace: namespace.clone(),
            name: name.clone(),
            dimensions: written.dimensions.clone(),
            statistic: statistic.clone(),
        }),
        (_, _, _) => None,
    };
    let metrics = match (&written.expression, only) {
        (None, Some(only)) => IndexMap::from([(ONLY.to_owned(), only)]),
        (Some(_), None) => written.metrics.clone(),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    Some(Kind::Metric(MetricWatch {
        expression: written.expression.clone(),
        metrics,
        period: written.period.map_or(lag::PERIOD, signed),
        threshold: Threshold::parse(&written.threshold)?,
        missing: written.missing,
    }))
}

impl MetricWatch {
    /// What is looked at, without the threshold: `Sum of Errors in Shop (Service=checkout)`.
    pub(crate) fn subject(&self) -> String {
        match &self.expression {
            Some(expression) => format!("`{expression}`"),
            None => self.metrics.values().map(source).collect::<Vec<_>>().join(", "),
        }
    }

    /// The whole of it: `Sum of Errors in Shop > 5 over 1m`.
    pub(crate) fn words(&self) -> String {
        let period = super::text::duration(self.period);
        let mut words = format!("{} {} over {period}", self.subject(), self.threshold);
        if self.expression.is_some() {
            let metrics = self.metrics.iter();
            let names = metrics.map(|(id, metric)| format!("{id} = {}", source(metric)));
            let names = names.collect::<Vec<_>>().join("; ");
            let _infallible = write!(words, " ({names})");
        }
        words
    }
}

fn source(metric: &MetricSource) -> String {
    let dimensions: Vec<String> =
        metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let of =
        if dimensions.is_empty() { String::new() } else { format!(" ({})", dimensions.join(", ")) };
    format!("{} of {} in {}{of}", metric.statistic, metric.name, metric.namespace)
}
