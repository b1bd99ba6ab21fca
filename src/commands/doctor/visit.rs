//! The looks of the doctor: credentials, guardrails, everything that the plan names, permissions, quotas and
//! the clock.
//!
//! Main function: [`visit`]. Invariant: every call only reads; a look that fails is a row of its own, and the
//! others are made all the same.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use super::named;
use super::rows::{Health, Row};
use crate::aws::permissions::{Wish, principal};
use crate::aws::quotas::{ACTIVE_EXPERIMENTS, Allowance, RULES_PER_BUS, Whose};
use crate::aws::{CallError, CallErrorKind, Identity};
use crate::context::Place;
use crate::plan::{FaultAction, Kind, Plan, iam};
use crate::runner::{self, Drill};
use crate::scenario::names::at_target;
use crate::timeline::{Entry, EntryKind};

/// Clocks that are further apart than this, in seconds, make AWS refuse signed requests:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>.
const SIGNATURES_HOLD: i64 = 300;

/// Beyond this, in seconds, times of ours and of AWS are hard to hold against each other.
const NOTICEABLE: i64 = 2;

/// Looks at everything that a run of the drill's plan needs, at every place.
pub(super) async fn visit(drill: &Drill<'_>) -> Vec<Row> {
    let plan = drill.plan;
    let mut rows = Vec::new();
    let mut callers = Vec::new();
    for place in drill.places.all() {
        let subject = format!("credentials{}", place.suffix());
        match place.aws.identity().await {
            Ok(identity) => {
                rows.push(Row::ok(subject, &identity.arn));
                callers.push((place, identity));
            }
            Err(error) => rows.push(unseen(&subject, &error)),
        }
    }
    for (place, identity) in &callers {
        guardrails(plan, place, identity, &mut rows);
    }
    // Without credentials nothing else can be asked, and a drill spans all of its places or none.
    if callers.len() < drill.places.all().count() {
        return rows;
    }
    runner::examine(drill).await;
    rows.extend(
        drill.recorder.read(|entries| entries.iter().filter_map(looked_at).collect::<Vec<_>>()),
    );
    for (place, identity) in &callers {
        rows.extend(named::rows(drill, place).await);
        permissions(plan, place, identity, &mut rows).await;
        quotas(plan, place, &mut rows).await;
        clock(drill, place, &mut rows);
    }
    rows
}

fn unseen(subject: &str, error: &CallError) -> Row {
    Row::not(Health::Unseen, subject, error.to_string(), error.hint())
}

fn guardrails(plan: &Plan, place: &Place, identity: &Identity, rows: &mut Vec<Row>) {
    let region = &place.target.region;
    if let Some(target) = place.name.as_ref().and_then(|name| plan.targets.get(name))
        && target.account != identity.account
    {
        let found = format!("the scenario names {}; this is {}", target.account, identity.account);
        let way_out = "check the target's `role` or `profile`, and its `account`";
        rows.push(Row::not(Health::Wrong, format!("account{}", place.suffix()), found, way_out));
    }
    let named = [
        ("account", &identity.account, &plan.guardrails.accounts),
        ("region", region, &plan.guardrails.regions),
    ];
    for (what, actual, allowed) in named {
        let subject = format!("guardrail: {what}{}", place.suffix());
        rows.push(if allowed.contains(actual) {
            Row::ok(subject, actual)
        } else {
            let found = match allowed.as_slice() {
                [] => format!("the scenario names no {what}; this is {actual}"),
                some => format!("the scenario names {}; this is {actual}", some.join(", ")),
            };
            let way_out =
                format!("use other credentials, or add it under `guardrails: {{{what}s: […]}}`");
            Row::not(Health::Wrong, subject, found, way_out)
        });
    }
}

/// What the runner's own preflight recorded.
fn looked_at(entry: &Entry) -> Option<Row> {
    match &entry.kind {
        EntryKind::Preflight { subject, problem: None } => {
            Some(Row::ok(subject, "there, and can answer"))
        }
        EntryKind::Preflight { subject, problem: Some(problem) } => {
            let health = if problem.blind { Health::Unseen } else { Health::Wrong };
            Some(Row::not(health, subject, &problem.message, &problem.hint))
        }
        EntryKind::SteadyState { target, alarm, expected, found, reason } => {
            let subject = format!("steady state: {alarm}{}", at_target(target.as_deref()));
            Some(match found {
                Some(found) if found == expected => Row::ok(subject, found),
                Some(found) => {
                    let words = format!("{found}, and the scenario wants {expected}");
                    Row::not(Health::Wrong, subject, words, "drill when it holds")
                }
                None => {
                    let words = reason.clone().unwrap_or_else(|| "not found".to_owned());
                    Row::not(Health::Unseen, subject, words, "check the name and the permissions")
                }
            })
        }
        _ => None,
    }
}

/// The statements of the plan's least policy, for this account and region.
fn wishes(plan: &Plan, place: &Place, identity: &Identity) -> Vec<Wish> {
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let policy = iam::policy_at(plan, place.name.as_deref());
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let wish = |statement: &Value| {
        let keys = statement["Condition"].as_object().into_iter().flatten();
        let keys = keys.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
        let keys = keys.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let here = texts(&statement["Resource"])
            .into_iter()
            .filter_map(|arn| in_place(&arn, place, identity));
        Wish {
            actions: texts(&statement["Action"]),
            resources: here.collect(),
            keys: keys.collect(),
        }
    };
    statements.map(wish).filter(|wish| !wish.resources.is_empty()).collect()
}

/// A resource of the policy in this account and region; nothing for one that is elsewhere.
fn in_place(arn: &str, place: &Place, identity: &Identity) -> Option<String> {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if parts.len() < 6 {
        return Some(arn.to_owned());
    }
    let here = [(3, place.target.region.as_str()), (4, identity.account.as_str())];
    for (at, own) in here {
        if parts[at] == "*" {
            parts[at] = own;
        } else if !parts[at].is_empty() && parts[at] != own {
            return None;
        }
    }
    Some(parts.join(":"))
}

async fn permissions(plan: &Plan, place: &Place, identity: &Identity, rows: &mut Vec<Row>) {
    let subject = format!("permissions{}", place.suffix());
    let skipped = |found: String| {
        let way_out = "hold the caller's policies against `firedrill plan --iam` yourself";
        Row::not(Health::Skipped, &subject, found, way_out)
    };
    let Some(principal) = principal(&identity.arn) else {
        rows.push(skipped("not simulated: the caller is neither a user nor a role".to_owned()));
        return;
    };
    let wishes = wishes(plan, place, identity);
    match place.aws.refused(&principal, &wishes).await {
        Ok(refused) if refused.is_empty() => {
            let actions: BTreeSet<&String> = wishes.iter().flat_map(|wish| &wish.actions).collect();
            rows.push(Row::ok(&subject, format!("{} actions are allowed by IAM", actions.len())));
        }
        Ok(refused) => rows.extend(refused.into_iter().map(|one| {
            let found = format!("{} is not allowed on {}", one.action, one.resource);
            let way_out = "allow it; `firedrill plan --iam` prints the least policy";
            Row::not(Health::Wrong, &subject, found, way_out)
        })),
        // The caller of a drill need not be able to ask about itself.
        Err(error) => rows.push(match error.kind {
            CallErrorKind::Denied
            | CallErrorKind::NotFound
            | CallErrorKind::Unsupported
            | CallErrorKind::Refused => skipped(format!("not simulated: {error}")),
            CallErrorKind::Throttled | CallErrorKind::Unreachable => unseen(&subject, &error),
        }),
    }
}

/// Quotas that this plan could run into.
async fn quotas(plan: &Plan, place: &Place, rows: &mut Vec<Row>) {
    let at = place.suffix();
    let experiments = plan.faults.iter().filter(|fault| fault.target == place.name).any(|fault| {
        matches!(fault.action, FaultAction::FisTemplate { .. } | FaultAction::FisInline { .. })
    });
    if experiments {
        let active = place.aws.active_experiments().await;
        let subject = format!("quota: active FIS experiments{at}");
        let most = place.aws.allowance(ACTIVE_EXPERIMENTS).await;
        rows.push(quota(&subject, active, 1, &most));
    }
    let mut buses: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for expectation in plan.expectations.iter().filter(|one| one.target == place.name) {
        if let Kind::Event { bus, .. } | Kind::Rule { bus, .. } = &expectation.kind {
            *buses.entry(bus).or_default() += 1;
        }
    }
    if buses.is_empty() {
        return;
    }
    let most = place.aws.allowance(RULES_PER_BUS).await;
    for (bus, more) in buses {
        let subject = format!("quota: rules on the bus {bus}{at}");
        rows.push(quota(&subject, place.aws.rules_on(bus).await, more, &most));
    }
}

/// Whose figure a quota's is, in words.
fn whose(most: &Allowance) -> String {
    match &most.whose {
        Whose::Account => "the account's quota".to_owned(),
        Whose::Default => "AWS's default, the account has no figure of its own".to_owned(),
        Whose::Documented(error) if error.kind == CallErrorKind::Denied => {
            format!("AWS's documented default: {} is denied", error.operation)
        }
        Whose::Documented(error) => {
            format!("AWS's documented default: Service Quotas did not tell, {error}")
        }
    }
}

fn quota(subject: &str, used: Result<usize, CallError>, more: usize, allowed: &Allowance) -> Row {
    let most = allowed.most;
    let found = |used: usize| {
        format!("{used} of {most} ({}), and the drill adds up to {more}", whose(allowed))
    };
    match used {
        Ok(used) if used + more <= most => Row::ok(subject, found(used)),
        Ok(used) => {
            let way_out = match &allowed.whose {
                Whose::Account | Whose::Default => {
                    "wait or make room, or have the quota raised".to_owned()
                }
                Whose::Documented(error) => format!(
                    "wait or make room; or allow {} to have the account's own figure, which may be higher",
                    error.operation
                ),
            };
            Row::not(Health::Wrong, subject, found(used), way_out)
        }
        // A drill that may do all it needs may still not count what others have.
        Err(error) if error.kind == CallErrorKind::Denied => Row::not(
            Health::Skipped,
            subject,
            format!("not counted: {error}"),
            format!("allow {} to have it counted", error.operation),
        ),
        Err(error) => unseen(subject, &error),
    }
}

fn clock(drill: &Drill<'_>, place: &Place, rows: &mut Vec<Row>) {
    let subject = format!("clock{}", place.suffix());
    let Some(skew) = place.aws.gate.skew(&drill.recorder.clock()) else {
        let way_out = "the server sends no Date header; AWS always does";
        rows.push(Row::not(Health::Unseen, subject, "no answer carried a time", way_out));
        return;
    };
    let off = (skew.offset.abs() - skew.uncertainty).as_secs().max(0);
    // What is left of a millisecond says nothing; what may be wrong is not rounded down.
    let whole = SignedDuration::from_millis;
    let most = (skew.uncertainty.as_nanos() + 999_999).div_euclid(1_000_000);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let within = format!("give or take {:#}", whole(most));
    let found = if skew.is_certain() {
        let offset = i64::try_from(skew.offset.as_millis()).unwrap_or(i64::MAX);
        format!("AWS's clock is {:#} from ours, {within}", whole(offset))
    } else {
        format!("no difference from AWS's that could be told, {within}")
    };
    rows.push(if off > SIGNATURES_HOLD {
        Row::not(
            Health::Wrong,
            subject,
            found,
            "set this machine's clock: AWS will refuse signatures",
        )
    } else if off > NOTICEABLE {
        Row::not(Health::Wrong, subject, found, "set this machine's clock (NTP)")
    } else {
        Row::ok(subject, found)
    });
}
