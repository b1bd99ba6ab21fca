//! Metric math: the expressions that alarms and `GetMetricData` compute over metrics.
//!
//! Main type: [`Expression`]. Invariant: an expression that was accepted can be evaluated; whatever is
//! not emulated (anomaly bands, searches, …) is refused by name when the expression is read.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.

mod eval;
mod parse;

pub(super) use eval::{MathValue, Scope, ScopeMetric, Values};
pub(super) use parse::parse;

/// An expression over metrics, scalars and other expressions.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// A metric or another expression, by its id.
    Reference(String),
    /// `METRICS()`: every metric of the request, or those whose id contains a text.
    Metrics(Option<String>),
    List(Vec<Expression>),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    If(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    Fill(Box<Expression>, Filler),
    /// `PERIOD(m1)`, in seconds.
    Period(String),
    Call(Function, Box<Expression>),
}

/// What `FILL` puts where data is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filler {
    Value(Box<Expression>),
    Repeat,
    Linear,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// A function of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Ceil,
    Floor,
    Log,
    Log10,
    Diff,
    Rate,
    RunningSum,
    Sum,
    Avg,
    Min,
    Max,
    StdDev,
    DatapointCount,
    MetricCount,
    First,
    Last,
    TimeSeries,
}

impl Function {
    /// The function of this name, if it is emulated.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ABS" => Self::Abs,
            "CEIL" => Self::Ceil,
            "FLOOR" => Self::Floor,
            "LOG" => Self::Log,
            "LOG10" => Self::Log10,
            "DIFF" => Self::Diff,
            "RATE" => Self::Rate,
            "RUNNING_SUM" => Self::RunningSum,
            "SUM" => Self::Sum,
            "AVG" => Self::Avg,
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "STDDEV" => Self::StdDev,
            "DATAPOINT_COUNT" => Self::DatapointCount,
            "METRIC_COUNT" => Self::MetricCount,
            "FIRST" => Self::First,
            "LAST" => Self::Last,
            "TIME_SERIES" => Self::TimeSeries,
            _ => return None,
        })
    }

    /// What the function makes of an argument of this kind; nothing where it takes no such argument.
    fn kind_of(self, argument: Kind) -> Option<Kind> {
        match self {
            Self::Sum | Self::Avg | Self::Min | Self::Max | Self::StdDev | Self::DatapointCount => {
                match argument {
                    Kind::Scalar => None,
                    Kind::Series => Some(Kind::Scalar),
                    Kind::Array => Some(Kind::Series),
                }
            }
            Self::First | Self::Last => (argument == Kind::Array).then_some(Kind::Series),
            Self::MetricCount => (argument == Kind::Array).then_some(Kind::Scalar),
            Self::TimeSeries => (argument == Kind::Scalar).then_some(Kind::Series),
            Self::Abs
            | Self::Ceil
            | Self::Floor
            | Self::Log
            | Self::Log10
            | Self::Diff
            | Self::Rate
            | Self::RunningSum => (argument != Kind::Scalar).then_some(argument),
        }
    }
}

/// The kinds of values: a number, one time series, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Series,
    Array,
}

impl Expression {
    /// The kind of the result. `of` tells the kind of an id; the error is a message for a person.
    pub(super) fn kind(&self, of: &dyn Fn(&str) -> Option<Kind>) -> Result<Kind, String> {
        match self {
            Self::Number(_) => Ok(Kind::Scalar),
            Self::Period(id) | Self::Reference(id) => {
                let kind = of(id).ok_or_else(|| format!("the id '{id}' is not defined"))?;
                Ok(if matches!(self, Self::Period(_)) { Kind::Scalar } else { kind })
            }
            Self::Metrics(_) => Ok(Kind::Array),
            Self::List(items) => {
                for item in items {
                    if item.kind(of)? == Kind::Scalar {
                        return Err("an array holds time series only".to_owned());
                    }
                }
                Ok(Kind::Array)
            }
            Self::Negate(inner) => inner.kind(of),
            Self::Binary(_, left, right) => match (left.kind(of)?, right.kind(of)?) {
                (Kind::Array, Kind::Array) => {
                    Err("an operator can't join two arrays of time series".to_owned())
                }
                (Kind::Array, _) | (_, Kind::Array) => Ok(Kind::Array),
                (Kind::Series, _) | (_, Kind::Series) => Ok(Kind::Series),
                (Kind::Scalar, Kind::Scalar) => Ok(Kind::Scalar),
            },
            Self::If(condition, then, other) => {
                let mut kinds = vec![condition.kind(of)?, then.kind(of)?];
                if let Some(other) = other {
                    kinds.push(other.kind(of)?);
                }
                if kinds.contains(&Kind::Array) || !kinds.contains(&Kind::Series) {
                    return Err("IF takes time series and scalars, at least one series".to_owned());
                }
                Ok(Kind::Series)
            }
            Self::Fill(inner, filler) => {
                if let Filler::Value(value) = filler
                    && value.kind(of)? == Kind::Array
                {
                    return Err("FILL fills with a scalar or one time series".to_owned());
                }
                match inner.kind(of)? {
                    Kind::Scalar => Err("FILL takes a time series".to_owned()),
                    kind @ (Kind::Series | Kind::Array) => Ok(kind),
                }
            }
            Self::Call(function, argument) => {
                let kind = argument.kind(of)?;
                function
                    .kind_of(kind)
                    .ok_or_else(|| format!("{function:?} does not take this kind of argument"))
            }
        }
    }

    /// Whether it takes whatever metrics the request holds, by `METRICS()`.
    pub(super) fn takes_all(&self) -> bool {
        match self {
            Self::Metrics(_) => true,
            Self::Number(_) | Self::Reference(_) | Self::Period(_) => false,
            Self::List(items) => items.iter().any(Self::takes_all),
            Self::Negate(inner)
            | Self::Call(_, inner)
            | Self::Fill(inner, Filler::Repeat | Filler::Linear) => inner.takes_all(),
            Self::Binary(_, left, right) => left.takes_all() || right.takes_all(),
            Self::If(condition, then, other) => {
                let other = other.as_ref().is_some_and(|other| other.takes_all());
                condition.takes_all() || then.takes_all() || other
            }
            Self::Fill(inner, Filler::Value(value)) => inner.takes_all() || value.takes_all(),
        }
    }

    /// Calls `visit` with every id that the expression names.
    pub(super) fn references(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Self::Number(_) | Self::Metrics(_) => {}
            Self::Reference(id) | Self::Period(id) => visit(id),
            Self::List(items) => items.iter().for_each(|item| item.references(visit)),
            Self::Negate(inner) | Self::Call(_, inner) => inner.references(visit),
            Self::Binary(_, left, right) => {
                left.references(visit);
                right.references(visit);
            }
            Self::If(condition, then, other) => {
                condition.references(visit);
                then.references(visit);
                if let Some(other) = other {
                    other.references(visit);
                }
            }
            Self::Fill(inner, filler) => {
                inner.references(visit);
                if let Filler::Value(value) = filler {
                    value.references(visit);
                }
            }
        }
    }
}
