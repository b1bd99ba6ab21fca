//! What is expected and what is broken, in words.
//!
//! No main type: one function per thing. Invariant: one line each, names in backticks.

use indexmap::IndexMap;

use super::tree::ClockTold;
use crate::judge::words::{human, often};
use crate::plan::text::execution;
use crate::plan::{Anchor, Becomes, Demand, FaultAction, Kind, LogSearch, Start, records};
use crate::scenario::types::{RuleState, Stage};
use crate::timeline::{Target, TargetKind};

/// What an expectation looks at: "alarm `vpn-status` in ALARM".
pub(crate) fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Alarm { name, state, action } => {
            let state = state.as_str();
            match action.as_deref() {
                None => format!("alarm `{name}` in {state}"),
                Some("*") => format!("alarm `{name}` in {state}, its action run"),
                Some(action) => format!("alarm `{name}` in {state}, action `{action}` run"),
            }
        }
        Kind::Rule { name, bus, state } => {
            let did = match state {
                RuleState::Matched => "matched",
                RuleState::Invoked => "invoked its targets",
                RuleState::Failed => "failed to invoke",
            };
            format!("rule `{name}` on bus `{bus}` {did}")
        }
        Kind::Runbook { document, status, steps, .. } => {
            let steps = match steps.len() {
                0 => String::new(),
                _ => format!(" with {}", list(steps)),
            };
            format!("runbook `{document}` {status}{steps}")
        }
        Kind::CodeDeployRollback { application, group } => {
            format!("CodeDeploy rollback of `{application}` / `{group}`")
        }
        Kind::Event { bus, .. } => format!("event on bus `{bus}`"),
        Kind::Notification { topic, contains } => match contains {
            None => format!("notification on `{topic}`"),
            Some(text) => format!("notification on `{topic}` with \"{text}\""),
        },
        Kind::Experiment { fault, state } => format!("experiment of `{fault}` {state}"),
        Kind::Finding(finding) => records::finding(finding),
        Kind::OpsItem(item) => records::ops_item(item),
        Kind::Incident(incident) => records::incident(incident),
        Kind::ApiCall(call) => records::api_call(call),
        Kind::Queue { name, messages, level } => {
            format!("queue `{name}` with {}", level.words(*messages))
        }
        Kind::Deployment { release, becomes } => match becomes {
            Becomes::State { state } => format!("{} {state}", release.words()),
            Becomes::RolledBack { triggered_by: None } => {
                format!("rollback of {}", release.words())
            }
            Becomes::RolledBack { triggered_by: Some(by) } => {
                format!("rollback of {} by {by}", release.words())
            }
        },
        Kind::Log { groups, search } => {
            let by = match search {
                LogSearch::Pattern(pattern) => pattern,
                LogSearch::Query(query) => query,
            };
            let short: String = by.chars().take(60).collect();
            let more = if short.len() < by.len() { "…" } else { "" };
            format!("log event in {} by `{short}{more}`", list(groups))
        }
        Kind::Execution { state_machine, status, input, output } => {
            execution(state_machine, status, input.as_ref(), output.as_ref())
        }
        Kind::Http { request, predicate, .. } => {
            format!("`{}` answers that {}", request.words(), predicate.words())
        }
    }
}

/// What is demanded: "within 2m", "never, for 10m".
pub(crate) fn demand(demand: &Demand) -> String {
    match demand {
        Demand::Happens { within, count, sustain } => {
            let mut text = format!("within {}", human(*within));
            if *count > 1 {
                text = format!("{count} times {text}");
            }
            if !sustain.is_zero() {
                text = format!("{text}, for {}", human(*sustain));
            }
            text
        }
        Demand::Never { watch_for, more_than: 0 } => format!("never, for {}", human(*watch_for)),
        Demand::Never { watch_for, more_than } => {
            format!("at most {} in {}", often(*more_than), human(*watch_for))
        }
    }
}

/// What a window counts from.
pub(crate) fn anchor(anchor: &Anchor) -> String {
    match anchor {
        Anchor::Fault(id) => format!("fault `{id}`"),
        Anchor::Expectation(id) => format!("`{id}`"),
    }
}

/// What a fault does.
pub(crate) fn action(action: &FaultAction) -> String {
    match action {
        FaultAction::FisTemplate { template } => format!("FIS experiment `{template}`"),
        FaultAction::FisInline { .. } => "FIS experiment from an inline template".to_owned(),
        FaultAction::PutEvents { bus, entries } => {
            format!("{} on bus `{bus}`", count(entries.len(), "event"))
        }
        FaultAction::SetAlarmState { alarm, state, .. } => {
            format!("alarm `{alarm}` set to {}", state.as_str())
        }
        FaultAction::PutMetricData { namespace, metric, value, datapoints, .. } => {
            let datapoints = usize::try_from(*datapoints).unwrap_or(usize::MAX);
            format!("{} of `{namespace}` `{metric}` = {value}", count(datapoints, "datapoint"))
        }
        FaultAction::SsmAutomation(start) => format!("runbook `{}` started", start.document),
        FaultAction::SsmCommand(send) => format!("command `{}` sent", send.document),
        FaultAction::StartExecution(start) => {
            format!("execution of state machine `{}` started", start.state_machine)
        }
        FaultAction::Invoke(invoke) => format!("function `{}` invoked", invoke.function),
        FaultAction::DisableRule { bus, name } => format!("rule `{name}` on bus `{bus}` disabled"),
        FaultAction::Publish { topic, .. } => format!("message on topic `{topic}`"),
        FaultAction::SendMessage { queue, .. } => format!("message to queue `{queue}`"),
        FaultAction::SampleFindings { types, .. } => format!("GuardDuty samples: {}", list(types)),
        FaultAction::SecurityHubFindings { findings } => {
            format!("{} imported into Security Hub", count(findings.len(), "finding"))
        }
        FaultAction::StartReplay(replay) => format!("replay of archive `{}`", replay.archive),
        FaultAction::LogLine { group, count: lines, .. } => {
            let lines = usize::try_from(*lines).unwrap_or(usize::MAX);
            format!("{} in log group `{group}`", count(lines, "line"))
        }
        FaultAction::Http { request, .. } => format!("request `{}`", request.words()),
        FaultAction::Command { run, .. } => format!("local program `{}`", run.words()),
    }
}

/// When a fault starts.
pub(crate) fn start(start: &Start) -> String {
    match start {
        Start::At(offset) if offset.is_zero() => "at once".to_owned(),
        Start::At(offset) => format!("after {}", human(*offset)),
        Start::After { fault, delay } if delay.is_zero() => format!("after `{fault}`"),
        Start::After { fault, delay } => format!("{} after `{fault}`", human(*delay)),
    }
}

/// A stage of the response.
pub(crate) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Detect => "detect",
        Stage::Act => "act",
        Stage::Mitigate => "mitigate",
        Stage::Recover => "recover",
    }
}

/// Where a run took place.
pub(crate) fn target(target: &Target) -> String {
    let kind = match target.kind {
        TargetKind::Emulator => "emulated account",
        TargetKind::Aws => "AWS account",
        TargetKind::Endpoint => "account behind an endpoint",
    };
    format!("{kind} {} in {}", target.account, target.region)
}

/// Where something was seen, where there is more than one place: `security (emulated account … in …)`.
pub(crate) fn place(places: &IndexMap<String, Target>, name: Option<&str>) -> Option<String> {
    let name = name.unwrap_or("home");
    let found = places.get(name)?;
    Some(format!("{name} ({})", target(found)))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// One of something, or several: "1 drill", "3 drills".
pub(crate) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// What a clock that is far off means for a reader.
pub(super) const CLOCK_IS_OFF: &str =
    "set it (NTP); what AWS dates is right all the same, and a fault's start is corrected by this";

/// How our clock stands to AWS's, in words: `our clock is 1.2s behind AWS's (exact to 80ms, 40 answers)`.
pub(super) fn clock(clock: &ClockTold) -> String {
    let ClockTold { target, offset, uncertainty, samples } = clock;
    let place = target.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
    let answers = format!("{}{place}", count(*samples, "answer"));
    if offset.abs() <= *uncertainty {
        let most = human(offset.abs().saturating_add(*uncertainty));
        return format!("our clock agrees with AWS's as far as {answers} can tell, to {most}");
    }
    let direction = if offset.is_negative() { "ahead of" } else { "behind" };
    let (by, exact) = (human(offset.abs()), human(*uncertainty));
    format!("our clock is {by} {direction} AWS's (exact to {exact}, by {answers})")
}

/// What a rehearsal proves, said wherever one is reported.
pub(crate) const REHEARSAL: &str = "A rehearsal on the emulated account proves the wiring of the \
     response (detection, routing, runbook, rollback, time), not the application.";
