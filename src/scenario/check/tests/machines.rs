//! Rules about runbooks, commands, executions, functions, requests and programs.

use super::{BASE, inventory, told};
use crate::scenario::inventory::Inventory;

fn codes(fault: &str, expectation: &str) -> Vec<String> {
    let text = BASE
        .replace("set_alarm_state: {alarm: cpu}", fault)
        .replace("notification: {topic: oncall}", expectation);
    let inventory = Inventory {
        state_machines: vec!["Break".to_owned()],
        functions: vec!["breaker".to_owned()],
        ..inventory()
    };
    told(&text, Some(&inventory)).into_iter().map(|(code, _)| code).collect()
}

const FAULT: &str = "set_alarm_state: {alarm: cpu}";
const EXPECTATION: &str = "notification: {topic: oncall}";

#[test]
fn what_a_fault_starts_is_known_and_well_formed() {
    let of = |fault: &str| codes(fault, EXPECTATION);
    let none = Vec::<String>::new();
    assert_eq!(of("ssm_automation: {document: Diagnose, parameters: {A: 1, B: [x, y]}}"), none);
    assert_eq!(of("ssm_automation: {document: Diagnoze}"), ["unknown-resource"]);
    assert_eq!(
        of("ssm_automation: {document: Diagnose, parameters: {A: [[x]]}}"),
        ["bad-parameter"]
    );
    let command =
        |rest: &str| of(&format!("ssm_command: {{document: AWS-RunShellScript, {rest}}}"));
    assert_eq!(command("instances: [i-1], execution_timeout: 5m, delivery_timeout: 30s"), none);
    assert_eq!(command("targets: [{key: \"tag:a\", values: [b]}]"), none);
    assert_eq!(command("parameters: {}"), ["bad-command"]);
    assert_eq!(command("instances: [i-1], targets: [{key: k, values: [v]}]"), ["bad-command"]);
    assert_eq!(command("targets: [{key: k, values: []}]"), ["bad-command"]);
    assert_eq!(command("instances: [i-1], delivery_timeout: 5s"), ["bad-command"]);
    let twice = "instances: [i-1], execution_timeout: 5m, parameters: {executionTimeout: 7}";
    assert_eq!(command(twice), ["bad-command"]);
    assert_eq!(of("start_execution: {state_machine: Break, input: {a: 1}}"), none);
    assert_eq!(of("start_execution: {state_machine: Brake}"), ["unknown-resource"]);
    assert_eq!(of("invoke: {function: breaker, invocation: event}"), none);
    assert_eq!(of("invoke: {function: braker}"), ["unknown-resource"]);
    assert_eq!(of("invoke: {function: breaker, invocation: later}"), ["unknown-word"]);
}

#[test]
fn requests_and_programs_are_such_as_can_be_sent_and_run() {
    let of = |fault: &str| codes(fault, EXPECTATION);
    let none = Vec::<String>::new();
    let http = |rest: &str| of(&format!("http: {{{rest}}}"));
    assert_eq!(http("url: \"https://a.example/x?run=${run.id}\", method: put, body: {a: 1}"), none);
    assert_eq!(
        http("url: \"http://[::1]:8080/\", revert: {url: \"http://a\", method: DELETE}"),
        none
    );
    assert_eq!(http("url: a.example"), ["bad-request"]);
    assert_eq!(http("url: \"ftp://a.example\""), ["bad-request"]);
    assert_eq!(http("url: \"https://me:pass@a.example\""), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", revert: {url: b}"), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", method: \"GET /\""), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", status: 20"), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", timeout: 5m"), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", headers: {\"a b\": c}"), ["bad-request"]);
    assert_eq!(http("url: \"https://a.example\", headers: {Authorization: abc}"), ["plain-secret"]);
    assert_eq!(of("command: {program: ./break.sh, args: [now], revert: {program: mend}}"), none);
    assert_eq!(of("command: {program: \"\"}"), ["bad-command"]);
    assert_eq!(of("command: {program: rm -rf x}"), ["bad-command"]);
    assert_eq!(of("command: {program: a, timeout: 0s}"), ["zero-duration"]);
}

#[test]
fn what_is_looked_for_in_json_can_be_read() {
    let of = |expectation: &str| codes(FAULT, expectation);
    let none = Vec::<String>::new();
    assert_eq!(of("execution: {state_machine: Break, output: {path: $.a, equals: 1}}"), none);
    assert_eq!(of("execution: {state_machine: Brake}"), ["unknown-resource"]);
    assert_eq!(of("execution: {state_machine: Break, status: Succeeded}"), ["unknown-status"]);
    assert_eq!(of("execution: {state_machine: Break, input: {path: a}}"), ["bad-predicate"]);
    let http = |rest: &str| of(&format!("http: {{url: \"https://a.example\", {rest}}}"));
    assert_eq!(http("path: \"$.t[*].n\", matches: ^INC, every: 30s, time: $.t"), none);
    assert_eq!(http("path: $.t, matches: \"[\""), ["bad-predicate"]);
    assert_eq!(http("path: $.t, equals: 1, exists: true"), ["bad-predicate"]);
    assert_eq!(http("path: $.t, time: t"), ["bad-predicate"]);
    assert_eq!(http("path: $.t, every: 10m"), ["bad-request"]);
}

#[test]
fn a_variable_of_the_environment_stays_as_it_is_written_where_it_may_be_a_secret() {
    use crate::scenario::{Values, load};
    let text = BASE
        .replace(FAULT, "http: {url: \"https://a.example/${var.x}/${run.id}\", headers: {A: \"${env.TOKEN} $${b\"}}")
        .replace("faults:", "vars: {x: \"${env.TOKEN}\", y: \"$${env.TOKEN}\"}\nfaults:")
        .replace(EXPECTATION, "notification: {topic: oncall, contains: \"${env.TOKEN} ${var.y}\"}");
    let mut values = Values { run_id: "fd-1".to_owned(), ..Values::default() };
    values.env.insert("TOKEN".to_owned(), "s3cr3t".to_owned());
    let loaded = load("x.yaml", text.as_bytes(), &values);
    let scenario = loaded.scenario.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let http = scenario.faults[0].http.as_ref().unwrap();
    // A variable that holds the value is as secret.
    assert_eq!(http.url, "https://a.example/${env.TOKEN}/fd-1");
    assert_eq!(http.headers["A"], "${env.TOKEN} $${b");
    let notification = scenario.expect[0].notification.as_ref().unwrap();
    assert_eq!(notification.contains.as_deref(), Some("s3cr3t ${env.TOKEN}"));
    // One that is not set is told before anything is touched.
    let unset = Values { run_id: "fd-1".to_owned(), ..Values::default() };
    let found = load("x.yaml", text.as_bytes(), &unset).check(None);
    assert!(found.iter().filter(|one| one.code == "undefined-variable").count() >= 2);
}
