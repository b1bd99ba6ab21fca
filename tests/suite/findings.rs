//! Drills over findings: samples of GuardDuty, imports into Security Hub, and what is left of them.

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firedrill::commands::drill::{STACK, rehearse_through};
use firedrill::emulator::Account;
use firedrill::emulator::services::Service;
use firedrill::judge::{Judgement, Outcome, Verdict, VerdictKind, judge};
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, Observation};
use serde_json::{Value, json};

use crate::blindness::{deny_after, deny_for};
use crate::stage;

/// A detector, a hub, and rules that page about grave findings of both.
const ENVIRONMENT: &str = r#"
version: 1
account: "111122223333"
region: eu-west-1
resources:
  Detector: {Type: AWS::GuardDuty::Detector, Properties: {Enable: true, FindingPublishingFrequency: FIFTEEN_MINUTES}}
  Hub: {Type: AWS::SecurityHub::Hub, Properties: {EnableDefaultStandards: false}}
  Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
  PagerPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Pager]
      PolicyDocument:
        Statement:
          Effect: Allow
          Principal: {Service: events.amazonaws.com}
          Action: "sns:Publish"
          Resource: "*"
  Threats:
    Type: AWS::Events::Rule
    Properties:
      Name: threats
      EventPattern:
        source: [aws.guardduty]
        detail-type: [GuardDuty Finding]
        detail: {severity: [{numeric: [">=", 7]}]}
      Targets: [{Id: pager, Arn: !Ref Pager}]
  New:
    Type: AWS::Events::Rule
    Properties:
      Name: new-findings
      EventPattern:
        source: [aws.securityhub]
        detail-type: [Security Hub Findings - Imported]
        detail:
          findings:
            Severity: {Label: [HIGH, CRITICAL]}
            Workflow: {Status: [NEW]}
            RecordState: [ACTIVE]
      Targets: [{Id: pager, Arn: !Ref Pager}]
"#;

const GUARDDUTY: &str = r#"
version: 1
name: samples
environment: environment.yaml
faults:
  - id: samples
    guardduty_sample_findings:
      types: ["CryptoCurrency:EC2/BitcoinTool.B!DNS", "UnauthorizedAccess:EC2/SSHBruteForce"]
    effect: found
expect:
  - id: found
    finding: {source: guardduty, type: "CryptoCurrency:*", title: "[SAMPLE]*", severity: high}
    within: 30s
    correlation: exact
  - id: event
    event: {pattern: {source: [aws.guardduty], detail: {service: {additionalInfo: {sample: [true]}}}}}
    within: 2m
    count: 2
    correlation: exact
  - id: paged
    rule: {name: threats, state: invoked}
    within: 2m
  - id: paged-once
    never: {notification: {topic: pager, contains: GuardDuty Finding}, more_than: 1}
    for: 5m
  - id: graver
    finding: {source: guardduty, type: "UnauthorizedAccess:*", severity: medium}
    within: 30s
"#;

const SECURITY_HUB: &str = r#"
version: 1
name: imports
environment: environment.yaml
faults:
  - id: import
    securityhub_findings:
      findings:
        - title: Package openssl is vulnerable
          severity: high
          types: [Software and Configuration Checks/Vulnerabilities/CVE]
          resources: [{type: AwsEc2Instance, id: "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0"}]
          product_fields: {cve: CVE-2026-0001}
        - {title: A port is open, severity: low}
expect:
  - id: imported
    finding: {source: securityhub, type: "*/CVE", severity: high, workflow: NEW, record: ACTIVE}
    within: 30s
    correlation: exact
  - id: paged
    notification: {topic: pager, contains: openssl}
    within: 30s
    correlation: exact
  - id: paged-once
    never: {notification: {topic: pager}, more_than: 1}
    for: 5m
  - id: resolved
    finding: {source: securityhub, title: "Package *", workflow: RESOLVED}
    within: 1m
recovery:
  - id: worked-on
    finding: {source: securityhub, title: "Package *", workflow: RESOLVED}
    within: 10m
"#;

struct Drilled {
    judgement: Judgement,
    timeline: Vec<Entry>,
    account: Account,
}

fn drilled(scenario: &str, environment: &str, denied: &'static str, after: usize) -> Drilled {
    drilled_through(scenario, environment, |inner| deny_after(after, denied, inner))
}

fn drilled_through(
    scenario: &str,
    environment: &str,
    between: impl FnOnce(SharedHttpClient) -> SharedHttpClient + Send,
) -> Drilled {
    let (plan, account) = stage::built(scenario, environment).expect("in order");
    let (finished, account) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let stop = StopSwitch::default();
        let plan = &plan;
        let drill = move || rehearse_through(plan, account, &stop, between);
        thread.spawn_scoped(scope, drill).expect("a thread").join().expect("no panic")
    });
    let judgement = judge(&plan, &finished.timeline);
    Drilled { judgement, timeline: finished.timeline, account }
}

fn of<'j>(judgement: &'j Judgement, id: &str) -> &'j Verdict {
    judgement.verdicts.iter().find(|one| one.expectation == id).expect("judged")
}

fn observations<'t>(timeline: &'t [Entry], id: &str) -> Vec<&'t Observation> {
    let all = timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Observation(seen) if seen.expectation == id => Some(seen),
        _ => None,
    });
    all.collect()
}

fn samples(account: &mut Account) -> Vec<Value> {
    let detectors = account.call(Service::GuardDuty, "ListDetectors", json!({})).unwrap();
    let detector = &detectors["detectorIds"][0];
    let input = json!({"detectorId": detector});
    let ids = account.call(Service::GuardDuty, "ListFindings", input).unwrap();
    let input = json!({"detectorId": detector, "findingIds": ids["findingIds"]});
    let found = account.call(Service::GuardDuty, "GetFindings", input).unwrap();
    found["findings"].as_array().unwrap().clone()
}

fn imports(account: &mut Account) -> Vec<Value> {
    let found = account.call(Service::SecurityHub, "GetFindings", json!({})).unwrap();
    found["Findings"].as_array().unwrap().clone()
}

#[test]
fn samples_of_guardduty_are_found_published_and_archived() {
    let mut drilled = drilled(GUARDDUTY, ENVIRONMENT, "NoSuchOperation", 0);
    let judgement = &drilled.judgement;
    for id in ["found", "event", "paged", "paged-once"] {
        assert_eq!(of(judgement, id).verdict, VerdictKind::Met, "{:?}", of(judgement, id));
    }
    let graver = of(judgement, "graver");
    assert_eq!(graver.verdict, VerdictKind::Missed);
    assert!(graver.reason.contains("not MEDIUM at the least"), "{}", graver.reason);
    let found = observations(&drilled.timeline, "found");
    assert!(found[0].summary.contains("[SAMPLE]"), "{found:?}");
    let left = samples(&mut drilled.account);
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|finding| finding["service"]["archived"] == true), "{left:?}");
}

#[test]
fn samples_that_stood_before_are_left_as_they_were() {
    let standing = format!(
        "{ENVIRONMENT}\nsetup:\n  - at: -20m\n    service: guardduty\n    operation: CreateSampleFindings\n    \
         input: {{detectorId: \"${{Detector}}\", findingTypes: [\"CryptoCurrency:EC2/BitcoinTool.B!DNS\"]}}\n"
    );
    let mut drilled = drilled(GUARDDUTY, &standing, "NoSuchOperation", 0);
    // One more occurrence of what stands is published at the detector's frequency: too late here.
    assert_eq!(of(&drilled.judgement, "found").verdict, VerdictKind::Met);
    assert_eq!(of(&drilled.judgement, "paged").verdict, VerdictKind::Missed);
    let left = samples(&mut drilled.account);
    let archived: Vec<(&Value, &Value)> =
        left.iter().map(|one| (&one["type"], &one["service"]["archived"])).collect();
    let bitcoin = json!("CryptoCurrency:EC2/BitcoinTool.B!DNS");
    let brute_force = json!("UnauthorizedAccess:EC2/SSHBruteForce");
    assert_eq!(archived, [(&bitcoin, &json!(false)), (&brute_force, &json!(true))]);
    let started = drilled.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultStarted { evidence, .. } => Some(evidence),
        _ => None,
    });
    assert!(!started.expect("it started")["occurred before"].is_empty());
}

#[test]
fn without_a_detector_nothing_is_injected() {
    let off =
        ENVIRONMENT.replace("Detector: {Type", "Unused: {Type: AWS::SNS::Topic}\n  Off: {Type");
    let off = off.replace(
        "Type: AWS::GuardDuty::Detector, Properties: {Enable: true, FindingPublishingFrequency: FIFTEEN_MINUTES}",
        "Type: AWS::SNS::Topic",
    );
    let drilled = drilled(GUARDDUTY, &off, "NoSuchOperation", 0);
    assert_eq!(drilled.judgement.outcome, Outcome::Unsteady);
    let reasons = drilled.judgement.reasons.join(" ");
    assert!(reasons.contains("GuardDuty is off"), "{reasons}");
    let changes = |entry: &Entry| matches!(entry.kind, EntryKind::Intent { .. });
    assert!(!drilled.timeline.iter().any(changes), "{:?}", drilled.timeline);
}

#[test]
fn imports_into_security_hub_are_found_told_once_and_archived_in_silence() {
    let mut drilled = drilled(SECURITY_HUB, ENVIRONMENT, "NoSuchOperation", 0);
    let judgement = &drilled.judgement;
    for id in ["imported", "paged", "paged-once"] {
        assert_eq!(of(judgement, id).verdict, VerdictKind::Met, "{:?}", of(judgement, id));
    }
    for id in ["resolved", "worked-on"] {
        let resolved = of(judgement, id);
        assert_eq!(
            resolved.verdict,
            VerdictKind::Missed,
            "our own undo is no answer: {resolved:?}"
        );
    }
    let left = imports(&mut drilled.account);
    assert_eq!(left.len(), 2);
    for finding in &left {
        assert_eq!(finding["RecordState"], "ARCHIVED");
        assert_eq!(finding["Workflow"]["Status"], "RESOLVED");
        assert_eq!(finding["ProductFields"]["firedrill:run"], stage::RUN_ID);
    }
}

#[test]
fn findings_that_security_hub_refuses_fail_the_fault_in_its_words() {
    let long =
        SECURITY_HUB.replace("cve: CVE-2026-0001", &format!("cve: \"{}\"", "x".repeat(250_000)));
    let mut drilled = drilled(&long, ENVIRONMENT, "NoSuchOperation", 0);
    let failed = drilled.timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultFailed { reason, blind, .. } => Some((reason, blind)),
        _ => None,
    });
    let (reason, blind) = failed.expect("the fault failed");
    assert!(
        reason.starts_with("1 of 2 findings were refused; the first: InvalidInput: "),
        "{reason}"
    );
    assert!(!blind);
    let left = imports(&mut drilled.account);
    assert_eq!(left.len(), 1, "the other was taken");
    assert_eq!(left[0]["RecordState"], "ARCHIVED", "and taken back");
}

#[test]
fn findings_that_can_not_be_taken_back_are_named() {
    for (scenario, denied, words, call) in [
        (GUARDDUTY, "findings/archive", "samples of CryptoCurrency", "guardduty:ArchiveFindings"),
        (
            SECURITY_HUB,
            "findings/batchupdate",
            "the Security Hub findings firedrill/fd-suite/import/1",
            "securityhub:BatchUpdateFindings",
        ),
    ] {
        let drilled = drilled(scenario, ENVIRONMENT, denied, 0);
        assert_eq!(drilled.judgement.outcome, Outcome::Unreverted);
        let left = drilled.timeline.iter().rev().find_map(|entry| match &entry.kind {
            EntryKind::Reverted { left } => Some(left.join(" ")),
            _ => None,
        });
        let left = left.expect("the drill was reverted");
        let why = format!("may not be archived: {call}: AccessDeniedException: ");
        assert!(left.contains(words) && left.contains(&why), "{left}");
        let because = &drilled.judgement.reasons;
        assert!(
            because.iter().any(|reason| reason.contains(&why)),
            "the reports say it: {because:?}"
        );
    }
}

#[test]
fn a_finding_is_called_absent_only_once_security_hub_must_have_it() {
    let (begins, _) = SECURITY_HUB.split_once("expect:").expect("it expects");
    let scenario = format!(
        "{begins}expect:\n  - {{id: imported, finding: {{source: securityhub, severity: high}}, within: 30s}}\n  \
         - {{id: never, never: {{finding: {{source: securityhub, title: Nobody*}}}}, for: 1m}}\n"
    );
    let over = drilled(&scenario, ENVIRONMENT, "NoSuchOperation", 0);
    for verdict in &over.judgement.verdicts {
        assert_eq!(verdict.verdict, VerdictKind::Met, "{verdict:?}");
    }
    let started =
        over.timeline.iter().find(|entry| matches!(entry.kind, EntryKind::FaultStarted { .. }));
    let (first, last) = (started.expect("injected").at, over.timeline.last().expect("it ended").at);
    let lasted = last.duration_since(first).as_secs();
    assert!(lasted >= 6 * 60, "{lasted} s: a finding of GuardDuty comes five minutes later");
    let seen = over.judgement.verdicts[0].observation.as_ref().expect("it was seen");
    assert!(
        seen.seen_at.duration_since(seen.occurred_at).as_secs() < 60,
        "what is there is told at once"
    );
}

#[test]
fn what_became_of_a_finding_while_nobody_could_look_is_not_known_and_whether_it_came_is() {
    let (head, _) = SECURITY_HUB.split_once("expect:").expect("it expects something");
    let scenario = format!(
        "{head}expect:\n  - {{id: came, finding: {{source: securityhub, title: Package*}}, within: 30s}}\n  \
         - {{id: resolved, finding: {{source: securityhub, title: Package*, workflow: RESOLVED}}, within: 3m}}\n  \
         - {{id: other, finding: {{source: securityhub, title: Nothing*}}, within: 3m}}\n"
    );
    let kinds = |count| {
        let between = |inner| deny_for(2, count, "findings", inner);
        let drilled = drilled_through(&scenario, ENVIRONMENT, between);
        drilled.judgement.verdicts.iter().map(|one| one.verdict).collect::<Vec<_>>()
    };
    assert_eq!(kinds(0), [VerdictKind::Met, VerdictKind::Missed, VerdictKind::Missed]);
    // Looks that fail are five seconds apart: these are two and a half minutes.
    assert_eq!(kinds(30), [VerdictKind::Met, VerdictKind::Inconclusive, VerdictKind::Missed]);
}
