//! A listener rule: its target is removed, then the rule is deleted.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html>.

use indexmap::IndexMap;

use super::{ChangeError, Context, Found, Pending, revert_unless_gone, until_gone};
use crate::aws::CallError;
use crate::context::{LISTENER_TARGET, ids};
use crate::timeline::Undo;

/// How many pages of a list are read.
const MAX_PAGES: usize = 1_000;

pub(super) async fn undo(
    context: Context<'_>,
    change: &Pending,
    bus: &str,
    name: &str,
) -> Result<(), ChangeError> {
    let events = &context.aws.events;
    let is_there = async || context.aws.rule(bus, name).await.map(|_| true);
    let work = async |_: &IndexMap<String, String>| {
        let removed = events
            .remove_targets()
            .rule(name)
            .event_bus_name(bus)
            .ids(LISTENER_TARGET)
            .send()
            .await;
        removed.map_err(|error| CallError::of("events:RemoveTargets", &error))?;
        let deleted = events.delete_rule().name(name).event_bus_name(bus).send().await;
        deleted.map_err(|error| CallError::of("events:DeleteRule", &error))?;
        until_gone(context, "events:DeleteRule", is_there).await
    };
    revert_unless_gone(context, change, "events:DeleteRule", work, is_there).await
}

/// The rules of the context's drill on every bus, by their names.
pub(super) async fn sweep(context: Context<'_>) -> Result<Vec<Found>, CallError> {
    let mut found = Vec::new();
    for bus in buses(context).await? {
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let listing = context.aws.events.list_rules().event_bus_name(&bus);
            let listing = listing.name_prefix(format!("firedrill-{}-", context.run_id));
            let page = listing.set_next_token(token).send().await;
            let page = page.map_err(|error| CallError::of("events:ListRules", &error))?;
            for name in page.rules().iter().filter_map(|rule| rule.name()) {
                let undo = Undo::DeleteRule { bus: bus.clone(), name: name.to_owned() };
                found.push((undo, ids([])));
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

async fn buses(context: Context<'_>) -> Result<Vec<String>, CallError> {
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = context.aws.events.list_event_buses().set_next_token(token).send().await;
        let page = page.map_err(|error| CallError::of("events:ListEventBuses", &error))?;
        names.extend(page.event_buses().iter().filter_map(|bus| bus.name.clone()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(names)
}

/// What is left, in words.
pub(super) fn words(bus: &str, name: &str) -> String {
    format!("rule `{name}` on bus `{bus}` exists")
}
