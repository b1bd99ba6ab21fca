//! Signals: how faults reach metrics, as the environment declares it.
//!
//! Main types: [`Signal`] (as written), [`Signals`] (where each stands). A signal publishes a datapoint at
//! every multiple of its interval; the value is what its effects say at that moment. Invariant: a signal
//! reads what goes on in the account (facts, events, calls) and nothing else; it cannot know what a
//! scenario expects.

mod written;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::account::{Account, ApiCall};
use super::facts::{Fact, Facts};
use super::ids::Ids;
use super::services::cloudwatch::{self, Measure, MetricKey, Unit};
use super::timing::{SIGNAL_DELAY, SIGNAL_PAST};
pub(crate) use written::Signal;
use written::{ApiCallMatch, Cause, Effect, FactMatch, Moment};

/// The most different values of one datapoint; more samples share these.
const MAX_VALUES: u32 = 100;

/// The declared signals of an account and where each stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    running: Vec<Running>,
    /// Whether any effect waits for events, and for calls: most accounts can skip the search.
    hears_events: bool,
    hears_calls: bool,
    /// The source of the spread: its own, so that API calls do not change what metrics show.
    chance: Option<Ids>,
}

/// One signal at work.
#[derive(Debug, Clone)]
struct Running {
    signal: Arc<Signal>,
    key: MetricKey,
    /// Since when and until when each effect with a lasting cause applies.
    lasting: Vec<Option<Lasting>>,
}

/// A lasting cause that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lasting {
    began: Timestamp,
    ends: Option<Timestamp>,
}

/// What the signals have on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// A signal's next datapoint lands.
    Land(usize),
    /// A datapoint can be read.
    Arrive { signal: usize, at: Timestamp, measure: Measure },
}

impl From<Due> for super::services::Due {
    fn from(due: Due) -> Self {
        super::services::Due::Signals(due)
    }
}

/// Starts signals. Each gets a past that shows its baseline, because AWS's metrics have one too: an alarm
/// that is created later finds it.
pub(crate) fn install(account: &mut Account, signals: Vec<Signal>) {
    for signal in signals {
        let lasting = |hears: fn(&Moment) -> bool| {
            signal.effects.iter().any(|effect| match &effect.cause {
                Cause::Fact(_) => false,
                Cause::Lasting { from, until, .. } => {
                    hears(from) || until.as_ref().is_some_and(hears)
                }
            })
        };
        account.signals.hears_events |= lasting(|moment| matches!(moment, Moment::Event(_)));
        account.signals.hears_calls |= lasting(|moment| matches!(moment, Moment::ApiCall(_)));
        if account.signals.chance.is_none() {
            account.signals.chance = Some(account.ids.apart("signals"));
        }
        let dimensions = signal.metric.dimensions.clone();
        let key = MetricKey::new(&signal.metric.namespace, &signal.metric.name, dimensions);
        let lasting = vec![None; signal.effects.len()];
        account.signals.running.push(Running { signal: Arc::new(signal), key, lasting });
        let index = account.signals.running.len() - 1;
        past(account, index);
        schedule(account, index);
    }
}

/// Whether some signal is this metric, so that an alarm on it can ever have data.
pub(crate) fn watches(
    account: &Account,
    namespace: &str,
    name: &str,
    dimensions: &[(String, String)],
) -> bool {
    let key = MetricKey::new(namespace, name, dimensions.to_vec());
    account.signals.running.iter().any(|running| running.key == key)
}

/// How long until a datapoint of this metric can be read, where a signal publishes it.
pub(crate) fn delay_of(
    account: &Account,
    namespace: &str,
    name: &str,
    dimensions: &[(String, String)],
) -> Option<SignedDuration> {
    let key = MetricKey::new(namespace, name, dimensions.to_vec());
    let running = account.signals.running.iter().find(|running| running.key == key)?;
    Some(running.signal.delay.unwrap_or(SIGNAL_DELAY))
}

/// Tells the signals that an API call was made in the account.
pub(crate) fn api_called(account: &mut Account, call: &ApiCall) {
    if !account.signals.hears_calls || call.error.is_some() {
        return;
    }
    let now = account.now();
    account.signals.moment(now, |moment| match moment {
        Moment::ApiCall(wanted) => called(wanted, call),
        Moment::Event(_) => false,
    });
}

/// Tells the signals that an event reached an event bus.
pub(crate) fn event_arrived(account: &mut Account, event: &Value) {
    if !account.signals.hears_events {
        return;
    }
    let now = account.now();
    let text = event.to_string();
    account.signals.moment(now, |moment| match moment {
        // An event on a bus has the shape that patterns are matched against; one that can't be matched
        // does not match.
        Moment::Event(pattern) => pattern.matches(&text).unwrap_or(false),
        Moment::ApiCall(_) => false,
    });
}

/// Lets one thing happen.
pub(crate) fn happen(account: &mut Account, due: Due) {
    match due {
        Due::Land(index) => {
            let now = account.now();
            let value = account.signals.running[index].value(&account.facts, now);
            if let Some(value) = value {
                land(account, index, now, value);
            }
            schedule(account, index);
        }
        Due::Arrive { signal, at, measure } => {
            let running = &account.signals.running[signal];
            let unit = running.signal.metric.unit.unwrap_or(Unit::NONE);
            let key = running.key.clone();
            cloudwatch::observe(account, &key, at, unit, measure);
        }
    }
}

impl Signals {
    /// Something happened that may begin or end effects.
    fn moment(&mut self, now: Timestamp, is: impl Fn(&Moment) -> bool) {
        for running in &mut self.running {
            for (effect, lasting) in running.signal.effects.iter().zip(&mut running.lasting) {
                let Cause::Lasting { from, until, lasts } = &effect.cause else { continue };
                if until.as_ref().is_some_and(&is) {
                    *lasting = None;
                }
                if is(from) {
                    // A cause that comes again while it lasts goes on longer; it did not begin anew.
                    let ongoing = lasting.filter(|lasting| lasting.holds(now));
                    let began = ongoing.map_or(now, |lasting| lasting.began);
                    *lasting = Some(Lasting { began, ends: lasts.map(|lasts| now + lasts) });
                }
            }
        }
    }
}

impl Lasting {
    fn holds(self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }
}

impl Running {
    /// What the metric shows at this moment.
    fn value(&self, facts: &Facts, now: Timestamp) -> Option<f64> {
        let applies = |(effect, lasting): &(&Effect, &Option<Lasting>)| {
            let began = match &effect.cause {
                Cause::Fact(wanted) => facts
                    .iter_since()
                    .filter(|(fact, _)| wanted.is(fact))
                    .map(|(_, since)| since)
                    .min(),
                Cause::Lasting { .. } => {
                    lasting.filter(|lasting| lasting.holds(now)).map(|lasting| lasting.began)
                }
            };
            began.is_some_and(|began| began + effect.after <= now)
        };
        let effect = self.signal.effects.iter().zip(&self.lasting).find(applies);
        effect.map_or(self.signal.baseline, |(effect, _)| effect.value)
    }
}

impl FactMatch {
    fn is(&self, fact: &Fact) -> bool {
        self.kind == fact.kind
            && self.attributes.iter().all(|(name, glob)| {
                fact.attributes.get(name).is_some_and(|value| matches_glob(glob, value))
            })
    }
}

/// Whether a call is one of those that are meant, with at least the wanted input.
fn called(wanted: &ApiCallMatch, call: &ApiCall) -> bool {
    wanted.service == call.service
        && wanted.operation == call.operation
        && includes(&call.input, &wanted.input)
}

/// Whether a JSON value has at least what another has: objects their members, lists their items.
fn includes(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (_, Value::Null) => true,
        (Value::Object(value), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| value.get(key).is_some_and(|value| includes(value, wanted))),
        (Value::Array(value), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| value.iter().any(|value| includes(value, wanted)))
        }
        (value, wanted) => value == wanted,
    }
}

/// Whether a text matches a glob: `*` is any text, `?` any character.
fn matches_glob(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Where the last star stands, and up to where it has eaten: the way back when the rest fails.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                g += 1;
                t += 1;
            }
            Some(_) | None => {
                let Some((place, eaten)) = star else { return false };
                star = Some((place, eaten + 1));
                g = place + 1;
                t = eaten + 1;
            }
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// The first multiple of an interval after a moment.
fn next_multiple(after: Timestamp, every: SignedDuration) -> Timestamp {
    let every = every.as_secs().max(1) * 1000;
    let next = (after.as_millisecond().div_euclid(every) + 1) * every;
    Timestamp::from_millisecond(next).unwrap_or(Timestamp::MAX)
}

fn schedule(account: &mut Account, index: usize) {
    let next = next_multiple(account.now(), account.signals.running[index].signal.every);
    account.schedule(next, Due::Land(index));
}

/// The baseline at every multiple of the interval up to now.
fn past(account: &mut Account, index: usize) {
    let now = account.now();
    let signal = Arc::clone(&account.signals.running[index].signal);
    let Some(baseline) = signal.baseline else { return };
    let mut at = next_multiple(now - SIGNAL_PAST, signal.every);
    while at <= now {
        land(account, index, at, baseline);
        at += signal.every;
    }
}

/// A datapoint lands: it can be read now, or after the signal's delay.
fn land(account: &mut Account, index: usize, at: Timestamp, value: f64) {
    let signal = Arc::clone(&account.signals.running[index].signal);
    let chance = account.signals.chance.as_mut().expect("a signal was installed");
    let measure = measure(chance, &signal, value);
    let readable = at + signal.delay.unwrap_or(SIGNAL_DELAY);
    let due = Due::Arrive { signal: index, at, measure };
    if readable <= account.now() {
        happen(account, due);
    } else {
        account.schedule(readable, due);
    }
}

/// The samples of one datapoint.
fn measure(chance: &mut Ids, signal: &Signal, value: f64) -> Measure {
    let samples = f64::from(signal.samples);
    if signal.spread == 0.0 {
        return Measure::Value { value, count: samples };
    }
    let mut spread = || value + signal.spread * (2.0 * chance.fraction() - 1.0);
    if signal.samples == 1 {
        return Measure::Value { value: spread(), count: 1.0 };
    }
    let values = signal.samples.min(MAX_VALUES);
    let count = samples / f64::from(values);
    Measure::Values((0..values).map(|_| (spread(), count)).collect())
}

#[cfg(test)]
mod tests;
