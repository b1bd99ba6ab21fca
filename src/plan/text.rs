//! The dry run: a plan as people read it before they allow it.
//!
//! Main function: [`render`]. Invariant: it is made from the plan alone, so what it says is what the
//! runner does.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::SignedDuration;

use super::calls::Step;
use super::machines;
use super::schedule::{MARGIN, Schedule};
use super::{
    Anchor, Becomes, Demand, FaultAction, Kind, LogSearch, Phase, Plan, PlannedExpectation,
    Predicate, Span, Start, records,
};
use crate::scenario::names::at_target;
use crate::scenario::types::{Correlation, RuleState, Stage, Window};

/// The plan, in sections.
pub fn render(plan: &Plan) -> String {
    sections(plan, true)
}

/// The plan without its list of calls: what somebody reads who is asked whether it is meant.
pub fn brief(plan: &Plan) -> String {
    sections(plan, false)
}

fn sections(plan: &Plan, with_calls: bool) -> String {
    let mut text = String::new();
    let schedule = plan.schedule().ok();
    header(&mut text, plan);
    before(&mut text, plan);
    faults(&mut text, plan);
    expectations(&mut text, plan, schedule.as_ref(), Phase::Expect, "Expect");
    expectations(&mut text, plan, schedule.as_ref(), Phase::Recovery, "Recovery");
    if with_calls {
        calls(&mut text, plan);
        cadence(&mut text);
    }
    blast_radius(&mut text, plan, schedule.as_ref());
    text
}

/// A duration as the language writes it: `2m`, `1h 30m`, `0s`.
pub fn duration(duration: SignedDuration) -> String {
    let positive = std::time::Duration::try_from(duration).unwrap_or_default();
    humantime::format_duration(positive).to_string()
}

/// What an expectation looks at, in a few words: `alarm vpn-status is ALARM`.
pub fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Alarm { name, state, action } => {
            let action = match action.as_deref() {
                None => String::new(),
                Some("*") => ", and its action ran".to_owned(),
                Some(arn) => format!(", and its action {arn} ran"),
            };
            format!("alarm {name} is {}{action}", state.as_str())
        }
        Kind::Rule { name, bus, state } => {
            let did = match state {
                RuleState::Matched => "matched",
                RuleState::Invoked => "invoked its target",
                RuleState::Failed => "failed to invoke",
            };
            let on = if bus == "default" { String::new() } else { format!(" on {bus}") };
            format!("rule {name}{on} {did}")
        }
        Kind::Runbook { document, status, steps, .. } => {
            let through = if steps.is_empty() {
                String::new()
            } else {
                format!(", through {}", steps.join(", "))
            };
            format!("runbook {document} is {status}{through}")
        }
        Kind::CodeDeployRollback { application, group } => {
            format!("CodeDeploy rolls {application}/{group} back")
        }
        Kind::Event { bus, pattern } => {
            let short: String = pattern.chars().take(80).collect();
            let more = if short.len() < pattern.len() { "…" } else { "" };
            format!("event on {bus} matching {short}{more}")
        }
        Kind::Notification { topic, contains } => match contains {
            Some(words) => format!("message on {topic} containing `{words}`"),
            None => format!("message on {topic}"),
        },
        Kind::Experiment { fault, state } => format!("experiment of {fault} is {state}"),
        Kind::Finding(finding) => records::finding(finding),
        Kind::OpsItem(item) => records::ops_item(item),
        Kind::Incident(incident) => records::incident(incident),
        Kind::ApiCall(call) => records::api_call(call),
        Kind::Metric(metric) => metric.words(),
        Kind::Compliance { wanted, state } => records::compliance(wanted, *state),
        Kind::Queue { name, messages, level } => {
            format!("queue {name} holds {}", level.words(*messages))
        }
        Kind::Deployment { release, becomes } => match becomes {
            Becomes::State { state } => format!("{} is {state}", release.words()),
            Becomes::RolledBack { triggered_by: None } => {
                format!("{} is rolled back", release.words())
            }
            Becomes::RolledBack { triggered_by: Some(by) } => {
                format!("{} is rolled back by {by}", release.words())
            }
        },
        Kind::Log { groups, search } => {
            let search = match search {
                LogSearch::Pattern(pattern) => format!("matching `{pattern}`"),
                LogSearch::Query(query) => format!("found by `{query}`"),
            };
            let short: String = search.chars().take(80).collect();
            let more = if short.len() < search.len() { "…" } else { "" };
            format!("log event in {} {short}{more}", groups.join(", "))
        }
        Kind::Execution { state_machine, status, input, output } => {
            execution(state_machine, status, input.as_ref(), output.as_ref())
        }
        Kind::Http { request, predicate, .. } => {
            format!("{} answers that {}", request.words(), predicate.words())
        }
    }
}

/// An execution in a status: `execution of repair is SUCCEEDED, its output: $.done is true`.
pub(crate) fn execution(
    state_machine: &str,
    status: &str,
    input: Option<&Predicate>,
    output: Option<&Predicate>,
) -> String {
    let name = crate::scenario::inventory::short_name(state_machine);
    let mut words = format!("execution of {name} is {status}");
    for (part, predicate) in [("input", input), ("output", output)] {
        if let Some(predicate) = predicate {
            let _infallible = write!(words, ", its {part}: {}", predicate.words());
        }
    }
    words
}

/// What a fault does, in a few words.
pub fn describe_fault(action: &FaultAction) -> String {
    match action {
        FaultAction::FisTemplate { template } => format!("FIS experiment from {template}"),
        FaultAction::FisInline { template } => {
            let actions = template["actions"].as_object();
            let ids: Vec<&str> = actions
                .into_iter()
                .flat_map(serde_json::Map::values)
                .filter_map(|action| action["actionId"].as_str())
                .collect();
            format!("FIS experiment of its own: {}", ids.join(", "))
        }
        FaultAction::PutEvents { bus, entries } => {
            let kinds: BTreeSet<String> =
                entries.iter().map(|one| format!("{}/{}", one.source, one.detail_type)).collect();
            let kinds: Vec<String> = kinds.into_iter().collect();
            let calls = entries.len().div_ceil(10);
            let many = if calls > 1 { format!(" in {calls} calls") } else { String::new() };
            format!("{} event(s) on {bus}{many}: {}", entries.len(), kinds.join(", "))
        }
        FaultAction::SetAlarmState { alarm, state, .. } => {
            format!("alarm {alarm} set to {}", state.as_str())
        }
        FaultAction::PutMetricData { namespace, metric, value, every, datapoints, .. } => {
            let spacing = if *datapoints > 1 {
                format!(", one every {}", duration(*every))
            } else {
                String::new()
            };
            format!("{datapoints} datapoint(s) of {namespace} {metric} = {value}{spacing}")
        }
        FaultAction::SsmAutomation(_)
        | FaultAction::SsmCommand(_)
        | FaultAction::StartExecution(_)
        | FaultAction::Invoke(_) => machines::words(action).unwrap_or_default(),
        FaultAction::DisableRule { bus, name } => {
            let on = if bus == "default" { String::new() } else { format!(" on {bus}") };
            format!("rule {name}{on} is disabled")
        }
        FaultAction::Publish { topic, subject, .. } => match subject {
            Some(subject) => format!("message on topic {topic}: {subject}"),
            None => format!("message on topic {topic}"),
        },
        FaultAction::SendMessage { queue, .. } => format!("message to queue {queue}"),
        FaultAction::ConfigEvaluation { .. } => records::evaluation(action),
        FaultAction::SampleFindings { types, .. } => {
            format!("GuardDuty samples: {}", types.join(", "))
        }
        FaultAction::SecurityHubFindings { findings } => {
            let titles: Vec<&str> = findings.iter().map(|finding| finding.title.as_str()).collect();
            format!("{} Security Hub finding(s): {}", titles.len(), titles.join(", "))
        }
        FaultAction::StartReplay(replay) => {
            let span = match replay.span {
                Span::Last(last) => format!("the last {}", duration(last)),
                Span::Between { from, to: Some(to) } => format!("{from} to {to}"),
                Span::Between { from, to: None } => format!("{from} until then"),
            };
            format!("replay of archive {}: {span}", replay.archive)
        }
        FaultAction::LogLine { group, count: 1, .. } => format!("line in log group {group}"),
        FaultAction::LogLine { group, count, .. } => format!("{count} lines in log group {group}"),
        FaultAction::Http { request, revert } => match revert {
            Some(back) => format!("{}, taken back by {}", request.words(), back.words()),
            None => request.words(),
        },
        FaultAction::Command { run, revert, .. } => match revert {
            Some(back) => {
                format!("local program `{}`, taken back by `{}`", run.words(), back.words())
            }
            None => format!("local program `{}`", run.words()),
        },
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String does not fail");
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

fn list(words: &[String], none: &str) -> String {
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

fn header(text: &mut String, plan: &Plan) {
    let about = &plan.scenario;
    line(text, format_args!("{} ({})", about.name, about.file));
    if let Some(title) = &about.title {
        line(text, format_args!("  {title}"));
    }
    if let Some(hypothesis) = &about.hypothesis {
        line(text, format_args!("  hypothesis: {}", hypothesis.trim_end()));
    }
}

fn before(text: &mut String, plan: &Plan) {
    line(text, format_args!("\nBefore anything is injected"));
    let accounts = list(&plan.guardrails.accounts, "none: only a rehearsal runs");
    let regions = list(&plan.guardrails.regions, "none: only a rehearsal runs");
    line(text, format_args!("  account   {accounts}"));
    line(text, format_args!("  region    {regions}"));
    for (name, target) in &plan.targets {
        let by = match (&target.role, &target.profile) {
            (Some(role), _) => format!(", as {role}"),
            (None, Some(profile)) => format!(", by the profile {profile}"),
            (None, None) => String::new(),
        };
        let (account, region) = (&target.account, &target.region);
        line(text, format_args!("  target    {name} is account {account} in {region}{by}"));
    }
    for steady in &plan.steady_state {
        let at = at_target(steady.target.as_deref());
        let state = steady.state.as_str();
        line(text, format_args!("  steady    alarm {}{at} is {state}", steady.alarm));
    }
    for stop in &plan.stop_conditions {
        let (alarm, at) = (&stop.alarm, at_target(stop.target.as_deref()));
        line(
            text,
            format_args!("  stops if  alarm {alarm}{at} is in ALARM, then and until the end"),
        );
    }
    limits(text, plan);
}

/// What else must hold on a real account.
fn limits(text: &mut String, plan: &Plan) {
    let guardrails = &plan.guardrails;
    line(text, format_args!("  lock      no other drill in the account and region"));
    if !guardrails.target_tags.is_empty() {
        let tags: Vec<String> =
            guardrails.target_tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        line(text, format_args!("  tags      every target is selected by {}", tags.join(", ")));
    }
    if let Some(most) = guardrails.max_targets {
        let how = "seen by an experiment that skips its actions";
        line(text, format_args!("  targets   at most {most}, {how}"));
    }
    if let Some(window) = &guardrails.window {
        line(text, format_args!("  window    {}; a rehearsal ignores it", describe_window(window)));
    }
    if let Some(calendar) = &guardrails.change_calendar {
        line(text, format_args!("  calendar  {calendar} is open until the limit"));
    }
    if plan.has_experiments() {
        line(text, format_args!("  lever     the safety lever of FIS is disengaged"));
    }
}

/// A window as people say it: `mon, tue 09:00 to 17:00 Europe/Berlin`.
pub fn describe_window(window: &Window) -> String {
    let days: Vec<&str> = window.days.iter().map(|day| day.as_str()).collect();
    let days = if days.is_empty() { "every day".to_owned() } else { days.join(", ") };
    format!("{days} {} to {} {}", window.from, window.to, window.zone_name())
}

fn faults(text: &mut String, plan: &Plan) {
    line(text, format_args!("\nInject"));
    let width = plan.faults.iter().map(|fault| fault.id.chars().count()).max().unwrap_or(0);
    for fault in &plan.faults {
        let start = match &fault.start {
            Start::At(at) => format!("+{}", duration(*at)),
            Start::After { fault, delay } if delay.is_zero() => format!("after {fault}"),
            Start::After { fault, delay } => format!("{} after {fault}", duration(*delay)),
        };
        let what = describe_fault(&fault.action) + &at_target(fault.target.as_deref());
        line(text, format_args!("  {:width$}  {start}  {what}", fault.id));
        if let Some(effect) = &fault.effect {
            line(text, format_args!("  {:width$}  its effect is proved by {effect}", ""));
        }
    }
}

fn expectations(
    text: &mut String,
    plan: &Plan,
    schedule: Option<&Schedule>,
    phase: Phase,
    title: &str,
) {
    let all: Vec<&PlannedExpectation> =
        plan.expectations.iter().filter(|one| one.phase == phase).collect();
    if all.is_empty() {
        return;
    }
    line(text, format_args!("\n{title}"));
    let width = all.iter().map(|one| one.id.chars().count()).max().unwrap_or(0);
    for one in all {
        let what = describe(&one.kind) + &at_target(one.target.as_deref());
        let when = demand(one);
        line(text, format_args!("  {:width$}  {what}", one.id));
        let window = schedule.and_then(|schedule| schedule.windows.get(&one.id));
        let latest = window
            .map_or_else(String::new, |window| format!("; judged by +{}", duration(window.closes)));
        line(text, format_args!("  {:width$}    {when}{latest} ({})", "", stage(one.stage)));
        if one.correlation > Correlation::Window {
            let least = correlation(one.correlation);
            line(text, format_args!("  {:width$}    only if it is ours by {least} or better", ""));
        }
    }
}

fn demand(one: &PlannedExpectation) -> String {
    let anchor = match &one.anchor {
        Anchor::Fault(id) | Anchor::Expectation(id) => id,
    };
    match &one.demand {
        Demand::Happens { within, count, sustain } => {
            let times = if *count > 1 { format!("{count} times ") } else { String::new() };
            let hold = if sustain.is_zero() {
                String::new()
            } else {
                format!(", and holds for {}", duration(*sustain))
            };
            format!("{times}within {} of {anchor}{hold}", duration(*within))
        }
        Demand::Never { watch_for, more_than } => {
            let most = match more_than {
                0 => "never".to_owned(),
                1 => "at most once".to_owned(),
                times => format!("at most {times} times"),
            };
            format!("{most} for {} from {anchor}", duration(*watch_for))
        }
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Detect => "detect",
        Stage::Act => "act",
        Stage::Mitigate => "mitigate",
        Stage::Recover => "recover",
    }
}

fn correlation(correlation: Correlation) -> &'static str {
    match correlation {
        Correlation::Window => "window",
        Correlation::Marker => "marker",
        Correlation::Exact => "exact",
    }
}

fn calls(text: &mut String, plan: &Plan) {
    line(text, format_args!("\nCalls and what they need, in order"));
    let calls = plan.calls();
    let steps = [
        (Step::Preflight, "preflight"),
        (Step::Listen, "listen"),
        (Step::Inject, "inject"),
        (Step::Observe, "observe"),
        (Step::Revert, "revert"),
    ];
    for (step, name) in steps {
        let mut actions: Vec<(&str, Vec<&str>)> = Vec::new();
        for call in calls.iter().filter(|call| call.step == step) {
            match actions.iter_mut().find(|(action, _)| *action == call.action) {
                Some((_, reasons)) if reasons.contains(&call.reason.as_str()) => {}
                Some((_, reasons)) => reasons.push(&call.reason),
                None => actions.push((call.action, vec![&call.reason])),
            }
        }
        for (index, (action, reasons)) in actions.iter().enumerate() {
            let label = if index == 0 { name } else { "" };
            line(text, format_args!("  {label:9}  {action:33}  {}", reasons.join(", ")));
        }
    }
}

/// How often a real account is looked at, and that its other users keep their quotas.
fn cadence(text: &mut String) {
    line(text, format_args!("\nCadence on a real account"));
    line(
        text,
        format_args!(
            "  looks     every 5s while a window closes within 2m, every 10s within 10m, else every 30s,"
        ),
    );
    line(
        text,
        format_args!(
            "            and when an event on the default bus tells of a change, where AWS has one"
        ),
    );
    line(
        text,
        format_args!(
            "  budget    2 DescribeAlarms a second of the account's 9; 1 call a second of a service"
        ),
    );
    line(
        text,
        format_args!(
            "            whose quota AWS does not publish; undoing has a share of its own"
        ),
    );
}

fn blast_radius(text: &mut String, plan: &Plan, schedule: Option<&Schedule>) {
    line(text, format_args!("\nBlast radius"));
    for touched in touched(plan) {
        line(text, format_args!("  changes   {touched}"));
    }
    let listened = listened(plan);
    for listened in &listened {
        line(text, format_args!("  listens   {listened}"));
    }
    if !listened.is_empty() {
        let name = plan.listener_name();
        line(text, format_args!("  creates   queue and rules named {name}…, deleted at the end"));
    }
    let end = schedule.map_or(plan.max_duration, |schedule| schedule.end);
    line(text, format_args!("  ends      when all is judged, at the latest +{}", duration(end)));
    let why = if plan.guardrails.max_duration.is_some() {
        "guardrails.max_duration".to_owned()
    } else {
        format!("that, and {} to arm and revert", duration(MARGIN))
    };
    let limit = duration(plan.max_duration);
    line(text, format_args!("  limit     stopped and reverted after {limit} ({why})"));
}

/// What the faults change.
fn touched(plan: &Plan) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for fault in &plan.faults {
        match &fault.action {
            FaultAction::FisTemplate { template } => {
                all.insert(format!("the targets of the experiment template {template}"));
            }
            FaultAction::FisInline { template } => all.extend(targets(template)),
            FaultAction::PutEvents { bus, .. } => {
                all.insert(format!("event bus {bus}, and whatever its rules start"));
            }
            FaultAction::SetAlarmState { alarm, .. } => {
                all.insert(format!("alarm {alarm}, and whatever its actions start"));
            }
            FaultAction::PutMetricData { namespace, metric, .. } => {
                all.insert(format!("metric {namespace} {metric}, and the alarms on it"));
            }
            FaultAction::SsmAutomation(start) => {
                all.insert(format!("whatever runbook {} changes", start.document));
            }
            FaultAction::SsmCommand(send) => {
                all.insert(format!("instances {}", machines::command_targets(send)));
            }
            FaultAction::StartExecution(start) => {
                all.insert(format!("whatever state machine {} changes", start.state_machine));
            }
            FaultAction::Invoke(invoke) => {
                all.insert(format!("whatever function {} changes", invoke.function));
            }
            FaultAction::DisableRule { bus, name } => {
                all.insert(format!(
                    "rule {name} on bus {bus}: while it is disabled, nothing that it starts happens"
                ));
            }
            FaultAction::Publish { topic, .. } => {
                all.insert(format!("topic {topic}, and whoever is subscribed to it"));
            }
            FaultAction::SendMessage { queue, .. } => {
                all.insert(format!("queue {queue}, and whoever receives from it"));
            }
            FaultAction::SampleFindings { .. } => {
                all.insert("GuardDuty's samples, and whatever answers them".to_owned());
            }
            FaultAction::SecurityHubFindings { .. } => {
                all.insert("Security Hub's findings, and whatever answers them".to_owned());
            }
            FaultAction::StartReplay(replay) => {
                all.insert(format!(
                    "the bus of archive {}, and whatever its rules start again",
                    replay.archive
                ));
            }
            FaultAction::ConfigEvaluation { rule, .. } => {
                all.insert(format!("Config rule {rule}, and whatever its results start"));
            }
            FaultAction::LogLine { group, .. } => {
                all.insert(format!(
                    "log group {group} (a stream of the run's own), and what its filters start"
                ));
            }
            FaultAction::Http { request, .. } => {
                all.insert(format!("outside of AWS: whatever {} changes", request.words()));
            }
            FaultAction::Command { run, .. } => {
                all.insert(format!("this machine: whatever `{}` changes", run.words()));
            }
        }
    }
    all
}

fn targets(template: &serde_json::Value) -> Vec<String> {
    let targets = template["targets"].as_object();
    let describe = |(name, target): (&String, &serde_json::Value)| {
        let kind = target["resourceType"].as_str().unwrap_or("resource");
        let mode = target["selectionMode"].as_str().unwrap_or("ALL");
        let by = if let Some(arns) = target["resourceArns"].as_array() {
            let arns: Vec<&str> = arns.iter().filter_map(serde_json::Value::as_str).collect();
            arns.join(", ")
        } else if let Some(tags) = target["resourceTags"].as_object() {
            let tags: Vec<String> = tags
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("…")))
                .collect();
            format!("tagged {}", tags.join(", "))
        } else {
            "by its parameters".to_owned()
        };
        format!("{kind} {by} ({mode}, target {name})")
    };
    let found: Vec<String> = targets.into_iter().flatten().map(describe).collect();
    if found.is_empty() { vec!["nothing: the experiment has no targets".to_owned()] } else { found }
}

/// Whom the run listens to with something of its own.
fn listened(plan: &Plan) -> BTreeSet<String> {
    let targets = plan.targets.keys().map(|name| Some(name.as_str()));
    let mut targets = std::iter::once(None).chain(targets);
    let wakes = targets.any(|target| !plan.wake_up_rules(target).is_empty());
    let wakes = wakes.then(|| "event bus default, to look when something changes".to_owned());
    plan.expectations
        .iter()
        .filter_map(|one| match &one.kind {
            Kind::Event { bus, .. } | Kind::Rule { bus, .. } => Some(format!("event bus {bus}")),
            Kind::Notification { topic, .. } => Some(format!("topic {topic}")),
            Kind::Alarm { .. }
            | Kind::Runbook { .. }
            | Kind::CodeDeployRollback { .. }
            | Kind::Experiment { .. }
            | Kind::Finding(_)
            | Kind::OpsItem(_)
            | Kind::Incident(_)
            | Kind::ApiCall(_)
            | Kind::Metric(_)
            | Kind::Compliance { .. }
            | Kind::Queue { .. }
            | Kind::Deployment { .. }
            | Kind::Log { .. }
            | Kind::Execution { .. }
            | Kind::Http { .. } => None,
        })
        .chain(wakes)
        .collect()
}
