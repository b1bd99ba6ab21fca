//! The rules about messages and queues.

use super::{expecting, injecting, inventory, tells_in};

#[test]
fn a_message_is_one_that_sns_and_sqs_take() {
    injecting("publish: {topic: oncall, message: \"\"}", &[("bad-message", "\"\"")]);
    injecting("publish: {topic: oncall, message: 5}", &[("bad-message", "5")]);
    injecting("publish: {topic: oncall, message: {a: 1}, subject: Drill}", &[]);
    let subject = "publish: {topic: oncall, message: m, subject: \"über\"}";
    injecting(subject, &[("bad-message", "\"über\"")]);
    let reserved = "send_message: {queue: q, message: m, attributes: {AWS.x: y}}";
    injecting(reserved, &[("bad-message", "y")]);
    let empty = "send_message: {queue: q, message: m, attributes: {a b: y, c: \"\"}}";
    injecting(empty, &[("bad-message", "y"), ("bad-message", "\"\"")]);
    let long = format!("send_message: {{queue: q, message: {}}}", "x".repeat(300_000));
    injecting(&long, &[("bad-message", &"x".repeat(300_000))]);
}

#[test]
fn a_fifo_topic_or_queue_needs_a_group() {
    injecting("publish: {topic: t.fifo, message: m}", &[("bad-message", "t.fifo")]);
    injecting("send_message: {queue: q.fifo, message: m}", &[("bad-message", "q.fifo")]);
    injecting("send_message: {queue: q.fifo, message: m, group: g}", &[]);
    injecting("publish: {topic: t, message: m, group: g}", &[("bad-message", "group")]);
    // A standard queue takes a group too, for fairness.
    injecting("send_message: {queue: q, message: m, group: g}", &[]);
}

#[test]
fn a_queue_is_asked_for_one_number_that_says_something() {
    let queue = |keys: &str| format!("    queue: {{name: q{keys}}}\n    within: 3m\n");
    expecting(&queue(""), &[]);
    expecting(&queue(", at_least: 2, messages: in_flight"), &[]);
    expecting(&queue(", at_least: 0"), &[("bad-level", "0")]);
    expecting(&queue(", at_least: 1, at_most: 2"), &[("bad-level", "at_most")]);
    expecting(&format!("{}    count: 2\n", queue("")), &[("count-misuse", "2")]);
    expecting(&format!("{}    sustain: 1m\n", queue(", at_most: 0")), &[]);
}

#[test]
fn what_messages_name_must_be_in_the_environment() {
    let inventory = inventory();
    let injecting = |kind: &str, expected: &[(&str, &str)]| {
        tells_in(Some(&inventory), "set_alarm_state: {alarm: cpu}", kind, expected);
    };
    injecting("publish: {topic: onkall, message: m}", &[("unknown-resource", "onkall")]);
    injecting("send_message: {queue: lettres, message: m}", &[("unknown-resource", "lettres")]);
    injecting("send_message: {queue: letters, message: m}", &[]);
    injecting("disable_rule: {name: order}", &[("unknown-resource", "order")]);
    injecting("disable_rule: {name: orders, bus: loud}", &[("unknown-resource", "loud")]);
    injecting("disable_rule: {name: asleep}", &[("rule-disabled", "asleep")]);
    injecting("disable_rule: {name: orders}", &[]);
    let from = "notification: {topic: oncall}";
    tells_in(Some(&inventory), from, "queue: {name: lettres}", &[("unknown-resource", "lettres")]);
}

#[test]
fn log_events_have_a_group_a_search_and_a_moment() {
    let log = |keys: &str| format!("    log: {{{keys}}}\n    within: 3m\n");
    expecting(&log("group: a, pattern: ERROR"), &[]);
    expecting(&log("groups: [a, b], query: 'fields @timestamp'"), &[]);
    expecting(&log("pattern: ERROR"), &[("bad-log", "log")]);
    expecting(&log("group: a, groups: [b], pattern: ERROR"), &[("bad-log", "log")]);
    expecting(&log("group: a"), &[("bad-log", "log")]);
    let told = &[("bad-log", "'fields code'")];
    expecting(&log("group: a, query: 'fields code'"), told);
    let query = "fields @timestamp | stats count(*)";
    let told = &[("bad-log", "'fields @timestamp | stats count(*)'")];
    expecting(&log(&format!("group: a, query: '{query}'")), told);
    injecting("log_line: {group: a, message: m, count: 0}", &[("bad-log", "0")]);
}

#[test]
fn a_replay_has_one_span_of_time() {
    let replay = |keys: &str| format!("start_replay: {{archive: a, {keys}}}");
    injecting(&replay("last: 1h"), &[]);
    injecting(&replay("from: \"2026-01-05T09:00:00Z\""), &[]);
    injecting(&replay("rules: [r]"), &[("bad-replay", "start_replay")]);
    let both = replay("last: 1h, to: \"2026-01-05T09:00:00Z\"");
    injecting(&both, &[("bad-replay", "start_replay")]);
    injecting(&replay("from: yesterday"), &[("bad-replay", "yesterday")]);
    let span = "from: \"2026-01-05T09:00:00Z\", to: \"2026-01-05T08:00:00Z\"";
    injecting(&replay(span), &[("bad-replay", "\"2026-01-05T08:00:00Z\"")]);
}
