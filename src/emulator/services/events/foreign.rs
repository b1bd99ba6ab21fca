//! Event buses of other accounts or regions, as far as the environment declares them.
//!
//! Main type: [`ForeignBus`]. Invariant: nothing here can be changed through this account's API; what
//! arrives there is only recorded, because the other account's targets are not emulated.

use std::collections::VecDeque;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::buses::Bus;
use super::matcher::EventPattern;
use crate::emulator::account::Account;
use crate::emulator::policy::document;

/// How many events a foreign bus remembers; older ones are forgotten first.
const MOST_REMEMBERED: usize = 1000;

/// An event bus of another account or region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForeignBus {
    /// The bus's ARN; its account or its region is not this account's.
    pub(crate) arn: String,
    /// The bus's own policy: who may put events there. Without one nobody may.
    #[serde(default)]
    pub(crate) policy: Option<Value>,
    /// The rules that stand there.
    #[serde(default)]
    pub(crate) rules: Vec<ForeignRule>,
}

/// A rule on an event bus of another account: its targets are not emulated, only its matches counted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForeignRule {
    /// The rule's name.
    pub(crate) name: String,
    /// The event pattern, as JSON.
    pub(crate) pattern: Value,
}

/// What happened on a foreign bus.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    events: VecDeque<Value>,
    matches: IndexMap<String, u64>,
}

impl Arrivals {
    /// Remembers an event and the rules that it matched.
    pub(super) fn record(&mut self, event: Value, rules: Vec<String>) {
        if self.events.len() >= MOST_REMEMBERED {
            self.events.pop_front();
        }
        self.events.push_back(event);
        for rule in rules {
            *self.matches.entry(rule).or_default() += 1;
        }
    }
}

/// Declares another account's bus; the error says what is wrong with the declaration.
pub(crate) fn declare_foreign(account: &mut Account, declared: &ForeignBus) -> Result<(), String> {
    let arn = &declared.arn;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let name = match parts.as_slice() {
        ["arn", _, "events", _, _, resource] => resource.strip_prefix("event-bus/"),
        _ => None,
    };
    let name = name.ok_or_else(|| format!("{arn} is not the ARN of an event bus"))?;
    let identity = &account.identity;
    if parts[3] == identity.region && parts[4] == identity.account {
        return Err(format!("{arn} is a bus of this account and region"));
    }
    let mut bus = Bus::new(name, arn.clone(), account.now());
    bus.policy = declared.policy.as_ref().map(document::read).transpose()?;
    for rule in &declared.rules {
        let pattern = EventPattern::parse(&rule.pattern.to_string())
            .map_err(|why| format!("rule {}: {why}", rule.name))?;
        bus.index.add(&rule.name, &pattern);
    }
    bus.arrivals = Some(Arrivals::default());
    account.services.events.buses.insert(arn.clone(), bus);
    Ok(())
}

/// The events that arrived on a declared foreign bus, oldest first (at most the last thousand).
#[cfg(test)]
pub(super) fn arrived<'a>(account: &'a Account, arn: &str) -> Vec<&'a Value> {
    let bus = account.services.events.buses.get(arn);
    let arrivals = bus.and_then(|bus| bus.arrivals.as_ref());
    arrivals.map(|arrivals| arrivals.events.iter().collect()).unwrap_or_default()
}

/// How often a rule on a declared foreign bus matched.
#[cfg(test)]
pub(super) fn matched(account: &Account, arn: &str, rule: &str) -> u64 {
    let bus = account.services.events.buses.get(arn);
    let arrivals = bus.and_then(|bus| bus.arrivals.as_ref());
    arrivals.and_then(|arrivals| arrivals.matches.get(rule)).copied().unwrap_or(0)
}
