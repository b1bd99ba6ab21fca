//! Scenarios that span several accounts, through the real binary against accounts that are served side by side.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::served::{Served, reaching, serve};
use crate::support::{Said, root, said, scratch};

const SECURITY: &str = r#"
version: 1
account: "444455556666"
region: eu-west-1
resources:
  Drill:
    Type: AWS::IAM::Role
    Properties:
      RoleName: drill
      AssumeRolePolicyDocument:
        Statement:
          Effect: Allow
          Principal: {AWS: "arn:aws:iam::111122223333:root"}
          Action: "sts:AssumeRole"
          Condition: {StringEquals: {"sts:ExternalId": SECRET-agreed}}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {AlarmName: central, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
       Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching}
"#;

const SCENARIO: &str = r#"
version: 1
name: spans
targets:
  central:
    account: "444455556666"
    region: eu-west-1
    role: "arn:aws:iam::444455556666:role/drill"
    external_id: ${env.CENTRAL_ID}
guardrails: {accounts: ["111122223333", "444455556666"], regions: [eu-west-1]}
steady_state:
  - {target: central, alarm: {name: central, state: OK}}
faults:
  - {id: here, set_alarm_state: {alarm: errors}}
  - {id: there, target: central, set_alarm_state: {alarm: central}}
expect:
  - {id: seen-here, alarm: {name: errors}, within: 20s}
  - {id: seen-there, target: central, alarm: {name: central}, within: 20s}
"#;

/// The two accounts of the scenario, in one process.
fn both(folder: &Path) -> Served {
    let file = folder.join("security.yaml");
    fs::write(&file, SECURITY).expect("there is room");
    let home = root().join("tests/data/exits/environments/shop.yaml");
    serve(&[&home.display().to_string(), &file.display().to_string()])
}

fn scenario(folder: &Path, text: &str) -> String {
    let file = folder.join("scenario.yaml");
    fs::write(&file, text).expect("there is room");
    file.display().to_string()
}

fn asked(arguments: &[&str], url: &str, external_id: &str) -> Said {
    let mut command = reaching(arguments, url);
    said(&command.env("CENTRAL_ID", external_id).output().expect("the binary starts"))
}

fn run(folder: &Path, text: &str, url: &str, external_id: &str) -> Said {
    let reports = folder.join("reports").display().to_string();
    let file = scenario(folder, text);
    let arguments = ["run", &file, "--yes", "--reports", &reports, "--run-id", "r"];
    asked(&arguments, url, external_id)
}

/// What a drill could leave behind in each of the accounts.
fn left(served: &Served) -> (Value, Value) {
    let shown = served.account();
    (shown["belongings"].clone(), shown["others"][0]["belongings"].clone())
}

#[test]
fn a_drill_spans_two_accounts_and_the_report_says_where() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let said = run(folder.path(), SCENARIO, &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        "account 111122223333 in eu-west-1, as ",
        "central is account 444455556666 in eu-west-1, as arn:aws:sts::444455556666:assumed-role/drill/",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert_eq!(left(&served), before);
    let of = |name: &str| {
        let path = folder.path().join("reports/r").join(name);
        fs::read_to_string(path).expect("it is written")
    };
    let report = of("report.md");
    assert!(report.contains("at central"), "{report}");
    let plan = of("spans/plan.json");
    assert!(plan.contains("\"asks_external_id\": true"), "{plan}");
    for text in [said.err, report, plan, of("spans/timeline.jsonl"), of("report.json")] {
        assert!(!text.contains("SECRET"), "{text}");
    }
}

#[test]
fn a_target_that_is_not_what_the_scenario_says_is_refused_before_anything_is_touched() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let told = |text: &str, external_id: &str, words: &[&str]| {
        let said = run(folder.path(), text, &served.url, external_id);
        assert_eq!(said.code, 2, "{}", said.err);
        for words in words {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
        assert!(said.err.contains("nothing was touched"), "{}", said.err);
        assert!(!said.err.contains("SECRET"), "{}", said.err);
        assert!(!folder.path().join("reports/r").exists(), "{}", said.err);
    };
    told(
        SCENARIO,
        "SECRET-other",
        &["target `central`", "the role can't be assumed", "trust policy"],
    );
    let own = SCENARIO.replace("    role: \"arn:aws:iam::444455556666:role/drill\"\n", "");
    let own = own.replace("    external_id: ${env.CENTRAL_ID}\n", "");
    let words = ["target `central`", "names account 444455556666", "111122223333"];
    told(&own, "", &words);
    let here = own.replace("    account: \"444455556666\"", "    account: \"111122223333\"");
    told(&here, "", &["target `central`", "is at home"]);
    assert_eq!(left(&served), before);
}

#[test]
fn the_doctor_looks_at_every_target_and_says_where() {
    let folder = scratch();
    let served = both(folder.path());
    let file = scenario(folder.path(), SCENARIO);
    let said = asked(&["doctor", &file], &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for subject in [
        "credentials at central",
        "guardrail: account at central",
        "alarm central at central",
        "permissions at central",
        "clock at central",
        "steady state: central at central",
    ] {
        assert!(said.out.contains(&format!("ok       {subject}")), "{subject}: {}", said.out);
    }
    let said = asked(&["doctor", &file], &served.url, "SECRET-other");
    assert_eq!(said.code, 6, "{}{}", said.out, said.err);
    assert!(said.out.contains("unseen   credentials at central"), "{}", said.out);
}

#[test]
fn what_was_changed_at_another_target_is_taken_back_there_once_its_external_id_is_given() {
    let folder = scratch();
    let served = both(folder.path());
    let before = left(&served);
    let said = run(folder.path(), SCENARIO, &served.url, "SECRET-agreed");
    assert_eq!(said.code, 0, "{}", said.err);
    // As after a crash: the timeline ends with the last intent to change something, at both places.
    let timeline = folder.path().join("reports/r/spans/timeline.jsonl");
    let text = fs::read_to_string(&timeline).expect("it is written");
    let injected = |line: &&str| line.contains("\"fault_started\"");
    let last = text.lines().collect::<Vec<_>>().iter().rposition(injected).expect("both began");
    let cut: String = text.lines().take(last + 1).flat_map(|line| [line, "\n"]).collect();
    fs::write(&timeline, cut).expect("there is room");
    let dir = folder.path().join("reports/r").display().to_string();
    let said = asked(&["revert", &dir], &served.url, "");
    assert_eq!(said.code, 5, "{}", said.err);
    for words in ["the target `central` is not reached", "--target-external-id central=ID"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let given = ["revert", &dir, "--target-external-id", "central=SECRET-agreed"];
    let said = asked(&given, &served.url, "");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("nothing is left"), "{}", said.err);
    assert_eq!(left(&served), before);
    let text = fs::read_to_string(&timeline).expect("it is written");
    assert!(!text.contains("SECRET"), "{text}");
}
