//! What is taken back though it looks as if there was nothing to take back: answers that were lost, lists that
//! do not show everything yet, and what two faults did to one thing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use firedrill::commands::drill::rehearse_through;
use firedrill::emulator::Account;
use firedrill::emulator::belongings::alarm_states;
use firedrill::runner::StopSwitch;
use firedrill::timeline::{Entry, EntryKind};

use crate::between::{between, refuse};
use crate::stage::{belongings, built};
use crate::support::root;

/// What becomes of the calls of one operation, by their count from 0.
#[derive(Debug, Clone, Copy)]
enum Weather {
    /// Nothing happens to any call.
    Fair,
    /// The first call of this operation is heard, and its answer is lost; the next are throttled.
    LostThenThrottled(&'static str),
    /// A command that is asked for by its id is not listed until it is cancelled.
    NotListedYet,
}

/// Drills with these faults in the environment that has one of each thing; the account before and after.
fn drilled(faults: &str, weather: Weather) -> (Vec<Entry>, Account, Account) {
    let environment = root().join("tests/data/every-fault/environment.yaml");
    let environment = std::fs::read_to_string(environment).expect("it is there");
    let scenario = format!(
        "version: 1\nname: undoing\nenvironment: environment.yaml\nguardrails: {{max_duration: 30m}}\nfaults:\n\
         {faults}expect:\n  - {{id: quiet, never: {{rule: {{name: idle, bus: shop}}}}, for: 2m}}\n"
    );
    let (plan, before) = built(&scenario, &environment).expect("in order");
    let calls = Arc::new(AtomicUsize::new(0));
    let (over, after) = rehearse_through(&plan, before.clone(), &StopSwitch::default(), |inner| {
        between(inner, move |name, request, connector| match weather {
            Weather::LostThenThrottled(lost) if name == lost => {
                if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                    return refuse(&request, 400, "ThrottlingException");
                }
                HttpConnectorFuture::new(async move {
                    connector.call(request).await?;
                    Err(ConnectorError::io("the connection was reset".into()))
                })
            }
            Weather::NotListedYet if name == "CancelCommand" => {
                calls.fetch_add(1, Ordering::Relaxed);
                connector.call(request)
            }
            Weather::NotListedYet if name == "ListCommands" => {
                let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
                if calls.load(Ordering::Relaxed) > 0 || !body.contains("CommandId") {
                    return connector.call(request);
                }
                let status = StatusCode::try_from(200).expect("a status");
                let response = HttpResponse::new(status, SdkBody::from(r#"{"Commands":[]}"#));
                HttpConnectorFuture::ready(Ok(response))
            }
            Weather::Fair | Weather::LostThenThrottled(_) | Weather::NotListedYet => {
                connector.call(request)
            }
        })
    });
    (over.timeline, before, after)
}

/// What the record says is left.
fn left(timeline: &[Entry]) -> Vec<String> {
    let told = timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::Reverted { left } => Some(left.clone()),
        _ => None,
    });
    told.expect("the drill was reverted")
}

#[test]
fn a_change_whose_answer_was_lost_and_whose_second_try_was_throttled_is_taken_back() {
    let faults = "  - {id: off, disable_rule: {name: orders, bus: shop}}\n";
    let (timeline, before, after) = drilled(faults, Weather::LostThenThrottled("DisableRule"));
    let refused = |kind: &EntryKind| matches!(kind, EntryKind::Receipt { error: Some(error), .. } if error.contains("ThrottlingException"));
    assert!(timeline.iter().any(|entry| refused(&entry.kind)), "{timeline:#?}");
    assert_eq!(left(&timeline), Vec::<String>::new());
    assert_eq!(belongings(&after), belongings(&before), "{timeline:#?}");
}

#[test]
fn an_alarm_that_two_faults_set_returns_to_what_it_was_before_the_drill() {
    let faults = "  - {id: first, set_alarm_state: {alarm: either, state: ALARM}}\n  \
        - {id: second, at: 1m, set_alarm_state: {alarm: either, state: INSUFFICIENT_DATA}}\n";
    let (timeline, before, after) = drilled(faults, Weather::Fair);
    assert_eq!(left(&timeline), Vec::<String>::new());
    let state = |account: &Account| alarm_states(account)["either"]["state"].clone();
    assert_eq!(state(&after), state(&before), "{timeline:#?}");
    let moments = timeline.iter().filter_map(|entry| match &entry.kind {
        EntryKind::FaultStarted { occurred_at, uncertain_ms: 0, .. } => Some(*occurred_at),
        _ => None,
    });
    let moments: Vec<_> = moments.collect();
    assert!(moments.len() == 2 && moments[0] < moments[1], "each by its own change: {moments:?}");
}

#[test]
fn a_command_that_is_not_listed_yet_is_cancelled() {
    let faults = "  - id: cut\n    ssm_command: {document: AWS-RunShellScript, \
        targets: [{key: \"tag:Service\", values: [web]}], parameters: {commands: [sleep]}}\n";
    let (timeline, before, after) = drilled(faults, Weather::NotListedYet);
    let cancelled = |kind: &EntryKind| matches!(kind, EntryKind::Intent { call, .. } if call == "ssm:CancelCommand");
    assert!(timeline.iter().any(|entry| cancelled(&entry.kind)), "{timeline:#?}");
    assert_eq!(belongings(&after), belongings(&before), "{timeline:#?}");
}
