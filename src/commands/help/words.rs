//! The page about verdicts and outcomes.
//!
//! Main function: [`page`]. Invariant: every verdict and every outcome of the judge stands on it.

use super::wrapped;
use crate::cli::Exit;
use crate::judge::{Outcome, VerdictKind};

/// The page.
pub(super) fn page() -> String {
    let mut lines = vec!["Verdicts: what became of one expectation".to_owned(), String::new()];
    for kind in VerdictKind::ALL {
        lines.push(format!("{}\n{}", kind.as_str(), wrapped(verdict(kind), 4)));
    }
    lines.push(String::new());
    lines.push("Outcomes: what became of one drill, mildest first; the worst wins".to_owned());
    lines.push(String::new());
    for kind in Outcome::ALL {
        let head = format!("{} (exit code {})", kind.as_str(), Exit::from(kind).code());
        lines.push(format!("{head}\n{}", wrapped(outcome(kind), 4)));
    }
    lines.push(String::new());
    lines.push(wrapped(
        "The latency counts from the fault, or from what `after` names, by AWS's clock. Where the evidence is \
         only exact to its resolution (a metric's minute), the latency is a range, and the margin is that of \
         its upper end. The grace period after a deadline tells late from missed; `grace` sets it.",
        0,
    ));
    lines.join("\n")
}

fn verdict(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Met => {
            "Observed inside the deadline; for a `never`, not observed for its whole time."
        }
        VerdictKind::Late => "Observed after the deadline, inside the grace period.",
        VerdictKind::Missed => "Looked for until the end of the grace period and not observed.",
        VerdictKind::Violated => "A `never` was observed, or what had to last (`sustain`) did not.",
        VerdictKind::Inconclusive => {
            "We could not look (throttled, denied, no data), the evidence is not exact enough, or a person has \
             to act first. Never counted as met, never as missed."
        }
        VerdictKind::Skipped => {
            "What it waits for (`after`) did not happen; the first broken link of the chain is named."
        }
    }
}

fn outcome(kind: Outcome) -> &'static str {
    match kind {
        Outcome::Passed => {
            "Every expectation was met, the fault took effect, everything is reverted."
        }
        Outcome::Inconclusive => {
            "Nothing failed, but something could not be seen, or the injection had no effect."
        }
        Outcome::Failed => {
            "An expectation was late, missed, violated or skipped, or a fault could not be injected."
        }
        Outcome::Unsteady => {
            "The steady state or a precondition did not hold (an alarm fires already, a rule is disabled, a bus \
             is missing). Nothing was injected."
        }
        Outcome::Stopped => {
            "Ended early by a stop condition, a guardrail, a signal or the loss of its own process, and reverted."
        }
        Outcome::Unreverted => {
            "Something that the drill changed may still be so. The report says what, under what is left behind; \
             `firedrill revert DIR` takes it back."
        }
    }
}
