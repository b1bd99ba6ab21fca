//! Environments from files to accounts, over the account's real services.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Environment, Inventory};
use crate::diagnostic::{Diagnostic, Severity};
use crate::emulator::account::Account;
use crate::emulator::services::Service;

const EPOCH: Timestamp = Timestamp::constant(1_772_442_000, 0);

/// Loads `envs/e.yaml` among these files.
fn load(files: &[(&str, &[u8])]) -> (Option<Environment>, Vec<Diagnostic>) {
    let files: HashMap<&str, &[u8]> = files.iter().copied().collect();
    let read = |path: &Path| {
        let found = path.to_str().and_then(|path| files.get(path));
        found.map(|bytes| bytes.to_vec()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    Environment::load(Path::new("envs/e.yaml"), &read)
}

/// Builds the account of an environment with one template.
fn build(environment: &str, template: &str) -> (Account, Vec<Diagnostic>) {
    let files =
        [("envs/e.yaml", environment.as_bytes()), ("templates/app.yaml", template.as_bytes())];
    let (loaded, mut diagnostics) = load(&files);
    let (account, more) = loaded.expect("the environment can be read").account(EPOCH, 7);
    diagnostics.extend(more);
    (account, diagnostics)
}

fn lines(diagnostics: &[Diagnostic]) -> Vec<String> {
    let place = |found: &Diagnostic| found.span.map_or((0, 0), |span| (span.line, span.column));
    diagnostics
        .iter()
        .map(|found| format!("{} {}:{:?} {}", found.code, found.file, place(found), found.message))
        .collect()
}

const HEAD: &str = "version: 1\naccount: '111122223333'\nregion: eu-west-1\n";

const ALARM: &str = "
Parameters:
  Limit: {Type: Number, Default: 5}
  Topic: {Type: String}
Resources:
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: errors
      Namespace: Shop
      MetricName: Errors
      Dimensions: [{Name: Queue, Value: !GetAtt Orders.QueueName}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 2
      DatapointsToAlarm: 1
      Threshold: !Ref Limit
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [!Ref Topic]
  Orders:
    Type: AWS::SQS::Queue
Outputs:
  Queue: {Value: !GetAtt Orders.Arn, Export: {Name: orders-arn}}
";

#[test]
fn an_environment_becomes_an_account_whose_alarms_have_settled() {
    let environment = format!(
        "{HEAD}resources:\n  OnCall: {{Type: AWS::SNS::Topic, Properties: {{TopicName: oncall}}}}\n\
         parameters: {{/shop/mode: normal, /shop/zones: [a, b]}}\n\
         templates:\n  - {{path: ../templates/app.yaml, stack: shop, parameters: {{Topic: '${{OnCall}}'}}}}\n\
         signals:\n  - metric: {{namespace: Shop, name: Errors, dimensions: {{Queue: '${{shop/Orders.QueueName}}'}}}}\n    every: 60s\n    delay: 15s\n    baseline: 0\n"
    );
    let (mut account, diagnostics) = build(&environment, ALARM);
    assert!(diagnostics.is_empty(), "{:#?}", lines(&diagnostics));
    assert_eq!(account.now(), EPOCH);
    assert!(account.take_changes().is_empty());
    let inventory = Inventory::of(&account);
    let alarm = &inventory.alarms["errors"];
    assert_eq!(alarm.state, "OK");
    assert_eq!((alarm.period, alarm.datapoints_to_alarm, alarm.evaluation_periods), (60, 1, 2));
    assert_eq!(alarm.actions["ALARM"], ["arn:aws:sns:eu-west-1:111122223333:oncall"]);
    assert_eq!(alarm.publish_delay.as_secs(), 15);
    assert!(inventory.topics.contains_key("oncall"));
    let answer = account.call(Service::Ssm, "GetParameter", json!({"Name": "/shop/zones"}));
    assert_eq!(answer.unwrap()["Parameter"]["Value"], "a,b");
}

#[test]
fn an_alarm_that_nothing_feeds_is_a_warning_on_its_own_line() {
    let environment = format!(
        "{HEAD}templates: [{{path: ../templates/app.yaml, parameters: {{Topic: 'arn:aws:sns:eu-west-1:111122223333:t'}}}}]\n"
    );
    let (_, diagnostics) = build(&environment, ALARM);
    let found: Vec<&Diagnostic> =
        diagnostics.iter().filter(|found| found.code == "alarm-without-signal").collect();
    assert_eq!(found.len(), 1, "{:#?}", lines(&diagnostics));
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!((found[0].file.as_str(), found[0].span.unwrap().line), ("templates/app.yaml", 6));
    assert!(found[0].message.contains("Shop Errors {Queue=app-Orders-"), "{}", found[0].message);
}

#[test]
fn setup_calls_are_made_at_their_time_and_see_physical_ids() {
    let environment = format!(
        "{HEAD}resources:\n  Orders: {{Type: AWS::SQS::Queue}}\n\
         setup:\n  - {{service: sqs, operation: SendMessage, input: {{QueueUrl: '${{Orders}}', MessageBody: late}}, at: -1m}}\n  \
         - {{service: sqs, operation: SendMessage, input: {{QueueUrl: '${{Orders}}', MessageBody: '${{AWS::Region}} ${{Orders.Arn}}'}}}}\n"
    );
    let (mut account, diagnostics) = build(&environment, ALARM);
    assert!(diagnostics.is_empty(), "{:#?}", lines(&diagnostics));
    let url = account.stacks.by_name["environment"].resources["Orders"].reference.clone();
    let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]});
    let answer = account.call(Service::Sqs, "ReceiveMessage", input).unwrap();
    let bodies: Vec<&Value> =
        answer["Messages"].as_array().unwrap().iter().map(|message| &message["Body"]).collect();
    assert_eq!(bodies.len(), 2);
    assert!(bodies[0].as_str().unwrap().starts_with("eu-west-1 arn:aws:sqs:"), "{bodies:?}");
    assert_eq!(bodies[1], "late");
}

const FUNCTION: &str = "
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}}
  Triage:
    Type: AWS::Lambda::Function
    Properties: {Role: !GetAtt Role.Arn, Runtime: python3.13, Handler: index.handler, Code: {ZipFile: pass}}
";

#[test]
fn a_function_does_what_is_declared_under_its_logical_id() {
    let environment = format!(
        "{HEAD}templates: [../templates/app.yaml]\nfunctions:\n  ${{Triage}}: {{returns: {{arn: '${{Triage.Arn}}'}}}}\n"
    );
    let (mut account, diagnostics) = build(&environment, FUNCTION);
    assert!(diagnostics.is_empty(), "{:#?}", lines(&diagnostics));
    let name = account.stacks.by_name["app"].resources["Triage"].reference.clone();
    let answer = account.call(Service::Lambda, "Invoke", json!({"FunctionName": name})).unwrap();
    assert!(answer.to_string().contains("function:app-Triage-"), "{answer}");
}

#[test]
fn a_function_without_a_behaviour_is_a_warning_on_its_own_line() {
    let environment = format!("{HEAD}templates: [../templates/app.yaml]\n");
    let (_, diagnostics) = build(&environment, FUNCTION);
    let found = lines(&diagnostics);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("function-without-behaviour templates/app.yaml:(6, 3)"),
        "{found:#?}"
    );
}

#[test]
fn every_problem_is_found_with_its_line_and_the_way_out() {
    let environment = "version: 2
account: 12
region: mars
singals: []
templates:
  - {path: nowhere.yaml}
  - {paht: a.yaml}
  - {path: ../templates/app.yaml, parameters: {Limti: 5}}
  - {path: ../templates/app.yaml}
setup:
  - {service: sqz, operation: SendMessage}
  - {service: sqs, operation: SendMesage}
  - {service: sqs, operation: SendMessage, at: 20m}
exports: []
";
    let files = [("envs/e.yaml", environment.as_bytes()), ("templates/app.yaml", ALARM.as_bytes())];
    let (loaded, diagnostics) = load(&files);
    assert!(loaded.is_some());
    let found = lines(&diagnostics);
    for expected in [
        "version envs/e.yaml:(1, 10) ",
        "account-id envs/e.yaml:(2, 10) ",
        "region envs/e.yaml:(3, 9) ",
        "unknown-key envs/e.yaml:(4, 1) an environment has no key `singals`",
        "unreadable envs/nowhere.yaml:(0, 0) ",
        "unknown-key envs/e.yaml:(7, 6) a template has no key `paht`",
        "missing-key envs/e.yaml:(7, 5) ",
        "unknown-parameter envs/e.yaml:(8, 55) the template ../templates/app.yaml has no parameter `Limti`",
        "duplicate-stack envs/e.yaml:(9, 12) ",
        "unknown-service envs/e.yaml:(11, 15) ",
        "unknown-operation envs/e.yaml:(12, 31) ",
        "setup-time envs/e.yaml:(13, 48) ",
        "wrong-shape envs/e.yaml:(14, 10) ",
    ] {
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}\n{found:#?}");
    }
    let hints: Vec<&str> = diagnostics.iter().filter_map(|found| found.hint.as_deref()).collect();
    for hint in ["signals", "path", "Limit", "sqs", "SendMessage"] {
        assert!(hints.contains(&format!("did you mean `{hint}`?").as_str()), "{hint}: {hints:#?}");
    }
}

#[test]
fn names_that_nothing_has_and_entries_that_do_not_fit_are_errors() {
    let environment = format!(
        "{HEAD}resources:\n  Orders: {{Type: AWS::SQS::Queue}}\n\
         exports: {{a: '${{Ordres}}', b: '${{shp/Orders}}'}}\n\
         signals:\n  - metric: {{namespace: Shop, nmae: Errors}}\n    every: 60s\n    baseline: 0\n\
         setup:\n  - {{service: sqs, operation: DeleteQueue, input: {{QueueUrl: 'https://nowhere'}}}}\n\
         buses:\n  - {{arn: 'arn:aws:events:eu-west-1:111122223333:event-bus/mine'}}\n"
    );
    let (_, diagnostics) = build(&environment, ALARM);
    let found = lines(&diagnostics);
    for expected in [
        "unknown-reference envs/e.yaml:(6, 14) no template has made a resource `Ordres`",
        "unknown-reference envs/e.yaml:(6, 30) there is no stack `shp`",
        "does-not-fit envs/e.yaml:(8, 31) unknown field `nmae`",
        "setup-refused envs/e.yaml:(12, 15) DeleteQueue was refused",
        "foreign-bus envs/e.yaml:(14, 5) ",
    ] {
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn files_that_are_no_environment_are_errors_and_nothing_is_built() {
    let large = vec![b'#'; 2 * 1024 * 1024];
    for (bytes, code) in [
        (&b"version: 1\naccount: '\xff'\n"[..], "not-utf8"),
        (&large[..], "file-too-large"),
        (&b"- 1\n"[..], "wrong-shape"),
        (&b""[..], "syntax"),
        (&b"version: [\n"[..], "syntax"),
    ] {
        let (environment, diagnostics) = load(&[("envs/e.yaml", bytes)]);
        assert!(environment.is_none(), "{code}");
        assert_eq!(diagnostics[0].code, code);
        assert!(super::has_errors(&diagnostics));
    }
    let (environment, diagnostics) = load(&[]);
    assert!(environment.is_none());
    assert_eq!(diagnostics[0].code, "unreadable");
}

#[test]
fn a_template_that_is_cut_off_anywhere_is_never_a_panic() {
    for end in (0..ALARM.len()).step_by(7) {
        let environment = format!("{HEAD}templates: [../templates/app.yaml]\n");
        let files = [
            ("envs/e.yaml", environment.as_bytes()),
            ("templates/app.yaml", &ALARM.as_bytes()[..end]),
        ];
        let (loaded, _) = load(&files);
        let (_, diagnostics) = loaded.unwrap().account(EPOCH, 1);
        assert!(diagnostics.len() < 100);
    }
}

#[test]
fn two_builds_with_one_seed_are_equal() {
    let environment = format!(
        "{HEAD}resources:\n  I: {{Type: AWS::EC2::Instance, Properties: {{ImageId: ami-1}}}}\ntemplates: [{{path: ../templates/app.yaml, parameters: {{Topic: 'arn:aws:sns:eu-west-1:111122223333:t'}}}}]\n"
    );
    let (first, _) = build(&environment, ALARM);
    let (second, _) = build(&environment, ALARM);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}
