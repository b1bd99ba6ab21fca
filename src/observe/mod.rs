//! Observers: how each kind of expectation is looked at, and how we know what was ours.
//!
//! Main type: [`Watch`]. One file per kind of thing observed; each is one poller that serves every
//! expectation of its kind with batched calls. Invariants: what is recorded was read from an API, with
//! AWS's own time; a failed look is recorded as blindness, never as absence; how far a poller has seen
//! (`through`) is only ever moved by a look that succeeded.

mod alarms;
mod api_calls;
mod compliance;
mod correlation;
mod deployments;
mod executions;
mod experiments;
mod findings;
mod http;
mod incidents;
mod listener;
mod logs;
mod mailbox;
mod metrics;
mod ops_items;
mod passed;
mod queues;
mod rollbacks;
mod rules;
mod runbooks;
mod wakeups;

use std::sync::Mutex;

use futures_util::future::{LocalBoxFuture, join_all};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::aws::{Aws, CallError, CallErrorKind};
use crate::clock::Clock;
use crate::context::Place;
use crate::plan::{Kind, LogSearch, Plan, PlannedExpectation, shown_late};
use crate::recorder::Recorder;
use crate::scenario::types::FindingSource;
use crate::timeline::{EntryKind, Gap, Observation};
use crate::wakeup::{Pace, Topic};

pub(crate) use experiments::follow;
pub(crate) use listener::Listener;

/// How long the observers have for their first look; without it nothing is injected.
const FIRST_LOOK: std::time::Duration = std::time::Duration::from_mins(1);

/// Between two looks that are both told that the server lacks an operation: the second makes sure that the
/// first was not somebody else's answer.
const MAKE_SURE: std::time::Duration = std::time::Duration::from_secs(1);

/// The longest that any observer needs until it can see a moment: metrics of a rule.
pub const LONGEST_LAG: SignedDuration = rules::LAG;

/// The longest that an observer of this plan needs until it can see a moment.
pub fn longest_lag(plan: &Plan) -> SignedDuration {
    let lags = plan.expectations.iter().map(|one| shown_late(&one.kind));
    lags.fold(LONGEST_LAG, SignedDuration::max)
}

/// What the observers of one drill at one place share.
#[derive(Debug)]
pub struct Watch<'a> {
    pub(crate) place: &'a Place,
    pub(crate) aws: &'a Aws,
    pub(crate) recorder: &'a Recorder,
    /// That of this place.
    pub(crate) pace: Pace,
    pub(crate) plan: &'a Plan,
    /// Nothing that occurred before this is of interest.
    pub(crate) since: Timestamp,
    sight: Mutex<IndexMap<String, Sight>>,
    first_looks: watch::Sender<FirstLooks>,
}

/// How the observers get on with their first look.
#[derive(Debug, Default)]
struct FirstLooks {
    /// How many pollers have not looked yet; nothing while they are being set up.
    waiting: Option<usize>,
    /// Why each of them that tried could not, by its name.
    failing: IndexMap<String, String>,
    /// One of them never can: the server lacks what it asks.
    hopeless: bool,
}

impl FirstLooks {
    fn why(&self) -> String {
        if self.failing.is_empty() {
            return "no look has been answered".to_owned();
        }
        // Pollers may share a reader, and then say the same.
        let mut reasons: Vec<&str> = self.failing.values().map(String::as_str).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons.join("; ")
    }
}

/// What a look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shows {
    /// Everything that happened since the last look.
    #[default]
    ThePast,
    /// What is so now; what it was while we could not look is lost.
    ThePresent,
}

/// Two looks at a state are never further apart than this, unless one of them fails and the next one too.
const USUAL_GAP: SignedDuration = SignedDuration::from_mins(1);

/// How far an expectation has been seen, and how much of that is in the record.
#[derive(Debug, Clone, Copy)]
struct Sight {
    through: Timestamp,
    recorded: Option<Timestamp>,
    blind: bool,
    /// What it looks at shows nothing for now, however well the look goes.
    veiled: bool,
    /// What would hear of it may hear nothing, however well the look goes.
    deaf: bool,
}

impl Sight {
    /// Nothing is seen yet.
    const NONE: Self = Self {
        through: Timestamp::UNIX_EPOCH,
        recorded: None,
        blind: false,
        veiled: false,
        deaf: false,
    };
}

impl<'a> Watch<'a> {
    /// Nothing is seen yet; `since` is now, by AWS's clock where ours is ahead of it.
    pub fn new(here: &'a Place, recorder: &'a Recorder, pace: &Pace, plan: &'a Plan) -> Self {
        let (aws, pace) = (&here.aws, pace.at_a_place());
        let clock = recorder.clock();
        let since = clock.now() - aws.gate.ahead(&clock);
        let (sight, first_looks) = (Mutex::default(), watch::Sender::new(FirstLooks::default()));
        Self { place: here, aws, recorder, pace, plan, since, sight, first_looks }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.recorder.clock()
    }

    /// The expectations that are looked at here.
    pub(crate) fn expectations(&self) -> impl Iterator<Item = &'a PlannedExpectation> {
        let here = &self.place.name;
        self.plan.expectations.iter().filter(move |one| one.target == *here)
    }

    /// The alarms here that stop the drill.
    pub(crate) fn stop_conditions(&self) -> impl Iterator<Item = &'a str> {
        let here = &self.place.name;
        let stops = self.plan.stop_conditions.iter().filter(move |stop| stop.target == *here);
        stops.map(|stop| stop.alarm.as_str())
    }

    /// The expectations that `select` picks from, with what it picks.
    pub(crate) fn pick<T>(&self, select: impl Fn(&'a PlannedExpectation) -> Option<T>) -> Vec<T> {
        self.expectations().filter_map(select).collect()
    }

    /// Looks with every poller that the plan needs. Never returns.
    ///
    /// `stop` is called when a stop condition's alarm is in ALARM.
    pub async fn look(&self, listener: Option<&Listener>, stop: &dyn Fn(String)) {
        let matches = listener::Matches::default();
        let effects = rules::Effects::default();
        let mut pollers: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        if alarms::wanted(self) {
            pollers.push(Box::pin(alarms::poll(self, stop)));
        }
        if let Some(listener) = listener {
            pollers.push(Box::pin(listener::poll(self, listener, &matches)));
        }
        if self.has(|kind| matches!(kind, Kind::Rule { .. })) {
            pollers.push(Box::pin(rules::poll(self, &matches, &effects)));
        }
        if self.has(|kind| matches!(kind, Kind::Runbook { .. })) {
            pollers.push(Box::pin(runbooks::poll(self, &effects)));
        }
        if self.has(|kind| matches!(kind, Kind::CodeDeployRollback { .. })) {
            pollers.push(Box::pin(rollbacks::poll(self)));
        }
        let finds = |source: FindingSource| {
            self.has(|kind| matches!(kind, Kind::Finding(finding) if finding.source == source))
        };
        if finds(FindingSource::GuardDuty) {
            pollers.push(Box::pin(findings::guardduty(self)));
        }
        if finds(FindingSource::SecurityHub) {
            pollers.push(Box::pin(findings::securityhub(self)));
        }
        if self.has(|kind| matches!(kind, Kind::OpsItem(_))) {
            pollers.push(Box::pin(ops_items::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Incident(_))) {
            pollers.push(Box::pin(incidents::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::ApiCall(_))) {
            pollers.push(Box::pin(api_calls::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Compliance { .. })) {
            pollers.push(Box::pin(compliance::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Metric(_))) {
            pollers.push(Box::pin(metrics::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Queue { .. })) {
            pollers.push(Box::pin(queues::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Deployment { .. })) {
            pollers.push(Box::pin(deployments::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Log { search: LogSearch::Pattern(_), .. })) {
            pollers.push(Box::pin(logs::poll(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Log { search: LogSearch::Query(_), .. })) {
            pollers.push(Box::pin(logs::poll_queries(self)));
        }
        if self.has(|kind| matches!(kind, Kind::Execution { .. })) {
            pollers.push(Box::pin(executions::poll(self, &effects)));
        }
        if self.has(|kind| matches!(kind, Kind::Http { .. })) {
            pollers.push(Box::pin(http::poll(self)));
        }
        self.first_looks.send_modify(|first| first.waiting = Some(pollers.len()));
        join_all(pollers).await;
        // A plan without pollers still waits for whoever ends the drill.
        std::future::pending::<()>().await;
    }

    /// Waits until every poller has looked once, so that what was there before is known.
    ///
    /// # Errors
    /// One of them can't look, and why: then nothing may be injected, because nobody would see what comes
    /// of it. A server that lacks what is asked of it is not waited for.
    pub async fn ready(&self) -> Result<(), String> {
        let mut listener = self.first_looks.subscribe();
        let ready = listener.wait_for(|first| first.hopeless || first.waiting == Some(0));
        // Nobody is waited for any more when the time is up; what is known by then counts.
        let _elapsed = tokio::time::timeout(FIRST_LOOK, ready).await;
        let first = self.first_looks.borrow();
        if first.waiting == Some(0) && !first.hopeless { Ok(()) } else { Err(first.why()) }
    }

    fn has(&self, wanted: impl Fn(&Kind) -> bool) -> bool {
        self.expectations().any(|expectation| wanted(&expectation.kind))
    }

    /// Records something that was seen; `payload` is searched for ids that are ours.
    pub(crate) fn saw(&self, seen: Seen, payload: &str) {
        let correlation = match seen.correlation {
            Some(known) => known,
            None => {
                self.recorder.read(|timeline| correlation::of(timeline, &self.plan.run_id, payload))
            }
        };
        self.recorder.record(EntryKind::Observation(Observation {
            expectation: seen.expectation,
            target: self.place.name.clone(),
            holds: seen.holds,
            occurred_at: seen.occurred_at,
            resolution_ms: seen.resolution_ms,
            seen_at: self.clock().now(),
            correlation,
            summary: seen.summary,
            blocked: seen.blocked,
            evidence: seen.evidence,
        }));
    }

    /// Notes that everything that occurred before `through`, by our clock, has been seen for these
    /// expectations. Where ours is ahead of AWS's, AWS has not got there yet.
    ///
    /// It goes into the record when somebody waits for it, when sight returns, and at the end.
    pub(crate) fn looked(&self, expectations: &[String], through: Timestamp) {
        self.saw_through(expectations, through - self.ahead());
    }

    fn saw_through(&self, expectations: &[String], through: Timestamp) {
        let mut news = Vec::new();
        {
            let mut sight = self.sight.lock().expect("no poller panics while it notes");
            for expectation in expectations {
                let unseen = Sight { through: self.since, ..Sight::NONE };
                let entry = sight.entry(expectation.clone()).or_insert(unseen);
                if entry.veiled || entry.deaf {
                    continue;
                }
                entry.through = entry.through.max(through);
                let awaited = self.pace.awaits(entry.recorded, entry.through);
                if entry.blind || awaited {
                    entry.recorded = Some(entry.through);
                    entry.blind = false;
                    news.push(expectation.clone());
                }
            }
        }
        if !news.is_empty() {
            self.recorder.record(EntryKind::Looked { expectations: news, through, gap: None });
        }
    }

    /// Notes that these were looked at just now, at a state, which does not show what it was before. A while
    /// in which it could not be looked at is a gap if it was longer than `usual`.
    pub(crate) fn looked_now(&self, expectations: &[String], at: Timestamp, usual: SignedDuration) {
        let at = at - self.ahead();
        let mut from = None;
        let mut again = Vec::new();
        {
            let mut sight = self.sight.lock().expect("no poller panics while it notes");
            for expectation in expectations {
                let Some(entry) = sight.get_mut(expectation) else { continue };
                if entry.blind && at.duration_since(entry.through) > usual {
                    from =
                        Some(from.map_or(entry.through, |from: Timestamp| from.min(entry.through)));
                    *entry = Sight { through: at, recorded: Some(at), blind: false, ..*entry };
                    again.push(expectation.clone());
                }
            }
        }
        match from.map(|from| Gap { from, to: at }) {
            Some(gap) => {
                let (expectations, gap) = (again, Some(gap));
                self.recorder.record(EntryKind::Looked { expectations, through: at, gap });
            }
            None => self.saw_through(expectations, at),
        }
    }

    /// Notes that we could not look; told once until sight returns.
    pub(crate) fn blind(&self, expectations: &[String], error: &CallError) {
        self.blind_because(expectations, || told(error));
    }

    fn blind_because(&self, expectations: &[String], reason: impl FnOnce() -> String) {
        let mut news = Vec::new();
        {
            let mut sight = self.sight.lock().expect("no poller panics while it notes");
            for expectation in expectations {
                let unseen = Sight { through: self.since, ..Sight::NONE };
                let entry = sight.entry(expectation.clone()).or_insert(unseen);
                if !entry.blind {
                    entry.blind = true;
                    news.push(expectation.clone());
                }
            }
        }
        if !news.is_empty() {
            self.recorder.record(EntryKind::Blind { expectations: news, reason: reason() });
        }
    }

    /// Notes that what these look at shows nothing for now, though the look itself goes well: they are
    /// blind until [`Watch::unveil`].
    pub(crate) fn veil(&self, expectations: &[String], error: &CallError) {
        self.blind(expectations, error);
        self.set_sight(expectations, |entry| entry.veiled = true);
    }

    /// Notes that what these look at shows something again.
    pub(crate) fn unveil(&self, expectations: &[String]) {
        self.set_sight(expectations, |entry| entry.veiled = false);
    }

    fn set_sight(&self, expectations: &[String], set: impl Fn(&mut Sight)) {
        let mut sight = self.sight.lock().expect("no poller panics while it notes");
        for expectation in expectations {
            if let Some(entry) = sight.get_mut(expectation) {
                set(entry);
            }
        }
    }

    /// Writes down how far each expectation has been seen: the last word before a verdict.
    pub fn settle(&self) {
        let mut by_moment: IndexMap<Timestamp, Vec<String>> = IndexMap::new();
        {
            let mut sight = self.sight.lock().expect("no poller panics while it notes");
            for (expectation, entry) in sight.iter_mut() {
                // What is blind stays so: it was seen up to the last moment that somebody waited for, and
                // why it is not seen further is the last word.
                let news = entry.recorded != Some(entry.through) && entry.through > self.since;
                if news && !entry.blind {
                    entry.recorded = Some(entry.through);
                    by_moment.entry(entry.through).or_default().push(expectation.clone());
                }
            }
        }
        for (through, expectations) in by_moment {
            self.recorder.record(EntryKind::Looked { expectations, through, gap: None });
        }
    }

    /// This poller has looked once.
    fn armed(&self, observer: &str) {
        self.first_looks.send_modify(|first| {
            first.waiting = first.waiting.map(|count| count.saturating_sub(1));
            first.failing.shift_remove(observer);
        });
    }

    /// This poller could not look the first time, for now or for good.
    fn not_armed(&self, observer: &str, error: &CallError, hopeless: bool) {
        self.first_looks.send_modify(|first| {
            first.failing.insert(observer.to_owned(), told(error));
            first.hopeless |= hopeless;
        });
    }

    /// The common loop of a poller: look, note how far or why not, rest.
    pub(crate) async fn keep_looking(
        &self,
        observer: &str,
        topic: Topic,
        lag: SignedDuration,
        expectations: &[String],
        look: impl AsyncFnMut() -> Result<(), CallError>,
    ) {
        let shows = Shows::ThePast;
        self.keep_looking_at(observer, topic, lag, expectations, shows, look).await;
    }

    /// Looks again and again at what shows the past as well, or only the present.
    pub(crate) async fn keep_looking_at(
        &self,
        observer: &str,
        topic: Topic,
        lag: SignedDuration,
        expectations: &[String],
        shows: Shows,
        mut look: impl AsyncFnMut() -> Result<(), CallError>,
    ) {
        let mut looking = Looking { shows, ..Looking::default() };
        loop {
            let mark = self.pace.mark(topic);
            let through = self.clock().now() - lag;
            let looked = look().await.map(|()| through);
            match self.note(observer, expectations, &mut looking, looked) {
                After::Success => self.rest(topic, mark, lag, through).await,
                failure => self.recover(failure).await,
            }
        }
    }

    /// Rests until it is time for another look, after one that reached `through` by our clock. Where ours is
    /// ahead, AWS gets to a window's end later.
    pub(crate) async fn rest(
        &self,
        topic: Topic,
        mark: u64,
        lag: SignedDuration,
        through: Timestamp,
    ) {
        let ahead = self.ahead();
        self.pace.rest(self.clock(), topic, mark, lag + ahead, through - ahead).await;
    }

    /// By how much our clock may be ahead of AWS's. Windows are by AWS's clock: what it has not reached can't
    /// have been seen.
    pub(crate) fn ahead(&self) -> SignedDuration {
        self.aws.gate.ahead(&self.clock())
    }

    /// Rests after a look that failed; for ever where another would fail for the same reason.
    async fn recover(&self, after: After) {
        match after {
            After::Success => {}
            After::Failures(failures) => self.pace.back_off(failures).await,
            After::Doubt => tokio::time::sleep(MAKE_SURE).await,
            After::Lacking => std::future::pending().await,
        }
    }

    /// Notes what came of a look: how far it reached, or why it failed.
    fn note(
        &self,
        observer: &str,
        expectations: &[String],
        looking: &mut Looking,
        looked: Result<Timestamp, CallError>,
    ) -> After {
        match looked {
            Ok(through) => {
                if !std::mem::replace(&mut looking.armed, true) {
                    self.recorder.record(EntryKind::ObserverArmed {
                        observer: observer.to_owned(),
                        expectations: expectations.to_vec(),
                    });
                    self.armed(observer);
                }
                (looking.failures, looking.lacks) = (0, None);
                match looking.shows {
                    Shows::ThePast => self.looked(expectations, through),
                    Shows::ThePresent => self.looked_now(expectations, through, USUAL_GAP),
                }
                After::Success
            }
            Err(error) => {
                self.blind(expectations, &error);
                looking.failures += 1;
                let lacks = (error.kind == CallErrorKind::Unsupported).then_some(error.operation);
                let before = std::mem::replace(&mut looking.lacks, lacks);
                let lacking = lacks.is_some() && before == lacks;
                if !looking.armed {
                    self.not_armed(observer, &error, lacking);
                }
                match lacks {
                    Some(_) if lacking => After::Lacking,
                    Some(_) => After::Doubt,
                    None => After::Failures(looking.failures),
                }
            }
        }
    }
}

/// Why a look failed, and the way out.
fn told(error: &CallError) -> String {
    format!("{error} ({})", error.hint())
}

/// What to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It went well.
    Success,
    /// It failed, like so many since the last good one.
    Failures(u32),
    /// The server says that it lacks what was asked.
    Doubt,
    /// It has said so twice: another look would show nothing.
    Lacking,
}

/// How a poller fares.
#[derive(Debug, Default)]
struct Looking {
    shows: Shows,
    /// It has looked once.
    armed: bool,
    /// How many looks have failed since the last good one.
    failures: u32,
    /// The operation that the server lacks, by what it said to the last look.
    lacks: Option<&'static str>,
}

/// Something that a poller saw, before it is known whether it was ours.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) expectation: String,
    pub(crate) holds: bool,
    pub(crate) occurred_at: Timestamp,
    pub(crate) resolution_ms: u64,
    /// Set where the poller knows better than a search of the payload.
    pub(crate) correlation: Option<crate::scenario::types::Correlation>,
    pub(crate) summary: String,
    pub(crate) blocked: Option<String>,
    pub(crate) evidence: IndexMap<String, String>,
}

impl Seen {
    /// An exact moment, a fact that holds, nothing blocked.
    pub(crate) fn new(expectation: &str, occurred_at: Timestamp, summary: String) -> Self {
        Self {
            expectation: expectation.to_owned(),
            holds: true,
            occurred_at,
            resolution_ms: 0,
            correlation: None,
            summary,
            blocked: None,
            evidence: IndexMap::new(),
        }
    }

    /// Adds a piece of evidence; an empty value adds nothing.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.evidence.insert(name.to_owned(), value);
        }
        self
    }
}
