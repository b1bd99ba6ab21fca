//! Fire drills for AWS incident automation.
//!
//! firedrill loads a scenario file, injects a fault, and proves that the alarm, the rule, the runbook and
//! the rollback that should answer it each fired, in order, before their deadlines.
//!
//! # The flow
//!
//! ```text
//! YAML -> Scenario (as written) -> Plan (as will happen) -> Timeline (as happened) -> Verdicts (as judged) -> Report (as told)
//!         scenario                 plan                     runner, faults, observe   judge, recovery         report
//! ```
//!
//! Data flows one way. Everything but the middle is pure: no I/O, no clock, no async.
//!
//! | module | what it is for |
//! |---|---|
//! | [`cli`] | the command line's types and the exit codes |
//! | [`commands`] | one file per verb; the composition root, and the only file I/O |
//! | [`diagnostic`] | code, severity, place, message, hint; rendered as text and as JSON |
//! | [`scenario`] | the language: types, loading with places, the named rules of the check |
//! | [`pattern`] | EventBridge event patterns: parse, match one, match many |
//! | [`plan`] | Scenario to Plan; the dry run and the IAM policy |
//! | [`timeline`] | the record: what happened, in order, with AWS's clock beside ours |
//! | [`recorder`] | writes the timeline while it happens |
//! | [`context`] | what it takes to change something, on the record |
//! | [`faults`] | inject and revert, one file per kind |
//! | [`observe`] | one file per kind of thing observed |
//! | [`outside`] | requests and local programs, only where they are allowed |
//! | [`runner`] | one drill: guard, steady state, arm, inject, observe, revert, recover |
//! | [`judge`] | (Plan, Timeline) to verdicts; the only place that says pass or fail |
//! | [`recovery`] | time to detect, act, mitigate, recover, and their statistics |
//! | [`report`] | the report tree and one file per format |
//! | [`aws`] | the SDK's clients, and one error that knows the way out |
//! | [`clock`], [`wakeup`] | what time it is; when to look again |
//! | [`emulator`] | the emulated account under the real SDK |
//!
//! # Why is it like this?
//!
//! **Why is the emulator under the SDK?** It is the SDK's `HttpClient`: serializers, signer, retries and
//! error parser all run in a rehearsal, and above that line there is no "if emulated". A drill on a real
//! account takes the same path with another account at its end.
//!
//! **Why virtual time?** A rehearsal runs under tokio's paused clock. A 30-minute drill takes milliseconds,
//! and two runs with one seed are equal to the byte.
//!
//! **Why is the timeline the product?** Verdicts, recovery times and every report are pure functions of the
//! plan and the timeline, so they can be made again offline, and an intent stands in it before each call
//! that changes something, so what a crash leaves behind is known.
//!
//! **Why six verdicts?** "Could not look" is neither "did not happen" nor "fine", and "late by 42 s" is worth
//! more than "missed".
//!
//! # A drill in virtual time
//!
//! ```
//! use firedrill::commands::drill::rehearse;
//! use firedrill::emulator::environment::Environment;
//! use firedrill::judge::{Outcome, judge};
//! use firedrill::plan::Plan;
//! use firedrill::runner::StopSwitch;
//! use firedrill::scenario::{self, Values};
//!
//! let environment = br#"
//! version: 1
//! account: "111122223333"
//! region: eu-west-1
//! resources:
//!   Pager: {Type: AWS::SNS::Topic, Properties: {TopicName: pager}}
//!   PagerPolicy:
//!     Type: AWS::SNS::TopicPolicy
//!     Properties:
//!       Topics: [!Ref Pager]
//!       PolicyDocument:
//!         Statement: {Effect: Allow, Principal: {Service: cloudwatch.amazonaws.com}, Action: "sns:Publish", Resource: "*"}
//!   Errors:
//!     Type: AWS::CloudWatch::Alarm
//!     Properties:
//!       {AlarmName: errors, Namespace: Shop, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
//!        Threshold: 10, ComparisonOperator: GreaterThanThreshold, TreatMissingData: notBreaching, AlarmActions: [!Ref Pager]}
//! "#;
//! let scenario = br#"
//! version: 1
//! name: errors-page-somebody
//! faults:
//!   - id: errors
//!     put_metric_data: {namespace: Shop, metric: Errors, value: 50, duration: 3m}
//! expect:
//!   - {id: detected, alarm: {name: errors}, within: 3m}
//!   - {id: paged, notification: {topic: pager}, after: detected, within: 30s}
//! "#;
//!
//! let (environment, problems) = Environment::load("errors.yaml".as_ref(), &|_| Ok(environment.to_vec()));
//! assert!(problems.is_empty(), "{problems:?}");
//! let (account, _) = environment.unwrap().account("2026-01-05T09:00:00Z".parse().unwrap(), 0);
//!
//! let loaded = scenario::load("errors-page-somebody.yaml", scenario, &Values::default());
//! let plan = Plan::new(&loaded.scenario.unwrap(), "errors-page-somebody.yaml", "fd-doc").unwrap();
//!
//! let drill = rehearse(&plan, account, &StopSwitch::default(), Box::new(|_| Ok(())));
//! assert_eq!(judge(&plan, &drill.timeline).outcome, Outcome::Passed);
//! ```

pub mod aws;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod context;
pub mod diagnostic;
pub mod emulator;
pub mod faults;
pub mod judge;
pub mod observe;
pub mod outside;
pub mod pattern;
pub mod plan;
pub mod recorder;
pub mod recovery;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod timeline;
pub mod wakeup;
