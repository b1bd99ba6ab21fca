//! Drills of the deployment services on the emulated account: what becomes of a deployment, and who took it
//! back.

use std::fs;
use std::path::Path;

use firedrill::judge::{Outcome, VerdictKind, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;

use crate::stage;
use crate::support::root;

/// The verdict on each expectation of a shipped scenario whose text was changed, and the observations'
/// words.
fn judged(scenario: &str, change: impl Fn(String) -> String) -> (Outcome, Vec<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = root().join("scenarios");
    let text = fs::read_to_string(source.join(scenario)).expect("it is shipped");
    let there = format!("environment: {}/environments/", source.display());
    let text = change(text).replace("environment: environments/", &there);
    judged_at(folder.path(), &text)
}

/// The same of a scenario's text, in a folder.
fn judged_at(folder: &Path, text: &str) -> (Outcome, Vec<String>, String) {
    let file = folder.join("changed.yaml");
    fs::write(&file, text).expect("it can be written");
    let (plan, account): (Plan, _) = stage::prepared(&file);
    let over = stage::drill(&plan, account, &StopSwitch::default(), stage::unheard());
    let judged = judge(&plan, &over.finished.timeline);
    let verdicts = judged.verdicts.iter();
    let told = verdicts.map(|one| format!("{} {}", one.expectation, word(one.verdict)));
    (judged.outcome, told.collect(), format!("{:#?}", over.finished.timeline))
}

fn word(kind: VerdictKind) -> String {
    format!("{kind:?}").to_lowercase()
}

#[test]
fn a_rollback_by_somebody_else_is_not_the_one_that_was_asked_for() {
    let (outcome, told, words) = judged("feature-flag-rolls-back.yaml", |text| {
        text.replace("triggered_by: CLOUDWATCH_ALARM", "triggered_by: USER")
    });
    assert_eq!(outcome, Outcome::Failed);
    assert!(told.contains(&"rolled-back missed".to_owned()), "{told:?}");
    assert!(words.contains("deployment 1 is ROLLED_BACK, by CLOUDWATCH_ALARM"), "{words}");
}

#[test]
fn a_never_of_a_rollback_is_violated_by_one() {
    let (outcome, told, _) = judged("feature-flag-rolls-back.yaml", |text| {
        let rollback = "rollback: {appconfig: {application: checkout, environment: production}}";
        let deployment = "deployment: {appconfig: {application: checkout, environment: production}, state: COMPLETE}";
        text.replace(deployment, rollback)
    });
    assert_eq!(outcome, Outcome::Failed);
    assert!(told.contains(&"never-on-for-everybody violated".to_owned()), "{told:?}");
}

#[test]
fn a_codedeploy_deployment_is_seen_in_the_states_that_it_passes() {
    let (outcome, told, words) = judged("bad-deployment-rolls-back.yaml", |text| {
        let rollback = "rollback: {codedeploy: {application: checkout, group: production}}\n    after: error-rate-alarm";
        let group = "{application: checkout, group: production}";
        let stopped = format!(
            "deployment: {{codedeploy: {group}, state: Stopped}}\n    after: error-rate-alarm"
        );
        text.replace(rollback, &stopped)
    });
    assert_eq!(outcome, Outcome::Passed, "{words}");
    assert!(told.contains(&"rolled-back met".to_owned()), "{told:?}");
}

#[test]
fn a_codedeploy_deployment_that_was_on_the_way_before_the_drill_is_seen_in_it() {
    let shipped = root().join("scenarios/environments/checkout.yaml");
    let environment = fs::read_to_string(shipped).expect("it is shipped");
    let begun = "
  - {at: -1m, service: codedeploy, operation: CreateDeployment, input: {applicationName: checkout, \
        deploymentGroupName: production, revision: {revisionType: S3, s3Location: \
        {bucket: checkout-releases, key: checkout-43.zip, bundleType: zip}}}}\n\nsignals:";
    let templates = format!("path: {}/scenarios/templates/", root().display());
    let environment =
        environment.replace("\nsignals:", begun).replace("path: ../templates/", &templates);
    let group = "{codedeploy: {application: checkout, group: production}";
    let scenario = format!(
        "version: 1\nname: begun\nenvironment: environment.yaml\n\
         faults: [{{set_alarm_state: {{alarm: checkout-error-rate}}}}]\n\
         expect:\n  - {{id: stopped, deployment: {group}, state: Stopped}}, within: 3m}}\n  \
         - {{id: taken-back, rollback: {group}}}, within: 10m}}\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("environment.yaml"), environment).expect("it can be written");
    let (_, told, words) = judged_at(folder.path(), &scenario);
    // It was created before the watch, and what rolls it back is created in it.
    assert_eq!(told, ["stopped met", "taken-back met"], "{words}");
}

#[test]
fn a_stack_update_is_seen_from_its_beginning_to_its_rollback() {
    let (_, told, words) = judged("stack-update-rolls-back.yaml", |text| {
        text.replace("effect: errors\n", "").replace(
            "    alarm: {name: shop-errors, state: ALARM}",
            "    deployment: {cloudformation: {stack: shop}, state: UPDATE_IN_PROGRESS}",
        )
    });
    for met in ["errors met", "rolled-back met"] {
        assert!(told.contains(&met.to_owned()), "{told:?} {words}");
    }
}
