//! A secret of the environment in whatever a fault sends: it is sent as it is, and stands in no file and in no
//! output, though the account shows it.

use std::path::Path;

use crate::support::{command, root, said, scratch, tree};

/// With letters that JSON, and JSON inside JSON, write in another way.
const SECRET: &str = r#"pa55\w0rd "of" the/drill+"#;

/// The part of it that is written the same everywhere.
const CORE: &str = "pa55";

const SCENARIO: &str = r#"version: 1
name: secrets
environment: ENVIRONMENT
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
vars: {token: "${env.DRILL_SECRET}"}
faults:
  - id: order
    put_events:
      bus: shop
      entries:
        - source: shop.orders
          detail-type: "${env.DRILL_WORD}"
          detail: {token: "${env.DRILL_SECRET}", region: "${env.DRILL_REGION}", deep: [{er: "${var.token}"}]}
  - id: told
    publish:
      topic: pager
      subject: "${env.DRILL_SUBJECT}"
      message: {token: "${env.DRILL_SECRET}"}
      attributes: {token: "${env.DRILL_SECRET}"}
  - id: told-plainly
    publish: {topic: pager, message: "token=${env.DRILL_SECRET} and $${env.DRILL_SECRET}"}
  - id: work
    send_message: {queue: work, message: "${var.token}", attributes: {token: "${env.DRILL_SECRET}"}}
  - id: function
    invoke: {function: breaker, payload: {token: "${env.DRILL_SECRET}"}}
  - id: execution
    start_execution: {state_machine: slow, input: {token: "${env.DRILL_SECRET}"}}
  - id: runbook
    ssm_automation: {document: Break, parameters: {Service: "${env.DRILL_SECRET}"}}
  - id: command
    ssm_command:
      document: AWS-RunShellScript
      targets: [{key: "tag:Service", values: [web]}]
      parameters: {commands: ["login ${env.DRILL_SECRET}"]}
  - id: line
    log_line: {group: /shop/log, message: {level: error, token: "${env.DRILL_SECRET}"}}
  - id: alarm
    set_alarm_state: {alarm: errors, reason: "because of ${env.DRILL_SECRET}"}
  - id: process-check
    config_evaluation: {rule: reviewed, compliance: NON_COMPLIANT, annotation: "told with ${env.DRILL_SECRET}"}
  - id: hub
    securityhub_findings:
      findings:
        - title: "leaked ${env.DRILL_SECRET}"
          description: "it was ${env.DRILL_SECRET}"
          severity: high
          product_fields: {shop/token: "${env.DRILL_SECRET}", "${k}": kept}
  - id: local
    command: {program: "true", args: ["${env.DRILL_SECRET}"]}
expect:
  - id: seen
    event: {bus: shop, pattern: {source: [shop.orders], detail: {region: [eu-west-1]}}}
    after: order
    within: 1m
  - id: heard
    notification: {topic: pager, contains: "token=pa55"}
    after: told-plainly
    within: 1m
  - id: escaped
    notification: {topic: pager, contains: "and $${"}
    after: told-plainly
    within: 1m
  - id: logged
    log: {group: /shop/log, pattern: '{ $.level = "error" }'}
    after: line
    within: 3m
  - id: imported
    finding: {source: securityhub, title: "leaked *"}
    after: hub
    within: 2m
  - id: rang
    alarm: {name: errors, state: ALARM}
    after: alarm
    within: 2m
  - id: told-to-config
    compliance: {rule: reviewed, state: NON_COMPLIANT}
    after: process-check
    within: 5m
  - id: started
    execution: {state_machine: slow, status: RUNNING, input: {path: $.token, matches: "^pa55.w0rd .of. the/drill.$"}}
    after: execution
    within: 1m
"#;

fn run(folder: &Path, verb: &[&str]) -> crate::support::Said {
    let mut command = command(verb);
    command.env("DRILL_SECRET", SECRET).env("DRILL_WORD", "OrderPlaced");
    command.env("DRILL_SUBJECT", "pa55 for the pager").env("DRILL_REGION", "eu-west-1");
    command.env("HOME", folder);
    said(&command.output().expect("it starts"))
}

fn written(folder: &Path) -> String {
    let shared = root().join("tests/data/every-fault/environment.yaml");
    let shared = std::fs::read_to_string(shared).expect("it is there");
    let hub = "resources:\n  Hub: {Type: AWS::SecurityHub::Hub}\n";
    let environment = folder.join("environment.yaml");
    std::fs::write(&environment, shared.replacen("resources:\n", hub, 1)).expect("written");
    let text = SCENARIO.replace("ENVIRONMENT", environment.to_str().expect("UTF-8"));
    let file = folder.join("secrets.yaml");
    std::fs::write(&file, text).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_secret_in_a_payload_is_sent_and_stands_in_no_file_and_no_output() {
    let folder = scratch();
    let file = written(folder.path());
    let reports = folder.path().join("reports");
    let place = reports.to_str().expect("UTF-8");
    let more = ["--run-id", "now", "--format", "json", "--allow-commands", "--reports", place];
    let drill = run(folder.path(), &[&["run", &file][..], &more].concat());
    // What was sent holds the value: the account's answers fulfil what is expected of it.
    assert_eq!(drill.code, 0, "{}{}", drill.out, drill.err);
    let again = run(folder.path(), &["report", &format!("{place}/now")]);
    assert_eq!(again.code, 0, "{}", again.err);
    let plans = [
        run(folder.path(), &["plan", &file, "--format", "json"]),
        run(folder.path(), &["plan", &file]),
        run(folder.path(), &["check", &file]),
    ];
    for said in [&drill, &again].into_iter().chain(&plans) {
        assert!(!hides(&said.out) && !hides(&said.err), "{}{}", said.out, said.err);
    }
    let files = tree(&reports);
    assert!(files.len() > 5, "the run has left its files");
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!hides(&text), "{name}: {text}");
    }
    let plan = std::fs::read_to_string(reports.join("now/secrets/plan.json")).expect("there");
    assert!(plan.contains("${env.DRILL_SECRET}"), "{plan}");
    // What is said openly, and the name of a region, are told as they are.
    assert!(plan.contains("OrderPlaced") && plan.contains("eu-west-1"), "{plan}");
    let timeline =
        std::fs::read_to_string(reports.join("now/secrets/timeline.jsonl")).expect("there");
    assert!(timeline.contains("[redacted]"), "the account showed it: {timeline}");
    assert!(timeline.contains("eu-west-1"), "{timeline}");
}

/// Whether a text holds a secret. Two expectations of the scenario say its beginning themselves.
fn hides(text: &str) -> bool {
    let open = ["token=pa55", "^pa55.w0rd"];
    let rest = open.iter().fold(text.to_owned(), |text, open| text.replace(open, ""));
    rest.contains(CORE) || rest.contains("w0rd")
}
