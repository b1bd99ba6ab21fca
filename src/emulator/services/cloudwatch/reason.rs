//! State reasons and their data, in AWS's wording and shape.
//!
//! Main type: [`Reason`]. Invariant: a reason is a function of the rule, the periods and the state that
//! they mean. The wording follows the examples on
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::alarm::{MetricRule, MissingData, StateValue};
use super::evaluate::Assessment;
use super::query::{Grid, Slot};

/// The reason of a new alarm's state.
pub(super) const INITIAL: &str = "Unchecked: Initial alarm creation";

/// How many datapoints a reason lists at most.
const LISTED: usize = 5;

/// Why an evaluation gave a state.
pub(super) struct Reason<'a> {
    pub(super) rule: &'a MetricRule,
    pub(super) grid: Grid,
    /// Newest first.
    pub(super) slots: &'a [Slot],
    pub(super) found: &'a Assessment,
    pub(super) state: StateValue,
    pub(super) now: Timestamp,
}

impl Reason<'_> {
    /// The sentence.
    pub(super) fn text(&self) -> String {
        let n = self.rule.evaluation_periods;
        if self.state == StateValue::InsufficientData {
            return format!("Insufficient Data: {}.", were(n, "datapoint", "unknown"));
        }
        format!("Threshold Crossed: {}{}{}.", self.crossed(), self.filled(), self.minimum())
    }

    /// The real datapoints that speak for the state, newest first.
    fn telling(&self) -> Vec<usize> {
        let alarm = self.state == StateValue::Alarm;
        let breaches = |place: usize| {
            let value = self.slots[place].value.expect("only real datapoints are considered");
            self.rule.comparison.breaches(value, self.rule.threshold)
        };
        self.found.considered.iter().copied().filter(|place| breaches(*place) == alarm).collect()
    }

    fn crossed(&self) -> String {
        let telling = self.telling();
        let real = self.found.considered.len();
        let n = self.rule.evaluation_periods;
        if telling.is_empty() {
            let received = if real == 0 {
                "no datapoints were received".to_owned()
            } else {
                were(real, "datapoint", "received")
            };
            return format!("{received} for {}", counted(n, "period"));
        }
        let not = if self.state == StateValue::Alarm { "" } else { "not " };
        let words = self.rule.comparison.words();
        let crossed = format!("{not}{words} the threshold ({})", double(self.rule.threshold));
        let was = if telling.len() == 1 { "was" } else { "were" };
        let list: Vec<String> =
            telling.iter().take(LISTED).map(|place| self.datapoint(*place)).collect();
        let list = list.join(", ");
        let count = if self.rule.datapoints_to_alarm.is_some() {
            format!("{} out of the last {n} datapoints", telling.len())
        } else {
            counted(telling.len(), "datapoint")
        };
        if telling.len() > LISTED {
            return format!(
                "{count} {was} {crossed}. The most recent datapoints which crossed the threshold: [{list}]"
            );
        }
        format!("{count} [{list}] {was} {crossed}")
    }

    fn filled(&self) -> String {
        let treated = match self.rule.missing_data() {
            MissingData::Breaching => "Breaching",
            MissingData::NotBreaching => "NonBreaching",
            MissingData::Missing | MissingData::Ignore => return String::new(),
        };
        match self.found.filled {
            0 => String::new(),
            n => {
                format!(" and {}", were(n, "missing datapoint", &format!("treated as [{treated}]")))
            }
        }
    }

    /// AWS adds it to alarms that name their datapoints to alarm.
    fn minimum(&self) -> String {
        let Some(m) = self.rule.datapoints_to_alarm else { return String::new() };
        let (minimum, way) = match self.state {
            StateValue::Alarm => (m, "OK -> ALARM"),
            StateValue::Ok | StateValue::InsufficientData => {
                (self.rule.evaluation_periods - m + 1, "ALARM -> OK")
            }
        };
        format!(" (minimum {} for {way} transition)", counted(minimum, "datapoint"))
    }

    fn datapoint(&self, place: usize) -> String {
        let value = self.slots[place].value.unwrap_or_default();
        let at = self.start(place).strftime("%d/%m/%y %H:%M:%S");
        format!("{} ({at})", double(value))
    }

    /// When the period at this place, counted from the newest, begins.
    fn start(&self, place: usize) -> Timestamp {
        let milliseconds = self.grid.at(self.grid.slots - 1 - place);
        Timestamp::from_millisecond(milliseconds).unwrap_or(self.now)
    }

    /// The reason data: a JSON text.
    pub(super) fn data(&self) -> String {
        let considered = &self.found.considered;
        let mut data = Map::new();
        data.insert("version".to_owned(), json!("1.0"));
        data.insert("queryDate".to_owned(), json!(iso(self.now)));
        if let Some(oldest) = considered.last() {
            data.insert("startDate".to_owned(), json!(iso(self.start(*oldest))));
        }
        if let Some(stat) = self.rule.single() {
            if let Some(unit) = stat.unit {
                data.insert("unit".to_owned(), json!(unit.as_str()));
            }
            data.insert("statistic".to_owned(), json!(stat.stat));
        }
        data.insert("period".to_owned(), json!(self.rule.period));
        let recent: Vec<Option<f64>> =
            considered.iter().rev().map(|place| self.slots[*place].value).collect();
        data.insert("recentDatapoints".to_owned(), json!(recent));
        data.insert("threshold".to_owned(), json!(self.rule.threshold));
        data.insert("evaluatedDatapoints".to_owned(), self.evaluated());
        Value::Object(data).to_string()
    }

    /// The datapoints that counted and the gaps that had to be filled, newest first.
    fn evaluated(&self) -> Value {
        let missing = (0..self.slots.len()).filter(|place| self.slots[*place].value.is_none());
        let mut places: Vec<usize> = missing.take(self.found.filled).collect();
        places.extend(&self.found.considered);
        places.sort_unstable();
        let describe = |place: usize| {
            let mut datapoint = Map::new();
            datapoint.insert("timestamp".to_owned(), json!(iso(self.start(place))));
            if let Some(samples) = self.slots[place].samples {
                datapoint.insert("sampleCount".to_owned(), json!(samples));
            }
            if let Some(value) = self.slots[place].value {
                datapoint.insert("value".to_owned(), json!(value));
            }
            Value::Object(datapoint)
        };
        places.into_iter().map(describe).collect()
    }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn were(n: usize, what: &str, done: &str) -> String {
    let were = if n == 1 { "was" } else { "were" };
    format!("{} {were} {done}", counted(n, what))
}

/// A moment as CloudWatch writes it into JSON texts: `2019-10-02T17:04:40.985+0000`.
pub(super) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// A number as CloudWatch prints it: `50.0`, `1.34217728E8`.
pub(super) fn double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_aws_prints_them() {
        for (value, text) in [
            (50.0, "50.0"),
            (0.0, "0.0"),
            (99.501_602_296_934_34, "99.50160229693434"),
            (134_217_728.0, "1.34217728E8"),
            (10_000_000.0, "1.0E7"),
            (-0.000_1, "-1.0E-4"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn moments_are_printed_as_aws_prints_them() {
        let at: Timestamp = "2026-11-20T10:00:05.25Z".parse().unwrap();
        assert_eq!(iso(at), "2026-11-20T10:00:05.250+0000");
    }
}
