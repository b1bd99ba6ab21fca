//! `report.md`: the run for people, with the evidence for every claim and a place for the retrospective.
//!
//! No type of its own. Invariant: whatever a name or a message holds, a table stays a table and text stays
//! text.

use indexmap::IndexMap;
use jiff::SignedDuration;

use super::Report;
use super::tree::{Drill, ExpectationTold, FaultTold};
use super::words;
use crate::judge::words::{correlation_word, human, span, stamp};
use crate::judge::{Verdict, VerdictKind};
use crate::plan::Phase;
use crate::recovery::StageTime;
use crate::scenario::names::at_target;
use crate::timeline::TargetKind;

#[cfg(test)]
mod tests;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    head(&mut text, report);
    summary(&mut text, report);
    for (drill, name) in report.drills.iter().zip(report.names()) {
        one_drill(&mut text, drill, &name);
    }
    text
}

/// Adds a line and its end.
fn say(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn head(text: &mut String, report: &Report) {
    let run = &report.run;
    say(text, &format!("# Fire drill report: {}\n", escape(&run.id)));
    let ended = run.ended.map_or("the record stops short".to_owned(), stamp);
    let seed = run.seed.map_or_else(String::new, |seed| format!(" · seed {seed}"));
    let versions = run.versions.iter().map(|(name, version)| format!("{name} {version}"));
    let versions = versions.collect::<Vec<_>>().join(", ");
    say(text, &format!("**{}** · {}", report.totals.outcome.as_str(), words::target(&run.target)));
    say(text, &format!("{} to {ended}{seed} · {}\n", stamp(run.started), escape(&versions)));
    match run.target.kind {
        TargetKind::Emulator => say(text, &format!("> {}\n", words::REHEARSAL)),
        TargetKind::Aws | TargetKind::Endpoint => {}
    }
}

fn summary(text: &mut String, report: &Report) {
    say(text, "## Summary\n");
    if report.drills.is_empty() {
        say(text, "No drill was run: nothing is proven.");
        return;
    }
    say(text, "| drill | outcome | met | not met | detect | act | mitigate | recover |");
    say(text, "|---|---|---:|---:|---:|---:|---:|---:|");
    for (drill, name) in report.drills.iter().zip(report.names()) {
        let met = drill.count(VerdictKind::Met);
        let not_met = drill.expectations.len() - met;
        let times: Vec<String> = drill.recovery.iter().map(|(_, time)| value(time)).collect();
        let outcome = drill.outcome.as_str();
        let times = times.join(" | ");
        say(text, &format!("| {} | {outcome} | {met} | {not_met} | {times} |", escape(&name)));
    }
    say(
        text,
        "\nTimes count from the start of the first fault; [mttr.md](mttr.md) has the figures.",
    );
}

fn value(time: &StageTime) -> String {
    match (time.time, time.absent) {
        (Some(time), _) => human(time),
        (None, Some(absent)) => format!("*{}*", absent.as_str()),
        (None, None) => String::new(),
    }
}

fn one_drill(text: &mut String, drill: &Drill, name: &str) {
    say(text, &format!("\n## {}: {}\n", escape(name), drill.outcome.as_str()));
    about(text, drill);
    for reason in &drill.reasons {
        say(text, &format!("- {}", escape(reason)));
    }
    if !drill.reasons.is_empty() {
        text.push('\n');
    }
    timeline(text, drill);
    expectations(text, drill);
    evidence(text, drill);
    before(text, drill);
    faults(text, drill);
    reverts(text, drill);
    calls(text, drill);
    retrospective(text, drill);
}

fn about(text: &mut String, drill: &Drill) {
    let about = &drill.about;
    if let Some(title) = &about.title {
        say(text, &format!("{}\n", escape(title)));
    }
    if let Some(hypothesis) = &about.hypothesis {
        say(text, &format!("**Hypothesis:** {}\n", escape(hypothesis)));
    }
    let mut facts = vec![code(&about.file), format!("drill {}", code(&drill.run_id))];
    facts.extend(about.owner.as_ref().map(|owner| format!("owner {}", escape(owner))));
    facts.extend(about.severity.map(|severity| format!("severity {severity}")));
    facts.extend(drill.duration().map(|duration| format!("took {}", human(duration))));
    if !about.tags.is_empty() {
        facts.push(format!("tags {}", escape(&about.tags.join(", "))));
    }
    say(text, &format!("{}\n", facts.join(" · ")));
    for (name, target) in &drill.places {
        say(text, &format!("- {} is {}", code(name), escape(&words::target(target))));
    }
    if !drill.places.is_empty() {
        text.push('\n');
    }
}

fn timeline(text: &mut String, drill: &Drill) {
    say(text, "### Timeline\n");
    if drill.highlights.is_empty() {
        say(text, "Nothing is recorded.\n");
        return;
    }
    say(text, "| from the fault | at | clock | topic | what |");
    say(text, "|---:|---|---|---|---|");
    for highlight in &drill.highlights {
        let offset = highlight.offset.map_or(String::new(), signed);
        let (at, clock) = (stamp(highlight.at), highlight.clock.as_str());
        let (topic, what) = (escape(&highlight.topic), escape(&highlight.text));
        say(text, &format!("| {offset} | {at} | {clock} | {topic} | {what} |"));
    }
    text.push('\n');
    for clock in &drill.clocks {
        say(
            text,
            &format!("Times by our clock stand as they were read; {}.\n", words::clock(clock)),
        );
        if clock.is_off() {
            say(text, &format!("**Warning:** {}.\n", words::CLOCK_IS_OFF));
        }
    }
}

fn signed(duration: SignedDuration) -> String {
    let plus = if duration.is_negative() { "" } else { "+" };
    format!("{plus}{}", human(duration))
}

fn expectations(text: &mut String, drill: &Drill) {
    say(text, "### Expectations\n");
    if drill.expectations.is_empty() {
        say(text, "None.\n");
        return;
    }
    say(text, "| verdict | expectation | what | demand | latency | margin | correlation |");
    say(text, "|---|---|---|---|---:|---:|---|");
    for told in &drill.expectations {
        let verdict = &told.verdict;
        let word = match verdict.verdict {
            VerdictKind::Met => "met".to_owned(),
            VerdictKind::Skipped
            | VerdictKind::Inconclusive
            | VerdictKind::Late
            | VerdictKind::Missed
            | VerdictKind::Violated => format!("**{}**", verdict.verdict.as_str()),
        };
        let id = code(&verdict.expectation);
        let (what, demand) = (escape(&told.what), demand(told));
        let (latency, margin) = if verdict.held_throughout {
            ("*held throughout*".to_owned(), String::new())
        } else {
            let range = verdict.latency.zip(verdict.latest());
            let latency = range.map_or_else(String::new, |(least, most)| span(least, most));
            (latency, verdict.margin.map_or_else(String::new, signed))
        };
        let how = verdict
            .observation
            .as_ref()
            .map_or("", |observation| correlation_word(observation.correlation));
        say(text, &format!("| {word} | {id} | {what} | {demand} | {latency} | {margin} | {how} |"));
    }
    text.push('\n');
}

fn demand(told: &ExpectationTold) -> String {
    let after = told.after.as_ref().map(|after| format!(" after {after}")).unwrap_or_default();
    let phase = match told.phase {
        Phase::Expect => "",
        Phase::Recovery => ", in recovery",
    };
    escape(&format!("{}{after}{phase}", told.demand))
}

fn evidence(text: &mut String, drill: &Drill) {
    if drill.expectations.is_empty() {
        return;
    }
    say(text, "### Evidence\n");
    for told in &drill.expectations {
        proof(text, drill, &told.verdict);
    }
    text.push('\n');
}

fn proof(text: &mut String, drill: &Drill, verdict: &Verdict) {
    let (id, word) = (code(&verdict.expectation), verdict.verdict.as_str());
    say(text, &format!("- {id} **{word}**: {}", escape(&verdict.reason)));
    if let (Some(anchor), Some(deadline)) = (verdict.anchor_at, verdict.deadline_at) {
        let (anchor, deadline) = (stamp(anchor), stamp(deadline));
        say(text, &format!("  - window {anchor} to {deadline}, {} seen", verdict.occurrences));
    }
    let Some(observation) = &verdict.observation else { return };
    let resolution = i64::try_from(observation.resolution_ms).unwrap_or(i64::MAX);
    let exact = match resolution {
        0 => String::new(),
        _ => format!(" (exact to {})", human(SignedDuration::from_millis(resolution))),
    };
    say(
        text,
        &format!(
            "  - {}; occurred at {}{exact}, seen at {}, correlation {}",
            escape(&observation.summary),
            stamp(observation.occurred_at),
            stamp(observation.seen_at),
            correlation_word(observation.correlation)
        ),
    );
    if let Some(place) = words::place(&drill.places, observation.target.as_deref()) {
        say(text, &format!("  - seen at {}", escape(&place)));
    }
    for (key, value) in &observation.evidence {
        say(text, &format!("  - {}: {}", escape(key), code(value)));
    }
}

fn before(text: &mut String, drill: &Drill) {
    if drill.steady_state.is_empty() && drill.preflight.is_empty() {
        return;
    }
    say(text, "### Before the fault\n");
    for problem in &drill.preflight {
        let (message, hint) = (escape(&problem.problem.message), escape(&problem.problem.hint));
        say(text, &format!("- {}: {message}. {hint}", escape(&problem.subject)));
    }
    for look in &drill.steady_state {
        let found = match (&look.found, &look.reason) {
            (Some(found), _) => format!("was {}", escape(found)),
            (None, Some(reason)) => format!("could not be seen: {}", escape(reason)),
            (None, None) => "was not looked at".to_owned(),
        };
        let (alarm, expected) = (code(&look.alarm), escape(&look.expected));
        let alarm = alarm + &escape(&at_target(look.target.as_deref()));
        say(text, &format!("- alarm {alarm} must be {expected}, {found}"));
    }
    text.push('\n');
}

fn faults(text: &mut String, drill: &Drill) {
    say(text, "### Faults\n");
    if drill.faults.is_empty() {
        say(text, "None.\n");
        return;
    }
    for fault in &drill.faults {
        let (id, what) = (code(&fault.id), escape(&fault.what));
        say(text, &format!("- {id}: {what}, {}: {}", escape(&fault.start), fate(fault)));
        pairs(text, &fault.evidence);
    }
    text.push('\n');
}

fn fate(fault: &FaultTold) -> String {
    if let Some(reason) = &fault.failed {
        return format!("**could not be injected**: {}", escape(reason));
    }
    let Some(started) = fault.started else { return "**never injected**".to_owned() };
    let end = fault.ended.as_ref().map_or_else(String::new, |end| {
        let why = end.reason.as_ref().map(|why| format!(" ({})", escape(why))).unwrap_or_default();
        format!(", {} at {}{why}", escape(&end.state), stamp(end.at))
    });
    let exact = fault.uncertain.map_or_else(String::new, |most| {
        format!(" (our clock, corrected; exact to {})", human(most))
    });
    format!("took effect at {}{exact}{end}", stamp(started))
}

fn pairs(text: &mut String, pairs: &IndexMap<String, String>) {
    for (key, value) in pairs {
        say(text, &format!("  - {}: {}", escape(key), code(value)));
    }
}

fn reverts(text: &mut String, drill: &Drill) {
    say(text, "### Reverts\n");
    if drill.reverts.is_empty() && drill.left.is_empty() {
        say(text, "Nothing had to be taken back by a call.\n");
        return;
    }
    for revert in &drill.reverts {
        let what = revert
            .fault
            .as_ref()
            .map_or_else(|| ours(&revert.call).to_owned(), |id| format!("fault {}", code(id)));
        let result = revert
            .error
            .as_ref()
            .map_or("done".to_owned(), |error| format!("**failed**: {}", escape(error)));
        say(text, &format!("- {} {} for {what}: {result}", stamp(revert.at), code(&revert.call)));
    }
    for left in &drill.left {
        say(text, &format!("- **left behind**: {}", escape(left)));
    }
    text.push('\n');
}

/// What a call that serves no fault takes back.
fn ours(call: &str) -> &'static str {
    let call = call.split(' ').next().unwrap_or_default();
    if call == "ssm:DeleteParameter" { "our lock" } else { "our listener" }
}

/// Our own footprint on the account's quotas.
fn calls(text: &mut String, drill: &Drill) {
    if drill.calls.is_empty() {
        return;
    }
    let all: u64 = drill.calls.values().sum();
    let each: Vec<String> =
        drill.calls.iter().map(|(action, count)| format!("{} {count}", code(action))).collect();
    say(text, "### API calls\n");
    say(text, &format!("{all}, retries included: {}\n", each.join(", ")));
}

/// The stages of an incident and its roles, filled in as far as the drill knows them.
fn retrospective(text: &mut String, drill: &Drill) {
    let recovery = &drill.recovery;
    let known = |time: &StageTime, what: &str| match (time.time, &time.by) {
        (Some(time), Some(by)) => format!("{what} after {} ({})", human(time), code(by)),
        (_, _) => String::new(),
    };
    let severity =
        drill.about.severity.map_or_else(String::new, |level| format!("severity {level}"));
    say(text, "### Retrospective\n");
    say(text, "| stage | what the drill saw | what people add |");
    say(text, "|---|---|---|");
    let rows = [
        ("detection", known(&recovery.detect, "detected")),
        ("classification", severity),
        ("escalation", known(&recovery.act, "first action")),
        ("diagnosis", String::new()),
        ("resolution", known(&recovery.mitigate, "mitigated")),
        ("closure", known(&recovery.recover, "recovered")),
    ];
    for (stage, seen) in rows {
        say(text, &format!("| {stage} | {seen} | |"));
    }
    let owner = drill.about.owner.as_deref().map(escape).unwrap_or_default();
    say(text, "\n| role | who |");
    say(text, "|---|---|");
    for (role, who) in [("incident manager", ""), ("owner", &owner), ("team", ""), ("reporter", "")]
    {
        say(text, &format!("| {role} | {who} |"));
    }
    say(text, "\n- What went well:");
    say(text, "- What did not:");
    say(text, "- What we change, who, and by when:");
}

/// Text that Markdown does not read as anything else, on one line.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut inside_code = false;
    let balanced = text.matches('`').count().is_multiple_of(2);
    for letter in text.chars() {
        match letter {
            // Our own sentences put names in backticks; what stands in them is literal already.
            '`' if balanced => {
                inside_code = !inside_code;
                escaped.push('`');
            }
            '|' => escaped.push_str("\\|"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | '<' | '#' | '~' if !inside_code => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A name or an id as code, on one line and safe in a table.
pub(super) fn code(text: &str) -> String {
    let mut inner = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' => inner.push_str("\\|"),
            '`' => inner.push('\''),
            letter if letter.is_control() => inner.push(' '),
            letter => inner.push(letter),
        }
    }
    format!("`{inner}`")
}
