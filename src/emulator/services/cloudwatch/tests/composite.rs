//! Composite alarms: evaluation, suppression, refusals.

use serde_json::{Value, json};

use super::*;

fn composite(account: &mut Account, name: &str, rule: &str, more: Value) {
    let mut input = json!({"AlarmName": name, "AlarmRule": rule});
    let Value::Object(more) = more else { panic!("an object is wanted") };
    for (key, value) in more {
        input[key] = value;
    }
    call(account, "PutCompositeAlarm", input);
}

fn force(account: &mut Account, name: &str, state: &str) {
    let input = json!({"AlarmName": name, "StateValue": state, "StateReason": "drill"});
    call(account, "SetAlarmState", input);
}

/// Alarms on metrics that keep their state without data.
fn children(account: &mut Account, names: &[&str]) {
    for name in names {
        alarm(account, name, json!({"TreatMissingData": "ignore"}));
        force(account, name, "OK");
    }
}

/// How many actions the alarm has tried so far.
fn tried(account: &mut Account, name: &str) -> usize {
    history(account, name).iter().filter(|item| item.0 == "Action").count()
}

#[test]
fn a_composite_alarm_follows_its_children_and_says_which_one_it_was() {
    let mut account = account();
    children(&mut account, &["cpu", "disk"]);
    let rule = "ALARM(cpu) OR ALARM(\"disk\")";
    composite(&mut account, "service", rule, json!({"AlarmActions": [TOPIC]}));
    assert_eq!(state(&mut account, "service"), "INSUFFICIENT_DATA");
    until(&mut account, 5);
    let found = describe(&mut account, "service");
    let arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:";
    assert_eq!(found["StateValue"], "OK");
    let reason = format!("{arn}service was created and its alarm rule evaluates to OK");
    assert_eq!(found["StateReason"], reason);
    until(&mut account, 45);
    force(&mut account, "cpu", "ALARM");
    until(&mut account, 50);
    let found = describe(&mut account, "service");
    assert_eq!(found["StateValue"], "ALARM");
    let reason = format!("{arn}cpu transitioned to ALARM at Friday 20 November, 2026 10:00:45 UTC");
    assert_eq!(found["StateReason"], reason);
    let data: Value = serde_json::from_str(found["StateReasonData"].as_str().unwrap()).unwrap();
    let triggering = json!([{
        "arn": format!("{arn}cpu"),
        "state": {"value": "ALARM", "timestamp": "2026-11-20T10:00:45.000+0000"},
    }]);
    assert_eq!(data["triggeringAlarms"], triggering);
    assert_eq!(tried(&mut account, "service"), 1);
    let (_, _, action) = history(&mut account, "service").pop().unwrap();
    let message = action["publishedMessage"].as_str().unwrap();
    assert!(message.contains("TriggeringChildren"), "{message}");
}

#[test]
fn a_forced_composite_alarm_stays_until_a_child_changes() {
    let mut account = account();
    children(&mut account, &["cpu", "disk"]);
    composite(&mut account, "service", "ALARM(cpu) OR ALARM(disk)", json!({}));
    until(&mut account, 5);
    force(&mut account, "service", "ALARM");
    until(&mut account, 1800);
    assert_eq!(state(&mut account, "service"), "ALARM");
    force(&mut account, "disk", "INSUFFICIENT_DATA");
    until(&mut account, 1805);
    assert_eq!(state(&mut account, "service"), "OK");
}

#[test]
fn composite_alarms_stack_and_list_their_relatives() {
    let mut account = account();
    children(&mut account, &["cpu", "disk"]);
    composite(&mut account, "inner", "ALARM(cpu) AND ALARM(disk)", json!({}));
    composite(&mut account, "outer", "NOT OK(inner)", json!({}));
    until(&mut account, 5);
    force(&mut account, "cpu", "ALARM");
    force(&mut account, "disk", "ALARM");
    until(&mut account, 10);
    assert_eq!(state(&mut account, "outer"), "ALARM");
    let answer = call(&mut account, "DescribeAlarms", json!({"ChildrenOfAlarmName": "inner"}));
    assert_eq!(answer["MetricAlarms"].as_array().unwrap().len(), 2);
    let answer = call(&mut account, "DescribeAlarms", json!({"ParentsOfAlarmName": "inner"}));
    assert_eq!(answer["CompositeAlarms"][0]["AlarmName"], "outer");
    assert_eq!(answer["CompositeAlarms"][0].get("AlarmRule"), None);
    let metric_only = call(&mut account, "DescribeAlarms", json!({}));
    assert_eq!(metric_only["CompositeAlarms"], json!([]));
    let history = call(&mut account, "DescribeAlarmHistory", json!({"AlarmName": "outer"}));
    assert_eq!(history["AlarmHistoryItems"], json!([]), "metric alarms are the default");
}

#[test]
fn a_rule_that_can_not_be_followed_is_refused() {
    let mut account = account();
    children(&mut account, &["cpu"]);
    composite(&mut account, "a", "ALARM(cpu)", json!({}));
    composite(&mut account, "b", "ALARM(a)", json!({}));
    let mut refused = |name: &str, rule: &str, more: Value| {
        let mut input = json!({"AlarmName": name, "AlarmRule": rule});
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        try_call(&mut account, "PutCompositeAlarm", input).unwrap_err().message
    };
    assert!(refused("a", "ALARM(b)", json!({})).contains("cycle"));
    assert!(refused("c", "ALARM(c)", json!({})).contains("cycle"));
    assert!(refused("c", "ALARM(nope)", json!({})).contains("[nope]"));
    assert!(refused("c", "ALARM(cpu) AND", json!({})).contains("Invalid AlarmRule"));
    assert!(refused("cpu", "TRUE", json!({})).contains("another type"));
    let suppressor = json!({"ActionsSuppressor": "cpu"});
    assert!(refused("c", "TRUE", suppressor).contains("WaitPeriod"));
    let stop = json!({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]});
    assert!(refused("c", "TRUE", stop).contains("composite alarm can't"));
}

/// The examples of <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html>:
/// wait 20 seconds, extension 30 seconds; steps are (second, alarm, state), and the composite alarm follows
/// its child a second later. Expected: (second, actions tried so far, what suppresses).
type Example = (
    &'static str,
    &'static [(i64, &'static str, &'static str)],
    &'static [(i64, usize, Option<&'static str>)],
);

const EXAMPLES: &[Example] = &[
    (
        "1: not suppressed after the wait period",
        &[(20, "child", "ALARM")],
        &[(25, 0, Some("WaitPeriod")), (43, 1, None), (200, 1, None)],
    ),
    (
        "2: suppressed by the alarm before the wait period expires",
        &[(20, "child", "ALARM"), (30, "mute", "ALARM")],
        &[(35, 0, Some("Alarm")), (200, 0, Some("Alarm"))],
    ),
    (
        "3: a transition during the wait period starts another one",
        &[(20, "child", "ALARM"), (30, "child", "OK")],
        &[(45, 0, Some("WaitPeriod")), (53, 1, None)],
    ),
    (
        "4: the suppressor is in ALARM already",
        &[(10, "mute", "ALARM"), (20, "child", "ALARM")],
        &[(25, 0, Some("Alarm")), (200, 0, Some("Alarm"))],
    ),
    (
        "5: not suppressed after the extension period",
        &[(20, "child", "ALARM"), (30, "mute", "ALARM"), (60, "mute", "OK")],
        &[(65, 0, Some("ExtensionPeriod")), (92, 1, None)],
    ),
    (
        "6: a transition during the extension period starts a wait period",
        &[(20, "child", "ALARM"), (30, "mute", "ALARM"), (60, "mute", "OK"), (70, "child", "OK")],
        &[(75, 0, Some("WaitPeriod")), (93, 1, None)],
    ),
];

#[test]
fn actions_are_suppressed_as_the_examples_of_the_page_describe() {
    for (example, steps, expected) in EXAMPLES {
        let mut account = account();
        children(&mut account, &["child", "mute"]);
        let more = json!({
            "AlarmActions": [TOPIC],
            "OKActions": [TOPIC],
            "ActionsSuppressor": "mute",
            "ActionsSuppressorWaitPeriod": 20,
            "ActionsSuppressorExtensionPeriod": 30,
        });
        composite(&mut account, "service", "ALARM(child)", more);
        // The creation itself is a transition to OK, which waits as well; start after it.
        until(&mut account, 5);
        until(&mut account, 100);
        let before = tried(&mut account, "service");
        assert_eq!(before, 1, "{example}");
        let mut steps = steps.iter().peekable();
        for (at, actions, by) in *expected {
            while let Some((second, name, state)) = steps.next_if(|step| step.0 <= *at) {
                until(&mut account, 100 + second);
                force(&mut account, name, state);
            }
            until(&mut account, 100 + at);
            assert_eq!(tried(&mut account, "service") - before, *actions, "{example}, at {at}");
            let found = describe(&mut account, "service");
            assert_eq!(found["ActionsSuppressedBy"].as_str(), *by, "{example}, at {at}");
        }
        assert_eq!(steps.next(), None, "{example}");
    }
}
