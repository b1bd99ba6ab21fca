//! `firedrill doctor`: what it finds, and that finding it changes nothing.

use std::fs;
use std::path::Path;

use firedrill::commands::doctor::{Health, Row, examined};
use firedrill::emulator::{Account, Estate};
use firedrill::plan::iam;
use serde_json::{Value, json};

use crate::served::{Served, reaching, serve};
use crate::stage::{belongings, prepared, prepared_all, set_by_hand};
use crate::support::{firedrill, root, said, scenarios, scratch};

fn restricted(accounts: impl Into<Estate>, statements: Value) -> Estate {
    let mut accounts = accounts.into();
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    accounts.home_mut().restrict_callers(&policy).expect("the policy is well formed");
    accounts
}

fn of(rows: &[Row], health: Health) -> Vec<String> {
    let these = rows.iter().filter(|row| row.health == health);
    these.map(|row| format!("{}: {}", row.subject, row.found)).collect()
}

/// No row at all.
const NOTHING: [&str; 0] = [];

fn vpn() -> (firedrill::plan::Plan, Account) {
    prepared(&root().join("scenarios/vpn-tunnel-down.yaml"))
}

#[test]
fn what_a_scenario_needs_is_told_in_one_table() {
    let said = firedrill(&["doctor", "scenarios/vpn-tunnel-down.yaml"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    insta::assert_snapshot!("doctor", said.out);
}

#[test]
fn every_shipped_scenario_is_fine_to_the_doctor() {
    for file in scenarios("scenarios") {
        let (plan, accounts) = prepared_all(&file);
        let (rows, _) = examined(&plan, accounts);
        assert_eq!(of(&rows, Health::Wrong), NOTHING, "{}", file.display());
        assert_eq!(of(&rows, Health::Unseen), NOTHING, "{}", file.display());
    }
}

#[test]
fn what_is_wrong_has_its_way_out_and_an_exit_code() {
    let said = firedrill(&["doctor", "scenarios/broken/alarm-actions-disabled.yaml"]);
    assert_eq!(said.code, 3, "{}", said.out);
    let wrong = "wrong    alarm vpn-status";
    assert!(said.out.contains(wrong), "{}", said.out);
    assert!(said.out.contains("way out: enable them"), "{}", said.out);
    let json =
        firedrill(&["doctor", "scenarios/broken/alarm-actions-disabled.yaml", "--format", "json"]);
    let rows: Value = serde_json::from_str(&json.out).expect("JSON");
    let rows = rows.as_array().expect("a list of rows");
    assert!(rows.iter().any(|row| row["health"] == "wrong" && row["way_out"].is_string()));
}

/// A caller that may only read sees all that the doctor looks at, so no look of the doctor changes anything;
/// and the account is what it was.
#[test]
fn the_doctor_only_reads_and_leaves_the_account_as_it_was() {
    for file in scenarios("scenarios") {
        let (plan, accounts) = prepared_all(&file);
        let reading = json!({"Effect": "Allow", "Resource": "*",
            "Action": ["*:Describe*", "*:Get*", "*:List*", "iam:SimulatePrincipalPolicy", "sts:AssumeRole"]});
        let accounts = restricted(accounts, reading);
        let before: Vec<Value> = accounts.accounts().iter().map(belongings).collect();
        let (rows, after) = examined(&plan, accounts);
        let after = after.accounts();
        assert_eq!(before, after.iter().map(belongings).collect::<Vec<_>>(), "{}", file.display());
        assert!(after.iter().all(|account| set_by_hand(account).is_empty()), "{}", file.display());
        assert_eq!(of(&rows, Health::Unseen), NOTHING, "{}", file.display());
        // All that it may not do is what the drill would need besides.
        let wrong = of(&rows, Health::Wrong);
        assert!(!wrong.is_empty(), "{}", file.display());
        assert!(wrong.iter().all(|row| row.starts_with("permissions: ")), "{wrong:?}");
    }
}

#[test]
fn the_least_policy_is_enough_to_the_simulator_and_one_action_less_is_named() {
    let (plan, account) = vpn();
    let mut statements = iam::policy(&plan)["Statement"].as_array().expect("statements").clone();
    statements
        .push(json!({"Effect": "Allow", "Resource": "*", "Action": "iam:SimulatePrincipalPolicy"}));
    let (rows, _) = examined(&plan, restricted(account.clone(), json!(statements)));
    assert_eq!(of(&rows, Health::Wrong), NOTHING);
    assert!(of(&rows, Health::Ok).iter().any(|row| row.contains("actions are allowed by IAM")));
    for statement in &mut statements {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| action != "sns:Subscribe");
        }
    }
    let (rows, _) = examined(&plan, restricted(account.clone(), json!(statements)));
    let topic = "arn:aws:sns:eu-west-1:111122223333:vpn-incidents";
    assert_eq!(
        of(&rows, Health::Wrong),
        [format!("permissions: sns:Subscribe is not allowed on {topic}")]
    );
}

#[test]
fn a_caller_that_may_not_ask_about_itself_is_no_reason_to_fail() {
    let (plan, account) = vpn();
    let least = iam::policy(&plan)["Statement"].clone();
    let (rows, _) = examined(&plan, restricted(account.clone(), least));
    assert_eq!(of(&rows, Health::Wrong), NOTHING);
    assert_eq!(of(&rows, Health::Unseen), NOTHING);
    let skipped = of(&rows, Health::Skipped);
    assert!(skipped.iter().any(|row| row.starts_with("permissions: not simulated")), "{skipped:?}");
}

#[test]
fn what_may_not_be_looked_at_is_unseen_and_not_wrong() {
    let (plan, account) = vpn();
    let (rows, _) = examined(&plan, restricted(account.clone(), json!([])));
    assert!(!of(&rows, Health::Unseen).is_empty());
    let wrong = of(&rows, Health::Wrong);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_scenario_that_is_not_in_order_is_not_looked_at() {
    let said = firedrill(&["doctor", "Cargo.toml"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
}

/// Whoever calls this served account may do what the statements say.
fn served_to(folder: &Path, environment: &str, statements: &[Value]) -> Served {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    // JSON is YAML too.
    let caller = json!({"policies": [policy]});
    let file = folder.join("environment.yaml");
    fs::write(&file, format!("{environment}\ncaller: {caller}\n")).expect("there is room");
    serve(&[&file.display().to_string()])
}

fn statements(policy: &Value) -> Vec<Value> {
    policy["Statement"].as_array().expect("statements").clone()
}

#[test]
fn the_doctor_visits_a_served_account_that_enforces_policies() {
    let folder = scratch();
    let (plan, _) = vpn();
    let templates = root().join("scenarios/templates").display().to_string();
    let environment = fs::read_to_string(root().join("scenarios/environments/vpn.yaml"));
    let environment = environment.expect("it is shipped").replace("../templates", &templates);
    let mut allowed = statements(&iam::policy(&plan));
    let ask = "iam:SimulatePrincipalPolicy";
    allowed.push(json!({"Effect": "Allow", "Resource": "*", "Action": ask}));
    let visit = |allowed: &[Value]| {
        let served = served_to(folder.path(), &environment, allowed);
        let arguments = ["doctor", "scenarios/vpn-tunnel-down.yaml"];
        said(&reaching(&arguments, &served.url).output().expect("the binary starts"))
    };
    let whole = visit(&allowed);
    assert_eq!(whole.code, 0, "{}{}", whole.out, whole.err);
    assert!(whole.out.contains("actions are allowed by IAM"), "{}", whole.out);
    let less = visit(&allowed[1..]);
    assert_ne!(less.code, 0, "{}", less.out);
    assert!(less.out.contains("is not authorized to perform"), "{}", less.out);
}

const ALARMED: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

const SET: &str = r#"
version: 1
name: set-by-hand
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - {id: set, set_alarm_state: {alarm: errors}}
expect:
  - {id: seen, alarm: {name: errors}, within: 30s}
"#;

#[test]
fn the_least_policy_is_enough_for_a_drill_on_a_served_account_and_less_is_not() {
    let folder = scratch();
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, SET).expect("there is room");
    let file = file.display().to_string();
    let said_of = firedrill(&["plan", "--iam", &file]);
    let policy: Value = serde_json::from_str(&said_of.out).expect("the policy is JSON");
    let allowed = statements(&policy);
    let drill = |allowed: &[Value]| {
        let served = served_to(folder.path(), ALARMED, allowed);
        let reports = folder.path().join("reports").display().to_string();
        let arguments = ["run", &file, "--yes", "--reports", &reports];
        said(&reaching(&arguments, &served.url).output().expect("the binary starts"))
    };
    let whole = drill(&allowed);
    assert_eq!(whole.code, 0, "{}{}", whole.out, whole.err);
    // Without its first statement it does not even get to the fault.
    let less = drill(&allowed[1..]);
    assert_eq!(less.code, 6, "without {}: {}{}", allowed[0], less.out, less.err);
}
