//! Expectations over the values of metrics: one metric, or an expression over several.
//!
//! Main type: [`MetricExpectation`]. Invariant: what stands here is as it is written; [`Threshold`] reads
//! the text of a threshold, and nothing else does.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// A value of CloudWatch: one metric with its statistic, or an `expression` over `metrics`. It is met by the
/// first whole period that fulfils the threshold, and is exact to that period. A period counts once its data
/// must be there, three minutes after its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricExpectation {
    /// The namespace of the one metric, such as `AWS/ApplicationELB`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The name of the one metric.
    #[serde(default)]
    pub name: Option<String>,
    /// The dimensions of the one metric, all of them.
    #[serde(default)]
    pub dimensions: IndexMap<String, String>,
    /// The statistic of the one metric: `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, `p99`, …
    #[serde(default)]
    pub statistic: Option<String>,
    /// Metric math over `metrics` instead, such as `100 * errors / requests`.
    #[serde(default)]
    pub expression: Option<String>,
    /// What the expression names; a name begins with a small letter.
    #[serde(default)]
    pub metrics: IndexMap<String, MetricSource>,
    /// The period of every metric; default 1m.
    #[serde(default)]
    pub period: Option<Duration>,
    /// What the value must be, such as `>= 5` or `< 0.5`.
    pub threshold: String,
    /// What a period without a value means; default `blind`.
    #[serde(default)]
    pub missing: MissingData,
}

/// One metric of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSource {
    /// The namespace.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// Its dimensions, all of them.
    #[serde(default)]
    pub dimensions: IndexMap<String, String>,
    /// Its statistic.
    pub statistic: String,
}

/// What a period without a value means.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MissingData {
    /// We could not look: neither met nor missed.
    #[default]
    Blind,
    /// Nothing happened in it: for a metric that is only written when there is something to count.
    Ignore,
}

/// How a value is compared with a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

/// A comparison, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
}

impl Threshold {
    /// Reads `>= 5`; nothing where the text is no threshold.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let comparisons = [
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ];
        let read = comparisons
            .into_iter()
            .find_map(|(sign, comparison)| text.strip_prefix(sign).map(|rest| (comparison, rest)));
        let (comparison, rest) = read?;
        let value = rest.trim().parse::<f64>().ok().filter(|value| value.is_finite())?;
        Some(Self { comparison, value })
    }

    /// Whether a value is so.
    pub fn holds(self, value: f64) -> bool {
        match self.comparison {
            Comparison::Greater => value > self.value,
            Comparison::GreaterOrEqual => value >= self.value,
            Comparison::Less => value < self.value,
            Comparison::LessOrEqual => value <= self.value,
        }
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match self.comparison {
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        };
        write!(formatter, "{sign} {}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_comparison_and_a_number() {
        let read = |text: &str| Threshold::parse(text).map(|read| read.to_string());
        assert_eq!(read(">=5"), Some(">= 5".to_owned()));
        assert_eq!(read(" < -0.50 "), Some("< -0.5".to_owned()));
        for text in ["5", "= 5", "> five", "> NaN", "> inf", ">", "=> 5", ">> 5"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(Threshold::parse("<= 2").expect("it is one").holds(2.0));
        assert!(!Threshold::parse("< 2").expect("it is one").holds(2.0));
        assert!(Threshold::parse("> 2").expect("it is one").holds(2.5));
    }
}
