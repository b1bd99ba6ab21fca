//! Rules about ids: unique, known, of the right kind, and without circles.

use indexmap::IndexMap;

use super::Check;
use super::expectations::all;
use crate::scenario::lag;
use crate::scenario::names;
use crate::scenario::rules::code;
use crate::scenario::suggest::{did_you_mean, list, shortened};
use crate::scenario::types::Duration;

/// What an id stands for.
struct Thing {
    path: String,
    is_fault: bool,
    /// Whom it waits for.
    waits_for: Vec<String>,
    /// How much time its own window or offset takes.
    takes: std::time::Duration,
    /// How much later AWS may show it. What follows from it is counted from when it happened.
    shown_late: std::time::Duration,
}

type Things = IndexMap<String, Thing>;

pub(super) fn check(check: &mut Check<'_>) {
    let things = collect(check);
    faults(check, &things);
    expectations(check, &things);
    cycles(check, &things);
    durations(check, &things);
}

/// Everything that has an id, and whom it waits for. Duplicates are reported here.
fn collect(check: &mut Check<'_>) -> Things {
    let mut things = Things::new();
    let scenario = check.scenario();
    let zero = std::time::Duration::ZERO;
    let length = |duration: Option<Duration>| duration.map_or(zero, |duration| duration.0);
    for (index, fault) in scenario.faults.iter().enumerate() {
        let path = format!("faults/{index}");
        let waits_for = fault.after.iter().cloned().collect();
        let takes = length(fault.at);
        let thing = Thing { path, is_fault: true, waits_for, takes, shown_late: zero };
        add(check, &mut things, names::fault(fault, index), thing, fault.id.is_some());
    }
    // A fault that starts after another one waits for that one's effect.
    let effects: Vec<(String, String)> = scenario
        .faults
        .iter()
        .enumerate()
        .filter_map(|(index, fault)| Some((names::fault(fault, index), fault.effect.clone()?)))
        .collect();
    for thing in things.values_mut() {
        let more: Vec<String> = thing
            .waits_for
            .iter()
            .filter_map(|other| effects.iter().find(|(id, _)| id == other))
            .map(|(_, effect)| effect.clone())
            .collect();
        thing.waits_for.extend(more);
    }
    let first = first_fault(check);
    for placed in all(scenario) {
        let one = placed.one;
        let waits_for = one.after.clone().or_else(|| first.clone()).into_iter().collect();
        let takes =
            length(one.within).max(length(one.watch_for)).saturating_add(length(one.sustain));
        let shown_late = lag::shown_late(&placed.kinds());
        let thing = Thing { path: placed.path, is_fault: false, waits_for, takes, shown_late };
        add(check, &mut things, placed.id, thing, one.id.is_some());
    }
    things
}

/// The fault that starts first: what windows count from by default.
fn first_fault(check: &Check<'_>) -> Option<String> {
    let faults = check.scenario().faults.iter().enumerate();
    faults
        .filter(|(_, fault)| fault.after.is_none())
        .min_by_key(|(_, fault)| fault.at.map_or(std::time::Duration::ZERO, |at| at.0))
        .map(|(index, fault)| names::fault(fault, index))
}

fn add(check: &mut Check<'_>, things: &mut Things, id: String, thing: Thing, given: bool) {
    let path = if given { format!("{}/id", thing.path) } else { thing.path.clone() };
    if given {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if id.is_empty() || id.len() > 64 || !id.chars().all(known) {
            let message = format!("`{}` is not an id", shortened(&id));
            let hint = "letters, digits, dashes, dots and underscores, at most 64".to_owned();
            check.error(code::BAD_ID, &path, message, hint);
        }
    }
    if let Some(first) = things.get(&id) {
        let line = check.partial.tree.locate(&first.path).line;
        let message = format!("the id `{}` stands twice", shortened(&id));
        let hint =
            format!("the first one is on line {line}; faults and expectations share their ids");
        check.error(code::DUPLICATE_ID, &path, message, hint);
        return;
    }
    things.insert(id, thing);
}

/// Reports a reference to nothing or to the wrong kind of thing.
fn refer(check: &mut Check<'_>, things: &Things, path: &str, target: &str, wanted: Option<bool>) {
    let fits = |thing: &Thing| wanted.is_none_or(|fault| thing.is_fault == fault);
    let what = match wanted {
        None => "fault or expectation",
        Some(true) => "fault",
        Some(false) => "expectation",
    };
    match things.get(target) {
        Some(thing) if fits(thing) => {}
        Some(_) => {
            let message = format!("`{}` is not a {what}", shortened(target));
            let hint = format!("only a {what} can stand here");
            check.error(code::WRONG_REFERENCE, path, message, hint);
        }
        None => {
            let known: Vec<&str> =
                things.iter().filter(|(_, thing)| fits(thing)).map(|(id, _)| id.as_str()).collect();
            let hint = match did_you_mean(target, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("there is no {what} yet"),
                None => format!("there are {}", list(&known[..known.len().min(12)])),
            };
            let message = format!("there is no {what} `{}`", shortened(target));
            check.error(code::UNKNOWN_REFERENCE, path, message, hint);
        }
    }
}

fn faults(check: &mut Check<'_>, things: &Things) {
    for (index, fault) in check.scenario().faults.iter().enumerate() {
        if let Some(after) = &fault.after {
            refer(check, things, &format!("faults/{index}/after"), after, Some(true));
        }
        if let Some(effect) = &fault.effect {
            let path = format!("faults/{index}/effect");
            refer(check, things, &path, effect, Some(false));
            let named = all(check.scenario()).into_iter().find(|placed| placed.id == *effect);
            if named.is_some_and(|placed| placed.one.never.is_some()) {
                let message =
                    format!("`{}` is a `never`: it can prove no effect", shortened(effect));
                let hint = "name an expectation of something that happens".to_owned();
                check.error(code::WRONG_REFERENCE, &path, message, hint);
            }
        }
    }
}

fn expectations(check: &mut Check<'_>, things: &Things) {
    let scenario = check.scenario();
    let fis: Vec<String> = scenario
        .faults
        .iter()
        .enumerate()
        .filter(|(_, fault)| fault.fis.is_some())
        .map(|(index, fault)| names::fault(fault, index))
        .collect();
    for placed in all(scenario) {
        if let Some(after) = &placed.one.after {
            refer(check, things, &format!("{}/after", placed.path), after, None);
        }
        let kinds = placed.kinds();
        let Some(experiment) = kinds.experiment else { continue };
        let path = format!("{}/experiment", placed.kinds_path());
        let names: Vec<&str> = fis.iter().map(String::as_str).collect();
        match &experiment.fault {
            Some(fault) if things.get(fault).is_none_or(|thing| !thing.is_fault) => {
                refer(check, things, &format!("{path}/fault"), fault, Some(true));
            }
            Some(fault) if !fis.contains(fault) => {
                let message = format!("the fault `{}` runs no experiment", shortened(fault));
                let hint = if names.is_empty() {
                    "only `fis` faults do".to_owned()
                } else {
                    format!("these do: {}", list(&names))
                };
                check.error(code::WRONG_REFERENCE, &format!("{path}/fault"), message, hint);
            }
            None if fis.is_empty() => {
                let message = "no fault of this scenario runs an experiment".to_owned();
                let hint = "add a `fis` fault".to_owned();
                check.error(code::WRONG_REFERENCE, &path, message, hint);
            }
            None if fis.len() > 1 => {
                let message = "several faults run experiments".to_owned();
                let hint = format!("say which one: `fault:` {}", list(&names));
                check.error(code::WRONG_REFERENCE, &path, message, hint);
            }
            Some(_) | None => {}
        }
    }
}

/// Reports each circle once, at the first of its members in the file.
fn cycles(check: &mut Check<'_>, things: &Things) {
    let mut done: Vec<bool> = vec![false; things.len()];
    for start in 0..things.len() {
        // Follow every edge depth first with an explicit stack: input drives its height.
        let mut stack: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((node, edge)) = stack.pop() {
            if done[node] {
                continue;
            }
            let next = things[node].waits_for.get(edge).map(|id| things.get_index_of(id));
            let Some(target) = next else {
                done[node] = true;
                continue;
            };
            stack.push((node, edge + 1));
            let Some(target) = target else { continue };
            if let Some(at) = stack.iter().position(|(member, _)| *member == target) {
                let members: Vec<usize> = stack[at..].iter().map(|(member, _)| *member).collect();
                report_cycle(check, things, &members);
                for member in members {
                    done[member] = true;
                }
            } else {
                stack.push((target, 0));
            }
        }
    }
}

fn report_cycle(check: &mut Check<'_>, things: &Things, members: &[usize]) {
    let first = members.iter().position(|member| Some(member) == members.iter().min());
    let first = first.unwrap_or_default();
    let ordered = members[first..].iter().chain(&members[..first]);
    let name = |member: &usize| {
        let (id, _) = things.get_index(*member).expect("members are indices of things");
        shortened(id)
    };
    let mut words: Vec<String> = ordered.map(name).take(20).collect();
    words.extend(words.first().cloned());
    let path = &things[members[first]].path;
    let message = format!("these wait for one another: {}", words.join(" -> "));
    let hint = "let one of them count from the fault: remove its `after`".to_owned();
    check.error(code::REFERENCE_CYCLE, &format!("{path}/after"), message, hint);
}

/// A chain of deadlines must fit into the guardrail that would cut it off.
fn durations(check: &mut Check<'_>, things: &Things) {
    let Some(limit) = check.scenario().guardrails.max_duration else { return };
    for (index, (_, thing)) in things.iter().enumerate().filter(|(_, (_, thing))| !thing.is_fault) {
        let judged = thing.takes.saturating_add(thing.shown_late);
        let (mut total, mut current, mut steps) = (judged, index, 0);
        while let Some(next) =
            things[current].waits_for.first().and_then(|id| things.get_index_of(id))
        {
            steps += 1;
            if steps > things.len() {
                return; // A circle, which is reported by itself.
            }
            total = total.saturating_add(things[next].takes);
            current = next;
        }
        if total > limit.0 {
            let key = if check.partial.tree.descend(&format!("{}/for", thing.path)).is_some() {
                "for"
            } else {
                "within"
            };
            let message = format!(
                "this is judged up to {} after the start, but the drill is stopped after {}",
                humantime::format_duration(total),
                humantime::format_duration(limit.0),
            );
            let hint = if thing.shown_late.is_zero() {
                "raise `guardrails.max_duration`, or shorten the deadline".to_owned()
            } else {
                format!(
                    "AWS may show it {} late: raise `guardrails.max_duration`",
                    humantime::format_duration(thing.shown_late)
                )
            };
            let path = format!("{}/{key}", thing.path);
            check.error(code::DEADLINE_PAST_MAX_DURATION, &path, message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, told};

    #[test]
    fn what_aws_shows_late_lies_inside_the_maximum_duration_too() {
        let limited =
            BASE.replace("regions: [eu-west-1]", "regions: [eu-west-1], max_duration: 10m");
        let late = |kind: &str| {
            let text = format!("{limited}  - id: late\n    {kind}\n    within: 20s\n");
            told(&text, None)
        };
        let past = [("deadline-past-max-duration".to_owned(), "20s".to_owned())];
        assert_eq!(late("api_call: {name: StopInstances, source: ec2}"), past);
        assert_eq!(late("finding: {source: securityhub, title: A*}"), []);
        let hub = limited.replace("max_duration: 10m", "max_duration: 5m");
        let text =
            format!("{hub}  - finding: {{source: securityhub, title: A*}}\n    within: 20s\n");
        assert_eq!(told(&text, None), past);
        let metric =
            "metric: {namespace: S, name: E, statistic: Sum, threshold: \">= 5\", period: ";
        assert_eq!(late(&format!("{metric}1m}}")), []);
        assert_eq!(late(&format!("{metric}10m}}")), past);
        let roomy = BASE.replace("regions: [eu-west-1]", "regions: [eu-west-1], max_duration: 16m");
        let text =
            format!("{roomy}  - api_call: {{name: StopInstances, source: ec2}}\n    within: 20s\n");
        assert_eq!(told(&text, None), []);
    }
}
