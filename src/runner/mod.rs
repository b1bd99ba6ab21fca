//! One drill: guard -> steady state -> arm observers -> inject -> observe -> revert -> recover.
//!
//! Main function: [`run`]. It writes the timeline and decides nothing: verdicts are the judge's, who is
//! asked here only what is still open. Invariants: nothing is injected unless preflight and steady state
//! hold; whatever ends the drill, everything is reverted, newest first; every wait has a bound.

mod guardrails;
mod lock;
mod preflight;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::aws::Tally;
use crate::aws::gate::undoing;
use crate::clock::Clock;
use crate::context::{Context, Place, Places};
use crate::faults::{self, revert};
use crate::judge;
use crate::observe::{self, Listener, Watch};
use crate::plan::{Demand, Kind, Phase, Plan, PlannedFault, Start};
use crate::recorder::Recorder;
use crate::timeline::{Entry, EntryKind, Problem, Purpose, StopReason};
use crate::wakeup::{Pace, Urgency};

/// How long past the last window an observer may still need before we stop waiting for it.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// How long a call that is on its way when the drill ends may take to be answered; a little more than a
/// call on a real account may take, retries included.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(35);

/// Everything that one drill needs.
#[derive(Debug)]
pub struct Drill<'a> {
    /// What will happen.
    pub plan: &'a Plan,
    /// The accounts and regions that it reaches; each target of the plan is one.
    pub places: &'a Places,
    /// The record.
    pub recorder: &'a Recorder,
    /// How observers rest.
    pub pace: &'a Pace,
    /// How observers are hurried.
    pub urgency: &'a Urgency,
    /// What ends the drill early.
    pub stop: &'a StopSwitch,
    /// How long new rules and subscriptions need until they deliver (they are eventually consistent on a
    /// real account).
    pub settle: Duration,
    /// How the drill goes about it.
    pub conduct: Conduct,
}

/// How a drill goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conduct {
    /// Whether other drills are kept out of every account and region that it reaches.
    pub lock: bool,
    /// Whether it only looks: experiments run with their actions skipped, and nothing is injected.
    pub dry_run: bool,
    /// Whether a server that is not AWS may lack the safety lever of FIS. One that is there is respected.
    pub no_safety_lever: bool,
}

/// Ends a drill early. The first reason counts.
#[derive(Debug, Clone)]
pub struct StopSwitch {
    pressed: watch::Sender<Option<(StopReason, String)>>,
}

impl Default for StopSwitch {
    fn default() -> Self {
        Self { pressed: watch::Sender::new(None) }
    }
}

impl StopSwitch {
    /// Asks the drill to end and revert.
    pub fn press(&self, reason: StopReason, detail: String) {
        self.pressed.send_if_modified(|pressed| {
            let first = pressed.is_none();
            if first {
                *pressed = Some((reason, detail));
            }
            first
        });
    }

    /// Whether the drill was asked to end.
    fn is_pressed(&self) -> bool {
        self.pressed.borrow().is_some()
    }

    async fn pressed(&self) -> (StopReason, String) {
        let mut listener = self.pressed.subscribe();
        let pressed = listener.wait_for(Option::is_some).await;
        let pressed = pressed.expect("the switch outlives its listeners");
        pressed.clone().expect("it was waited for")
    }
}

/// Looks at everything that a drill needs, as its preflight does, and at the steady state; the record says
/// what was found. Nothing is changed.
pub async fn examine(drill: &Drill<'_>) {
    // Whether all of it holds is in the record, condition by condition.
    let _holds = preflight::holds(drill).await;
    let _steady = preflight::steady(drill).await;
}

/// Runs one drill to its end, whatever happens; the record says how it went.
pub async fn run(drill: Drill<'_>) {
    drill.recorder.record(EntryKind::DrillStarted {
        scenario: drill.plan.scenario.name.clone(),
        run_id: drill.plan.run_id.clone(),
        target: drill.places.home().target.clone(),
        targets: drill
            .places
            .others()
            .iter()
            .filter_map(|place| Some((place.name.clone()?, place.target.clone())))
            .collect(),
        dry_run: drill.conduct.dry_run,
    });
    let tally = Tally::default();
    // Behind a pointer: whoever calls this need not know how deep the drill's futures are nested.
    let whole: LocalBoxFuture<'_, ()> = Box::pin(drill.run());
    tally.of(whole).await;
    drill.tell_clock();
    let counts = tally.counts().into_iter().collect();
    drill.recorder.record(EntryKind::Calls { counts });
    drill.recorder.record(EntryKind::DrillEnded);
}

/// What came of waiting for a phase.
enum Waited {
    Decided,
    Stopped,
}

impl<'a> Drill<'a> {
    fn clock(&self) -> Clock {
        self.recorder.clock()
    }

    fn context(&self, place: &'a Place) -> Context<'a> {
        Context::new(place, self.recorder, self.pace, &self.plan.run_id)
    }

    /// The place of something that the plan has.
    fn place(&self, target: Option<&str>) -> &'a Place {
        self.places.find(target).expect("each target of the plan is a place of its drill")
    }

    /// Looks, drills if what it sees allows it, and takes away whatever was made, the lock last.
    async fn run(&self) {
        if self.looks_right().await
            && let Some(leases) = lock::take(self).await
        {
            let work = async {
                self.guarded().await;
                self.take_back(Purpose::Listen).await;
            };
            Box::pin(lock::keep(self, leases, work)).await;
        }
        let mut left = self.left_behind(Purpose::Listen);
        left.extend(self.take_back(Purpose::Guard).await);
        if self.recorder.read(was_injected) || !left.is_empty() {
            let mut all = self.left_behind(Purpose::Inject);
            all.extend(left);
            self.recorder.record(EntryKind::Reverted { left: all });
        }
    }

    /// Whether everything that can be looked at without changing anything is as it must be.
    async fn looks_right(&self) -> bool {
        // Looking changes nothing, so it may be dropped at any moment.
        let looks = async { preflight::holds(self).await & guardrails::hold(self).await };
        tokio::select! {
            biased;
            pressed = self.stop.pressed() => {
                let _stopped = self.stopping(pressed);
                false
            }
            right = looks => right,
        }
    }

    /// What is done under the lock.
    async fn guarded(&self) {
        // A preview changes something, so it is not dropped: it looks at the switch itself.
        let few = guardrails::count(self).await;
        if self.stop.is_pressed() {
            let _stopped = self.stopping(self.stop.pressed().await);
        } else if few && self.conduct.dry_run {
            let _recorded = preflight::steady(self).await;
        } else if few {
            self.run_armed().await;
        }
    }

    /// Records how far our clock is from AWS's, at each place.
    fn tell_clock(&self) {
        for place in self.places.all() {
            let Some(skew) = place.aws.gate.skew(&self.clock()) else { continue };
            self.recorder.record(EntryKind::ClockSkew {
                target: place.name.clone(),
                offset_ms: i64::try_from(skew.offset.as_millis()).unwrap_or(i64::MAX),
                uncertainty_ms: u64::try_from(skew.uncertainty.as_millis()).unwrap_or(u64::MAX),
                samples: skew.samples,
            });
        }
    }

    /// From the first listener on; what is made here is taken away by whoever began the drill.
    async fn run_armed(&self) {
        let places = self.places.all();
        let watches: Vec<Watch<'_>> =
            places.map(|place| Watch::new(place, self.recorder, self.pace, self.plan)).collect();
        match self.listen(&watches).await {
            Ok(listeners) => {
                // Where nothing is seen by what was just made, nothing new has to begin to deliver.
                let listens = listeners.iter().flatten().any(Listener::is_evidence);
                let settle = if listens { self.settle } else { Duration::ZERO };
                tokio::select! {
                    biased;
                    _pressed = self.stop.pressed() => {}
                    () = tokio::time::sleep(settle) => {}
                }
                self.live(&watches, &listeners).await;
            }
            Err(error) => {
                let problem = Problem {
                    message: format!("the drill's listeners could not be set up{error}"),
                    hint: "see `firedrill plan --iam` for what the drill needs".to_owned(),
                    blind: true,
                };
                let subject = "listeners".to_owned();
                self.recorder.record(EntryKind::Preflight { subject, problem: Some(problem) });
            }
        }
    }

    /// Sets up what the drill listens with, place by place; the error says where and why not.
    async fn listen(&self, watches: &[Watch<'_>]) -> Result<Vec<Option<Listener>>, String> {
        let mut listeners = Vec::new();
        for (watch, place) in watches.iter().zip(self.places.all()) {
            let armed = Listener::arm(watch, self.context(place)).await;
            listeners.push(armed.map_err(|error| format!("{}: {error}", place.suffix()))?);
        }
        Ok(listeners)
    }

    /// Arms the observers, holds the steady state, injects, observes, reverts, and waits for recovery.
    async fn live(&self, watches: &[Watch<'_>], listeners: &[Option<Listener>]) {
        let stop = |detail: String| self.stop.press(StopReason::StopCondition, detail);
        let observers = async {
            let all = watches.iter().zip(listeners);
            join_all(all.map(|(watch, listener)| watch.look(listener.as_ref(), &stop))).await;
        };
        tokio::pin!(observers);
        let may_inject = tokio::select! {
            biased;
            () = &mut observers => false,
            pressed = self.stop.pressed() => {
                let _stopped = self.stopping(pressed);
                false
            }
            may_inject = self.may_inject(watches) => may_inject,
        };
        if !may_inject {
            return;
        }
        self.tell_clock();
        let injections = async {
            join_all(self.plan.faults.iter().map(|fault| self.inject(watches, fault))).await;
            std::future::pending::<()>().await;
        };
        tokio::pin!(injections);
        let waited = tokio::select! {
            biased;
            () = &mut observers => Waited::Stopped,
            () = &mut injections => Waited::Stopped,
            waited = self.wait_for(Phase::Expect) => waited,
        };
        settle(watches);
        self.recorder.record(EntryKind::Reverting);
        tokio::select! {
            biased;
            () = &mut observers => {}
            () = &mut injections => {}
            () = self.revert() => {}
        }
        if matches!(waited, Waited::Decided) {
            tokio::select! {
                biased;
                () = &mut observers => {}
                () = &mut injections => {}
                _waited = self.wait_for(Phase::Recovery) => {}
            }
        }
        settle(watches);
    }

    /// Waits for the observers' first look, then looks at the steady state.
    async fn may_inject(&self, watches: &[Watch<'_>]) -> bool {
        // The first that can't look is enough.
        if let Err(why) = try_join_all(watches.iter().map(Watch::ready)).await {
            self.give_up_blind(&why);
            return false;
        }
        preflight::steady(self).await
    }

    /// Observers that can't look see no answer either, so no question is asked.
    fn give_up_blind(&self, why: &str) {
        for fault in &self.plan.faults {
            self.recorder.record(EntryKind::FaultFailed {
                fault: fault.id.clone(),
                reason: format!("an observer could not look: {why}"),
                blind: true,
            });
        }
    }

    /// One fault from its start to its end.
    async fn inject(&self, watches: &[Watch<'_>], fault: &PlannedFault) {
        if let Err(reason) = self.wait_for_start(fault).await {
            let fault = fault.id.clone();
            self.recorder.record(EntryKind::FaultFailed { fault, reason, blind: false });
            return;
        }
        if self.stop.is_pressed() {
            return;
        }
        let place = self.place(fault.target.as_deref());
        let watch = watches.iter().find(|watch| watch.place.name == place.name);
        match faults::inject(self.context(place), fault).await {
            Ok(injected) => {
                if let Some((experiment, watch)) = injected.experiment.zip(watch) {
                    self.follow(watch, fault, &experiment).await;
                }
                if let Some(continuation) = injected.continuation {
                    continuation.await;
                }
            }
            // The record says why the drill is over; that is no failure of the fault.
            Err(error) if error.is_over() => {}
            Err(error) => {
                let (reason, blind) = (error.to_string(), error.is_blind());
                let fault = fault.id.clone();
                self.recorder.record(EntryKind::FaultFailed { fault, reason, blind });
            }
        }
    }

    async fn wait_for_start(&self, fault: &PlannedFault) -> Result<(), String> {
        let delay = match &fault.start {
            Start::At(delay) => *delay,
            Start::After { fault: other, delay } => {
                let started = self.recorder.until(|timeline| has_started(timeline, other)).await;
                if !started {
                    return Err(format!("fault `{other}`, which it waits for, did not start"));
                }
                *delay
            }
        };
        let clock = self.clock();
        clock.sleep_until(clock.now() + delay).await;
        Ok(())
    }

    /// Follows an experiment; an end that nobody expects ends the drill.
    async fn follow(&self, watch: &Watch<'_>, fault: &PlannedFault, experiment: &str) {
        let end = observe::follow(watch, fault, experiment).await;
        let halted = matches!(end.state.as_str(), "stopped" | "cancelled");
        let reverting = self.recorder.read(|timeline| {
            timeline.iter().any(|entry| matches!(entry.kind, EntryKind::Reverting))
        });
        let expected = self.plan.expectations.iter().any(|expectation| {
            matches!(expectation.demand, Demand::Happens { .. })
                && matches!(&expectation.kind, Kind::Experiment { fault: id, state }
                    if *id == fault.id && *state == end.state)
        });
        if halted && !reverting && !expected {
            let detail = format!("experiment {experiment} is {}: {}", end.state, end.reason);
            self.stop.press(StopReason::ExperimentStopped, detail);
        }
    }

    /// Waits until every expectation of a phase is decided, or something ends the drill.
    async fn wait_for(&self, phase: Phase) -> Waited {
        let clock = self.clock();
        let begun = self.recorder.read(|timeline| timeline.first().map(|entry| entry.at));
        let limit = begun.unwrap_or_else(|| clock.now()) + self.plan.max_duration;
        tokio::select! {
            biased;
            pressed = self.stop.pressed() => self.stopping(pressed),
            failure = self.recorder.broken() => {
                let detail = format!("the timeline can't be written: {failure}");
                self.stopping((StopReason::Guardrail, detail))
            }
            () = clock.sleep_until(limit) => {
                let detail = "the drill took longer than its max_duration".to_owned();
                self.stopping((StopReason::Guardrail, detail))
            }
            () = self.decided(phase) => Waited::Decided,
        }
    }

    fn stopping(&self, (reason, detail): (StopReason, String)) -> Waited {
        self.recorder.record(EntryKind::Stopping { reason, detail });
        Waited::Stopped
    }

    async fn decided(&self, phase: Phase) {
        let clock = self.clock();
        loop {
            let now = clock.now();
            let (open, begun) = self.recorder.read(|timeline| {
                let mut open = judge::open(self.plan, timeline, now);
                open.retain(|open| open.phase == phase);
                (open, self.all_begun(timeline))
            });
            if begun && open.is_empty() {
                return;
            }
            self.urgency.look_at(open.iter().filter_map(|open| open.closes_at).collect());
            // What waits for another expectation has no window yet; the one that it waits for has.
            let last = open.iter().filter_map(|open| open.closes_at).max();
            let patience = observe::longest_lag(self.plan) + PATIENCE + self.ahead();
            let give_up = last.filter(|_| begun).map(|at| at + patience);
            if give_up.is_some_and(|at| at <= now) {
                return;
            }
            tokio::select! {
                biased;
                () = self.recorder.changed() => {}
                () = sleep_until(clock, give_up) => {}
            }
        }
    }

    /// By how much our clock may be ahead of that of any place: windows close by theirs.
    fn ahead(&self) -> SignedDuration {
        let ahead = self.places.all().map(|place| place.aws.gate.ahead(&self.clock()));
        ahead.max().unwrap_or_default()
    }

    /// Whether each fault has started or failed to.
    fn all_begun(&self, timeline: &[Entry]) -> bool {
        self.plan.faults.iter().all(|fault| has_started(timeline, &fault.id).is_some())
    }

    /// Takes back what was injected. What is on its way is waited for first: an experiment whose start is
    /// not answered yet can't be found, and would be left behind.
    async fn revert(&self) {
        let clock = self.clock();
        let give_up = clock.now() + ON_THE_WAY;
        tokio::select! {
            biased;
            () = self.recorder.until(|timeline| all_answered(timeline).then_some(())) => {}
            () = clock.sleep_until(give_up) => {}
        }
        let _recorded = self.take_back(Purpose::Inject).await;
    }

    /// Undoes every change of this purpose, newest first; answers what is left, in words.
    async fn take_back(&self, purpose: Purpose) -> Vec<String> {
        for change in self.recorder.read(|timeline| revert::pending(timeline, purpose)) {
            // A failed undo is in the record; the others are tried all the same.
            let place = self.place(change.target.as_deref());
            let _recorded = undoing(revert::undo(self.context(place), &change)).await;
        }
        self.left_behind(purpose)
    }

    /// Takes the previews of experiments back; true when nothing of them is left.
    async fn take_back_previews(&self) -> bool {
        let of_previews = |timeline: &[Entry]| {
            let all = revert::pending(timeline, Purpose::Guard).into_iter();
            all.filter(|change| change.fault.is_some()).collect::<Vec<_>>()
        };
        for change in self.recorder.read(of_previews) {
            // What can't be taken back now is tried again at the end of the drill.
            let place = self.place(change.target.as_deref());
            let _recorded = revert::undo(self.context(place), &change).await;
        }
        self.recorder.read(of_previews).is_empty()
    }

    fn left_behind(&self, purpose: Purpose) -> Vec<String> {
        self.recorder.read(|timeline| {
            let pending = revert::pending(timeline, purpose);
            pending.iter().map(|change| change.told(timeline)).collect()
        })
    }
}

fn settle(watches: &[Watch<'_>]) {
    for watch in watches {
        watch.settle();
    }
}

async fn sleep_until(clock: Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether a fault took effect (true) or failed (false); nothing while neither is known.
fn has_started(timeline: &[Entry], fault: &str) -> Option<bool> {
    timeline.iter().find_map(|entry| match &entry.kind {
        EntryKind::FaultStarted { fault: id, .. } if id == fault => Some(true),
        EntryKind::FaultFailed { fault: id, .. } if id == fault => Some(false),
        EntryKind::FaultStarted { .. }
        | EntryKind::FaultFailed { .. }
        | EntryKind::DrillStarted { .. }
        | EntryKind::Preflight { .. }
        | EntryKind::ObserverArmed { .. }
        | EntryKind::SteadyState { .. }
        | EntryKind::Intent { .. }
        | EntryKind::Receipt { .. }
        | EntryKind::FaultEnded { .. }
        | EntryKind::Observation(_)
        | EntryKind::Looked { .. }
        | EntryKind::Blind { .. }
        | EntryKind::Stopping { .. }
        | EntryKind::ClockSkew { .. }
        | EntryKind::Calls { .. }
        | EntryKind::Reverting
        | EntryKind::Reverted { .. }
        | EntryKind::DrillEnded => None,
    })
}

/// Whether every announced injection has its receipt.
fn all_answered(timeline: &[Entry]) -> bool {
    let mut open = BTreeSet::new();
    for entry in timeline {
        if let EntryKind::Intent { intent, purpose: Purpose::Inject, .. } = &entry.kind {
            open.insert(*intent);
        }
        if let EntryKind::Receipt { intent, .. } = &entry.kind {
            open.remove(intent);
        }
    }
    open.is_empty()
}

fn was_injected(timeline: &[Entry]) -> bool {
    timeline
        .iter()
        .any(|entry| matches!(entry.kind, EntryKind::Intent { purpose: Purpose::Inject, .. }))
}
