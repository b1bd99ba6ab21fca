//! Verdict lines for a terminal.
//!
//! No type of its own: [`drill`] as each drill ends, [`summary`] at the end, [`render`] for both. Invariant:
//! every colour stands beside a symbol and a word, so that nothing is lost without it. The text carries
//! its colours always; the stream that prints it (`anstream`) takes them out where they are not wanted.

use super::Report;
use super::tree::{Drill, ExpectationTold};
use super::words;
use crate::judge::words::{human, span};
use crate::judge::{Outcome, VerdictKind};
use crate::recovery::StageTime;
use crate::timeline::TargetKind;
use anstyle::{AnsiColor, Style};

/// A name longer than this does not widen the column.
const WIDEST_NAME: usize = 40;

/// Every drill, and the summary.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for (one, name) in report.drills.iter().zip(report.names()) {
        text.push_str(&drill(one, &name));
        text.push('\n');
    }
    text.push_str(&summary(report));
    text
}

/// The lines of one drill: its outcome, a line per expectation, and a reason for all that is not met.
pub fn drill(drill: &Drill, name: &str) -> String {
    let style = outcome_style(drill.outcome);
    let took = drill.duration().map_or_else(String::new, |took| format!(" in {}", human(took)));
    let (symbol, outcome) = (outcome_symbol(drill.outcome), drill.outcome.as_str());
    let mut lines = vec![format!("{style}{symbol} {outcome}{style:#} {}{took}", plain(name))];
    lines.extend(drill.reasons.iter().map(|reason| format!("    {}", plain(reason))));
    if never_began(drill) {
        let skipped = words::count(drill.expectations.len(), "expectation");
        lines.push(format!("  - {skipped} skipped: nothing was injected\n"));
        return lines.join("\n");
    }
    for (name, target) in &drill.places {
        lines.push(format!("    {} is {}", plain(name), plain(&words::target(target))));
    }
    for clock in drill.clocks.iter().filter(|clock| clock.is_off()) {
        lines.push(format!("  ! {}: {}", words::clock(clock), words::CLOCK_IS_OFF));
    }
    let width = drill.expectations.iter().map(|told| told.verdict.expectation.chars().count());
    let width = width.max().unwrap_or(0).min(WIDEST_NAME);
    let latencies = drill.expectations.iter().map(|told| latency(told).chars().count());
    let widths = (width, latencies.max().unwrap_or(0));
    for told in &drill.expectations {
        lines.push(verdict_line(told, widths));
        if told.verdict.verdict != VerdictKind::Met {
            lines.push(format!("      {}: {}", plain(&told.what), plain(&told.verdict.reason)));
        }
    }
    if let Some(times) = times(drill) {
        lines.push(format!("  {times}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Nothing was injected for a reason that stands above already: a line per expectation would repeat it.
fn never_began(drill: &Drill) -> bool {
    !drill.reasons.is_empty()
        && !drill.expectations.is_empty()
        && drill.faults.iter().all(|fault| fault.started.is_none())
        && drill.count(VerdictKind::Skipped) == drill.expectations.len()
}

/// The latency, as exactly as the evidence is; empty where there is none.
fn latency(told: &ExpectationTold) -> String {
    let verdict = &told.verdict;
    match (verdict.latency, verdict.latest()) {
        (Some(least), Some(most)) if !verdict.held_throughout => span(least, most),
        _ => String::new(),
    }
}

fn verdict_line(told: &ExpectationTold, (width, latency_width): (usize, usize)) -> String {
    let verdict = &told.verdict;
    let style = verdict_style(verdict.verdict);
    let (symbol, word) = (verdict_symbol(verdict.verdict), verdict.verdict.as_str());
    let (name, latency) = (plain(&verdict.expectation), latency(told));
    let at = verdict.observation.as_ref().and_then(|observation| observation.target.as_deref());
    let line = format!(
        "  {style}{symbol} {word:<12}{style:#} {name:<width$}  {latency:>latency_width$}  {}{}",
        plain(&margin(told)),
        plain(&at.map(|name| format!(", seen at {name}")).unwrap_or_default()),
    );
    line.trim_end().to_owned()
}

/// How far from its deadline it was; for what must not happen, what became of its time.
fn margin(told: &ExpectationTold) -> String {
    let verdict = &told.verdict;
    match (verdict.margin, verdict.lateness()) {
        (Some(_), _) if verdict.held_throughout => "held throughout".to_owned(),
        (_, Some((least, most))) => format!("late by {}", span(least, most)),
        (Some(margin), None) => format!("{} to spare", human(margin)),
        (None, None) if verdict.verdict == VerdictKind::Met => verdict.reason.clone(),
        (None, None) => String::new(),
    }
}

/// The times of the response that the drill has.
fn times(drill: &Drill) -> Option<String> {
    let known = |(stage, time): (_, &StageTime)| {
        Some(format!("{} {}", words::stage(stage), human(time.time?)))
    };
    let times: Vec<String> = drill.recovery.iter().filter_map(known).collect();
    (!times.is_empty()).then(|| format!("time to {}", times.join(", ")))
}

/// One line that counts the drills by outcome, and what a rehearsal proves.
pub fn summary(report: &Report) -> String {
    let totals = &report.totals;
    let style = outcome_style(totals.outcome);
    let outcomes: Vec<String> = totals
        .outcomes
        .iter()
        .map(|(outcome, count)| format!("{count} {}", outcome.as_str()))
        .collect();
    let verdicts: Vec<String> =
        totals.verdicts.iter().map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
    let mut line = format!(
        "{style}{} {}{style:#} {}",
        outcome_symbol(totals.outcome),
        totals.outcome.as_str(),
        words::count(report.drills.len(), "drill"),
    );
    if !outcomes.is_empty() {
        line = format!("{line}: {}", outcomes.join(", "));
    }
    if !verdicts.is_empty() {
        line = format!("{line}; expectations: {}", verdicts.join(", "));
    }
    match report.run.target.kind {
        TargetKind::Emulator => format!("{line}\n{}\n", words::REHEARSAL),
        TargetKind::Aws | TargetKind::Endpoint => format!("{line}\n"),
    }
}

/// Text from a file or from AWS without anything that a terminal would act on.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn verdict_symbol(kind: VerdictKind) -> char {
    match kind {
        VerdictKind::Met => '✓',
        VerdictKind::Skipped => '-',
        VerdictKind::Inconclusive => '?',
        VerdictKind::Late => '~',
        VerdictKind::Missed => '✗',
        VerdictKind::Violated => '!',
    }
}

fn verdict_style(kind: VerdictKind) -> Style {
    let color = match kind {
        VerdictKind::Met => AnsiColor::Green,
        VerdictKind::Skipped => return Style::new().dimmed(),
        VerdictKind::Inconclusive | VerdictKind::Late => AnsiColor::Yellow,
        VerdictKind::Missed | VerdictKind::Violated => AnsiColor::Red,
    };
    color.on_default()
}

fn outcome_symbol(outcome: Outcome) -> char {
    match outcome {
        Outcome::Passed => '✓',
        Outcome::Inconclusive => '?',
        Outcome::Failed => '✗',
        Outcome::Unsteady => '-',
        Outcome::Stopped => '■',
        Outcome::Unreverted => '!',
    }
}

fn outcome_style(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Passed => AnsiColor::Green,
        Outcome::Inconclusive | Outcome::Unsteady | Outcome::Stopped => AnsiColor::Yellow,
        Outcome::Failed | Outcome::Unreverted => AnsiColor::Red,
    };
    color.on_default().bold()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::report::fixture;
    use crate::timeline::EntryKind;

    /// As a stream without colours shows it.
    fn stripped(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_run_reads_from_left_to_right() {
        insta::assert_snapshot!(stripped(&render(&fixture::report())), @"
        ✓ passed vpn-tunnel-down in 15m 35.5s
          ✓ met          detected              1m  1m to spare
          ✓ met          paged              850ms  29.15s to spare
          ✓ met          diagnosed       1m 12.5s  3m 47.5s to spare
          ✓ met          no-second-page            happened once in 10m, at most once is fine
          ✓ met          recovered        11m 12s  8m 48s to spare
          time to detect 1m, act 1m 0.85s, mitigate 2m 12.5s, recover 11m 12s

        ! unreverted bad-deployment in 7m 15.5s
            left behind: alarm `errors` in ALARM
          ~ late         detected       2m 42s  late by 42s
              alarm `errors` in ALARM: late by 42s: observed after 2m 42s
          ? inconclusive routed       1m to 2m
              rule `on-failure` on bus `default` invoked its targets: met or late, it can't be told: the evidence is only exact to 1m
          ✗ missed       rolled-back
              CodeDeploy rollback of `shop` / `web`: not observed within 6m, grace included
          - skipped      told
              alarm `told` in OK: waits for `rolled-back`, which was missed
          ? inconclusive approved
              runbook `Isolate` Success with `describe-tunnels`: blocked: the approval step `approve`
          ! violated     quiet          1m 20s
              alarm `pager|*noise*` in ALARM: happened after 1m 20s: pager|*noise*: <ALARM> ]]>  [31m red
          ? inconclusive recovered
              alarm `errors` in OK: in force so far, but could not look: throttled: cloudwatch:DescribeAlarmHistory
          time to detect 2m 42s

        ! unreverted 2 drills: 1 passed, 1 unreverted; expectations: 5 met, 1 skipped, 3 inconclusive, 1 late, 1 missed, 1 violated
        A rehearsal on the emulated account proves the wiring of the response (detection, routing, runbook, rollback, time), not the application.
        ");
    }

    #[test]
    fn a_run_without_drills_is_inconclusive() {
        insta::assert_snapshot!(stripped(&render(&fixture::empty())), @r#"
        ? inconclusive 0 drills
        A rehearsal on the emulated account proves the wiring of the response (detection, routing, runbook, rollback, time), not the application.
        "#);
    }

    #[test]
    fn a_drill_that_never_began_is_told_in_two_lines() {
        let (plan, mut timeline) = fixture::vpn();
        timeline.truncate(2);
        let found = (Some("ALARM".to_owned()), None);
        timeline.push(crate::timeline::Entry {
            at: timeline[1].at,
            kind: EntryKind::SteadyState {
                target: None,
                alarm: "vpn-status".to_owned(),
                expected: "OK".to_owned(),
                found: found.0,
                reason: found.1,
            },
        });
        let text = stripped(&drill(&Drill::new(&plan, &timeline), "vpn"));
        insta::assert_snapshot!(text, @r#"
        - unsteady vpn
            steady state: alarm `vpn-status` was ALARM, it must be OK
          - 5 expectations skipped: nothing was injected
        "#);
    }

    #[test]
    fn a_state_that_was_never_left_has_no_latency() {
        let (plan, mut timeline) = fixture::vpn();
        timeline.retain(|entry| match &entry.kind {
            EntryKind::Observation(seen) => seen.expectation != "recovered",
            _ => true,
        });
        for entry in &mut timeline {
            if let EntryKind::Looked { through, .. } = &mut entry.kind {
                *through = plan_end(*through);
            }
        }
        let text = stripped(&drill(&Drill::new(&plan, &timeline), "vpn"));
        let line = text.lines().find(|line| line.contains("recovered")).expect("told");
        assert!(line.ends_with("held throughout") && !line.contains("0s"), "{line}");
    }

    #[test]
    fn evidence_that_is_exact_to_a_while_does_not_pretend_to_be_exact() {
        let report = fixture::coarse("paged", 20_000);
        let text = stripped(&render(&report));
        let line = text.lines().find(|line| line.contains("paged")).expect("told");
        assert!(line.ends_with("850ms to 20.85s  9.15s to spare"), "{line}");
        let text = crate::report::markdown::render(&report);
        assert!(text.contains("| 850ms to 20.85s | +9.15s |"), "{text}");
        let text = crate::report::junit::render(&report);
        assert!(text.contains(r#"name="paged" time="20.85""#), "{text}");
        assert!(text.contains("latency: 850ms to 20.85s\nmargin: 9.15s\n"), "{text}");
    }

    /// Late enough for every window of the fixture.
    fn plan_end(through: jiff::Timestamp) -> jiff::Timestamp {
        through + SignedDuration::from_hours(1)
    }

    #[test]
    fn no_text_of_others_reaches_the_terminal_as_a_control() {
        let colours = render(&fixture::report());
        assert!(colours.contains("\u{1b}[1m"));
        let hostile = ["\u{7}", "\u{1b}[31m\nred"];
        assert!(hostile.iter().all(|text| !colours.contains(text)));
    }
}
