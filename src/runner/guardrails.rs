//! The guardrails that a drill itself must hold: window, change calendar, safety lever, tags of targets,
//! and how many targets there are.
//!
//! Main functions: [`hold`], which only looks, and [`count`], which previews. Invariants: each guardrail
//! that was looked at is in the record, and one that a rehearsal ignores says so; a guardrail that could
//! not be looked at keeps the drill from beginning like one that does not hold, and is told as blindness.
//!
//! What is looked at before can change after: a template between the look and the start, a resource that
//! gets its tag in between. FIS resolves targets again when the experiment starts, so the tags hold then
//! too; `max_targets` is a forecast.

use std::collections::BTreeSet;

use aws_sdk_ssm::types::CalendarState;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::Drill;
use super::preflight::{Finding, Here, failed, tell, wrong};
use crate::aws::CallError;
use crate::aws::experiments::{self, Lever};
use crate::context::ChangeError;
use crate::faults::{fis, preview};
use crate::plan::text::{describe_window, duration};
use crate::plan::{FaultAction, PlannedFault};
use crate::scenario::types::Window;
use crate::timeline::{LEVER_WAIVED, Problem, TargetKind};

/// Looks at everything that needs no preview; true when all of it holds.
pub(super) async fn hold(drill: &Drill<'_>) -> bool {
    let home = Here::new(drill, drill.places.home());
    let guardrails = &drill.plan.guardrails;
    let mut fine = true;
    if let Some(window) = &guardrails.window {
        let words = format!("window {}", describe_window(window));
        fine &= match drill.places.home().target.kind {
            TargetKind::Emulator => tell(home, format!("{words}, ignored in a rehearsal"), Ok(())),
            TargetKind::Aws | TargetKind::Endpoint => {
                let now = drill.clock().now();
                tell(home, words, is_open(window, now, drill.plan.max_duration))
            }
        };
    }
    if let Some(calendar) = &guardrails.change_calendar {
        let finding = calendar_is_open(home, calendar).await;
        fine &= tell(home, format!("change calendar {calendar}"), finding);
    }
    for place in drill.places.all() {
        let here = Here::new(drill, place);
        let experiments: Vec<&PlannedFault> =
            here.faults().filter(|fault| fault.action.is_experiment()).collect();
        if experiments.is_empty() {
            continue;
        }
        let (subject, finding) = lever_is_free(here).await;
        fine &= tell(here, subject, finding);
        for fault in experiments.into_iter().filter(|_| !guardrails.target_tags.is_empty()) {
            let finding = targets_are_tagged(here, fault).await;
            fine &= tell(here, format!("target tags of fault {}", fault.id), finding);
        }
    }
    fine
}

/// Whether the whole drill fits into the window.
fn is_open(window: &Window, now: Timestamp, limit: SignedDuration) -> Finding {
    let Some(opening) = window.opening(now) else {
        return wrong("the window can't be read".to_owned(), "see `firedrill check`");
    };
    let local = |at: Timestamp| match crate::scenario::types::time_zone(window.zone_name()) {
        Some(zone) => at.to_zoned(zone).strftime("%a %Y-%m-%d %H:%M %Z").to_string(),
        None => at.to_string(),
    };
    if opening.opens > now {
        return wrong(
            format!("the window is closed: it opens on {}", local(opening.opens)),
            "drill then, or change `guardrails.window` if now is meant",
        );
    }
    if now + limit > opening.closes {
        return wrong(
            format!(
                "the window closes on {}, and the drill may take {}",
                local(opening.closes),
                duration(limit)
            ),
            "begin earlier, or lower `guardrails.max_duration`",
        );
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html>.
async fn calendar_is_open(here: Here<'_>, calendar: &str) -> Finding {
    let sent = here.place().aws.ssm.get_calendar_state().calendar_names(calendar).send().await;
    let answer = sent
        .map_err(|error| CallError::of("ssm:GetCalendarState", &error))
        .map_err(|error| failed(&format!("change calendar `{calendar}`"), &error))?;
    let next = answer.next_transition_time().unwrap_or_default();
    if answer.state() != Some(&CalendarState::Open) {
        let until = if next.is_empty() { String::new() } else { format!(" until {next}") };
        return wrong(
            format!("the change calendar `{calendar}` is closed{until}"),
            "changes are not welcome now; drill when it is open",
        );
    }
    let limit = here.plan.max_duration;
    let closes = next.parse::<Timestamp>().ok();
    if closes.is_some_and(|closes| closes < here.clock().now() + limit) {
        return wrong(
            format!(
                "the change calendar `{calendar}` closes at {next}, and the drill may take {}",
                duration(limit)
            ),
            "begin earlier, or lower `guardrails.max_duration`",
        );
    }
    Ok(())
}

/// Whether the safety lever lets experiments run, with the words for it. A server without one is drilled on
/// only where the command line says that it has none, and never where it is AWS.
async fn lever_is_free(here: Here<'_>) -> (String, Finding) {
    let subject = "safety lever of FIS".to_owned();
    let is_foreign = match here.place().target.kind {
        TargetKind::Endpoint => true,
        TargetKind::Emulator | TargetKind::Aws => false,
    };
    let finding = match experiments::lever(&here.place().aws).await {
        Ok(Lever::Disengaged) => Ok(()),
        Ok(Lever::Engaged(reason)) => wrong(
            format!("the safety lever of FIS is engaged: {reason}"),
            "whoever engaged it wants no experiment to run; ask them to disengage it",
        ),
        Ok(Lever::Absent(_)) if is_foreign && here.conduct.no_safety_lever => {
            return (format!("{subject}: this server has none, {LEVER_WAIVED}"), Ok(()));
        }
        Ok(Lever::Absent(error)) if is_foreign => Err(Problem {
            hint: "if this server is known to have no safety lever, say so by --no-safety-lever"
                .to_owned(),
            ..failed(&subject, &error)
        }),
        Ok(Lever::Absent(error)) | Err(error) => Err(failed("the safety lever", &error)),
    };
    (subject, finding)
}

/// Whether every target of an experiment is selected by the tags that the guardrails require.
async fn targets_are_tagged(here: Here<'_>, fault: &PlannedFault) -> Finding {
    let wanted = &here.plan.guardrails.target_tags;
    let selectors = if let FaultAction::FisTemplate { template } = &fault.action {
        template_selectors(here, template).await?
    } else if let FaultAction::FisInline { template } = &fault.action {
        inline_selectors(template)
    } else {
        return Ok(());
    };
    let loose: Vec<&str> = selectors
        .iter()
        .filter(|(_, tags)| wanted.iter().any(|(key, value)| tags.get(key) != Some(value)))
        .map(|(name, _)| name.as_str())
        .collect();
    if loose.is_empty() {
        return Ok(());
    }
    let wanted: Vec<String> = wanted.iter().map(|(key, value)| format!("{key}={value}")).collect();
    wrong(
        format!("the targets {} are not selected by {}", loose.join(", "), wanted.join(", ")),
        "select them by these `resourceTags` in the experiment template, and tag the resources",
    )
}

/// The targets of a template by name, each with the tags that select it.
type Selectors = Vec<(String, IndexMap<String, String>)>;

/// Source: <https://docs.aws.amazon.com/fis/latest/APIReference/API_GetExperimentTemplate.html>.
async fn template_selectors(
    here: Here<'_>,
    template: &str,
) -> Result<Selectors, crate::timeline::Problem> {
    let words = format!("experiment template `{template}`");
    let id = match fis::find_template(here.context(here.place()), template).await {
        Ok(id) => id,
        Err(error) => return Err(not_done(&words, &error)),
    };
    let sent = here.place().aws.fis.get_experiment_template().id(id).send().await;
    let answer = sent
        .map_err(|error| CallError::of("fis:GetExperimentTemplate", &error))
        .map_err(|error| failed(&words, &error))?;
    let targets = answer.experiment_template().and_then(|template| template.targets());
    let mut selectors: Selectors = targets
        .into_iter()
        .flatten()
        .map(|(name, target)| {
            let tags = target.resource_tags().into_iter().flatten();
            (name.clone(), tags.map(|(key, value)| (key.clone(), value.clone())).collect())
        })
        .collect();
    selectors.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(selectors)
}

fn inline_selectors(template: &serde_json::Value) -> Selectors {
    let targets = template["targets"].as_object().into_iter().flatten();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    targets
        .map(|(name, target)| {
            let tags = target["resourceTags"].as_object().into_iter().flatten();
            (name.clone(), tags.map(|(key, value)| (key.clone(), text(value))).collect())
        })
        .collect()
}

/// A change that could not be made before anything was injected.
fn not_done(subject: &str, error: &ChangeError) -> crate::timeline::Problem {
    match error {
        ChangeError::Call(error) => failed(subject, error),
        ChangeError::NoEffect(_) | ChangeError::Record(_) => crate::timeline::Problem {
            message: format!("{subject}: {error}"),
            hint: "nothing was injected; see the reason".to_owned(),
            blind: false,
        },
    }
}

/// Previews every experiment where the number of targets is limited or nothing else will be done; true when
/// each has those that its template names, and there are few enough.
/// The previews are taken back before this returns.
pub(super) async fn count(drill: &Drill<'_>) -> bool {
    let most = drill.plan.guardrails.max_targets;
    if most.is_none() && !drill.conduct.dry_run {
        return true;
    }
    let stopped = || drill.stop.is_pressed();
    let mut all = BTreeSet::new();
    let mut fine = true;
    for place in drill.places.all() {
        let here = Here::new(drill, place);
        for fault in here.faults().filter(|fault| fault.action.is_experiment()) {
            if drill.stop.is_pressed() {
                return false;
            }
            let mut subject = format!("targets of fault {}", fault.id);
            let finding = match preview::preview(drill.context(place), fault, &stopped).await {
                Ok(found) if !found.has_targets => {
                    subject.push_str(": its actions have none");
                    Ok(())
                }
                Ok(found) if found.resolved.is_empty() => wrong(
                    "the experiment has no targets: it would break nothing".to_owned(),
                    "check the template's targets, their tags and filters",
                ),
                Ok(found) => {
                    subject.push_str(": ");
                    subject.push_str(&some(found.resolved.iter()));
                    all.extend(found.resolved.into_iter().map(|one| (place.name.clone(), one)));
                    Ok(())
                }
                Err(error) => Err(not_done(&subject, &error)),
            };
            fine &= tell(here, subject, finding);
        }
    }
    let home = Here::new(drill, drill.places.home());
    if !drill.take_back_previews().await {
        let finding = wrong(
            "the experiments that looked at the targets could not be taken back".to_owned(),
            "see the errors above; they break nothing, and are tagged firedrill:run",
        );
        return tell(home, "previews".to_owned(), finding);
    }
    let Some(most) = most else { return fine };
    let finding = if u32::try_from(all.len()).is_ok_and(|count| count <= most) {
        Ok(())
    } else {
        let which = some(all.iter().map(|(_, one)| one));
        wrong(
            format!("the experiments would touch {which}, and the guardrails allow {most}"),
            "narrow the targets of the template, or raise `guardrails.max_targets` if that is meant",
        )
    };
    fine & tell(home, format!("at most {most} targets"), finding)
}

/// How many, and which of them, as far as a line has room.
fn some<'r>(all: impl ExactSizeIterator<Item = &'r preview::Resolved>) -> String {
    const SHOWN: usize = 5;
    let count = all.len();
    let shown: Vec<&str> = all.take(SHOWN).map(|one| one.resource.as_str()).collect();
    let more = if count > SHOWN { ", …" } else { "" };
    let word = if count == 1 { "resource" } else { "resources" };
    format!("{count} {word} ({}{more})", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_fits_into_its_window_whole_or_does_not_begin() {
        let window = Window {
            days: Vec::new(),
            from: "09:00".to_owned(),
            to: "17:00".to_owned(),
            time_zone: Some("Europe/Berlin".to_owned()),
        };
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let hour = SignedDuration::from_hours(1);
        assert_eq!(is_open(&window, at("2026-01-05T08:00:00Z"), hour), Ok(()));
        assert_eq!(is_open(&window, at("2026-01-05T15:00:00Z"), hour), Ok(()));
        let late = is_open(&window, at("2026-01-05T15:00:01Z"), hour).expect_err("too late");
        assert_eq!(
            late.message,
            "the window closes on Mon 2026-01-05 17:00 CET, and the drill may take 1h"
        );
        let early = is_open(&window, at("2026-01-05T07:59:59Z"), hour).expect_err("too early");
        assert_eq!(early.message, "the window is closed: it opens on Mon 2026-01-05 09:00 CET");
    }
}
