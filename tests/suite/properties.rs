//! Random environments and scenarios: every drill ends, reverts everything, and is judged the same when its
//! timeline is read back from its lines.
//!
//! `FIREDRILL_CASES=5000 cargo test --release --test suite properties` looks further.

use std::fmt::Write as _;

use firedrill::judge::{Outcome, judge};
use firedrill::plan::Plan;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind, parse_lines};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::stage::{assert_clean, built, drill, last_injection, tail, unheard};

/// More calls than this mean that somebody looks in a circle: a look costs a call, and a drill of a few
/// dozen events has no reason for more.
const MOST_CALLS: u64 = 1_500;

/// What comes after the last window: reverting, and taking the listeners away.
const AFTERWARDS: SignedDuration = SignedDuration::from_mins(10);

/// What stands in the account.
#[derive(Debug, Clone)]
struct World {
    alarms: Vec<Alarm>,
    rules: Vec<Rule>,
    topics: u8,
    instances: bool,
    documents: bool,
}

#[derive(Debug, Clone)]
struct Alarm {
    periods: u8,
    missing: &'static str,
    /// What its signal shows while nothing is wrong; nothing for no signal at all.
    baseline: Option<u8>,
    /// What moves the signal.
    effect: u8,
    topic: u8,
    actions: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    enabled: bool,
    /// What it sends to: a topic, a runbook, nothing.
    target: u8,
    source: u8,
}

fn alarm() -> impl Strategy<Value = Alarm> {
    let missing = prop::sample::select(vec![
        "notBreaching",
        "notBreaching",
        "breaching",
        "ignore",
        "missing",
    ]);
    let baseline =
        prop::option::weighted(0.95, prop::sample::select([&[1_u8; 15][..], &[50]].concat()));
    let actions = prop::bool::weighted(0.96);
    (1..3_u8, missing, baseline, 0..5_u8, 0..4_u8, actions).prop_map(
        |(periods, missing, baseline, effect, topic, actions)| Alarm {
            periods,
            missing,
            baseline,
            effect,
            topic,
            actions,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let target = prop::sample::select(vec![0_u8, 0, 0, 1, 1, 1, 1, 2, 3]);
    let rule = (prop::bool::weighted(0.95), target, 0..3_u8)
        .prop_map(|(enabled, target, source)| Rule { enabled, target, source });
    let alarms = prop::collection::vec(alarm(), 1..5);
    let rules = prop::collection::vec(rule, 0..3);
    (alarms, rules, 1..4_u8, prop::bool::weighted(0.95), prop::bool::weighted(0.97)).prop_map(
        |(alarms, rules, topics, instances, documents)| World {
            alarms,
            rules,
            topics,
            instances,
            documents,
        },
    )
}

const AROUND: &str = r#"
  RunbookRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: runbook
      AssumeRolePolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: [ssm.amazonaws.com, events.amazonaws.com]}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  DrillRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: drill
      AssumeRolePolicyDocument:
        Statement: {Effect: Allow, Principal: {Service: fis.amazonaws.com}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.20.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.20.1.0/24}}
"#;

const INSTANCE: &str = "  Instance:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: ami-0a1b2c3d4e5f60001
      InstanceType: t3.micro
      SubnetId: !Ref Subnet
      Tags: [{Key: Name, Value: drilled}]
";

const DOCUMENT: &str = r#"  Runbook:
    Type: AWS::SSM::Document
    Properties:
      Name: Answer
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        assumeRole: arn:aws:iam::111122223333:role/runbook
        mainSteps:
          - {name: think, action: "aws:sleep", inputs: {Duration: PT20S}}
          - name: note
            action: aws:executeAwsApi
            inputs: {Service: ssm, Api: PutParameter, Name: answer, Value: done, Type: String, Overwrite: true}
"#;

fn fis_template(id: &str, name: &str, targets: &str, action: &str) -> String {
    format!(
        "  {id}:
    Type: AWS::FIS::ExperimentTemplate
    Properties:
      Description: {name}
      RoleArn: !GetAtt DrillRole.Arn
      Tags: {{Name: {name}}}
      StopConditions:
        - {{Source: aws:cloudwatch:alarm, Value: \"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:alarm-0\"}}
      Targets: {targets}
      Actions:
        act: {action}
"
    )
}

impl World {
    fn text(&self) -> String {
        let mut text =
            "version: 1\naccount: \"111122223333\"\nregion: eu-west-1\nresources:".to_owned();
        text += AROUND;
        for topic in 0..self.topics {
            let _ = writeln!(
                text,
                "  Topic{topic}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: topic-{topic}}}}}
  Topic{topic}Policy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic{topic}]
      PolicyDocument:
        Statement: {{Effect: Allow, Principal: {{Service: [cloudwatch.amazonaws.com, events.amazonaws.com]}}, Action: \"sns:Publish\", Resource: \"*\"}}"
            );
        }
        for (index, alarm) in self.alarms.iter().enumerate() {
            let actions = if alarm.topic < self.topics {
                format!("AlarmActions: [!Ref Topic{}]", alarm.topic)
            } else {
                "AlarmActions: []".to_owned()
            };
            let _ = writeln!(
                text,
                "  Alarm{index}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      {{AlarmName: alarm-{index}, Namespace: Shop, MetricName: Metric{index}, Statistic: Sum, Period: 60,
       EvaluationPeriods: {}, Threshold: 10, ComparisonOperator: GreaterThanThreshold,
       TreatMissingData: {}, ActionsEnabled: {}, {actions}}}",
                alarm.periods, alarm.missing, alarm.actions
            );
        }
        for (index, rule) in self.rules.iter().enumerate() {
            self.rule(index, rule, &mut text);
        }
        if self.instances {
            text += INSTANCE;
        }
        if self.documents {
            text += DOCUMENT;
        }
        text += &fis_template(
            "Wait",
            "wait",
            "{}",
            "{ActionId: aws:fis:wait, Parameters: {duration: PT3M}}",
        );
        text += &fis_template(
            "Terminate",
            "terminate",
            "{one: {ResourceType: aws:ec2:instance, ResourceTags: {Name: drilled}, SelectionMode: ALL}}",
            "{ActionId: aws:ec2:terminate-instances, Targets: {Instances: one}}",
        );
        text += &fis_template(
            "Cut",
            "cut",
            "{one: {ResourceType: aws:ec2:subnet, ResourceArns: [!Sub \"arn:aws:ec2:eu-west-1:111122223333:subnet/${Subnet}\"], SelectionMode: ALL}}",
            "{ActionId: aws:network:disrupt-connectivity, Parameters: {scope: all, duration: PT6M}, Targets: {Subnets: one}}",
        );
        self.signals(&mut text);
        text
    }

    fn rule(&self, index: usize, rule: &Rule, text: &mut String) {
        let target = match rule.target {
            0 => "[{Id: topic, Arn: !Ref Topic0}]".to_owned(),
            1 if self.documents => "[{Id: runbook, RoleArn: !GetAtt RunbookRole.Arn, Arn: \
                 !Sub \"arn:aws:ssm:eu-west-1:111122223333:automation-definition/${Runbook}\"}]"
                .to_owned(),
            2 => "[{Id: nowhere, Arn: \"arn:aws:sns:eu-west-1:111122223333:no-such-topic\"}]"
                .to_owned(),
            _ => "[]".to_owned(),
        };
        let state = if rule.enabled { "ENABLED" } else { "DISABLED" };
        let pattern = match rule.source {
            2 => "{source: [aws.cloudwatch]}".to_owned(),
            source => format!("{{source: [shop.s{source}]}}"),
        };
        let _ = writeln!(
            text,
            "  Rule{index}:
    Type: AWS::Events::Rule
    Properties: {{Name: rule-{index}, State: {state}, EventPattern: {pattern}, Targets: {target}}}"
        );
    }

    fn signals(&self, text: &mut String) {
        *text += "signals:\n";
        for (index, alarm) in self.alarms.iter().enumerate() {
            let Some(baseline) = alarm.baseline else { continue };
            let effect = match alarm.effect {
                0 => "{while: {fact: fis-action, action: \"aws:network:*\"}, value: 90}",
                1 => {
                    "{from: {event: {source: [aws.ec2], detail: {state: [shutting-down]}}}, for: 4m, value: 90}"
                }
                2 => {
                    "{from: {event: {source: [shop.s0]}}, value: 90, until: {event: {source: [shop.s1]}}}"
                }
                3 => "{from: {event: {source: [shop.s1]}}, for: 2m, after: 30s, value: null}",
                _ => {
                    "{from: {api_call: {service: ssm, operation: PutParameter}}, for: 3m, value: 90}"
                }
            };
            let _ = writeln!(
                text,
                "  - {{metric: {{namespace: Shop, name: Metric{index}}}, every: 1m, baseline: {baseline}, effects: [{effect}]}}"
            );
        }
    }
}

/// Makes a number point at one of the things that are there, unless it is to miss.
fn there(which: u8, count: usize, astray: bool) -> usize {
    if astray || count == 0 { count + usize::from(which) } else { usize::from(which) % count }
}

/// One fault, by numbers that point at what is there, or do not.
#[derive(Debug, Clone)]
struct Fault {
    kind: u8,
    which: u8,
    at: u16,
    after: bool,
    effect: bool,
    astray: bool,
}

#[derive(Debug, Clone)]
struct Expected {
    kind: u8,
    which: u8,
    within: u16,
    after: u8,
    count: u8,
    sustain: u16,
    never: bool,
    state: u8,
    astray: bool,
}

#[derive(Debug, Clone)]
struct Script {
    faults: Vec<Fault>,
    expect: Vec<Expected>,
    recovery: Vec<Expected>,
    steady: Option<u8>,
    stop: Option<u8>,
    grace: u16,
    max_minutes: Option<u8>,
}

fn expected() -> impl Strategy<Value = Expected> {
    let within = prop::sample::select(vec![0_u16, 1, 10, 30, 60, 119, 180, 300, 600]);
    let sustain = prop::sample::select(vec![0_u16, 0, 0, 30, 60, 200]);
    let count = prop::sample::select(vec![1_u8, 1, 1, 2, 3]);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.03));
    (0..8_u8, 0..5_u8, within, 0..9_u8, count, sustain, flags, 0..4_u8).prop_map(
        |(kind, which, within, after, count, sustain, (never, astray), state)| Expected {
            kind,
            which,
            within,
            after,
            count,
            sustain,
            never,
            state,
            astray,
        },
    )
}

fn script() -> impl Strategy<Value = Script> {
    let at = prop::sample::select(vec![0_u16, 0, 1, 20, 59, 90, 240]);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.3), prop::bool::weighted(0.03));
    let fault =
        (0..7_u8, 0..5_u8, at, flags).prop_map(|(kind, which, at, (after, effect, astray))| {
            Fault { kind, which, at, after, effect, astray }
        });
    (
        prop::collection::vec(fault, 1..4),
        prop::collection::vec(expected(), 1..7),
        prop::collection::vec(expected(), 0..3),
        prop::option::weighted(0.2, 0..3_u8),
        prop::option::weighted(0.3, 0..3_u8),
        prop::sample::select(vec![0_u16, 30, 60, 120]),
        prop::option::weighted(0.15, 1..20_u8),
    )
        .prop_map(|(faults, expect, recovery, steady, stop, grace, max_minutes)| Script {
            faults,
            expect,
            recovery,
            steady,
            stop,
            grace,
            max_minutes,
        })
}

const INLINE: &str = "fis: {inline: {description: inline, roleArn: \"arn:aws:iam::111122223333:role/drill\", \
    stopConditions: [{source: none}], \
    targets: {one: {resourceType: \"aws:ec2:instance\", resourceTags: {Name: drilled}, selectionMode: ALL}}, \
    actions: {first: {actionId: \"aws:fis:wait\", parameters: {duration: PT1M}}, \
    stop: {actionId: \"aws:ec2:stop-instances\", parameters: {startInstancesAfterDuration: PT5M}, targets: {Instances: one}, startAfter: [first]}}}}";

impl Fault {
    fn line(&self, index: usize, expectations: usize, world: &World) -> String {
        let which = there(self.which, world.alarms.len(), self.astray);
        let action = match self.kind {
            0 => format!(
                "put_events: {{entries: [{{source: shop.s{}, detail-type: T, detail: {{run: \"${{run.id}}\"}}}}]}}",
                which % 3
            ),
            1 => format!("set_alarm_state: {{alarm: alarm-{which}, state: ALARM}}"),
            2 => format!(
                "put_metric_data: {{namespace: Shop, metric: Metric{which}, value: 77, every: 30s, duration: 4m}}"
            ),
            3 => "fis: {template: wait}".to_owned(),
            4 => "fis: {template: terminate}".to_owned(),
            5 => "fis: {template: cut}".to_owned(),
            _ => INLINE.to_owned(),
        };
        let start = if self.after && index > 0 {
            format!("after: f{}", index - 1)
        } else {
            format!("at: {}s", self.at)
        };
        let effect = match which {
            which if self.effect && which < expectations => format!(", effect: e{which}"),
            _ => String::new(),
        };
        format!("  - {{id: f{index}, {start}{effect}, {action}}}\n")
    }
}

impl Expected {
    fn kind(&self, faults: usize, world: &World) -> String {
        let alarm = there(self.which, world.alarms.len(), self.astray);
        let rule = there(self.which, world.rules.len(), self.astray);
        let topic = there(self.which, usize::from(world.topics), self.astray);
        let which = self.which;
        let pick = |names: &[&'static str]| names[usize::from(self.state) % names.len()];
        match self.kind {
            2 if world.rules.is_empty() && !self.astray => "event: {pattern: {source: [shop.s0]}}".to_owned(),
            0 | 1 => {
                let state = pick(&["ALARM", "ALARM", "OK", "INSUFFICIENT_DATA"]);
                let action = if which == 3 { ", action: \"*\"" } else { "" };
                format!("alarm: {{name: alarm-{alarm}, state: {state}{action}}}")
            }
            2 => format!(
                "rule: {{name: rule-{rule}, state: {}}}",
                pick(&["matched", "invoked", "failed", "invoked"])
            ),
            3 => format!("event: {{pattern: {{source: [shop.s{}]}}}}", which % 3),
            4 => {
                "event: {pattern: {source: [aws.cloudwatch], detail-type: [CloudWatch Alarm State Change]}}"
                    .to_owned()
            }
            5 => format!("notification: {{topic: topic-{topic}}}"),
            6 => format!(
                "runbook: {{document: Answer, status: {}}}",
                pick(&["Success", "Success", "Failed", "InProgress"])
            ),
            _ => format!(
                "experiment: {{fault: f{}, state: {}}}",
                usize::from(which) % faults,
                pick(&["running", "completed", "stopped", "failed"])
            ),
        }
    }

    fn line(&self, id: &str, index: usize, faults: usize, world: &World) -> String {
        let kind = self.kind(faults, world);
        let after = match usize::from(self.after) {
            before if before < index => format!(", after: e{before}"),
            other if other > 6 => format!(", after: f{}", other % faults),
            _ => String::new(),
        };
        if self.never {
            let (more, within) = (self.count - 1, self.within.max(1));
            return format!(
                "  - {{id: {id}{index}, never: {{{kind}, more_than: {more}}}, for: {within}s{after}}}\n"
            );
        }
        let mut line = format!("  - {{id: {id}{index}, {kind}, within: {}s{after}", self.within);
        if self.sustain > 0 && matches!(self.kind, 0 | 1 | 7) {
            let _ = write!(line, ", sustain: {}s", self.sustain);
        } else if self.count > 1 {
            let _ = write!(line, ", count: {}", self.count);
        }
        line + "}\n"
    }
}

impl Script {
    fn text(&self, world: &World) -> String {
        let mut text = "version: 1\nname: random\nenvironment: environment.yaml\n".to_owned();
        let _ = writeln!(text, "grace: {}s", self.grace);
        if let Some(minutes) = self.max_minutes {
            let _ = writeln!(text, "guardrails: {{max_duration: {minutes}m}}");
        }
        if let Some(alarm) = self.steady.map(|alarm| there(alarm, world.alarms.len(), false)) {
            let _ = writeln!(text, "steady_state: [{{alarm: {{name: alarm-{alarm}}}}}]");
        }
        if let Some(alarm) = self.stop.map(|alarm| there(alarm, world.alarms.len(), false)) {
            let _ = writeln!(text, "stop_conditions: [{{alarm: alarm-{alarm}}}]");
        }
        text += "faults:\n";
        for (index, fault) in self.faults.iter().enumerate() {
            text += &fault.line(index, self.expect.len(), world);
        }
        text += "expect:\n";
        for (index, expected) in self.expect.iter().enumerate() {
            text += &expected.line("e", index, self.faults.len(), world);
        }
        if !self.recovery.is_empty() {
            text += "recovery:\n";
            for (index, expected) in self.recovery.iter().enumerate() {
                let plain = Expected { kind: 0, never: false, state: 2, ..expected.clone() };
                text += &plain.line("r", index, self.faults.len(), world);
            }
        }
        text
    }
}

/// The judgement of a timeline that went through its lines, and of a plan that went through its file.
fn assert_replays(plan: &Plan, timeline: &[Entry], words: &str) {
    let lines: String = timeline.iter().map(Entry::to_line).collect();
    let read = parse_lines(lines.as_bytes()).expect("our own lines");
    assert_eq!(read.entries, timeline, "{words}");
    let written = serde_json::to_string(plan).expect("a plan is plain data");
    let plan_read: Plan = serde_json::from_str(&written).expect("our own plan");
    assert_eq!(judge(&plan_read, &read.entries), judge(plan, timeline), "{words}");
}

fn assert_drill(world: &World, script: &Script) -> Option<Outcome> {
    let (environment, scenario) = (world.text(), script.text(world));
    let words = format!("{environment}\n---\n{scenario}");
    let (plan, account) = built(&scenario, &environment)?;
    let over = drill(&plan, account.clone(), &StopSwitch::default(), unheard());
    let timeline = &over.finished.timeline;
    assert_clean(&account, &over, &words);
    assert_replays(&plan, timeline, &words);
    let (first, last) = (timeline[0].at, timeline[timeline.len() - 1].at);
    let took = last.duration_since(first);
    assert!(took <= plan.max_duration + AFTERWARDS, "took {took:?}: {words}{}", tail(timeline));
    let calls = over.finished.calls.expect("it counts");
    assert!(calls <= MOST_CALLS, "{calls} calls: {words}{}", tail(timeline));
    let judgement = judge(&plan, timeline);
    let refused = timeline
        .iter()
        .any(|entry| matches!(&entry.kind, EntryKind::Preflight { problem: Some(_), .. }));
    assert!(!refused || last_injection(timeline).is_none(), "{words}{}", tail(timeline));
    assert!(!refused || judgement.outcome != Outcome::Passed, "{words}{}", tail(timeline));
    assert_ne!(judgement.outcome, Outcome::Unreverted, "{words}{}", tail(timeline));
    Some(judgement.outcome)
}

fn cases(default: u32) -> ProptestConfig {
    let wanted = std::env::var("FIREDRILL_CASES").ok().and_then(|text| text.parse().ok());
    let max_shrink_iters = 300;
    ProptestConfig {
        cases: wanted.unwrap_or(default),
        max_shrink_iters,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_drill_ends_reverts_everything_and_is_judged_the_same_from_its_record(
        world in world(),
        script in script(),
    ) {
        assert_drill(&world, &script);
    }
}

/// The random drills are of use only if they get somewhere: many are refused, but not nearly all.
#[test]
fn random_drills_reach_each_outcome_that_a_drill_can_have() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..120 {
        let world = world().new_tree(&mut runner).expect("it generates").current();
        let script = script().new_tree(&mut runner).expect("it generates").current();
        let outcome = assert_drill(&world, &script);
        *counts.entry(format!("{outcome:?}")).or_default() += 1;
    }
    let count = |outcome: &str| counts.get(&format!("Some({outcome})")).copied().unwrap_or(0);
    for outcome in ["Failed", "Unsteady", "Inconclusive", "Stopped", "Passed"] {
        assert!(count(outcome) > 0, "{counts:?}");
    }
    assert!(count("Unsteady") < 70, "{counts:?}");
}
