//! One test a rule: what it says, where it points, and when it stays silent.

mod compliance;
mod experiments;
mod machines;
mod messages;

use std::time::Duration;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::scenario::inventory::{
    Alarm, DeploymentGroup, Evaluation, ExperimentTemplate, Inventory, Rule,
};
use crate::scenario::{Values, load};

pub(super) const BASE: &str = r#"version: 1
name: base
guardrails: {accounts: ["111122223333"], regions: [eu-west-1]}
stop_conditions: [{alarm: cpu}]
faults:
  - id: break
    set_alarm_state: {alarm: cpu}
expect:
  - id: seen
    notification: {topic: oncall}
    within: 2m
"#;

fn found(text: &str, inventory: Option<&Inventory>) -> Vec<Diagnostic> {
    load("x.yaml", text.as_bytes(), &Values::default()).check(inventory)
}

/// Code and marked source text of everything that is told.
pub(super) fn told(text: &str, inventory: Option<&Inventory>) -> Vec<(String, String)> {
    let marked = |one: &Diagnostic| {
        let span = one.span.expect("rules point at their place");
        let line = text.lines().nth(span.line - 1).unwrap_or_default();
        line.chars().skip(span.column - 1).take(span.length).collect()
    };
    found(text, inventory).iter().map(|one| (one.code.clone(), marked(one))).collect()
}

/// The base with one part replaced tells exactly this.
#[track_caller]
fn tells(from: &str, to: &str, expected: &[(&str, &str)]) {
    tells_in(None, from, to, expected);
}

#[track_caller]
fn tells_in(inventory: Option<&Inventory>, from: &str, to: &str, expected: &[(&str, &str)]) {
    assert!(BASE.contains(from), "the base has no `{from}`");
    let text = BASE.replace(from, to);
    let told = told(&text, inventory);
    let told: Vec<(&str, &str)> =
        told.iter().map(|(code, marked)| (code.as_str(), marked.as_str())).collect();
    assert_eq!(told, expected, "\n{text}");
}

/// Replaces the expectation's kind and the keys after it.
#[track_caller]
fn expecting(keys: &str, expected: &[(&str, &str)]) {
    tells("    notification: {topic: oncall}\n    within: 2m\n", keys, expected);
}

/// Replaces what the fault does.
#[track_caller]
fn injecting(kind: &str, expected: &[(&str, &str)]) {
    tells("set_alarm_state: {alarm: cpu}", kind, expected);
}

pub(super) fn inventory() -> Inventory {
    let alarm = |seconds, datapoints| Alarm {
        evaluation: Some(Evaluation {
            period: Duration::from_secs(seconds),
            datapoints_to_alarm: datapoints,
            publish_delay: Duration::from_secs(10),
        }),
        actions_enabled: true,
        actions: IndexMap::from([("ALARM".to_owned(), vec!["arn:aws:sns:r:a:oncall".to_owned()])]),
    };
    let rule = |name: &str, enabled, targets, pattern: Option<&str>| Rule {
        name: name.to_owned(),
        bus: "default".to_owned(),
        pattern: pattern.map(str::to_owned),
        enabled,
        targets,
    };
    let orders = r#"{"source":["my.orders"],"detail":{"amount":[{"numeric":[">",100]}]}}"#;
    Inventory {
        name: "environments/x.yaml".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        alarms: IndexMap::from([
            ("cpu".to_owned(), alarm(60, 1)),
            ("slow".to_owned(), alarm(300, 3)),
            ("deaf".to_owned(), Alarm { actions_enabled: false, ..alarm(60, 1) }),
        ]),
        rules: vec![
            rule("orders", true, 1, Some(orders)),
            rule("asleep", false, 1, Some(r#"{"source":["my.asleep"]}"#)),
            rule("idle", true, 0, Some(r#"{"source":["my.idle"]}"#)),
        ],
        buses: vec!["default".to_owned(), "quiet".to_owned()],
        documents: vec!["Diagnose".to_owned()],
        topics: vec!["oncall".to_owned()],
        deployment_groups: vec![DeploymentGroup {
            application: "shop".to_owned(),
            name: "blue".to_owned(),
        }],
        templates: vec![ExperimentTemplate {
            id: None,
            name: Some("stress".to_owned()),
            has_stop_condition: true,
        }],
        response_plans: vec!["vpn-down".to_owned()],
        queues: vec!["letters".to_owned()],
        ..Inventory::default()
    }
}

#[test]
fn the_base_is_sound_with_and_without_an_environment() {
    tells("version: 1", "version: 1", &[]);
    tells_in(Some(&inventory()), "version: 1", "version: 1", &[]);
}

#[test]
fn another_version_of_the_language_is_refused() {
    tells("version: 1", "version: 7", &[("unsupported-version", "7")]);
}

#[test]
fn names_are_made_of_lower_case_letters_digits_and_single_dashes() {
    for name in ["Base", "base-", "a--b", "1st", "a_b", "é"] {
        tells("name: base", &format!("name: {name}"), &[("bad-name", name)]);
    }
    tells("name: base", "name: a-2-z", &[]);
}

#[test]
fn ids_have_a_form_too() {
    tells("id: seen", "id: se en", &[("bad-id", "se en")]);
    tells("id: seen", "id: Seen_1.a", &[]);
}

#[test]
fn severity_is_between_one_and_five() {
    tells("name: base", "name: base\nseverity: 0", &[("bad-severity", "0")]);
    tells("name: base", "name: base\nseverity: 6", &[("bad-severity", "6")]);
    tells("name: base", "name: base\nseverity: 300", &[("wrong-type", "300")]);
    tells("name: base", "name: base\nseverity: 5", &[]);
}

#[test]
fn tags_have_a_form_and_stand_once() {
    tells("name: base", "name: base\ntags: [A, a, a]", &[("bad-tag", "A"), ("bad-tag", "a")]);
}

#[test]
fn a_scenario_without_a_fault_is_an_error() {
    let text = "faults:\n  - id: break\n    set_alarm_state: {alarm: cpu}\n";
    tells(text, "faults: []\n", &[("no-faults", "faults")]);
}

#[test]
fn a_scenario_that_expects_nothing_is_an_error_and_a_mere_recovery_a_warning() {
    let text = "expect:\n  - id: seen\n    notification: {topic: oncall}\n    within: 2m\n";
    tells(text, "expect: []\n", &[("no-expectations", "expect")]);
    let recovery = "recovery:\n  - alarm: {name: other}\n    within: 2m\n";
    tells(text, recovery, &[("no-expectations", "recovery")]);
    assert_eq!(found(&BASE.replace(text, recovery), None)[0].severity, Severity::Warning);
    tells(text, "expects: []\n", &[("unknown-key", "expects")]);
}

#[test]
fn missing_guardrails_are_a_note() {
    let text = "guardrails: {accounts: [\"111122223333\"], regions: [eu-west-1]}\n";
    let told = found(&BASE.replace(text, ""), None);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].code.as_str(), told[0].severity), ("no-guardrails", Severity::Note));
}

#[test]
fn accounts_and_regions_look_like_such() {
    tells("\"111122223333\"", "\"1111-2222\"", &[("bad-account", "\"1111-2222\"")]);
    for region in ["europe", "eu-west", "EU-WEST-1", "eu-west-123"] {
        tells("eu-west-1", region, &[("bad-region", region)]);
    }
    tells("eu-west-1", "us-gov-east-1", &[]);
}

#[test]
fn zero_is_no_deadline() {
    tells("within: 2m", "within: 0s", &[("zero-duration", "0s")]);
    tells("within: 2m", "within: 2m\nobjectives: {detect: 0s}", &[("zero-duration", "0s")]);
}

#[test]
fn nothing_takes_longer_than_a_day() {
    tells("within: 2m", "within: 25h", &[("duration-too-long", "25h")]);
    tells("id: break", "id: break\n    at: 2days", &[("duration-too-long", "2days")]);
}

#[test]
fn a_deadline_lies_inside_the_maximum_duration_with_its_whole_chain() {
    let limited = BASE.replace("regions: [eu-west-1]", "regions: [eu-west-1], max_duration: 5m");
    let chained =
        format!("{limited}  - id: then\n    rule: {{name: r}}\n    after: seen\n    within: 4m\n");
    let told = told(&chained, None);
    assert_eq!(told, [("deadline-past-max-duration".to_owned(), "4m".to_owned())]);
    assert_eq!(found(&chained.replace("4m", "3m"), None), vec![]);
}

#[test]
fn too_many_parts_are_refused_at_once() {
    let many = "  - rule: {name: r}\n".repeat(600);
    let told = told(&format!("{BASE}{many}"), None);
    assert_eq!(told, [("too-many".to_owned(), "expect".to_owned())]);
}

#[test]
fn an_unused_variable_is_told() {
    tells("name: base", "name: base\nvars: {spare: x}", &[("unused-variable", "spare")]);
    let used = "name: base\nvars: {topic: oncall}\ntitle: on ${var.topic}";
    tells("name: base", used, &[]);
}

#[test]
fn faults_and_expectations_share_their_ids() {
    tells("id: seen", "id: break", &[("duplicate-id", "break")]);
    tells("id: seen", "id: fault-1", &[]);
    let unnamed = "faults:\n  - set_alarm_state: {alarm: other}\n  - id: fault-1\n";
    tells("faults:\n  - id: break\n", unnamed, &[("duplicate-id", "fault-1")]);
}

#[test]
fn references_are_known_and_of_the_right_kind() {
    tells("within: 2m", "within: 2m\n    after: brake", &[("unknown-reference", "brake")]);
    tells("within: 2m", "within: 2m\n    after: break", &[]);
    tells("id: break", "id: break\n    after: seen", &[("wrong-reference", "seen")]);
    tells("id: break", "id: break\n    effect: break", &[("wrong-reference", "break")]);
    tells("id: break", "id: break\n    effect: sene", &[("unknown-reference", "sene")]);
    let never = BASE
        .replace("id: break", "id: break\n    effect: seen")
        .replace("notification: {topic: oncall}", "never: {notification: {topic: oncall}}")
        .replace("within: 2m", "for: 2m");
    assert_eq!(told(&never, None), [("wrong-reference".to_owned(), "seen".to_owned())]);
    let hint =
        found(&BASE.replace("id: break", "id: break\n    effect: sene"), None)[0].hint.clone();
    assert_eq!(hint.as_deref(), Some("did you mean `seen`?"));
}

#[test]
fn an_experiment_belongs_to_a_fis_fault() {
    let keys = "    experiment: {state: stopped}\n    within: 1m\n";
    expecting(keys, &[("wrong-reference", "experiment")]);
    let keys = "    experiment: {state: stopped, fault: break}\n    within: 1m\n";
    expecting(keys, &[("wrong-reference", "break")]);
    let keys = "    experiment: {state: stopped, fault: nobody}\n    within: 1m\n";
    expecting(keys, &[("unknown-reference", "nobody")]);
    let two = BASE
        .replace("set_alarm_state: {alarm: cpu}", "fis: {template: a}\n  - fis: {template: b}")
        .replace("notification: {topic: oncall}", "experiment: {state: stopped}");
    assert_eq!(told(&two, None), [("wrong-reference".to_owned(), "experiment".to_owned())]);
}

#[test]
fn circles_are_shown_once_each_with_all_their_members() {
    let text = "  - {id: a, rule: {name: r}, within: 1m, after: c}\n  \
                - {id: b, rule: {name: r}, within: 1m, after: a}\n  \
                - {id: c, rule: {name: r}, within: 1m, after: b}\n  \
                - {id: d, rule: {name: r}, within: 1m, after: a}\n  \
                - {id: e, rule: {name: r}, within: 1m, after: e}\n";
    let told = found(&format!("{BASE}{text}"), None);
    let messages: Vec<&str> = told.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        ["these wait for one another: a -> c -> b -> a", "these wait for one another: e -> e",]
    );
}

#[test]
fn a_fault_that_waits_for_an_effect_that_waits_for_it_is_a_circle() {
    let text = BASE.replace(
        "  - id: break\n",
        "  - id: first\n    effect: seen\n    set_alarm_state: {alarm: a}\n  - id: break\n    after: first\n",
    );
    assert_eq!(found(&text, None), vec![]);
    let told = told(&text.replace("within: 2m", "within: 2m\n    after: break"), None);
    assert_eq!(told.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["reference-cycle"]);
}

#[test]
fn a_fault_has_exactly_one_kind() {
    tells("    set_alarm_state: {alarm: cpu}\n", "", &[("not-one-kind", "id")]);
    let two = "set_alarm_state: {alarm: cpu}\n    fis: {template: x}";
    injecting(two, &[("not-one-kind", "set_alarm_state")]);
    injecting("fis: {}", &[("not-one-kind", "fis")]);
    injecting("fis: {template: x, inline: {}}", &[("not-one-kind", "fis")]);
}

#[test]
fn an_expectation_has_exactly_one_kind() {
    expecting("    within: 1m\n", &[("not-one-kind", "id")]);
    let keys = "    rule: {name: r}\n    event: {pattern: {source: [x]}}\n    within: 1m\n";
    expecting(keys, &[("not-one-kind", "event")]);
    expecting("    never: {}\n    for: 1m\n", &[("not-one-kind", "never")]);
    let keys = "    never: {rule: {name: r}}\n    rule: {name: r}\n    for: 1m\n";
    expecting(keys, &[("not-one-kind", "rule")]);
    expecting("    rollback: {}\n    within: 1m\n", &[("not-one-kind", "rollback")]);
}

#[test]
fn an_inline_template_is_one_that_fis_takes() {
    injecting("fis: {inline: 5}", &[("bad-template", "5")]);
    let text = "fis: {inline: {description: d, roleArn: r, action: {}}}";
    injecting(text, &[("bad-template", "inline"), ("bad-template", "action")]);
    let text = "fis: {inline: {description: d, roleArn: r, targets: {web: {}}, actions: {\n        \
                stop: {actionId: \"aws:ec2:stop-instances\", targets: {Instances: wep}, startAfter: [wait]}}}}";
    injecting(text, &[("bad-template", "wep"), ("bad-template", "wait")]);
}

#[test]
fn aws_sources_are_refused_with_the_way_out() {
    let text = "put_events: {entries: [{source: aws.guardduty, detail-type: x, detail: {}}]}";
    injecting(text, &[("aws-source", "aws.guardduty")]);
    let told = found(&BASE.replace("set_alarm_state: {alarm: cpu}", text), None);
    let hint = told[0].hint.as_deref().unwrap();
    assert!(hint.contains("set_alarm_state") && hint.contains("drill.guardduty"), "{hint}");
}

#[test]
fn events_need_entries_with_an_object_as_detail() {
    injecting("put_events: {entries: []}", &[("empty-entries", "entries")]);
    let text = "put_events: {entries: [{source: s, detail-type: x, detail: [1]}]}";
    injecting(text, &[("bad-detail", "detail")]);
    injecting("put_events: {entries: [{source: s, detail-type: x}]}", &[]);
}

#[test]
fn an_event_has_a_largest_size() {
    let long = "x".repeat(300_000);
    let text =
        format!("put_events: {{entries: [{{source: s, detail-type: x, detail: {{a: {long}}}}}]}}");
    injecting(&text, &[("event-too-large", "source")]);
}

#[test]
fn metrics_stay_out_of_aws_namespaces_and_inside_its_ranges() {
    let put = |keys: &str| format!("put_metric_data: {{namespace: App, metric: m, {keys}}}");
    injecting(
        "put_metric_data: {namespace: AWS/EC2, metric: m, value: 1}",
        &[("aws-namespace", "AWS/EC2")],
    );
    injecting(&put("value: .nan"), &[("bad-metric", ".nan")]);
    injecting(&put("value: 1, unit: count"), &[("bad-metric", "count")]);
    injecting(&put("value: 1, every: 10ms"), &[("bad-metric", "10ms")]);
    injecting(&put("value: 1, duration: 0s"), &[("zero-duration", "0s")]);
    injecting(&put("value: 1, dimensions: {a: \"\"}"), &[("bad-metric", "dimensions")]);
    injecting(&put("value: 1.5, unit: Count, every: 10s, duration: 1m"), &[]);
}

#[test]
fn what_happens_needs_a_deadline() {
    expecting("    rule: {name: r}\n", &[("within-missing", "id")]);
}

#[test]
fn a_never_needs_a_window_and_takes_no_deadline() {
    let never = "    never: {rule: {name: r}}\n";
    expecting(never, &[("never-needs-for", "id")]);
    let keys = format!("{never}    for: 1m\n    within: 1m\n    count: 2\n    sustain: 1m\n");
    expecting(
        &keys,
        &[
            ("never-with-within", "within"),
            ("never-with-within", "count"),
            ("never-with-within", "sustain"),
        ],
    );
    expecting(&format!("{never}    for: 1m\n"), &[]);
    let keys = "    rule: {name: r}\n    within: 1m\n    for: 1m\n";
    expecting(keys, &[("for-without-never", "for")]);
}

#[test]
fn only_states_can_be_sustained() {
    let keys = "    rule: {name: r}\n    within: 1m\n    sustain: 1m\n";
    expecting(keys, &[("sustain-misuse", "sustain")]);
    expecting("    alarm: {name: other}\n    within: 1m\n    sustain: 1m\n", &[]);
}

#[test]
fn a_count_is_at_least_one_of_something_that_can_happen_again() {
    let keys = "    rule: {name: r}\n    within: 1m\n    count: 0\n";
    expecting(keys, &[("count-misuse", "0")]);
    let keys =
        "    rollback: {codedeploy: {application: a, group: g}}\n    within: 1m\n    count: 2\n";
    expecting(keys, &[("count-misuse", "2")]);
    expecting("    rule: {name: r}\n    within: 1m\n    count: 3\n", &[]);
}

#[test]
fn an_alarm_that_the_fault_sets_proves_nothing_by_itself() {
    let keys = "    alarm: {name: cpu}\n    within: 1m\n";
    expecting(keys, &[("state-never-changes", "alarm")]);
    expecting("    alarm: {name: cpu, action: \"*\"}\n    within: 1m\n", &[]);
    expecting("    alarm: {name: cpu, state: OK}\n    within: 1m\n", &[]);
    let effect = BASE
        .replace("id: break", "id: break\n    effect: seen")
        .replace("notification: {topic: oncall}", "alarm: {name: cpu}");
    assert_eq!(told(&effect, None), []);
}

#[test]
fn statuses_and_states_are_those_of_aws() {
    let keys = "    runbook: {document: D, status: Succeeded}\n    within: 1m\n";
    expecting(keys, &[("unknown-status", "Succeeded")]);
    let text = BASE
        .replace("set_alarm_state: {alarm: cpu}", "fis: {template: x}")
        .replace("notification: {topic: oncall}", "experiment: {state: Stopped}");
    assert_eq!(told(&text, None), [("unknown-state".to_owned(), "Stopped".to_owned())]);
    assert_eq!(found(&text, None)[0].hint.as_deref(), Some("did you mean `stopped`?"));
}

#[test]
fn patterns_are_held_against_the_grammar_of_eventbridge() {
    let event = |pattern: &str| format!("    event: {{pattern: {pattern}}}\n    within: 1m\n");
    expecting(&event("{source: my.app}"), &[("bad-pattern", "my.app")]);
    expecting(&event("[a]"), &[("bad-pattern", "pattern")]);
    expecting(&event("{detail: {a: [{numeric: [\">\", x]}]}}"), &[("bad-pattern", "pattern")]);
    expecting(&event("{}"), &[("bad-pattern", "pattern")]);
    expecting(&event("{source: [my.app], detail: {a: [{numeric: [\">\", 1]}]}}"), &[]);
    expecting(&event(r#"'{"source": ["my.app"]}'"#), &[]);
    expecting(&event(r#"'{"source": "my.app"}'"#), &[("bad-pattern", r#"'{"source": "my.app"}'"#)]);
}

#[test]
fn resources_that_the_environment_lacks_are_told_with_the_nearest_name() {
    let inventory = inventory();
    let tells = |from: &str, to: &str, marked: &str| {
        tells_in(Some(&inventory), from, to, &[("unknown-resource", marked)]);
    };
    tells("topic: oncall", "topic: onkall", "onkall");
    tells("[{alarm: cpu}]", "[{alarm: cpx}]", "cpx");
    tells("set_alarm_state: {alarm: cpu}", "set_alarm_state: {alarm: cpo}", "cpo");
    tells("set_alarm_state: {alarm: cpu}", "fis: {template: stres}", "stres");
    tells("notification: {topic: oncall}", "alarm: {name: nope}", "nope");
    tells("notification: {topic: oncall}", "rule: {name: order}", "order");
    tells("notification: {topic: oncall}", "rule: {name: orders, bus: qiet}", "qiet");
    tells("notification: {topic: oncall}", "runbook: {document: Diagnos}", "Diagnos");
    tells("notification: {topic: oncall}", "runbook: {document: AWS-Stop}", "AWS-Stop");
    let rollback = "rollback: {codedeploy: {application: shop, group: blu}}";
    tells("notification: {topic: oncall}", rollback, "blu");
    tells("name: base", "name: base\nsteady_state: [{alarm: {name: cpv}}]", "cpv");
    let event = "event: {bus: qiet, pattern: {source: [x]}}";
    tells("notification: {topic: oncall}", event, "qiet");
    let text = BASE.replace("topic: oncall", "topic: onkall");
    let told = found(&text, Some(&inventory));
    assert_eq!(told[0].hint.as_deref(), Some("did you mean `oncall`?"));
    let arn = "topic: arn:aws:sns:eu-west-1:111122223333:oncall";
    tells_in(Some(&inventory), "topic: oncall", arn, &[]);
}

#[test]
fn a_deadline_that_the_alarm_can_never_meet_shows_the_sum() {
    let inventory = inventory();
    let alarm = |name: &str, within: &str| {
        BASE.replace("set_alarm_state: {alarm: cpu}", "fis: {template: stress}")
            .replace("notification: {topic: oncall}", &format!("alarm: {{name: {name}}}"))
            .replace("within: 2m", &format!("within: {within}"))
    };
    let never = found(&alarm("slow", "5m"), Some(&inventory));
    assert_eq!(never.len(), 1, "{never:?}");
    assert_eq!(
        (never[0].code.as_str(), never[0].severity, never[0].message.as_str()),
        (
            "deadline-never-met",
            Severity::Warning,
            "`slow` can't fire within 5m: 3 x 5m of data + 10s to publish + 1m to evaluate = 16m 10s"
        )
    );
    let tight = found(&alarm("slow", "12m"), Some(&inventory));
    assert_eq!((tight[0].code.as_str(), tight[0].severity), ("deadline-tight", Severity::Note));
    assert_eq!(found(&alarm("slow", "17m"), Some(&inventory)), vec![]);
    assert_eq!(found(&alarm("slow", "5m"), None), vec![]);
}

#[test]
fn a_deadline_that_counts_from_an_expectation_or_a_hand_set_alarm_is_not_judged() {
    let inventory = inventory();
    let text = BASE
        .replace("alarm: cpu}\nexpect", "alarm: slow}\nexpect")
        .replace("notification: {topic: oncall}", "alarm: {name: slow, action: \"*\"}");
    assert_eq!(told(&text, Some(&inventory)), []);
    let text = format!("{BASE}  - alarm: {{name: slow}}\n    after: seen\n    within: 1m\n");
    assert_eq!(told(&text, Some(&inventory)), []);
}

#[test]
fn an_event_that_no_rule_matches_is_shown_the_nearest_rule() {
    let inventory = inventory();
    let put = |source: &str, detail: &str| {
        let entry = format!("{{source: {source}, detail-type: x, detail: {detail}}}");
        BASE.replace(
            "set_alarm_state: {alarm: cpu}",
            &format!("put_events: {{entries: [{entry}]}}"),
        )
    };
    assert_eq!(told(&put("my.orders", "{amount: 500}"), Some(&inventory)), []);
    let told_of = |text: &str| {
        let told = found(text, Some(&inventory));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(
            (told[0].code.as_str(), told[0].severity),
            ("unmatched-event", Severity::Warning)
        );
        (told[0].message.clone(), told[0].hint.clone().unwrap())
    };
    let (message, hint) = told_of(&put("my.orders", "{amount: 5}"));
    assert_eq!(message, "no rule on the bus `default` matches this event");
    assert!(hint.starts_with("`orders` comes nearest, but `detail.amount` is 5, not"), "{hint}");
    let (_, hint) = told_of(&put("my.orders", "{}"));
    assert!(hint.contains("the event has no `detail.amount`"), "{hint}");
    let never =
        format!("{}  - never: {{rule: {{name: orders}}}}\n    for: 1m\n", put("my.orders", "{}"));
    assert_eq!(found(&never, Some(&inventory))[0].severity, Severity::Note);
    let (message, _) = told_of(&put("my.asleep", "{}"));
    assert_eq!(message, "only the disabled rule `asleep` matches this event");
    let quiet = put("my.orders", "{}").replace("put_events: {", "put_events: {bus: quiet, ");
    let (_, hint) = told_of(&quiet);
    assert_eq!(hint, "the bus `quiet` has no rules with a pattern");
}

#[test]
fn a_rule_that_cannot_act_is_told_unless_it_must_never_act() {
    let inventory = inventory();
    let text = |kind: &str| BASE.replace("notification: {topic: oncall}", kind);
    let codes = |text: &str| -> Vec<String> {
        told(text, Some(&inventory)).into_iter().map(|(code, _)| code).collect()
    };
    assert_eq!(codes(&text("rule: {name: asleep}")), ["rule-disabled"]);
    assert_eq!(codes(&text("rule: {name: idle}")), ["rule-without-targets"]);
    let never = text("never: {rule: {name: asleep}}").replace("within: 2m", "for: 2m");
    assert_eq!(codes(&never), Vec::<String>::new());
}

#[test]
fn an_alarm_that_cannot_act_is_told() {
    let text = |kind: &str| {
        BASE.replace("set_alarm_state: {alarm: cpu}", "fis: {template: stress}")
            .replace("notification: {topic: oncall}", kind)
            .replace("within: 2m", "within: 10m")
    };
    let codes = |kind: &str| -> Vec<String> {
        told(&text(kind), Some(&inventory())).into_iter().map(|(code, _)| code).collect()
    };
    assert_eq!(codes("alarm: {name: deaf}"), ["actions-disabled"]);
    assert_eq!(codes("alarm: {name: cpu, action: \"arn:aws:sns:r:a:onkall\"}"), ["no-such-action"]);
    for action in ["*", "arn:aws:sns:r:a:oncall"] {
        assert!(codes(&format!("alarm: {{name: cpu, action: \"{action}\"}}")).is_empty());
    }
}

#[test]
fn every_rule_that_is_told_has_its_explanation() {
    let source = [
        include_str!("whole.rs"),
        include_str!("faults.rs"),
        include_str!("guardrails.rs"),
        include_str!("expectations.rs"),
        include_str!("references.rs"),
        include_str!("environment.rs"),
        include_str!("events.rs"),
        include_str!("records.rs"),
        include_str!("readings.rs"),
        include_str!("messages.rs"),
        include_str!("targets.rs"),
        include_str!("findings.rs"),
        include_str!("machines.rs"),
        include_str!("outside.rs"),
        include_str!("../tree.rs"),
        include_str!("../shape.rs"),
        include_str!("../substitute.rs"),
        include_str!("../load.rs"),
        include_str!("../../commands/prepare.rs"),
    ]
    .concat();
    for rule in crate::scenario::RULES {
        let constant = rule.code.to_uppercase().replace('-', "_");
        assert!(source.contains(&format!("code::{constant}")), "{} is never told", rule.code);
    }
}
