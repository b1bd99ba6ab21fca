//! The plan of every observation of what an account writes down about itself.

use super::plan;
use jiff::SignedDuration;

use crate::plan::{CLOUDTRAIL_LAG, METRIC_LAG, iam, text};

/// Every such kind once.
pub(crate) const READINGS: &str = r#"
version: 1
name: readings
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - id: order
    put_events: {entries: [{source: shop.orders, detail-type: OrderStuck, detail: {order: A-17}}]}
  - id: told
    config_evaluation: {rule: reviewed, compliance: NON_COMPLIANT, annotation: The review is late.}
  - id: evaluated
    config_evaluation: {rule: restricted-ssh}
expect:
  - id: broken
    compliance: {rule: restricted-ssh, resource: sg-1}
    within: 5m
  - id: called
    api_call: {name: CreateOpsItem, source: ssm, user: "Automation*", resource: A-17}
    within: 2m
  - id: never-refused
    never: {api_call: {name: CreateOpsItem, error: "AccessDenied*"}}
    for: 5m
  - id: errors
    metric: {namespace: Shop, name: Errors, dimensions: {Service: checkout}, statistic: Sum, threshold: "> 5"}
    within: 3m
  - id: never-half
    never:
      metric:
        expression: "100 * errors / requests"
        metrics:
          errors: {namespace: Shop, name: Errors, statistic: Sum}
          requests: {namespace: Shop, name: Requests, statistic: Sum}
        period: 5m
        threshold: ">= 50"
        missing: ignore
    for: 10m
recovery:
  - id: complies
    compliance: {rule: restricted-ssh}
    within: 10m
  - id: calm
    metric: {namespace: Shop, name: Errors, statistic: Sum, threshold: "< 1"}
    within: 10m
    sustain: 2m
"#;

#[test]
fn readings_are_planned_with_their_words_their_calls_and_their_policy() {
    let plan = plan(READINGS);
    insta::assert_snapshot!("readings", text::render(&plan));
    let policy = serde_json::to_string_pretty(&iam::policy(&plan)).unwrap();
    insta::assert_snapshot!("readings-policy", policy);
}

#[test]
fn what_is_shown_late_lengthens_the_drill() {
    let schedule = plan(READINGS).schedule().unwrap();
    let window = schedule.windows["never-refused"];
    assert_eq!(window.closes, window.deadline + CLOUDTRAIL_LAG);
    let window = schedule.windows["never-half"];
    assert_eq!(window.closes, window.deadline + METRIC_LAG + SignedDuration::from_mins(5));
}
