//! `EventBridge` rules: whether the real rule matched, invoked its targets or failed to.
//!
//! Main function: [`poll`]. The best means that the account offers shows it, and the observation says which:
//! the bus's own logs, where it has any (they say what this rule did with which event); else the event
//! itself, which the drill's listener has (it proves that the pattern matched), put together with the
//! rule's own metrics in AWS/Events (they prove that it was this rule, once a minute); else what the rule's
//! targets did, where the drill looks at them, with those metrics; else the metrics alone, which are exact to
//! their minute. Nothing but the metrics can show that a rule did nothing. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>.

mod counts;
mod effects;
mod uncounted;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use self::counts::Counts;
use self::effects::Targets;
pub(super) use self::effects::{Acts, Effect, Effects};
use super::listener::{METRIC_CORRELATION, Matches, RuleMatch};
use super::{Seen, Watch};
use crate::aws::CallError;
use crate::aws::bus_logs::{BusLogs, Did, Places, Step};
use crate::plan::{BUS_LOG_GROUPS, Demand, Kind};
use crate::scenario::types::{Correlation, RuleState};
use crate::wakeup::Topic;

/// A minute's count is published within about two minutes of its end (no figure is published; ours).
pub(super) const LAG: SignedDuration = SignedDuration::from_mins(3);

/// Metrics come by the minute.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A step that is logged at the end of a minute may be counted in the next one.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

/// How it is known that a rule acted, where the bus logs it.
const BY_LOGS: &str = "the bus's logs, by the event's id";

/// The same, where an event could be paired with its metric.
const BY_BOTH: &str =
    "the rule's metric in AWS/Events, and the event itself by the drill's listener";

/// The same, where what a target did could be.
const BY_EFFECT: &str = "the rule's metric in AWS/Events, and what its target did";

/// The same where nothing could.
const BY_METRIC: &str = "the rule's metric in AWS/Events alone, exact to its minute";

struct Subject {
    expectation: String,
    rule: String,
    bus: String,
    arn: String,
    state: RuleState,
    /// How sure it must be that an event was ours.
    correlation: Correlation,
    /// A count of the metric alone is not enough: the event must be known.
    wants_event: bool,
    /// What its targets do may show which invocation it was.
    has_effects: bool,
}

/// Watches the metrics of every rule of the plan. Never returns.
pub(super) async fn poll(watch: &Watch<'_>, matches: &Matches, effects: &Effects) {
    let looked_at = effects::looked_at(watch);
    let witnesses = Witnesses { matches, effects, looked_at: &looked_at };
    let subjects = watch.pick(|expectation| {
        let Kind::Rule { name, bus, state } = &expectation.kind else { return None };
        Some(Subject {
            expectation: expectation.id.clone(),
            rule: name.clone(),
            bus: bus.clone(),
            arn: watch.place.rule_arn(bus, name),
            state: *state,
            correlation: expectation.correlation,
            wants_event: expectation.correlation > METRIC_CORRELATION,
            // Whoever expects that nothing is invoked may not be allowed to ask for the targets.
            has_effects: *state == RuleState::Invoked
                && matches!(expectation.demand, Demand::Happens { .. })
                && !looked_at.is_empty(),
        })
    });
    let expectations: Vec<String> =
        subjects.iter().map(|subject| subject.expectation.clone()).collect();
    let mut progress = Progress::default();
    watch
        .keep_looking("rule metrics", Topic::RuleMetrics, LAG, &expectations, async || {
            read_logs(watch, &subjects, matches, &mut progress).await?;
            look(watch, &subjects, witnesses, &mut progress).await
        })
        .await;
}

/// Who else saw something of what a rule did.
#[derive(Clone, Copy)]
struct Witnesses<'a> {
    matches: &'a Matches,
    effects: &'a Effects,
    looked_at: &'a BTreeSet<Acts>,
}

/// What was found out and told so far.
#[derive(Default)]
struct Progress {
    /// The targets of each rule, by bus and name, that the drill looks at, once they are known.
    targets: BTreeMap<(String, String), Targets>,
    /// Where each bus logs, once that is known.
    logs: BTreeMap<String, Option<BusLogs>>,
    /// From where on their logs are read.
    places: Places,
    /// How many occurrences were told of a minute's count, by subject.
    counted: BTreeMap<(usize, Timestamp), u32>,
    /// The same of invocations that failed, where they are not what is expected.
    failed: BTreeMap<(usize, Timestamp), u32>,
    /// What the logs showed, by subject: each step once.
    logged: BTreeSet<(usize, Step)>,
    /// The minutes of counts that were told without a step in the logs, by subject and by whether they are
    /// of what is expected. A step that is logged late is one of those.
    unlogged: BTreeMap<(usize, bool), Vec<Timestamp>>,
    /// What is known of the rules whose events are not counted.
    uncounted: uncounted::Asked,
}

/// Tells what the buses logged.
async fn read_logs(
    watch: &Watch<'_>,
    subjects: &[Subject],
    matches: &Matches,
    progress: &mut Progress,
) -> Result<(), CallError> {
    let buses: BTreeSet<&str> = subjects.iter().map(|subject| subject.bus.as_str()).collect();
    for bus in buses {
        if !progress.logs.contains_key(bus) {
            progress
                .logs
                .insert(bus.to_owned(), BusLogs::of(watch.aws, bus, BUS_LOG_GROUPS).await?);
        }
        let Some(logs) = progress.logs[bus].clone() else { continue };
        let of_bus: Vec<(usize, &Subject)> =
            subjects.iter().enumerate().filter(|(_, subject)| subject.bus == bus).collect();
        let rules: BTreeSet<&str> =
            of_bus.iter().map(|(_, subject)| subject.arn.as_str()).collect();
        let range = (minute_of(watch.since), watch.clock().now());
        for step in logs.steps(watch.aws, &rules, range, &mut progress.places).await? {
            let of_rule = of_bus.iter().filter(|(_, subject)| subject.arn == step.rule_arn);
            for (index, subject) in of_rule.filter(|(_, subject)| is_in(&logs, subject.state)) {
                if shows(subject.state, step.did) && progress.logged.insert((*index, step.clone()))
                {
                    tell_step(watch, (*index, subject), matches, progress, &step);
                }
            }
        }
    }
    Ok(())
}

/// Whether what is expected of a rule would be in these logs.
fn is_in(logs: &BusLogs, state: RuleState) -> bool {
    match state {
        RuleState::Failed => true,
        RuleState::Matched | RuleState::Invoked => !logs.failures_only,
    }
}

/// Whether a step says something of what is expected: that it was done, or that it was not.
fn shows(state: RuleState, did: Did) -> bool {
    match (state, did) {
        (RuleState::Matched, Did::Matched)
        | (RuleState::Invoked, Did::Invoked | Did::Failed)
        | (RuleState::Failed, Did::Failed) => true,
        (RuleState::Matched, Did::Invoked | Did::Failed)
        | (RuleState::Invoked, Did::Matched)
        | (RuleState::Failed, Did::Matched | Did::Invoked) => false,
    }
}

/// Whether a step that says something of it is what is expected.
fn is_expected(state: RuleState, did: Did) -> bool {
    did != Did::Failed || state == RuleState::Failed
}

fn tell_step(
    watch: &Watch<'_>,
    (index, subject): (usize, &Subject),
    matches: &Matches,
    progress: &mut Progress,
    step: &Step,
) {
    let delivered = is_expected(subject.state, step.did);
    let unlogged = progress.unlogged.entry((index, delivered)).or_default();
    let counted = |minute: &Timestamp| step.at >= *minute - SLACK && step.at < *minute + MINUTE;
    let known = unlogged.iter().position(counted);
    if let Some(known) = known {
        unlogged.remove(known);
        return;
    }
    let summary = if delivered {
        format!("rule {} {}", subject.rule, did(subject.state))
    } else {
        format!("rule {} matched, and its target was not invoked: {}", subject.rule, step.error)
    };
    let mut seen = Seen::new(&subject.expectation, step.at, summary)
        .with("rule", &subject.rule)
        .with("bus", &subject.bus)
        .with("event", &step.event)
        .with("target", &step.target)
        .with("error", &step.error)
        .with("seen by", BY_LOGS);
    seen.holds = delivered;
    // The event itself, where the listener has it, may carry more that is ours than its id.
    let payload = matches.of_event(&subject.expectation, &step.event).unwrap_or_default();
    watch.saw(seen, &format!("{} {payload}", step.event));
}

async fn look(
    watch: &Watch<'_>,
    subjects: &[Subject],
    witnesses: Witnesses<'_>,
    progress: &mut Progress,
) -> Result<(), CallError> {
    let start = minute_of(watch.since);
    let now = watch.clock().now();
    let answers = counts::read(watch.aws, subjects, (start, now)).await;
    let mut failed = None;
    for ((index, subject), answer) in subjects.iter().enumerate().zip(answers) {
        let told = match answer {
            Ok(counts) => {
                let told = match &progress.logs[&subject.bus] {
                    Some(logs) if is_in(logs, subject.state) => {
                        // The logs have until then to show it better.
                        let late = counts.until(now - LAG);
                        tell_unlogged(watch, (index, subject), witnesses.matches, progress, &late);
                        Ok(())
                    }
                    Some(_) | None => {
                        let counts = (&counts, now);
                        tell_counts(watch, (index, subject), witnesses, progress, counts).await
                    }
                };
                let Progress { logged, uncounted: asked, .. } = progress;
                let shown = logged.iter().filter(|(of, _)| *of == index);
                let shown = shown.map(|(_, step)| step.event.as_str()).collect();
                let subject = (index, subject);
                uncounted::look_for(watch, subject, witnesses, (&counts, &shown), asked).await;
                told
            }
            Err(error) => {
                let message = format!("rule `{}`: {}", subject.rule, error.message);
                Err(CallError { message, ..error })
            }
        };
        failed = failed.or(told.err());
    }
    failed.map_or(Ok(()), Err)
}

/// Tells what the metrics count where nothing is logged, with what else shows which event it was.
async fn tell_counts(
    watch: &Watch<'_>,
    (index, subject): (usize, &Subject),
    witnesses: Witnesses<'_>,
    progress: &mut Progress,
    (counts, now): (&Counts, Timestamp),
) -> Result<(), CallError> {
    let mut failed = None;
    for minute in counts.minutes() {
        let told = progress.failed.insert((index, minute), counts.failed(minute)).unwrap_or(0);
        if told < counts.failed(minute) {
            tell_failed(watch, subject, minute, counts);
        }
        let count = counts.done(minute);
        let told = progress.counted.get(&(index, minute)).copied().unwrap_or(0);
        if told >= count {
            continue;
        }
        // Which event it was may still turn up: nothing is told without it until then.
        let lacks = witnesses.matches.may_lack(watch, minute + MINUTE);
        if lacks.is_some() && subject.wants_event {
            failed = failed.or(lacks);
            continue;
        }
        let events = witnesses.matches.of_minute(&subject.expectation, minute);
        let mut seen = Vec::new();
        // An effect stands in for an event that nobody sent, never for one that could not be read.
        if events.is_empty() && lacks.is_none() && subject.has_effects {
            let targets = targets_of(watch, subject, witnesses.looked_at, progress).await;
            seen = witnesses.effects.of_minute(&subject.arn, &targets, minute, count as usize);
            // Where nobody rings, an effect that has not been seen yet has as long as the metric itself.
            let may_come = watch.pace.is_paced() && minute + MINUTE > now - LAG;
            if seen.len() < count as usize && may_come && !targets.is_empty() {
                continue;
            }
        }
        progress.counted.insert((index, minute), count);
        for position in told..count {
            // An effect is that of one invocation.
            let effect = seen.get(position as usize).map(Witness::Effect);
            let event = Witness::event(&events, (position, count), counts.failed(minute));
            tell_one(watch, subject, minute, event.or(effect));
        }
    }
    failed.map_or(Ok(()), Err)
}

/// The targets of a rule that the drill looks at. Where they can't be asked for, the metric alone speaks.
async fn targets_of(
    watch: &Watch<'_>,
    subject: &Subject,
    looked_at: &BTreeSet<Acts>,
    progress: &mut Progress,
) -> Targets {
    let key = (subject.bus.clone(), subject.rule.clone());
    if let Some(known) = progress.targets.get(&key) {
        return known.clone();
    }
    let asked = Targets::of(watch.aws, (&subject.bus, &subject.rule), looked_at).await;
    let Ok(targets) = asked else { return Targets::default() };
    progress.targets.insert(key, targets.clone());
    targets
}

/// Tells what the metrics count and the logs never showed: AWS delivers logs as well as it can.
fn tell_unlogged(
    watch: &Watch<'_>,
    (index, subject): (usize, &Subject),
    matches: &Matches,
    progress: &mut Progress,
    counts: &Counts,
) {
    let (mut done, mut failed) = (0, 0);
    for minute in counts.minutes() {
        done += counts.done(minute);
        failed += counts.failed(minute);
        let missing = unlogged(progress, (index, subject), true, (minute, done));
        let of_subject = progress.logged.iter().filter(|(of, _)| *of == index);
        let mut events = matches.of_minute(&subject.expectation, minute);
        events.retain(|found| !of_subject.clone().any(|(_, step)| step.event == found.event));
        for position in 0..missing {
            let event = Witness::event(&events, (position, missing), counts.failed(minute));
            tell_one(watch, subject, minute, event);
        }
        if unlogged(progress, (index, subject), false, (minute, failed)) > 0 {
            tell_failed(watch, subject, minute, counts);
        }
    }
}

/// How many of those that were counted until the end of a minute no log has shown; they are noted.
fn unlogged(
    progress: &mut Progress,
    (index, subject): (usize, &Subject),
    delivered: bool,
    (minute, counted): (Timestamp, u32),
) -> u32 {
    // A step near the end of a minute may be counted in the next one.
    let until = minute + MINUTE + SLACK;
    let logged = progress.logged.iter().filter(|(of, step)| {
        *of == index && step.at < until && is_expected(subject.state, step.did) == delivered
    });
    let logged = u32::try_from(logged.count()).unwrap_or(u32::MAX);
    let noted = progress.unlogged.entry((index, delivered)).or_default();
    let known = logged.saturating_add(u32::try_from(noted.len()).unwrap_or(u32::MAX));
    let missing = counted.saturating_sub(known);
    noted.extend((0..missing).map(|_| minute));
    missing
}

fn minute_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).expect("earlier by less than a minute")
}

/// What a rule did, in words.
fn did(state: RuleState) -> &'static str {
    match state {
        RuleState::Matched => "matched",
        RuleState::Invoked => "invoked a target",
        RuleState::Failed => "failed to invoke a target",
    }
}

/// Tells that a rule could not invoke its targets, as far as its metrics count that.
fn tell_failed(watch: &Watch<'_>, subject: &Subject, minute: Timestamp, counts: &Counts) {
    let (failed, done) = (counts.failed(minute), counts.done(minute));
    let summary = format!(
        "rule {}: {failed} of {} invocations failed in the minute from {minute}",
        subject.rule,
        failed + done
    );
    let mut seen = Seen::new(&subject.expectation, minute, summary)
        .with("rule", &subject.rule)
        .with("bus", &subject.bus)
        .with("metric minute", minute.to_string())
        .with("seen by", BY_METRIC);
    seen.holds = false;
    seen.resolution_ms = 60_000;
    seen.correlation = Some(METRIC_CORRELATION);
    watch.saw(seen, "");
}

/// How sure it is that an event was ours.
fn correlation(watch: &Watch<'_>, event: &RuleMatch) -> Correlation {
    watch
        .recorder
        .read(|timeline| super::correlation::of(timeline, &watch.plan.run_id, &event.payload))
}

/// What shows which invocation it was that a metric counts.
#[derive(Clone, Copy)]
enum Witness<'a> {
    /// One of these events; there is one at the least.
    OneOf(&'a [RuleMatch]),
    Effect(&'a Effect),
}

impl<'a> Witness<'a> {
    /// The event of one of several invocations that a minute's events led to. A rule with several targets
    /// invokes each of them for each event: the events are dealt out evenly over the invocations, in order.
    /// Where others failed, it can be that of any.
    fn event(events: &'a [RuleMatch], (position, of): (u32, u32), failed: u32) -> Option<Self> {
        if events.is_empty() {
            return None;
        }
        if failed > 0 {
            return Some(Self::OneOf(events));
        }
        let at = position as usize * events.len() / of as usize;
        Some(Self::OneOf(events.get(at..=at)?))
    }
}

fn tell_one(watch: &Watch<'_>, subject: &Subject, minute: Timestamp, witness: Option<Witness<'_>>) {
    let summary = format!("rule {} {}", subject.rule, did(subject.state));
    let seen = |at| {
        Seen::new(&subject.expectation, at, summary)
            .with("rule", &subject.rule)
            .with("bus", &subject.bus)
            .with("metric minute", minute.to_string())
    };
    match witness {
        Some(Witness::OneOf([event])) => {
            let seen = seen(event.at).with("event", &event.event).with("seen by", BY_BOTH);
            watch.saw(seen, &event.payload);
        }
        Some(Witness::OneOf(events)) => {
            let times = || events.iter().map(|event| event.at);
            let (first, last) = (times().min(), times().max());
            let (first, last) = (first.unwrap_or(minute), last.unwrap_or(minute));
            let ids: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
            let mut seen = seen(first).with("event", ids.join(" ")).with("seen by", BY_BOTH);
            seen.resolution_ms = u64::try_from(last.duration_since(first).as_millis()).unwrap_or(0);
            // As sure as the least of them.
            seen.correlation = events.iter().map(|event| correlation(watch, event)).min();
            watch.saw(seen, "");
        }
        Some(Witness::Effect(effect)) => {
            let seen =
                seen(effect.at).with("execution", &effect.execution).with("seen by", BY_EFFECT);
            watch.saw(seen, &effect.payload);
        }
        None => {
            let mut seen = seen(minute).with("seen by", BY_METRIC);
            seen.resolution_ms = 60_000;
            seen.correlation = Some(METRIC_CORRELATION);
            watch.saw(seen, "");
        }
    }
}
