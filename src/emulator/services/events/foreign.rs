//! Event buses of other accounts or regions, as far as the environment declares them.
//!
//! Main type: [`ForeignBus`]. Invariant: nothing here can be changed through this account's API. What
//! arrives on a declared bus is only recorded, because the other account's targets are not emulated; what
//! arrives on a bus whose account is emulated beside this one leaves for there ([`leaving`], [`arrive`]).

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::buses::Bus;
use super::delivery::Event;
use super::ingest;
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
    /// What is to be taken to the bus itself; nothing where its account is not emulated.
    leaving: Option<Vec<Arc<Event>>>,
}

impl Arrivals {
    /// Remembers an event and the rules that it matched, or lets it leave for the bus itself.
    pub(super) fn record(&mut self, event: &Arc<Event>, rules: Vec<String>) {
        if let Some(leaving) = &mut self.leaving {
            leaving.push(Arc::clone(event));
            return;
        }
        let event = event.value.clone();
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

/// Takes what leaves for buses of accounts that are emulated beside this one: each bus's ARN and the event.
pub(crate) fn leaving(account: &mut Account) -> Vec<(String, Crossing)> {
    let mut all = Vec::new();
    for bus in account.services.events.buses.values_mut() {
        let leaving = bus.arrivals.as_mut().and_then(|arrivals| arrivals.leaving.as_mut());
        for event in leaving.map(std::mem::take).unwrap_or_default() {
            all.push((bus.arn.clone(), Crossing(event)));
        }
    }
    all
}

/// An event on its way from one account to another.
#[derive(Debug)]
pub(crate) struct Crossing(Arc<Event>);

/// Whether a bus is this account's own.
pub(crate) fn owns(account: &Account, bus: &str) -> bool {
    account.services.events.buses.get(bus).is_some_and(|bus| bus.arrivals.is_none())
}

/// Lets an event in that another account sent; that it may has been asked there.
pub(crate) fn arrive(account: &mut Account, bus: &str, Crossing(event): Crossing) {
    ingest::accept_event(account, bus, event);
}

/// The account's own buses: each one's ARN and policy, as other accounts have to know them.
pub(crate) fn shown_buses(account: &Account) -> Vec<(String, Option<Value>)> {
    let buses = account.services.events.buses.values();
    let own = buses.filter(|bus| bus.arrivals.is_none());
    own.map(|bus| (bus.arn.clone(), bus.policy.clone())).collect()
}

/// Sees the buses of one account that is emulated beside this one as they are now; they take the place of
/// declared ones.
pub(crate) fn see_buses(account: &mut Account, shown: &[(String, Option<Value>)]) {
    let now = account.now();
    let Some(owner) = shown.first().map(|(arn, _)| owner_of(arn).to_owned()) else { return };
    let buses = &mut account.services.events.buses;
    let gone =
        |arn: &String| owner_of(arn) == owner && !shown.iter().any(|(known, _)| known == arn);
    buses.retain(|arn, bus| bus.arrivals.is_none() || !gone(arn));
    for (arn, policy) in shown {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let bus = buses.entry(arn.clone()).or_insert_with(|| Bus::new(name, arn.clone(), now));
        bus.policy.clone_from(policy);
        let arrivals = bus.arrivals.get_or_insert_default();
        arrivals.leaving.get_or_insert_default();
    }
}

/// Account and region of a bus, as they stand in its ARN.
fn owner_of(arn: &str) -> &str {
    arn.split(":event-bus/").next().unwrap_or(arn)
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
