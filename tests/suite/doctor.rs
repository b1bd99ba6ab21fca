//! `firedrill doctor`: what it finds, and that finding it changes nothing.

use std::fs;
use std::path::Path;

use firedrill::commands::doctor::{Health, Row, examined};
use firedrill::commands::drill::rehearse;
use firedrill::emulator::{Account, Estate};
use firedrill::judge::{Outcome, judge};
use firedrill::plan::iam;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};
use serde_json::{Value, json};

use crate::real_account::server;
use crate::served::{Served, reaching, sdk_at, serve};
use crate::stage::{belongings, built, prepared, prepared_all, set_by_hand, tail, unheard};
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
fn a_quota_is_the_accounts_where_the_caller_may_ask_for_it() {
    let (plan, accounts) = prepared_all(&root().join("scenarios/finding-crosses-accounts.yaml"));
    let told = |more: &[&str]| {
        let mut statements =
            iam::policy(&plan)["Statement"].as_array().expect("statements").clone();
        statements.push(json!({"Effect": "Allow", "Resource": "*", "Action": more}));
        let (rows, _) = examined(&plan, restricted(accounts.clone(), json!(statements)));
        let fine = of(&rows, Health::Ok);
        let rules = fine.into_iter().find(|row| row.starts_with("quota: rules on the bus"));
        rules.unwrap_or_else(|| panic!("no row for the rules of a bus: {rows:#?}"))
    };
    let default = told(&["events:ListRules"]);
    let denied = "of 300 (AWS's documented default: servicequotas:GetServiceQuota is denied)";
    assert!(default.contains(denied), "{default}");
    let own = told(&["events:ListRules", "servicequotas:GetServiceQuota"]);
    assert!(own.contains("of 300 (the account's quota)"), "{own}");
}

/// Service Quotas as accounts have met it: with a figure of their own, with AWS's default alone, and with none.
#[test]
fn a_quota_goes_with_whose_figure_it_is() {
    use firedrill::aws::CallErrorKind;
    use firedrill::aws::quotas::{ACTIVE_EXPERIMENTS, Whose};
    let refused = |code: &str| (400, json!({"__type": code, "message": "no"}).to_string());
    let value = |value: f64| (200, json!({"Quota": {"Value": value}}).to_string());
    let told = |own: (u16, String), default: (u16, String)| {
        let url = server(move |request| {
            assert!(request.contains("L-F5FCA485") && request.contains("\"fis\""), "{request}");
            let asked = request.to_lowercase();
            let is_default = asked.contains("x-amz-target: servicequotasv20190624.getawsdefault");
            if is_default { default.clone() } else { own.clone() }
        });
        sdk_at(&url, "AKIAEXAMPLE", async |aws| aws.allowance(ACTIVE_EXPERIMENTS).await)
    };
    let own = told(value(9.0), value(5.0));
    assert_eq!((own.most, own.whose), (9, Whose::Account));
    let default = told(refused("NoSuchResourceException"), value(7.0));
    assert_eq!((default.most, default.whose), (7, Whose::Default));
    let default = told((200, json!({"Quota": {}}).to_string()), value(7.0));
    assert_eq!((default.most, default.whose), (7, Whose::Default));
    let denied = told(refused("AccessDeniedException"), value(7.0));
    let Whose::Documented(error) = denied.whose else { panic!("{denied:?}") };
    assert_eq!((denied.most, error.kind), (5, CallErrorKind::Denied));
    let nothing = told(refused("NoSuchResourceException"), refused("NoSuchResourceException"));
    let Whose::Documented(error) = nothing.whose else { panic!("{nothing:?}") };
    assert_eq!(nothing.most, 5);
    assert_eq!(error.operation, "servicequotas:GetAWSDefaultServiceQuota");
}

#[test]
fn the_emulated_account_tells_the_quotas_that_it_holds_itself_to_and_no_other() {
    let served = serve(&[]);
    crate::served::sdk(&served, async |aws| {
        for (service, code, most) in [("events", "L-244521F2", 300.0), ("fis", "L-F5FCA485", 5.0)] {
            let own = aws.quotas.get_service_quota().service_code(service).quota_code(code);
            let own = own.send().await.expect("told").quota.expect("a quota");
            let default = aws.quotas.get_aws_default_service_quota().service_code(service);
            let default = default.quota_code(code).send().await.expect("told").quota;
            let default = default.expect("a quota");
            assert_eq!((own.value(), default.value()), (Some(most), Some(most)));
            assert!(own.quota_arn().expect("an ARN").contains(":111122223333:"));
            assert!(!default.quota_arn().expect("an ARN").contains("111122223333"));
        }
        let other = aws.quotas.get_service_quota().service_code("fis").quota_code("L-0BFE6B67");
        let error = format!("{:?}", other.send().await.expect_err("it is refused"));
        assert!(error.contains("L-0BFE6B67"), "{error}");
    });
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

/// An account with nothing in it but an instance and a rule of AWS Config.
const BARE: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Web:
    Type: AWS::EC2::Instance
    Properties: {ImageId: ami-0abc1234def567890, InstanceType: t3.micro, Tags: [{Key: Service, Value: web}]}
  Ssh:
    Type: AWS::Config::ConfigRule
    Properties: {ConfigRuleName: restricted-ssh, Source: {Owner: AWS, SourceIdentifier: INCOMING_SSH_DISABLED}}
"#;

const REACHING: &str = r#"
version: 1
name: reaching
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
faults:
  - {id: samples, guardduty_sample_findings: {types: ["CryptoCurrency:EC2/BitcoinTool.B!DNS"]}}
  - {id: import, securityhub_findings: {findings: [{title: A port is open, severity: low}]}}
  - {id: stop, ssm_command: {document: AWS-RunShellScript, targets: [{key: "tag:Service", values: [checkout]}], parameters: {commands: [stop]}}}
  - {id: gone, ssm_command: {document: AWS-RunShellScript, instances: [i-0123456789abcdef0], parameters: {commands: [stop]}}}
  - {id: script, command: {program: /no/such/program}}
  - {id: by-hand, set_alarm_state: {alarm: nobody}}
  - {id: look, config_evaluation: {rule: restricted-shh}}
expect:
  - {id: found, finding: {source: guardduty}, within: 1m}
  - {id: imported, finding: {source: securityhub}, within: 1m}
"#;

#[test]
fn what_is_off_or_matches_nobody_or_can_not_be_started_is_wrong_before_anything_is_touched() {
    let (plan, account) = built(REACHING, BARE).expect("in order");
    let (rows, _) = examined(&plan, account.clone());
    assert_eq!(of(&rows, Health::Unseen), NOTHING);
    let wrong = of(&rows, Health::Wrong);
    for words in [
        "GuardDuty: GuardDuty is off in this account and region",
        "Security Hub: Security Hub is off in this account and region",
        "instances with tag:Service=checkout: there are no instances with tag:Service=checkout",
        "instances i-0123456789abcdef0: the command would not be taken: i-0123456789abcdef0 is not managed",
        "program /no/such/program: the program `/no/such/program` can't be started: No such file",
        "alarm nobody: alarm `nobody` does not exist",
        "Config rule restricted-shh: Config rule restricted-shh does not exist",
    ] {
        assert_eq!(
            wrong.iter().filter(|row| row.starts_with(words)).count(),
            1,
            "{words}: {wrong:#?}"
        );
    }
    let meant = rows.iter().filter_map(|row| row.way_out.as_deref());
    assert_eq!(meant.filter(|way| *way == "did you mean `restricted-ssh`?").count(), 1);
    let sink = unheard();
    let finished = rehearse(&plan, account, &StopSwitch::default(), sink);
    assert_eq!(judge(&plan, &finished.timeline).outcome, Outcome::Unsteady);
    let changes = |entry: &Entry| matches!(entry.kind, EntryKind::Intent { .. });
    assert!(!finished.timeline.iter().any(changes), "{}", tail(&finished.timeline));
}

#[test]
fn what_is_on_and_matches_somebody_is_there() {
    let on = format!(
        "{BARE}  Detector: {{Type: AWS::GuardDuty::Detector, Properties: {{Enable: true}}}}\n  \
         Hub: {{Type: AWS::SecurityHub::Hub, Properties: {{EnableDefaultStandards: false}}}}\n"
    );
    let fine = REACHING.replace("checkout", "web").replace("/no/such/program", "sh");
    let fine = fine.replace("restricted-shh", "restricted-ssh");
    let fine: String = fine
        .lines()
        .filter(|line| !line.contains("i-0123456789abcdef0") && !line.contains("nobody"))
        .map(|line| format!("{line}\n"))
        .collect();
    let rows = |environment: &str| {
        let (plan, account) = built(&fine, environment).expect("in order");
        examined(&plan, account).0
    };
    assert_eq!(of(&rows(&on), Health::Wrong), NOTHING);
    assert_eq!(of(&rows(&on), Health::Unseen), NOTHING);
    let suspended = on.replace("Enable: true", "Enable: false");
    let wrong = of(&rows(&suspended), Health::Wrong);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("GuardDuty: GuardDuty is suspended"), "{wrong:?}");
}

/// A template that FIS stops by itself on one alarm.
const WATCHED: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Drill:
    Type: AWS::IAM::Role
    Properties: {RoleName: drill, AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: fis.amazonaws.com}, Action: "sts:AssumeRole"}}}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
  Slow:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: slow, Namespace: Shop, MetricName: Slow, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
  Wait:
    Type: AWS::FIS::ExperimentTemplate
    Properties:
      Description: waits
      RoleArn: !GetAtt Drill.Arn
      StopConditions: [{Source: "aws:cloudwatch:alarm", Value: !GetAtt Errors.Arn}]
      Targets: {}
      Actions: {wait: {ActionId: "aws:fis:wait", Parameters: {duration: PT1M}}}
      Tags: {Name: wait}
"#;

const WATCHING: &str = r#"
version: 1
name: watching
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
stop_conditions: [{alarm: errors}, {alarm: slow}]
faults:
  - {id: wait, fis: {template: wait}}
  - {id: ask, http: {method: POST, url: "https://tickets.example/"}}
expect:
  - {id: counted, metric: {namespace: Shop, name: Errors, statistic: Sum, threshold: ">= 50"}, within: 4m}
"#;

#[test]
fn what_a_run_does_not_look_at_is_told_as_a_note_or_as_skipped() {
    let (plan, account) = built(WATCHING, WATCHED).expect("in order");
    let (rows, _) = examined(&plan, account.clone());
    assert_eq!(of(&rows, Health::Wrong), NOTHING);
    assert_eq!(of(&rows, Health::Unseen), NOTHING);
    let notes = of(&rows, Health::Note);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("metric Errors in Shop: not listed"), "{notes:?}");
    assert_eq!(
        notes[1],
        "stop conditions of fault wait: FIS stops by itself on errors; firedrill stops the drill on errors, slow: \
         should firedrill be gone, slow stops nobody"
    );
    let skipped = of(&rows, Health::Skipped);
    assert!(
        skipped.iter().any(|row| row.starts_with("POST https://tickets.example/: not asked")),
        "{skipped:?}"
    );
    let one = WATCHING.replace(", {alarm: slow}", "");
    let (plan, _) = built(&one, WATCHED).expect("in order");
    let (rows, _) = examined(&plan, account.clone());
    let fine = of(&rows, Health::Ok);
    let words = "stop conditions of fault wait: FIS stops by itself on errors; firedrill stops the drill on errors";
    assert!(fine.iter().any(|row| row == words), "{fine:?}");
    // The looks are no part of the least policy, and a run needs none of them.
    let (rows, _) = examined(&plan, restricted(account, iam::policy(&plan)["Statement"].clone()));
    assert_eq!(of(&rows, Health::Wrong), NOTHING);
    let skipped = of(&rows, Health::Skipped).join(" ");
    assert!(
        skipped.contains("cloudwatch:ListMetrics") && skipped.contains("fis:GetExperimentTemplate"),
        "{skipped}"
    );
}
