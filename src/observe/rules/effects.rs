//! What the targets of a rule did: evidence of an invocation where no event shows which one it was, as for a
//! rule on a schedule.
//!
//! Main type: [`Effects`], which the pollers of runbooks and state machines fill and that of the rules
//! reads, so that it costs nobody a look of its own. An effect alone proves nothing, since anybody may start
//! a runbook: it gives a moment to an invocation that the rule's metric has counted. Invariant: an effect
//! explains one invocation of one rule.

use std::collections::BTreeSet;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use crate::aws::{Aws, CallError};
use crate::observe::Watch;
use crate::plan::Kind;

/// How long after the minute that counts an invocation its effect may begin: as long as a delivery takes
/// (no figure is published; ours).
const DELIVERY: SignedDuration = SignedDuration::from_secs(5);

/// A target of a rule that the drill looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::observe) enum Acts {
    /// A runbook, by its document's name.
    Runbook(String),
    /// A state machine, by its ARN.
    StateMachine(String),
}

impl Acts {
    /// The runbook of a document that is named by its name or by its ARN.
    pub(in crate::observe) fn runbook(document: &str) -> Self {
        let name = match document.strip_prefix("arn:") {
            Some(arn) => arn.rsplit('/').next().unwrap_or(arn),
            None => document,
        };
        // The ARN of a target ends with the document's version.
        Self::Runbook(name.split(':').next().unwrap_or(name).to_owned())
    }

    /// What a target's ARN names, where it is such a thing.
    ///
    /// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>.
    fn of_target(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, resource) = (parts.next()?, parts.nth(2)?);
        match service {
            "ssm" if resource.starts_with("automation-definition/") => Some(Self::runbook(arn)),
            "states" if resource.starts_with("stateMachine:") => {
                Some(Self::StateMachine(arn.to_owned()))
            }
            _ => None,
        }
    }
}

/// Something that a target of a rule did.
#[derive(Debug, Clone)]
pub(in crate::observe) struct Effect {
    pub(in crate::observe) of: Acts,
    /// When it began.
    pub(in crate::observe) at: Timestamp,
    /// The execution.
    pub(in crate::observe) execution: String,
    /// Who started it, where the service says so.
    pub(in crate::observe) by: Option<String>,
    /// What may carry an id of ours.
    pub(in crate::observe) payload: String,
}

/// What the targets of rules did since the drill began to look.
#[derive(Debug, Default)]
pub(in crate::observe) struct Effects {
    found: Mutex<Vec<Found>>,
}

#[derive(Debug)]
struct Found {
    effect: Effect,
    /// The rule and the minute of its metric whose invocation it explains.
    explains: Option<(String, Timestamp)>,
}

impl Effects {
    /// Notes what a target did; the same execution counts once.
    pub(in crate::observe) fn add(&self, effect: Effect) {
        let mut found = self.found.lock().expect("no poller panics while it adds");
        if !found.iter().any(|known| known.effect.execution == effect.execution) {
            found.push(Found { effect, explains: None });
        }
    }

    /// Up to `count` effects of these targets that explain what a rule's metric counts in a minute, in
    /// order. One that explains another invocation is not given again.
    pub(super) fn of_minute(
        &self,
        rule: &str,
        targets: &Targets,
        minute: Timestamp,
        count: usize,
    ) -> Vec<Effect> {
        let until = minute + SignedDuration::from_mins(1) + DELIVERY;
        let mut found = self.found.lock().expect("no poller panics while it reads");
        found.sort_by_key(|one| one.effect.at);
        let mine = Some((rule.to_owned(), minute));
        let mut given = found.iter().filter(|one| one.explains == mine).count();
        for one in found.iter_mut() {
            let fits = one.effect.at >= minute && one.effect.at < until;
            if given < count && fits && one.explains.is_none() && targets.hold(&one.effect) {
                one.explains.clone_from(&mine);
                given += 1;
            }
        }
        found.iter().filter(|one| one.explains == mine).map(|one| one.effect.clone()).collect()
    }
}

/// The targets of a rule that the drill looks at, each with the role that it is started with.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets(Vec<(Acts, Option<String>)>);

impl Targets {
    /// Asks which of a rule's targets are among these. A rule has five targets at the most, so one page.
    pub(super) async fn of(
        aws: &Aws,
        (bus, rule): (&str, &str),
        looked_at: &BTreeSet<Acts>,
    ) -> Result<Self, CallError> {
        let sent = aws.events.list_targets_by_rule().rule(rule).event_bus_name(bus).send().await;
        let answer = sent.map_err(|error| CallError::of("events:ListTargetsByRule", &error))?;
        let targets = answer.targets().iter().filter_map(|target| {
            let acts = Acts::of_target(target.arn()).filter(|acts| looked_at.contains(acts))?;
            Some((acts, target.role_arn().map(str::to_owned)))
        });
        Ok(Self(targets.collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them did this: what another role started was not started by the rule.
    fn hold(&self, effect: &Effect) -> bool {
        self.0.iter().any(|(acts, role)| {
            let role = role.as_deref().and_then(|arn| arn.rsplit('/').next());
            let by = effect.by.as_deref().map(assumed_role);
            *acts == effect.of && role.zip(by).is_none_or(|(role, by)| by == Some(role))
        })
    }
}

/// The role's name in the ARN of its session, `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
fn assumed_role(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}

/// What the drill looks at here that a rule could start.
pub(super) fn looked_at(watch: &Watch<'_>) -> BTreeSet<Acts> {
    let acts = watch.pick(|expectation| {
        if let Kind::Runbook { document, .. } = &expectation.kind {
            return Some(Acts::runbook(document));
        }
        let Kind::Execution { state_machine, .. } = &expectation.kind else { return None };
        Some(Acts::StateMachine(watch.place.state_machine_arn(state_machine)))
    });
    acts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/starter";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn effect(execution: &str, second: i64, by: &str) -> Effect {
        Effect {
            of: Acts::Runbook("Fix".to_owned()),
            at: at(second),
            execution: execution.to_owned(),
            by: Some(by.to_owned()),
            payload: String::new(),
        }
    }

    fn explained(effects: &Effects, rule: &str, minute: i64, count: usize) -> Vec<String> {
        let targets = Targets(vec![(Acts::Runbook("Fix".to_owned()), Some(ROLE.to_owned()))]);
        let found = effects.of_minute(rule, &targets, at(minute), count);
        found.into_iter().map(|effect| effect.execution).collect()
    }

    #[test]
    fn a_target_is_known_by_its_arn() {
        let of = |arn: &str| Acts::of_target(arn);
        let fix = Some(Acts::Runbook("Fix".to_owned()));
        assert_eq!(
            of("arn:aws:ssm:eu-west-1:111122223333:automation-definition/Fix:$DEFAULT"),
            fix
        );
        assert_eq!(of("arn:aws:ssm:eu-west-1:111122223333:automation-definition/Fix"), fix);
        assert_eq!(Some(Acts::runbook("arn:aws:ssm:eu-west-1:111122223333:document/Fix")), fix);
        let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:triage";
        assert_eq!(of(machine), Some(Acts::StateMachine(machine.to_owned())));
        assert_eq!(of("arn:aws:sqs:eu-west-1:111122223333:inbox"), None);
        assert_eq!(of("not an arn"), None);
    }

    #[test]
    fn an_effect_explains_one_invocation_of_one_rule_in_its_minute() {
        let session = "arn:aws:sts::111122223333:assumed-role/starter/abc";
        let effects = Effects::default();
        for (execution, second) in [("late", 66), ("second", 30), ("first", 1), ("over", 62)] {
            effects.add(effect(execution, second, session));
            effects.add(effect(execution, second, session));
        }
        assert_eq!(explained(&effects, "one", 0, 1), ["first"]);
        assert_eq!(explained(&effects, "one", 0, 1), ["first"], "the same again");
        assert_eq!(explained(&effects, "two", 0, 5), ["second", "over"], "what is left");
        assert_eq!(explained(&effects, "one", 60, 5), ["late"]);
    }

    #[test]
    fn what_somebody_else_started_explains_nothing() {
        let effects = Effects::default();
        effects.add(effect("by hand", 1, "arn:aws:sts::111122223333:assumed-role/operator/me"));
        assert!(explained(&effects, "one", 0, 1).is_empty());
        effects.add(effect("by a user", 1, "arn:aws:iam::111122223333:user/operator"));
        assert!(explained(&effects, "one", 0, 1).is_empty());
        effects.add(Effect { by: None, ..effect("nobody says", 1, "") });
        assert_eq!(explained(&effects, "one", 0, 1), ["nobody says"]);
    }
}
