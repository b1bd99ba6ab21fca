//! `junit.xml`: a suite per drill, a case per expectation, and cases for what is not an expectation.
//!
//! No type of its own: it fills the types of the crate `junit-report`. Invariant: a drill that did not
//! pass has at least one case that did not succeed.
//!
//! | here | in `JUnit` |
//! |---|---|
//! | met | success, `time` = latency (the latest that it can have been) |
//! | late, missed, violated | `failure`, its type the verdict |
//! | inconclusive | `error` |
//! | skipped | `skipped` |
//! | steady state did not hold | `skipped`, as every expectation after it |
//! | anything else that decided the outcome (a stop, what is left behind, no effect) | the case `drill` |
//!
//! What the crate can't express: it writes no `<properties>`, so the run's data stands in the suite's
//! `system-out` and the evidence in each case's; it counts errors and failures of a suite and not the
//! skipped. It writes text into CDATA as it is, so `clean` keeps that well-formed.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite};

use super::Report;
use super::tree::{Drill, ExpectationTold};
use super::words;
use crate::judge::words::{correlation_word, human, span, stamp};
use crate::judge::{Outcome, VerdictKind};
use crate::timeline::Observation;

/// The report as `JUnit` XML.
///
/// # Panics
/// Never: writing to memory does not fail.
pub fn render(report: &Report) -> String {
    let suites =
        report.drills.iter().zip(report.names()).map(|(drill, name)| suite(report, drill, &name));
    let junit = ReportBuilder::new().add_testsuites(suites).build();
    let mut bytes = Vec::new();
    junit.write_xml(&mut bytes).expect("writing to memory does not fail");
    let mut text = String::from_utf8(bytes).expect("the crate writes UTF-8");
    text.push('\n');
    text
}

fn suite(report: &Report, drill: &Drill, name: &str) -> TestSuite {
    let mut testcases = Vec::new();
    testcases.extend(steady_state(drill, name));
    testcases.extend(drill.expectations.iter().map(|told| expectation(told, drill, name)));
    testcases.extend(drill_case(drill, name));
    // Not `TestSuite::new`, which reads the clock.
    TestSuite {
        name: clean(name),
        package: clean(&drill.about.file),
        timestamp: instant(drill.started.unwrap_or(report.run.started)),
        hostname: clean(&format!("{}/{}", report.run.target.account, report.run.target.region)),
        testcases,
        system_out: Some(clean(&about(report, drill))),
        system_err: None,
    }
}

fn about(report: &Report, drill: &Drill) -> String {
    let mut text = format!(
        "run: {}\ndrill: {}\ntarget: {}\noutcome: {}\n",
        report.run.id,
        drill.run_id,
        words::target(&report.run.target),
        drill.outcome.as_str()
    );
    for reason in &drill.reasons {
        line(&mut text, "reason", reason);
    }
    for (stage, time) in drill.recovery.iter() {
        let value = match (time.time, time.absent) {
            (Some(value), _) => human(value),
            (None, Some(absent)) => absent.as_str().to_owned(),
            (None, None) => "absent".to_owned(),
        };
        line(&mut text, &format!("time to {}", words::stage(stage)), &value);
    }
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    let one_line = value.replace(['\n', '\r'], " ");
    writeln!(text, "{key}: {one_line}").expect("writing to a string does not fail");
}

fn steady_state(drill: &Drill, suite: &str) -> Option<TestCase> {
    let name = "steady state";
    let problems: Vec<String> = drill
        .steady_state
        .iter()
        .filter(|look| !look.held())
        .map(|look| {
            if let Some(found) = &look.found {
                return format!("{} was {found}, it must be {}", look.alarm, look.expected);
            }
            let why = look.reason.as_deref().unwrap_or("it was not looked at");
            format!("{} must be {}: {why}", look.alarm, look.expected)
        })
        .collect();
    if drill.steady_state.is_empty() {
        return None;
    }
    let unsteady = drill.steady_state.iter().any(|look| look.found.is_some() && !look.held());
    let message = message(&problems.join("; "));
    let mut builder = if problems.is_empty() {
        TestCaseBuilder::success(name, Duration::ZERO)
    } else if unsteady {
        TestCaseBuilder::skipped_with_cause(name, Outcome::Unsteady.as_str(), &message)
    } else {
        TestCaseBuilder::error(name, Duration::ZERO, VerdictKind::Inconclusive.as_str(), &message)
    };
    Some(builder.set_classname(&clean(suite)).build())
}

/// What decided the outcome besides the verdicts.
fn drill_case(drill: &Drill, suite: &str) -> Option<TestCase> {
    if drill.reasons.is_empty() {
        return None;
    }
    let (name, kind) = ("drill", drill.outcome.as_str());
    let message = message(&drill.reasons.join("; "));
    let mut builder = match drill.outcome {
        Outcome::Passed => TestCaseBuilder::success(name, Duration::ZERO),
        Outcome::Unsteady => TestCaseBuilder::skipped_with_cause(name, kind, &message),
        Outcome::Inconclusive => TestCaseBuilder::error(name, Duration::ZERO, kind, &message),
        Outcome::Failed | Outcome::Stopped | Outcome::Unreverted => {
            TestCaseBuilder::failure(name, Duration::ZERO, kind, &message)
        }
    };
    Some(builder.set_classname(&clean(suite)).build())
}

fn expectation(told: &ExpectationTold, drill: &Drill, suite: &str) -> TestCase {
    let verdict = &told.verdict;
    let name = clean(&verdict.expectation);
    let time = verdict.latest().map_or(Duration::ZERO, duration);
    let (kind, message) = (verdict.verdict.as_str(), message(&verdict.reason));
    let mut builder = match verdict.verdict {
        VerdictKind::Met => TestCaseBuilder::success(&name, time),
        VerdictKind::Skipped => TestCaseBuilder::skipped_with_cause(&name, kind, &message),
        VerdictKind::Inconclusive => TestCaseBuilder::error(&name, time, kind, &message),
        VerdictKind::Late | VerdictKind::Missed | VerdictKind::Violated => {
            TestCaseBuilder::failure(&name, time, kind, &message)
        }
    };
    builder
        .set_classname(&clean(suite))
        .set_filepath(&clean(&drill.about.file))
        .set_system_out(&clean(&evidence(drill, told)))
        .build()
}

fn evidence(drill: &Drill, told: &ExpectationTold) -> String {
    let verdict = &told.verdict;
    let mut text = String::new();
    line(&mut text, "expected", &format!("{}, {}", told.what, told.demand));
    line(&mut text, "verdict", &format!("{}: {}", verdict.verdict.as_str(), verdict.reason));
    if let Some(after) = &told.after {
        line(&mut text, "after", after);
    }
    if let Some(at) = verdict.anchor_at {
        line(&mut text, "counted from", &stamp(at));
    }
    if let Some(at) = verdict.deadline_at {
        line(&mut text, "deadline", &stamp(at));
    }
    if let Some((least, most)) = verdict.latency.zip(verdict.latest()) {
        line(&mut text, "latency", &span(least, most));
    }
    if let Some(margin) = verdict.margin {
        line(&mut text, "margin", &human(margin));
    }
    line(&mut text, "occurrences", &verdict.occurrences.to_string());
    if let Some(observation) = &verdict.observation {
        observed(&mut text, drill, observation);
    }
    text
}

fn observed(text: &mut String, drill: &Drill, observation: &Observation) {
    line(text, "observed", &observation.summary);
    if let Some(place) = words::place(&drill.places, observation.target.as_deref()) {
        line(text, "seen at", &place);
    }
    line(text, "occurred_at", &stamp(observation.occurred_at));
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    line(text, "resolution", &human(SignedDuration::from_millis(resolution)));
    line(text, "seen_at", &stamp(observation.seen_at));
    line(text, "correlation", correlation_word(observation.correlation));
    for (key, value) in &observation.evidence {
        line(text, key, value);
    }
}

fn duration(duration: SignedDuration) -> Duration {
    Duration::milliseconds(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// The same instant in the crate's type, to the millisecond. The crate panics on a year before 0.
fn instant(at: Timestamp) -> OffsetDateTime {
    let nanoseconds = i128::from(at.as_millisecond().max(0)) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A message for an attribute, where a line feed would be lost.
fn message(text: &str) -> String {
    clean(text).replace(['\n', '\r'], " ")
}

/// Text that XML 1.0 can carry, in an attribute or in CDATA.
fn clean(text: &str) -> String {
    let allowed = |letter: char| matches!(letter, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let kept = text.chars().map(|letter| if allowed(letter) { letter } else { '\u{fffd}' });
    kept.collect::<String>().replace("]]>", "]] >")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// The crate writes one line; a line per element shows a difference.
    fn lines(text: &str) -> String {
        text.replace("><", ">\n<")
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a snapshot of the whole output")]
    fn every_expectation_is_a_case_with_its_evidence() {
        insta::assert_snapshot!(lines(&render(&fixture::report())), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <testsuites>
        <testsuite id="0" name="vpn-tunnel-down" package="scenarios/vpn-tunnel-down.yaml" tests="6" errors="0" failures="0" hostname="111122223333/eu-west-1" timestamp="2025-12-31T23:59:30Z" time="805.35">
        <testcase name="steady state" time="0" classname="vpn-tunnel-down"/>
        <testcase name="detected" time="60" classname="vpn-tunnel-down" file="scenarios/vpn-tunnel-down.yaml">
        <system-out>
        <![CDATA[expected: alarm `vpn-status` in ALARM, within 2m
        verdict: met: observed after 1m, 1m before the deadline
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:02:00.000Z
        latency: 1m
        margin: 1m
        occurrences: 1
        observed: vpn-status: OK -> ALARM
        occurred_at: 2026-01-01T00:01:00.000Z
        resolution: 0s
        seen_at: 2026-01-01T00:01:03.000Z
        correlation: marker
        history item: StateUpdate 1
        ]]>
        </system-out>
        </testcase>
        <testcase name="paged" time="0.85" classname="vpn-tunnel-down" file="scenarios/vpn-tunnel-down.yaml">
        <system-out>
        <![CDATA[expected: notification on `oncall`, within 30s
        verdict: met: observed after 850ms, 29.15s before the deadline
        after: `detected`
        counted from: 2026-01-01T00:01:00.000Z
        deadline: 2026-01-01T00:01:30.000Z
        latency: 850ms
        margin: 29.15s
        occurrences: 1
        observed: message on oncall: ALARM: vpn-status
        occurred_at: 2026-01-01T00:01:00.850Z
        resolution: 0s
        seen_at: 2026-01-01T00:01:03.850Z
        correlation: exact
        MessageId: m-1
        ]]>
        </system-out>
        </testcase>
        <testcase name="diagnosed" time="72.5" classname="vpn-tunnel-down" file="scenarios/vpn-tunnel-down.yaml">
        <system-out>
        <![CDATA[expected: runbook `Diagnose-Vpn` Success with `describe-tunnels`, within 5m
        verdict: met: observed after 1m 12.5s, 3m 47.5s before the deadline
        after: `detected`
        counted from: 2026-01-01T00:01:00.000Z
        deadline: 2026-01-01T00:06:00.000Z
        latency: 1m 12.5s
        margin: 3m 47.5s
        occurrences: 1
        observed: Diagnose-Vpn: Success
        occurred_at: 2026-01-01T00:02:12.500Z
        resolution: 0s
        seen_at: 2026-01-01T00:02:15.500Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <testcase name="no-second-page" time="0" classname="vpn-tunnel-down" file="scenarios/vpn-tunnel-down.yaml">
        <system-out>
        <![CDATA[expected: notification on `oncall`, at most once in 10m
        verdict: met: happened once in 10m, at most once is fine
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:10:00.000Z
        occurrences: 1
        ]]>
        </system-out>
        </testcase>
        <testcase name="recovered" time="672" classname="vpn-tunnel-down" file="scenarios/vpn-tunnel-down.yaml">
        <system-out>
        <![CDATA[expected: alarm `vpn-status` in OK, within 20m, for 2m
        verdict: met: observed after 11m 12s, 8m 48s before the deadline, and held for 2m
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:20:00.000Z
        latency: 11m 12s
        margin: 8m 48s
        occurrences: 1
        observed: vpn-status: ALARM -> OK
        occurred_at: 2026-01-01T00:11:12.000Z
        resolution: 0s
        seen_at: 2026-01-01T00:11:15.000Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <system-out>
        <![CDATA[run: 2026-01-01-game-day
        drill: fd-vpn-tunnel-down
        target: emulated account 111122223333 in eu-west-1
        outcome: passed
        time to detect: 1m
        time to act: 1m 0.85s
        time to mitigate: 2m 12.5s
        time to recover: 11m 12s
        ]]>
        </system-out>
        </testsuite>
        <testsuite id="1" name="bad-deployment" package="scenarios/bad-deployment.yaml" tests="9" errors="3" failures="4" hostname="111122223333/eu-west-1" timestamp="2025-12-31T23:59:30Z" time="362">
        <testcase name="steady state" time="0" classname="bad-deployment"/>
        <testcase name="detected" time="162" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <failure type="late" message="late by 42s: observed after 2m 42s"/>
        <system-out>
        <![CDATA[expected: alarm `errors` in ALARM, within 2m
        verdict: late: late by 42s: observed after 2m 42s
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:02:00.000Z
        latency: 2m 42s
        margin: -42s
        occurrences: 1
        observed: errors: OK -> ALARM
        occurred_at: 2026-01-01T00:02:42.000Z
        resolution: 0s
        seen_at: 2026-01-01T00:02:45.000Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <testcase name="routed" time="120" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <error type="inconclusive" message="met or late, it can&apos;t be told: the evidence is only exact to 1m"/>
        <system-out>
        <![CDATA[expected: rule `on-failure` on bus `default` invoked its targets, within 1m 30s
        verdict: inconclusive: met or late, it can't be told: the evidence is only exact to 1m
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:01:30.000Z
        latency: 1m to 2m
        occurrences: 1
        observed: on-failure: 1 invocation in the minute
        occurred_at: 2026-01-01T00:01:00.000Z
        resolution: 1m
        seen_at: 2026-01-01T00:01:03.000Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <testcase name="rolled-back" time="0" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <failure type="missed" message="not observed within 6m, grace included"/>
        <system-out>
        <![CDATA[expected: CodeDeploy rollback of `shop` / `web`, within 5m
        verdict: missed: not observed within 6m, grace included
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:05:00.000Z
        occurrences: 0
        ]]>
        </system-out>
        </testcase>
        <testcase name="told" time="0" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <skipped type="skipped" message="waits for `rolled-back`, which was missed"/>
        <system-out>
        <![CDATA[expected: alarm `told` in OK, within 30s
        verdict: skipped: waits for `rolled-back`, which was missed
        after: `rolled-back`
        occurrences: 0
        ]]>
        </system-out>
        </testcase>
        <testcase name="approved" time="0" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <error type="inconclusive" message="blocked: the approval step `approve`"/>
        <system-out>
        <![CDATA[expected: runbook `Isolate` Success with `describe-tunnels`, within 2m
        verdict: inconclusive: blocked: the approval step `approve`
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:02:00.000Z
        occurrences: 0
        observed: Isolate: Waiting at approve
        occurred_at: 2026-01-01T00:01:10.000Z
        resolution: 0s
        seen_at: 2026-01-01T00:01:13.000Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <testcase name="quiet" time="80" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <failure type="violated" message="happened after 1m 20s: pager|*noise*: &lt;ALARM&gt; ]] &gt; �[31m red"/>
        <system-out>
        <![CDATA[expected: alarm `pager|*noise*` in ALARM, never, for 5m
        verdict: violated: happened after 1m 20s: pager|*noise*: <ALARM> ]] > �[31m red
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:05:00.000Z
        latency: 1m 20s
        occurrences: 1
        observed: pager|*noise*: <ALARM> ]] > �[31m red
        occurred_at: 2026-01-01T00:01:20.000Z
        resolution: 0s
        seen_at: 2026-01-01T00:01:23.000Z
        correlation: window
        reason: `tick` | <pipe> ]] >�
        ]]>
        </system-out>
        </testcase>
        <testcase name="recovered" time="0" classname="bad-deployment" file="scenarios/bad-deployment.yaml">
        <error type="inconclusive" message="in force so far, but could not look: throttled: cloudwatch:DescribeAlarmHistory"/>
        <system-out>
        <![CDATA[expected: alarm `errors` in OK, within 10m, for 1m
        verdict: inconclusive: in force so far, but could not look: throttled: cloudwatch:DescribeAlarmHistory
        counted from: 2026-01-01T00:00:00.000Z
        deadline: 2026-01-01T00:10:00.000Z
        occurrences: 0
        observed: errors: OK
        occurred_at: 2025-12-31T23:58:30.000Z
        resolution: 0s
        seen_at: 2025-12-31T23:59:59.000Z
        correlation: window
        ]]>
        </system-out>
        </testcase>
        <testcase name="drill" time="0" classname="bad-deployment">
        <failure type="unreverted" message="left behind: alarm `errors` in ALARM"/>
        </testcase>
        <system-out>
        <![CDATA[run: 2026-01-01-game-day
        drill: fd-bad-deployment
        target: emulated account 111122223333 in eu-west-1
        outcome: unreverted
        reason: left behind: alarm `errors` in ALARM
        time to detect: 2m 42s
        time to act: inconclusive
        time to mitigate: not observed
        time to recover: inconclusive
        ]]>
        </system-out>
        </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn it_is_well_formed_whatever_the_text_is() {
        let text = render(&fixture::report());
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut cases = 0;
        loop {
            match reader.read_event().expect("well-formed") {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(start) if start.name().as_ref() == b"testcase" => {
                    cases += 1;
                }
                _ => {}
            }
        }
        assert_eq!(cases, 5 + 7 + 1);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'));
    }

    #[test]
    fn an_instant_out_of_the_ordinary_does_not_panic() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            let mut report = fixture::report();
            report.drills[0].started = Some(at);
            assert!(render(&report).contains("<testsuite "));
        }
    }
}
