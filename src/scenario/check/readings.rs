//! Rules about what is read from an account's own records of itself: its API calls, its metrics and
//! its compliance.
//!
//! Main function: [`check`]. Invariant: what CloudTrail would never show, and what CloudWatch would refuse,
//! is refused before anything runs.

use super::Check;
use super::environment::known;
use super::expectations::all;
use crate::scenario::rules::code;
use crate::scenario::suggest::shortened;
use crate::scenario::types::{
    ApiCallExpectation, ConfigEvaluationFault, Duration, GLOBAL_REGION, MetricExpectation,
    ShownHere, Threshold,
};

/// The most metrics of one expression: 500 queries are one call, and many expectations share it.
const MOST_METRICS: usize = 50;

/// The most dimensions of a metric:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>.
const MOST_DIMENSIONS: usize = 30;

/// The longest expression:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html>.
const LONGEST_EXPRESSION: usize = 2048;

/// The longest annotation of a process check, in characters: what is left of the 256 that Config keeps.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_ExternalEvaluation.html>.
const LONGEST_ANNOTATION: usize = 190;

pub(super) fn check(check: &mut Check<'_>) {
    for placed in all(check.scenario()) {
        let kinds = placed.kinds();
        let path = &placed.kinds_path();
        if let Some(call) = kinds.api_call {
            let path = &format!("{path}/api_call");
            if api_call(check, call, path) {
                shown_here(check, call, placed.one.target.as_deref(), path);
            }
        }
        if let Some(wanted) = kinds.metric {
            metric(check, wanted, &format!("{path}/metric"));
        }
        if let (Some(wanted), Some(inventory)) = (kinds.compliance, check.inventory) {
            let names = inventory.config_rules.iter().map(String::as_str);
            known(check, "Config rule", &wanted.rule, &format!("{path}/compliance/rule"), names);
        }
    }
    for (index, fault) in check.scenario().faults.iter().enumerate() {
        if let Some(told) = &fault.config_evaluation {
            config_evaluation(check, told, &format!("faults/{index}/config_evaluation"));
        }
    }
}

/// A rule that is there, and an annotation of something, that fits.
fn config_evaluation(check: &mut Check<'_>, told: &ConfigEvaluationFault, path: &str) {
    if let Some(inventory) = check.inventory {
        let names = inventory.config_rules.iter().map(String::as_str);
        known(check, "Config rule", &told.rule, &format!("{path}/rule"), names);
    }
    let Some(annotation) = &told.annotation else { return };
    let place = format!("{path}/annotation");
    if told.compliance.is_none() {
        let message = "the annotation of a rule that is told nothing is never written".to_owned();
        let hint =
            "add `compliance: NON_COMPLIANT` for a process check, or leave the annotation out";
        check.error(code::BAD_EVALUATION, &place, message, hint.to_owned());
    }
    let length = annotation.chars().count();
    if length > LONGEST_ANNOTATION {
        let message = format!("an annotation of {length} characters does not fit");
        let hint = format!(
            "at most {LONGEST_ANNOTATION}: AWS Config keeps 256, and the run's id and what was before stand \
             there too"
        );
        check.error(code::BAD_EVALUATION, &place, message, hint);
    }
}

/// An operation is a name as in the API, not an IAM action.
fn api_call(check: &mut Check<'_>, call: &ApiCallExpectation, path: &str) -> bool {
    let name = call.name.as_str();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain && name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return true;
    }
    let message = format!("`{}` is not the name of an operation", shortened(name));
    let hint = match name.split_once(':') {
        Some((source, name)) => format!("write `{{name: {name}, source: {source}}}`"),
        None => "as the API has it, such as `TerminateInstances`".to_owned(),
    };
    check.error(code::BAD_API_CALL, &format!("{path}/name"), message, hint);
    false
}

/// The calls of global services are in another region's history.
fn shown_here(check: &mut Check<'_>, call: &ApiCallExpectation, target: Option<&str>, path: &str) {
    let regions: Vec<&str> = match target {
        Some(target) => {
            let target = check.scenario().targets.get(target);
            target.into_iter().map(|target| target.region.as_str()).collect()
        }
        None => match check.homes.home {
            Some(home) => vec![home.region.as_str()],
            None => check.scenario().guardrails.regions.iter().map(String::as_str).collect(),
        },
    };
    // Where a real run goes is not known before; it may be where all are shown.
    if regions.contains(&GLOBAL_REGION) {
        return;
    }
    let Some(region) = regions.first() else { return };
    let source = call.source.as_deref().unwrap_or_default();
    let (message, hint) = match (call.shown_in(region), source) {
        (ShownHere::Always, _) => return,
        (ShownHere::Never, source) => (
            format!(
                "CloudTrail shows the calls of `{}` in {GLOBAL_REGION} alone",
                shortened(source)
            ),
            format!("look at a target in {GLOBAL_REGION}; in {region} nothing can be injected"),
        ),
        (ShownHere::Perhaps, "") => (
            format!("in {region} CloudTrail does not show the calls of global services"),
            format!(
                "name the `source`, such as `source: ec2`, or look at a target in {GLOBAL_REGION}; else a call \
                 that is not seen is inconclusive"
            ),
        ),
        (ShownHere::Perhaps, source) => (
            format!(
                "in {region} CloudTrail does not show calls of `{}` at its global endpoint",
                shortened(source)
            ),
            format!(
                "look at a target in {GLOBAL_REGION} as well; a call that is not seen is inconclusive"
            ),
        ),
    };
    check.warning(code::GLOBAL_API_CALL, path, message, hint);
}

fn metric(check: &mut Check<'_>, metric: &MetricExpectation, path: &str) {
    let mut refuse = |key: &str, message: String, hint: &str| {
        let path = if key.is_empty() { path.to_owned() } else { format!("{path}/{key}") };
        check.error(code::BAD_METRIC_QUERY, &path, message, hint.to_owned());
    };
    if Threshold::parse(&metric.threshold).is_none() {
        let message = format!("`{}` is not a threshold", shortened(&metric.threshold));
        refuse("threshold", message, "a comparison and a number, such as `>= 5` or `< 0.5`");
    }
    if metric.period.is_some_and(|period| !is_period(period)) {
        let message = "CloudWatch has no such period".to_owned();
        refuse("period", message, "10s, 30s, or whole minutes");
    }
    let parts = [metric.namespace.is_some(), metric.name.is_some(), metric.statistic.is_some()];
    match &metric.expression {
        None if parts != [true; 3] || !metric.metrics.is_empty() => {
            let message = "one metric has a namespace, a name and a statistic".to_owned();
            let hint = "or give an `expression` over `metrics`";
            refuse("", message, hint);
        }
        Some(_) if parts != [false; 3] || !metric.dimensions.is_empty() => {
            let message = "it is one metric or an expression, not both".to_owned();
            refuse("", message, "put every metric of the expression under `metrics`");
        }
        Some(expression) => expression_of(metric, expression, &mut refuse),
        None => {}
    }
    let statistics = metric.statistic.iter().chain(metric.metrics.values().map(|m| &m.statistic));
    for statistic in statistics.filter(|statistic| !is_statistic(statistic)) {
        let message = format!("`{}` is not a statistic", shortened(statistic));
        let hint = "Average, Sum, Minimum, Maximum, SampleCount, or one like p99 or tm90";
        refuse("", message, hint);
    }
    let dimensions = metric.metrics.values().map(|one| one.dimensions.len());
    if dimensions.chain([metric.dimensions.len()]).any(|count| count > MOST_DIMENSIONS) {
        let message = format!("a metric has at most {MOST_DIMENSIONS} dimensions");
        refuse("", message, "name the ones that the metric is written with");
    }
}

fn expression_of(
    metric: &MetricExpectation,
    expression: &str,
    refuse: &mut impl FnMut(&str, String, &str),
) {
    let words: Vec<&str> =
        expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let many = ["METRICS", "SEARCH", "SELECT", "ANOMALY_DETECTION_BAND", "INSIGHT_RULE_METRIC"];
    if let Some(word) = words.iter().find(|word| many.contains(word)) {
        let message = format!("`{word}` gives no single series of values");
        refuse("expression", message, "name each metric under `metrics`");
    }
    if expression.is_empty() || expression.len() > LONGEST_EXPRESSION {
        let message = format!("an expression has 1 to {LONGEST_EXPRESSION} characters");
        refuse("expression", message, "such as `100 * errors / requests`");
    }
    if metric.metrics.is_empty() || metric.metrics.len() > MOST_METRICS {
        let message = format!("an expression is over 1 to {MOST_METRICS} metrics");
        refuse(
            "metrics",
            message,
            "such as `errors: {namespace: Shop, name: Errors, statistic: Sum}`",
        );
    }
    for id in metric.metrics.keys() {
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || id.len() > 64 || !id.starts_with(|c: char| c.is_ascii_lowercase()) {
            let message = format!("`{}` can't be the name of a metric", shortened(id));
            refuse("metrics", message, "letters, digits and _, beginning with a small letter");
        } else if !words.contains(&id.as_str()) {
            let message = format!("the expression does not use `{}`", shortened(id));
            refuse("metrics", message, "use it, or take it away");
        }
    }
}

/// High resolution, or whole minutes:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>.
fn is_period(period: Duration) -> bool {
    let seconds = period.0.as_secs();
    let whole = period.0.subsec_nanos() == 0;
    whole
        && (matches!(seconds, 10 | 30)
            || (seconds > 0 && seconds.is_multiple_of(60) && seconds <= 86_400))
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>
fn is_statistic(text: &str) -> bool {
    if ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "IQM"].contains(&text) {
        return true;
    }
    let percent = |text: &str| {
        text.parse::<f64>().is_ok_and(|percent| (0.0..=100.0).contains(&percent))
            && text.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    let short = ["p", "tm", "wm", "tc", "ts"];
    let ranged = ["PR(", "TM(", "WM(", "TC(", "TS("];
    short.iter().any(|start| text.strip_prefix(start).is_some_and(percent))
        || ranged.iter().any(|start| text.starts_with(start) && text.ends_with(')'))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, told};

    fn codes(kind: &str) -> Vec<String> {
        let text = BASE.replace("notification: {topic: oncall}", kind);
        told(&text, None).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn a_metric_is_one_that_cloudwatch_can_be_asked_for() {
        let none = Vec::<String>::new();
        let one = |more: &str| codes(&format!("metric: {{namespace: Shop, name: E, {more}}}"));
        assert_eq!(one("statistic: Sum, threshold: \"> 5\", period: 5m"), none);
        assert_eq!(one("statistic: p99.9, threshold: \"<= 0.5\", missing: ignore"), none);
        let bad = ["bad-metric-query"];
        assert_eq!(one("statistic: Sum, threshold: \"5\""), bad);
        assert_eq!(one("statistic: Sum, threshold: \"> 5\", period: 90s"), bad);
        assert_eq!(one("statistic: Median, threshold: \"> 5\""), bad);
        assert_eq!(one("threshold: \"> 5\""), bad);
        assert_eq!(one("statistic: Sum, expression: e, threshold: \"> 5\""), bad);
        let over = |expression: &str, id: &str| {
            codes(&format!(
                "metric: {{expression: \"{expression}\", metrics: {{{id}: {{namespace: Shop, name: E, \
                 statistic: Sum}}}}, threshold: \"> 5\"}}"
            ))
        };
        assert_eq!(over("100 * e / FILL(e, 1)", "e"), none);
        assert_eq!(over("100 * e", "m"), bad);
        assert_eq!(over("100 * E", "E"), bad);
        assert_eq!(over("SUM(METRICS()) + e", "e"), bad);
    }

    #[test]
    fn an_api_call_is_named_as_the_api_has_it() {
        let none = Vec::<String>::new();
        assert_eq!(codes("api_call: {name: CreateOpsItem, source: ssm, user: \"a*\"}"), none);
        assert_eq!(codes("api_call: {name: \"ssm:CreateOpsItem\"}"), ["bad-api-call"]);
        assert_eq!(codes("api_call: {name: \"Create*\"}"), ["bad-api-call"]);
        assert_eq!(codes("api_call: {name: createOpsItem}"), ["bad-api-call"]);
    }

    #[test]
    fn a_call_that_another_regions_history_shows_is_told() {
        let warned = ["global-api-call"];
        for call in
            ["name: DeleteRole", "name: DeleteRole, source: iam", "name: AssumeRole, source: sts"]
        {
            assert_eq!(codes(&format!("api_call: {{{call}}}")), warned, "{call}");
        }
        let text = BASE.replace("notification: {topic: oncall}", "api_call: {name: DeleteRole}");
        assert_eq!(told(&text.replace("regions: [eu-west-1]", "regions: [us-east-1]"), None), []);
        let whole = "api_call: {name: ListHostedZones, source: route53.amazonaws.com}";
        assert_eq!(codes(whole), warned);
    }
}
