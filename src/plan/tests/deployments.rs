//! The plan of every deployment and rollback: what is looked at, called and allowed.

use super::plan;
use crate::plan::{iam, text};
use crate::scenario::types::Stage::{self, Act, Mitigate};

/// Every deployment service, by state and by rollback: a page of its own.
pub(crate) const DEPLOYMENTS: &str = r#"
version: 1
name: deployments
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - put_events: {entries: [{source: my.app, detail-type: Failed}]}
expect:
  - deployment: {codedeploy: {application: shop, group: blue}, state: Failed}
    within: 1m
  - deployment: {cloudformation: {stack: shop}}
    within: 1m
  - deployment: {appconfig: {application: shop, environment: prod}, state: BAKING}
    within: 1m
  - deployment: {ecs: {cluster: shop, service: web}}
    within: 1m
  - rollback: {cloudformation: {stack: shop}}
    within: 1m
  - rollback: {appconfig: {application: shop, environment: prod, triggered_by: CLOUDWATCH_ALARM}}
    within: 1m
  - rollback: {ecs: {cluster: shop, service: web}}
    within: 1m
  - never: {rollback: {cloudformation: {stack: other}}}
    for: 1m
"#;

#[test]
fn deployments_are_planned_with_their_words_their_calls_and_their_policy() {
    let plan = plan(DEPLOYMENTS);
    let stages: Vec<Stage> = plan.expectations.iter().map(|one| one.stage).collect();
    assert_eq!(stages, [Act, Act, Act, Act, Mitigate, Mitigate, Mitigate, Act]);
    insta::assert_snapshot!("deployments", text::render(&plan));
    let policy = serde_json::to_string_pretty(&iam::policy(&plan)).unwrap();
    insta::assert_snapshot!("deployments-policy", policy);
}
