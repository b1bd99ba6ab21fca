//! The plan of every observation of what an account writes down about itself.

use super::plan;
use crate::plan::{CLOUDTRAIL_LAG, iam, text};

/// Every such kind once.
pub(crate) const READINGS: &str = r#"
version: 1
name: readings
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - id: order
    put_events: {entries: [{source: shop.orders, detail-type: OrderStuck, detail: {order: A-17}}]}
expect:
  - id: called
    api_call: {name: CreateOpsItem, source: ssm, user: "Automation*", resource: A-17}
    within: 2m
  - id: never-refused
    never: {api_call: {name: CreateOpsItem, error: "AccessDenied*"}}
    for: 5m
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
    assert_eq!(schedule.end, window.closes);
}
