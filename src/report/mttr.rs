//! `mttr.md`: the times of the response, per drill and over the drills, against their objectives.
//!
//! No type of its own. Invariant: no figure without its n, and no absent value without its reason.

use super::Report;
use super::markdown::{code, escape};
use super::words;
use crate::judge::words::human;
use crate::recovery::{STAGES, StageTime, Standing, Statistic};
use crate::scenario::types::Stage;
use crate::timeline::TargetKind;

/// The MTTR report as Markdown.
pub fn render(report: &Report) -> String {
    let mut lines = vec![format!("# Time to recover: {}", escape(&report.run.id)), String::new()];
    lines.push(format!(
        "{} on the {}.",
        capital(&words::count(report.drills.len(), "drill")),
        words::target(&report.run.target)
    ));
    match report.run.target.kind {
        TargetKind::Emulator => lines.push(words::REHEARSAL.to_owned()),
        TargetKind::Aws | TargetKind::Endpoint => {}
    }
    lines.extend(["", "## Over the drills", ""].map(str::to_owned));
    lines.push("| | n | mean | median | p90 | max | inside objective |".to_owned());
    lines.push("|---|---:|---:|---:|---:|---:|---:|".to_owned());
    for (stage, statistic) in report.statistics.iter() {
        lines.push(over_drills(stage, statistic));
    }
    lines.extend(["", "## Per drill", ""].map(str::to_owned));
    lines.push("| drill | stage | time | ended by | objective | |".to_owned());
    lines.push("|---|---|---:|---|---:|---|".to_owned());
    for (drill, name) in report.drills.iter().zip(report.names()) {
        for stage in STAGES {
            lines.push(per_drill(&name, stage, drill.recovery.get(stage)));
        }
    }
    lines.extend(["", "## Definitions", ""].map(str::to_owned));
    lines.extend(DEFINITIONS.iter().map(|line| (*line).to_owned()));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

const DEFINITIONS: &[&str] = &[
    "- Every time counts from the start of the drill's first fault to the moment that ended it, both by \
     AWS's clock. MTTR here counts from the injection, not from the detection.",
    "- Detect and act end with the first satisfied expectation of their stage; mitigate and recover with \
     the last, and only if all of them are satisfied. A state counts from its return, the start of its \
     `sustain`. What the drill itself does is neither: an alarm that it set by hand, an experiment that \
     runs its course.",
    "- MTTD, MTTA, MTTM and MTTR are means over the n drills that have a value. The median of an even n \
     is the mean of the middle two; p90 is by nearest rank.",
    "- A drill without a value is not counted in the mean: *not expected* by its scenario, *not observed*, \
     *inconclusive* (could not be seen), *held throughout* (nothing to recover from), or *nothing \
     injected*. Not observed is outside an objective; the others leave it unproven.",
];

fn mean_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Detect => "MTTD (detect)",
        Stage::Act => "MTTA (act)",
        Stage::Mitigate => "MTTM (mitigate)",
        Stage::Recover => "MTTR (recover)",
    }
}

fn over_drills(stage: Stage, statistic: &Statistic) -> String {
    let figures = [statistic.mean, statistic.median, statistic.p90, statistic.max]
        .map(|figure| figure.map_or("-".to_owned(), human))
        .join(" | ");
    let held = statistic.inside + statistic.outside + statistic.unproven;
    let objective = match (held, statistic.unproven) {
        (0, _) => "no objective".to_owned(),
        (_, 0) => format!("{} of {held}", statistic.inside),
        (_, unproven) => format!("{} of {held}, {unproven} unproven", statistic.inside),
    };
    let (n, drills) = (statistic.n, statistic.drills);
    format!("| {} | {n} of {drills} | {figures} | {objective} |", mean_name(stage))
}

fn per_drill(name: &str, stage: Stage, time: &StageTime) -> String {
    let value = match (time.time, time.absent) {
        (Some(value), _) => human(value),
        (None, Some(absent)) => format!("*{}*", absent.as_str()),
        (None, None) => "-".to_owned(),
    };
    let by = time.by.as_deref().map(code).unwrap_or_default();
    let objective = time.objective.map_or("-".to_owned(), human);
    let standing = match time.standing {
        Standing::Inside => "inside",
        Standing::Outside => "**outside**",
        Standing::Unproven => "unproven",
        Standing::NoObjective => "",
    };
    let (name, stage) = (escape(name), words::stage(stage));
    format!("| {name} | {stage} | {value} | {by} | {objective} | {standing} |")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_figure_has_its_n_and_every_absence_its_reason() {
        insta::assert_snapshot!(render(&fixture::report()), @"
        # Time to recover: 2026-01-01-game-day

        2 drills on the emulated account 111122223333 in eu-west-1.
        A rehearsal on the emulated account proves the wiring of the response (detection, routing, runbook, rollback, time), not the application.

        ## Over the drills

        | | n | mean | median | p90 | max | inside objective |
        |---|---:|---:|---:|---:|---:|---:|
        | MTTD (detect) | 2 of 2 | 1m 51s | 1m 51s | 2m 42s | 2m 42s | 1 of 2 |
        | MTTA (act) | 1 of 2 | 1m 0.85s | 1m 0.85s | 1m 0.85s | 1m 0.85s | 0 of 2, 1 unproven |
        | MTTM (mitigate) | 1 of 2 | 2m 12.5s | 2m 12.5s | 2m 12.5s | 2m 12.5s | no objective |
        | MTTR (recover) | 1 of 2 | 11m 12s | 11m 12s | 11m 12s | 11m 12s | 1 of 2, 1 unproven |

        ## Per drill

        | drill | stage | time | ended by | objective | |
        |---|---|---:|---|---:|---|
        | vpn-tunnel-down | detect | 1m | `detected` | 2m | inside |
        | vpn-tunnel-down | act | 1m 0.85s | `paged` | 1m | **outside** |
        | vpn-tunnel-down | mitigate | 2m 12.5s | `diagnosed` | - |  |
        | vpn-tunnel-down | recover | 11m 12s | `recovered` | 15m | inside |
        | bad-deployment | detect | 2m 42s | `detected` | 2m | **outside** |
        | bad-deployment | act | *inconclusive* |  | 1m | unproven |
        | bad-deployment | mitigate | *not observed* |  | - |  |
        | bad-deployment | recover | *inconclusive* |  | 15m | unproven |

        ## Definitions

        - Every time counts from the start of the drill's first fault to the moment that ended it, both by AWS's clock. MTTR here counts from the injection, not from the detection.
        - Detect and act end with the first satisfied expectation of their stage; mitigate and recover with the last, and only if all of them are satisfied. A state counts from its return, the start of its `sustain`. What the drill itself does is neither: an alarm that it set by hand, an experiment that runs its course.
        - MTTD, MTTA, MTTM and MTTR are means over the n drills that have a value. The median of an even n is the mean of the middle two; p90 is by nearest rank.
        - A drill without a value is not counted in the mean: *not expected* by its scenario, *not observed*, *inconclusive* (could not be seen), *held throughout* (nothing to recover from), or *nothing injected*. Not observed is outside an objective; the others leave it unproven.
        ");
    }

    #[test]
    fn a_run_without_drills_has_no_figures() {
        let text = render(&fixture::empty());
        assert!(
            text.contains("| MTTR (recover) | 0 of 0 | - | - | - | - | no objective |"),
            "{text}"
        );
    }
}
