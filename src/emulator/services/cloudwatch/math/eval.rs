//! Evaluates metric math on a grid of periods, oldest first.
//!
//! Main types: [`Scope`], [`MathValue`]. Invariant: every series has one slot per period; a slot without
//! data is nothing. "Missing values in a time series are treated as 0. If the value of a data point
//! causes a function to attempt to divide by zero, the data point is dropped."
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.

use super::{Expression, Filler, Function, Operator};

/// How deep expressions may refer to each other; cycles are refused before, this is the backstop.
const MAX_DEPTH: usize = 16;

/// One time series on the grid.
pub(in super::super) type Values = Vec<Option<f64>>;

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum MathValue {
    Scalar(f64),
    Series(Values),
    Array(Vec<Values>),
}

/// A metric of the request: its id, its period in seconds, its values.
#[derive(Debug)]
pub(in super::super) struct ScopeMetric<'a> {
    pub(in super::super) id: &'a str,
    pub(in super::super) period: i64,
    pub(in super::super) values: Values,
}

/// What an expression can refer to.
#[derive(Debug)]
pub(in super::super) struct Scope<'a> {
    pub(in super::super) metrics: Vec<ScopeMetric<'a>>,
    pub(in super::super) expressions: Vec<(&'a str, &'a Expression)>,
    /// How many slots the grid has.
    pub(in super::super) slots: usize,
    /// The length of a slot in seconds.
    pub(in super::super) period: i64,
}

impl Scope<'_> {
    /// The expression's value; nothing where it names something that is not there.
    pub(in super::super) fn evaluate(&self, expression: &Expression) -> Option<MathValue> {
        self.eval(expression, 0)
    }

    fn eval(&self, expression: &Expression, depth: usize) -> Option<MathValue> {
        let inner = |expression: &Expression| self.eval(expression, depth);
        match expression {
            Expression::Number(number) => Some(MathValue::Scalar(*number)),
            Expression::Reference(id) => self.resolve(id, depth),
            Expression::Metrics(filter) => {
                let chosen = self.metrics.iter().filter(|metric| {
                    filter.as_ref().is_none_or(|filter| metric.id.contains(filter.as_str()))
                });
                Some(MathValue::Array(chosen.map(|metric| metric.values.clone()).collect()))
            }
            Expression::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    match inner(item)? {
                        MathValue::Scalar(_) => return None,
                        MathValue::Series(series) => all.push(series),
                        MathValue::Array(array) => all.extend(array),
                    }
                }
                Some(MathValue::Array(all))
            }
            Expression::Negate(operand) => {
                Some(map(inner(operand)?, |series| each(series, |value| Some(-value))))
            }
            Expression::Binary(operator, left, right) => {
                binary(*operator, inner(left)?, inner(right)?)
            }
            Expression::If(condition, then, other) => {
                let other = match other {
                    Some(other) => Some(inner(other)?),
                    None => None,
                };
                Some(self.choose(&inner(condition)?, &inner(then)?, other.as_ref()))
            }
            Expression::Fill(operand, filler) => {
                let operand = inner(operand)?;
                let filler = match filler {
                    Filler::Value(value) => Some(inner(value)?),
                    Filler::Repeat | Filler::Linear => None,
                };
                let linear = matches!(expression, Expression::Fill(_, Filler::Linear));
                Some(map(operand, |series| fill(&series, filler.as_ref(), linear)))
            }
            Expression::Period(id) => {
                let metric = self.metrics.iter().find(|metric| metric.id == id)?;
                Some(MathValue::Scalar(as_f64(metric.period)))
            }
            Expression::Call(function, argument) => self.call(*function, inner(argument)?),
        }
    }

    fn resolve(&self, id: &str, depth: usize) -> Option<MathValue> {
        if let Some(metric) = self.metrics.iter().find(|metric| metric.id == id) {
            return Some(MathValue::Series(metric.values.clone()));
        }
        let (_, expression) = self.expressions.iter().find(|(name, _)| *name == id)?;
        if depth >= MAX_DEPTH { None } else { self.eval(expression, depth + 1) }
    }

    /// `IF`: a missing condition drops the slot, a missing branch is 0, a branch left out drops it.
    fn choose(
        &self,
        condition: &MathValue,
        then: &MathValue,
        other: Option<&MathValue>,
    ) -> MathValue {
        let at = |value: &MathValue, slot: usize| match value {
            MathValue::Scalar(number) => Some(*number),
            MathValue::Series(series) => series.get(slot).copied().flatten(),
            MathValue::Array(_) => None,
        };
        let slot = |slot: usize| {
            let branch = if at(condition, slot)? == 0.0 { other? } else { then };
            Some(at(branch, slot).unwrap_or(0.0))
        };
        MathValue::Series((0..self.slots).map(slot).collect())
    }

    fn call(&self, function: Function, argument: MathValue) -> Option<MathValue> {
        let period = as_f64(self.period);
        Some(match function {
            Function::Abs => map(argument, |series| each(series, |value| Some(value.abs()))),
            Function::Ceil => map(argument, |series| each(series, |value| Some(value.ceil()))),
            Function::Floor => map(argument, |series| each(series, |value| Some(value.floor()))),
            Function::Log => map(argument, |series| each(series, |value| finite(value.ln()))),
            Function::Log10 => map(argument, |series| each(series, |value| finite(value.log10()))),
            Function::Diff => map(argument, |series| steps(&series, |by, _| by)),
            Function::Rate => {
                map(argument, |series| steps(&series, |by, slots| by / slots / period))
            }
            Function::RunningSum => map(argument, |series| {
                let mut total = 0.0;
                each(series, |value| {
                    total += value;
                    Some(total)
                })
            }),
            Function::TimeSeries => match argument {
                MathValue::Scalar(number) => MathValue::Series(vec![Some(number); self.slots]),
                MathValue::Series(_) | MathValue::Array(_) => return None,
            },
            Function::MetricCount => MathValue::Scalar(count_f64(array(argument)?.len())),
            Function::First => MathValue::Series(array(argument)?.into_iter().next()?),
            Function::Last => MathValue::Series(array(argument)?.pop()?),
            Function::Sum
            | Function::Avg
            | Function::Min
            | Function::Max
            | Function::StdDev
            | Function::DatapointCount => self.condense(function, argument)?,
        })
    }

    /// A series becomes a number; an array becomes a series, slot by slot.
    fn condense(&self, function: Function, argument: MathValue) -> Option<MathValue> {
        match argument {
            MathValue::Scalar(_) => None,
            MathValue::Series(series) => {
                let total = series.len();
                Some(MathValue::Scalar(condense(function, series.into_iter(), total)?))
            }
            MathValue::Array(array) => {
                let slot = |slot: usize| {
                    let values = array.iter().map(move |series| series[slot]);
                    // A moment at which no series has data has none in the result either.
                    if function != Function::DatapointCount && values.clone().all(|v| v.is_none()) {
                        return None;
                    }
                    condense(function, values, array.len())
                };
                Some(MathValue::Series((0..self.slots).map(slot).collect()))
            }
        }
    }
}

fn condense(
    function: Function,
    values: impl Iterator<Item = Option<f64>> + Clone,
    total: usize,
) -> Option<f64> {
    let present = values.clone().flatten();
    // "Missing values are treated as 0" where an average is taken.
    let mean = || present.clone().sum::<f64>() / count_f64(total.max(1));
    match function {
        Function::Sum => Some(present.sum()),
        Function::Avg => Some(mean()),
        Function::Min => present.reduce(f64::min),
        Function::Max => present.reduce(f64::max),
        Function::DatapointCount => Some(count_f64(present.count())),
        Function::StdDev => {
            let mean = mean();
            let squares: f64 =
                values.map(|value| (value.unwrap_or(0.0) - mean).powi(2)).sum::<f64>();
            Some((squares / count_f64(total.max(1))).sqrt())
        }
        Function::Abs
        | Function::Ceil
        | Function::Floor
        | Function::Log
        | Function::Log10
        | Function::Diff
        | Function::Rate
        | Function::RunningSum
        | Function::MetricCount
        | Function::First
        | Function::Last
        | Function::TimeSeries => None,
    }
}

fn array(value: MathValue) -> Option<Vec<Values>> {
    match value {
        MathValue::Array(array) => Some(array),
        MathValue::Scalar(_) | MathValue::Series(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of series or slots")]
fn count_f64(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a period of at most some days")]
fn as_f64(seconds: i64) -> f64 {
    seconds as f64
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Applies a change to every series of a value; a number counts as a series of one.
fn map(value: MathValue, mut change: impl FnMut(Values) -> Values) -> MathValue {
    match value {
        MathValue::Scalar(number) => {
            let changed = change(vec![Some(number)]).first().copied().flatten();
            MathValue::Scalar(changed.unwrap_or(0.0))
        }
        MathValue::Series(series) => MathValue::Series(change(series)),
        MathValue::Array(array) => MathValue::Array(array.into_iter().map(change).collect()),
    }
}

fn each(series: Values, mut change: impl FnMut(f64) -> Option<f64>) -> Values {
    series.into_iter().map(|value| value.and_then(&mut change)).collect()
}

/// The change from the previous value that is there, with how many slots lie between.
fn steps(series: &[Option<f64>], step: impl Fn(f64, f64) -> f64) -> Values {
    let mut previous: Option<(usize, f64)> = None;
    let mut result = vec![None; series.len()];
    for (slot, value) in series.iter().enumerate() {
        let Some(value) = value else { continue };
        if let Some((before, old)) = previous {
            result[slot] = Some(step(value - old, count_f64(slot - before)));
        }
        previous = Some((slot, *value));
    }
    result
}

fn fill(series: &[Option<f64>], filler: Option<&MathValue>, linear: bool) -> Values {
    let with = |slot: usize| match filler {
        Some(MathValue::Scalar(number)) => Some(*number),
        Some(MathValue::Series(other)) => other.get(slot).copied().flatten(),
        Some(MathValue::Array(_)) => None,
        None => {
            let before = (0..slot).rev().find_map(|at| Some((at, series[at]?)))?;
            if !linear {
                return Some(before.1);
            }
            let after = (slot..series.len()).find_map(|at| Some((at, series[at]?)))?;
            let share = count_f64(slot - before.0) / count_f64(after.0 - before.0);
            Some(before.1 + (after.1 - before.1) * share)
        }
    };
    series.iter().enumerate().map(|(slot, value)| value.or_else(|| with(slot))).collect()
}

fn binary(operator: Operator, left: MathValue, right: MathValue) -> Option<MathValue> {
    let series = |left: Option<&Values>, right: Option<&Values>, number: f64| -> Values {
        let length = left.or(right).map_or(0, Vec::len);
        let slot = |slot: usize| match (left.map(|s| s[slot]), right.map(|s| s[slot])) {
            (Some(None) | None, Some(None) | None) => None,
            (Some(left), Some(right)) => apply(operator, left.unwrap_or(0.0), right.unwrap_or(0.0)),
            (Some(Some(left)), None) => apply(operator, left, number),
            (None, Some(Some(right))) => apply(operator, number, right),
        };
        (0..length).map(slot).collect()
    };
    Some(match (left, right) {
        (MathValue::Scalar(left), MathValue::Scalar(right)) => {
            MathValue::Scalar(apply(operator, left, right)?)
        }
        (MathValue::Scalar(left), MathValue::Series(right)) => {
            MathValue::Series(series(None, Some(&right), left))
        }
        (MathValue::Series(left), MathValue::Scalar(right)) => {
            MathValue::Series(series(Some(&left), None, right))
        }
        (MathValue::Series(left), MathValue::Series(right)) => {
            MathValue::Series(series(Some(&left), Some(&right), 0.0))
        }
        (MathValue::Scalar(left), MathValue::Array(right)) => {
            MathValue::Array(right.iter().map(|right| series(None, Some(right), left)).collect())
        }
        (MathValue::Array(left), MathValue::Scalar(right)) => {
            MathValue::Array(left.iter().map(|left| series(Some(left), None, right)).collect())
        }
        (MathValue::Series(left), MathValue::Array(right)) => MathValue::Array(
            right.iter().map(|right| series(Some(&left), Some(right), 0.0)).collect(),
        ),
        (MathValue::Array(left), MathValue::Series(right)) => MathValue::Array(
            left.iter().map(|left| series(Some(left), Some(&right), 0.0)).collect(),
        ),
        (MathValue::Array(_), MathValue::Array(_)) => return None,
    })
}

#[expect(clippy::float_cmp, reason = "the expression compares for equality")]
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    finite(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, parse};
    use super::*;

    fn values(numbers: &[f64]) -> Values {
        numbers.iter().map(|number| (!number.is_nan()).then_some(*number)).collect()
    }

    /// `m1` = 30 20 0 -, `m2` = 20 - 20 -, four slots of 60 seconds.
    fn evaluate(text: &str) -> Option<MathValue> {
        let expression = parse(text).expect(text);
        let half = parse("m1/2").unwrap();
        let metric = |id, numbers: &[f64]| ScopeMetric { id, period: 60, values: values(numbers) };
        let scope = Scope {
            metrics: vec![
                metric("m1", &[30.0, 20.0, 0.0, f64::NAN]),
                metric("m2", &[20.0, f64::NAN, 20.0, f64::NAN]),
            ],
            expressions: vec![("half", &half)],
            slots: 4,
            period: 60,
        };
        scope.evaluate(&expression)
    }

    #[test]
    fn an_expression_gives_the_series_that_the_page_describes() {
        const N: f64 = f64::NAN;
        for (text, expected) in [
            // The three rows of "Comparison and logical operators".
            ("(m1 < m2)", [0.0, 0.0, 1.0, N]),
            ("(m1 >= 30)", [1.0, 0.0, 0.0, N]),
            ("(m1 > 15 AND m2 > 15)", [1.0, 0.0, 0.0, N]),
            ("m1 > 15 || m2 > 15", [1.0, 1.0, 1.0, N]),
            ("m1+m2", [50.0, 20.0, 20.0, N]),
            ("m1 - m2", [10.0, 20.0, -20.0, N]),
            ("m1/m2*100", [150.0, N, 0.0, N]),
            ("100*(m2/m1)", [100.0 / 1.5, 0.0, N, N]),
            ("-m1^2", [-900.0, -400.0, 0.0, N]),
            ("2^-1*m1", [15.0, 10.0, 0.0, N]),
            ("FILL(m2, 0)", [20.0, 0.0, 20.0, 0.0]),
            ("FILL(m2, m1)", [20.0, 20.0, 20.0, N]),
            ("FILL(m2, REPEAT)", [20.0, 20.0, 20.0, 20.0]),
            ("FILL(m1-m2, LINEAR)", [10.0, 20.0, -20.0, N]),
            ("SUM(METRICS())", [50.0, 20.0, 20.0, N]),
            ("SUM(METRICS(\"2\"))", [20.0, N, 20.0, N]),
            ("AVG([m1, m2])", [25.0, 10.0, 10.0, N]),
            ("MIN([m1,m2])", [20.0, 20.0, 0.0, N]),
            ("MAX(METRICS())", [30.0, 20.0, 20.0, N]),
            ("m1-MAX(m1)", [0.0, -10.0, -30.0, N]),
            ("m1/PERIOD(m1)", [0.5, 1.0 / 3.0, 0.0, N]),
            ("DIFF(m1)", [N, -10.0, -20.0, N]),
            ("RATE(m2)", [N, N, 0.0, N]),
            ("ABS(m1-25)", [5.0, 5.0, 25.0, N]),
            ("CEIL(m1/7)", [5.0, 3.0, 0.0, N]),
            ("FLOOR(m1/7)", [4.0, 2.0, 0.0, N]),
            ("IF(m1 > 15, m2, 7)", [20.0, 0.0, 7.0, N]),
            ("IF(m1, m2)", [20.0, 0.0, N, N]),
            ("IF(1 > 0, m1, m2)", [30.0, 20.0, 0.0, 0.0]),
            ("TIME_SERIES(5*AVG(m2))", [50.0, 50.0, 50.0, 50.0]),
            ("half + 1", [16.0, 11.0, 1.0, N]),
            ("FIRST(METRICS()/10)", [3.0, 2.0, 0.0, N]),
            ("m1/METRIC_COUNT(METRICS())", [15.0, 10.0, 0.0, N]),
            ("RUNNING_SUM(m1)", [30.0, 50.0, 50.0, N]),
        ] {
            let Some(MathValue::Series(series)) = evaluate(text) else {
                panic!("{text} is no series")
            };
            assert_eq!(series.len(), 4, "{text}");
            for (slot, (value, expected)) in series.iter().zip(values(&expected)).enumerate() {
                let near = match (value, expected) {
                    (Some(value), Some(expected)) => (value - expected).abs() < 1e-9,
                    (value, expected) => value.is_none() && expected.is_none(),
                };
                assert!(near, "{text}, slot {slot}: {series:?}");
            }
        }
    }

    #[test]
    fn what_is_not_emulated_is_refused_by_name() {
        for name in ["ANOMALY_DETECTION_BAND(m1, 2)", "SEARCH('{AWS/EC2}')", "SLICE(METRICS(), 1)"]
        {
            let error = parse(name).unwrap_err();
            assert_eq!(error.code, "NotImplemented", "{name}");
            let function = name.split('(').next().unwrap();
            assert!(error.message.contains(function), "{}", error.message);
        }
        let select = parse("SELECT AVG(CPUUtilization) FROM \"AWS/EC2\"").unwrap_err();
        assert_eq!(select.code, "NotImplemented");
    }

    #[test]
    fn a_malformed_expression_is_an_error_and_never_a_panic() {
        let deep = "(".repeat(200);
        for text in [
            "", "m1 +", "(m1", "m1 m2", "IF(m1)", "NOPE(m1)", "m1 § 2", "1.2.3", "[m1", "\"", &deep,
        ] {
            assert_eq!(parse(text).unwrap_err().code, "ValidationError", "{text}");
        }
    }

    #[test]
    fn kinds_are_told_before_anything_is_evaluated() {
        let kind = |text: &str| {
            let known = |id: &str| id.starts_with('m').then_some(Kind::Series);
            parse(text).unwrap().kind(&known)
        };
        assert_eq!(kind("m1/m2*100"), Ok(Kind::Series));
        assert_eq!(kind("METRICS()"), Ok(Kind::Array));
        assert_eq!(kind("SUM(m1)"), Ok(Kind::Scalar));
        assert_eq!(kind("SUM(METRICS())/SUM(m1)"), Ok(Kind::Series));
        assert!(kind("METRICS()/METRICS()").is_err());
        assert!(kind("x1 + 1").unwrap_err().contains("x1"));
    }
}
