//! Rules about the guardrails: each must be able to hold, and to have something to guard.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_json::Value;

use super::Check;
use crate::scenario::rules::code;
use crate::scenario::suggest::{did_you_mean, shortened};
use crate::scenario::types::{Fault, time_of_day, time_zone, time_zones};

pub(super) fn check(check: &mut Check<'_>) {
    places(check);
    calendar(check);
    window(check);
    targets(check);
}

fn places(check: &mut Check<'_>) {
    let guardrails = &check.scenario().guardrails;
    if guardrails.accounts.is_empty() || guardrails.regions.is_empty() {
        let missing = match (guardrails.accounts.is_empty(), guardrails.regions.is_empty()) {
            (true, true) => "accounts and no regions",
            (true, false) => "accounts",
            _ => "regions",
        };
        let message = format!("the guardrails name no {missing}: only a rehearsal will run");
        let hint = "add `guardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}` before a \
                    run on a real account";
        check.note(code::NO_GUARDRAILS, "guardrails", message, hint.to_owned());
    }
    for (index, account) in guardrails.accounts.iter().enumerate() {
        if !is_account(account) {
            let message = format!("`{}` is not an account id", shortened(account));
            let hint = "twelve digits, quoted".to_owned();
            check.error(code::BAD_ACCOUNT, &format!("guardrails/accounts/{index}"), message, hint);
        }
    }
    for (index, region) in guardrails.regions.iter().enumerate() {
        if !is_region(region) {
            let message = format!("`{}` is not a region", shortened(region));
            let hint = "such as `eu-west-1`".to_owned();
            check.error(code::BAD_REGION, &format!("guardrails/regions/{index}"), message, hint);
        }
    }
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `eu-west-1`, `us-gov-east-1`, `ap-southeast-4`.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let Some((number, names)) = parts.split_last() else { return false };
    (2..=3).contains(&names.len())
        && names.iter().all(letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a document's name or ARN may be made of:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html>.
fn calendar(check: &mut Check<'_>) {
    let Some(name) = &check.scenario().guardrails.change_calendar else { return };
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_-.:/".contains(letter);
    if !(3..=256).contains(&name.len()) || !name.chars().all(known) {
        let message = format!("`{}` is not the name of a calendar", shortened(name));
        let hint = "the name or the ARN of an SSM document of the type ChangeCalendar".to_owned();
        check.error(code::BAD_CALENDAR, "guardrails/change_calendar", message, hint);
    }
}

fn window(check: &mut Check<'_>) {
    let guardrails = &check.scenario().guardrails;
    let Some(window) = &guardrails.window else { return };
    for (key, text) in [("from", &window.from), ("to", &window.to)] {
        if time_of_day(text).is_none() {
            let message = format!("`{}` is not a time of day", shortened(text));
            let hint = "write it like `09:00`; the end of the day is `24:00`".to_owned();
            check.error(code::BAD_WINDOW, &format!("guardrails/window/{key}"), message, hint);
        }
    }
    let zone = window.zone_name();
    if time_zone(zone).is_none() {
        let message = format!("`{}` is not a time zone", shortened(zone));
        let names = time_zones();
        let hint = match did_you_mean(zone, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a name of the IANA database, such as `Europe/Berlin`".to_owned(),
        };
        check.error(code::UNKNOWN_TIME_ZONE, "guardrails/window/time_zone", message, hint);
    }
    if window.from == window.to {
        let message = format!("the window opens and closes at {}", shortened(&window.from));
        let hint = "a whole day is `{from: 00:00, to: 24:00}`".to_owned();
        check.error(code::BAD_WINDOW, "guardrails/window/to", message, hint);
    } else if let (Some(length), Some(limit)) = (window.length(), guardrails.max_duration)
        && jiff::SignedDuration::try_from(limit.0).is_ok_and(|limit| limit > length)
    {
        let message = "the window is shorter than max_duration: no drill fits into it".to_owned();
        let hint = "lower `max_duration`, or open the window for longer".to_owned();
        check.error(code::BAD_WINDOW, "guardrails/window/to", message, hint);
    }
}

fn targets(check: &mut Check<'_>) {
    let scenario = check.scenario();
    let guardrails = &scenario.guardrails;
    if guardrails.max_targets == Some(0) {
        let message = "`max_targets` is 0, so no experiment could run".to_owned();
        let hint = "the most resources that the experiments may touch, at least 1".to_owned();
        check.error(code::BAD_MAX_TARGETS, "guardrails/max_targets", message, hint);
    }
    let experiments = scenario.faults.iter().any(|fault| fault.fis.is_some());
    let guards = [
        ("target_tags", !guardrails.target_tags.is_empty()),
        ("max_targets", guardrails.max_targets.is_some()),
    ];
    for (key, _) in guards.iter().filter(|(_, set)| *set && !experiments) {
        let message = format!("`{key}` guards the targets of FIS experiments, and there are none");
        let hint = "remove it: the other faults have no such targets".to_owned();
        check.warning(code::GUARDS_NOTHING, &format!("guardrails/{key}"), message, hint);
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        tags(check, fault, index);
        lasts(check, fault, index);
    }
}

/// An action of an inline template that outlasts the drill would be cut off in its middle. Durations are
/// ISO 8601: <https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html>.
fn lasts(check: &mut Check<'_>, fault: &Fault, index: usize) {
    let Some(limit) = check.scenario().guardrails.max_duration else { return };
    let Ok(limit) = SignedDuration::try_from(limit.0) else { return };
    let inline = fault.fis.as_ref().and_then(|fis| fis.inline.as_ref());
    let actions = inline.and_then(|inline| inline["actions"].as_object());
    for (name, action) in actions.into_iter().flatten() {
        let Some(text) = action["parameters"]["duration"].as_str() else { continue };
        // What is no duration is refused by FIS itself, which knows each action's parameters.
        let Ok(span) = text.parse::<Span>() else { continue };
        let Ok(length) = span.to_duration(SpanRelativeTo::days_are_24_hours()) else { continue };
        if length > limit {
            let message = format!(
                "the action `{}` lasts {length:#}, but the drill is stopped after {limit:#}",
                shortened(name)
            );
            let hint = "raise `guardrails.max_duration`, or shorten the action".to_owned();
            let path = format!("faults/{index}/fis/inline/actions/{name}/parameters/duration");
            check.error(code::ACTION_PAST_MAX_DURATION, &path, message, hint);
        }
    }
}

/// An inline template shows how its targets are selected before anything is called.
fn tags(check: &mut Check<'_>, fault: &Fault, index: usize) {
    let wanted = &check.scenario().guardrails.target_tags;
    let inline = fault.fis.as_ref().and_then(|fis| fis.inline.as_ref());
    let targets = inline.and_then(|inline| inline["targets"].as_object());
    for (name, target) in targets.into_iter().flatten() {
        let has = |key: &String, value: &String| {
            target["resourceTags"][key.as_str()].as_str() == Some(value)
        };
        let missing: Vec<String> = wanted
            .iter()
            .filter(|(key, value)| !has(key, value))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if missing.is_empty() {
            continue;
        }
        let by_tags = target["resourceTags"].is_object();
        let message = format!(
            "the target `{}` is not selected by the tags that the guardrails require: {}",
            shortened(name),
            missing.join(", ")
        );
        let hint = if by_tags {
            "add them to its `resourceTags`".to_owned()
        } else {
            "select it by `resourceTags`, and tag the resources".to_owned()
        };
        let path = format!("faults/{index}/fis/inline/targets/{name}");
        let at = if matches!(target, Value::Object(_)) { path } else { format!("faults/{index}") };
        check.error(code::UNTAGGED_TARGET, &at, message, hint);
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Values, load};

    const BASE: &str = r#"version: 1
name: base
guardrails:
  accounts: ["111122223333"]
  regions: [eu-west-1]
  max_duration: 30m
  MORE
faults:
  - id: break
    FAULT
expect:
  - {id: seen, notification: {topic: oncall}, within: 2m}
"#;

    const ALARM: &str = "set_alarm_state: {alarm: cpu}";

    /// The codes and the marked lines of what is told of these guardrails.
    fn told(more: &str, fault: &str) -> Vec<(String, String)> {
        let text = BASE.replace("MORE", more).replace("FAULT", fault);
        let found = load("x.yaml", text.as_bytes(), &Values::default()).check(None);
        let line = |one: &crate::diagnostic::Diagnostic| {
            let line = one.span.expect("rules point at their place").line;
            text.lines().nth(line - 1).unwrap_or_default().trim().to_owned()
        };
        found
            .iter()
            .filter(|one| !["no-stop-condition", "bad-template"].contains(&one.code.as_str()))
            .map(|one| (one.code.clone(), line(one)))
            .collect()
    }

    #[track_caller]
    fn tells(more: &str, fault: &str, code: &str) {
        let told = told(more, fault);
        let codes: Vec<&str> = told.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(codes, [code], "{told:?}");
    }

    fn inline(target: &str) -> String {
        format!(
            "fis: {{inline: {{targets: {{one: {target}}}, actions: {{stop: {{actionId: \
             \"aws:ec2:stop-instances\", targets: {{Instances: one}}}}}}, stopConditions: [{{source: \
             none}}], roleArn: \"arn:aws:iam::111122223333:role/fis\"}}}}"
        )
    }

    #[test]
    fn an_inline_action_ends_before_the_drill_is_stopped() {
        let lasting = |text: &str| {
            format!(
                "fis: {{inline: {{actions: {{wait: {{actionId: \"aws:fis:wait\", parameters: {{duration: \
                 {text}}}}}}}, stopConditions: [{{source: none}}]}}}}"
            )
        };
        assert_eq!(told("", &lasting("PT30M")), []);
        assert_eq!(told("", &lasting("soon")), []);
        tells("", &lasting("PT30M1S"), "action-past-max-duration");
        tells("", &lasting("P1D"), "action-past-max-duration");
    }

    #[test]
    fn a_window_must_be_able_to_open_for_a_whole_drill() {
        assert_eq!(told("window: {from: 09:00, to: 17:00}", ALARM), []);
        assert_eq!(told("window: {days: [sat], from: 22:00, to: 2:00}", ALARM), []);
        tells("window: {from: 9 o'clock, to: 17:00}", ALARM, "bad-window");
        tells("window: {from: 09:00, to: 25:00}", ALARM, "bad-window");
        tells("window: {from: 09:00, to: 09:00}", ALARM, "bad-window");
        tells("window: {from: 09:00, to: 09:20}", ALARM, "bad-window");
        tells("window: {days: [monday], from: 09:00, to: 17:00}", ALARM, "unknown-word");
    }

    #[test]
    fn a_slip_in_a_time_zone_is_told_with_what_was_meant() {
        let more = "window: {from: 09:00, to: 17:00, time_zone: Europe/Belrin}";
        tells(more, ALARM, "unknown-time-zone");
        let text = BASE.replace("MORE", more).replace("FAULT", ALARM);
        let found = load("x.yaml", text.as_bytes(), &Values::default()).check(None);
        assert!(
            found
                .iter()
                .any(|one| { one.hint.as_deref() == Some("did you mean `Europe/Berlin`?") })
        );
    }

    #[test]
    fn guards_of_targets_need_an_experiment_to_guard() {
        tells("max_targets: 2", ALARM, "guards-nothing");
        tells("target_tags: {chaos: allowed}", ALARM, "guards-nothing");
        tells("max_targets: 0", "fis: {template: x}", "bad-max-targets");
        assert_eq!(told("max_targets: 2", "fis: {template: x}"), []);
        tells("change_calendar: \"a b\"", ALARM, "bad-calendar");
        assert_eq!(told("change_calendar: freeze", ALARM), []);
    }

    #[test]
    fn an_inline_target_is_selected_by_the_required_tags() {
        let more = "target_tags: {chaos: allowed}";
        let kind = "resourceType: \"aws:ec2:instance\", selectionMode: ALL";
        let tagged = inline(&format!("{{{kind}, resourceTags: {{chaos: allowed, a: b}}}}"));
        assert_eq!(told(more, &tagged), []);
        let other = inline(&format!("{{{kind}, resourceTags: {{chaos: forbidden}}}}"));
        tells(more, &other, "untagged-target");
        let by_arn = inline(&format!(
            "{{{kind}, resourceArns: [\"arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0\"]}}"
        ));
        tells(more, &by_arn, "untagged-target");
    }
}
