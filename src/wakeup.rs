//! When to look again: what may have changed since the last look.
//!
//! Main types: [`Wakeups`] and [`Pace`]. On a real account the drill's own queue brings events, whose
//! reader rings a [`Bell`] per [`Topic`], and pollers keep a cadence besides: every [`NEAR`] while a window
//! closes within [`NEAR_ENDS`], every [`FAR`] within [`FAR_ENDS`], every [`FARTHEST`] beyond. Looks stand on
//! a grid of the wall clock, so that the pollers of all drills ask at the same instants and share their
//! calls. The emulated account rings for every change, so that a rehearsal costs tens of calls instead of
//! one every few seconds. Invariant: a wake-up is only a hint to look. What was seen always comes from an
//! API call.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::clock::Clock;

/// A kind of thing that can change in an account and that somebody may be watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Alarm states and histories.
    Alarms,
    /// Metrics of EventBridge rules.
    RuleMetrics,
    /// SSM Automation executions and their steps.
    Automations,
    /// CodeDeploy deployments.
    Deployments,
    /// FIS experiments.
    Experiments,
    /// Messages that became visible in an SQS queue.
    Messages,
    /// OpsItems.
    OpsItems,
    /// Findings of GuardDuty and Security Hub.
    Findings,
    /// Incidents and their runbooks.
    Incidents,
    /// CloudTrail's event history.
    ApiCalls,
    /// Results of AWS Config's rules.
    Compliance,
    /// Step Functions executions.
    Executions,
    /// How many messages SQS queues hold.
    Queues,
    /// Log events of CloudWatch Logs, and queries that are done.
    Logs,
    /// Datapoints of any metric.
    Metrics,
    /// Replays of EventBridge archives.
    Replays,
}

impl Topic {
    /// Every topic.
    const ALL: &[Self] = &[
        Self::Alarms,
        Self::RuleMetrics,
        Self::Automations,
        Self::Deployments,
        Self::Experiments,
        Self::Messages,
        Self::OpsItems,
        Self::Findings,
        Self::Incidents,
        Self::ApiCalls,
        Self::Compliance,
        Self::Executions,
        Self::Queues,
        Self::Logs,
        Self::Metrics,
        Self::Replays,
    ];
}

/// How many times each topic has rung.
type Counts = [u64; Topic::ALL.len()];

/// The ringing side, held by whoever knows of the change.
#[derive(Debug)]
pub struct Bell {
    counts: watch::Sender<Counts>,
}

/// The listening side.
#[derive(Debug, Clone)]
pub struct Wakeups {
    counts: watch::Receiver<Counts>,
}

impl Bell {
    /// A bell and its first listener.
    pub fn new() -> (Self, Wakeups) {
        let (sender, receiver) = watch::channel([0; Topic::ALL.len()]);
        (Self { counts: sender }, Wakeups { counts: receiver })
    }

    /// One more listener.
    pub fn listen(&self) -> Wakeups {
        Wakeups { counts: self.counts.subscribe() }
    }

    /// Tells every listener that these may have changed.
    pub fn ring(&self, topics: &[Topic]) {
        if topics.is_empty() {
            return;
        }
        self.counts.send_modify(|counts| {
            for topic in topics {
                counts[*topic as usize] += 1;
            }
        });
    }
}

impl Wakeups {
    /// How often this topic has rung so far: the mark to wait from.
    pub fn mark(&self, topic: Topic) -> u64 {
        self.counts.borrow()[topic as usize]
    }

    /// Waits until the topic has rung more often than `mark`. Never returns once the bell is gone.
    pub async fn after(&mut self, topic: Topic, mark: u64) {
        if self.counts.wait_for(|counts| counts[topic as usize] > mark).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// How an observer rests between two looks.
#[derive(Debug, Clone)]
pub struct Pace {
    mode: Mode,
    /// Until when the drill must have been looked at, in order; set by the runner as windows close.
    look_at: watch::Receiver<Vec<Timestamp>>,
}

#[derive(Debug, Clone)]
enum Mode {
    /// Somebody rings when something changed.
    OnChange(Wakeups),
    /// Who reads the drill's queue may ring; look every so often besides, the more often the nearer a
    /// window's end is.
    Paced(Arc<Bell>, Wakeups),
}

impl Mode {
    fn paced() -> Self {
        let (bell, wakeups) = Bell::new();
        Self::Paced(Arc::new(bell), wakeups)
    }

    fn wakeups(&self) -> &Wakeups {
        match self {
            Self::OnChange(wakeups) | Self::Paced(_, wakeups) => wakeups,
        }
    }
}

/// Between two looks while a window closes soon. A window closes a grace period after its deadline, so
/// this begins, with the usual grace of a minute, a minute before the deadline.
pub const NEAR: Duration = Duration::from_secs(5);

/// [`NEAR`] is kept within this of a window's end, and while no window is open yet.
pub const NEAR_ENDS: SignedDuration = SignedDuration::from_mins(2);

/// Between two looks while the next window closes later than that.
pub const FAR: Duration = Duration::from_secs(10);

/// [`FAR`] is kept within this of a window's end.
pub const FAR_ENDS: SignedDuration = SignedDuration::from_mins(10);

/// Between two looks while no window closes for long. Stop conditions are seen at least this often.
pub const FARTHEST: Duration = Duration::from_secs(30);

/// The first rest after a look that failed; it doubles with each failure, and has a random part where the
/// account is a real one.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The longest rest after looks that failed.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// The runner's side of a [`Pace`]: which moments must have been looked at.
#[derive(Debug)]
pub struct Urgency(watch::Sender<Vec<Timestamp>>);

impl Urgency {
    /// Asks every observer to have looked at everything up to each of these moments as soon as it can be
    /// seen. One that somebody can't look at holds up nobody else's look at a later one.
    pub fn look_at(&self, mut moments: Vec<Timestamp>) {
        moments.sort_unstable();
        moments.dedup();
        self.0.send_if_modified(|current| {
            let changed = *current != moments;
            *current = moments;
            changed
        });
    }
}

/// The first of the moments that a look through `through` does not reach.
fn next_of(moments: &[Timestamp], through: Timestamp) -> Option<Timestamp> {
    moments.iter().find(|at| **at > through).copied()
}

impl Pace {
    /// Rests until the bell rings (with a short quiet time, so that a burst costs one look).
    pub fn on_change(wakeups: Wakeups) -> (Self, Urgency) {
        Self::new(Mode::OnChange(wakeups))
    }

    /// Rests until somebody rings ([`Pace::ring`]), and no longer than the cadence says.
    pub fn paced() -> (Self, Urgency) {
        Self::new(Mode::paced())
    }

    /// The same pace at one of a drill's places, where what rings at another is not heard.
    #[must_use]
    pub fn at_a_place(&self) -> Self {
        let mode = match &self.mode {
            Mode::OnChange(wakeups) => Mode::OnChange(wakeups.clone()),
            Mode::Paced(..) => Mode::paced(),
        };
        Self { mode, look_at: self.look_at.clone() }
    }

    /// Whether looks come at a cadence, so that events are worth a queue that tells of them.
    pub fn is_paced(&self) -> bool {
        match self.mode {
            Mode::OnChange(_) => false,
            Mode::Paced(..) => true,
        }
    }

    /// Tells every poller of this place that these may have changed. An account that rings by itself has
    /// told them already.
    pub fn ring(&self, topics: &[Topic]) {
        match &self.mode {
            Mode::OnChange(_) => {}
            Mode::Paced(bell, _) => bell.ring(topics),
        }
    }

    /// For how long one call may wait for news, if it is to be back when the next window closes: `most`
    /// where that is far away. `through` and `lag` are those of [`Pace::rest`].
    pub fn patience(
        &self,
        now: Timestamp,
        lag: SignedDuration,
        through: Timestamp,
        most: Duration,
    ) -> Duration {
        let Some(at) = next_of(&self.look_at.borrow(), through) else { return most };
        let left = (at + lag).duration_since(now);
        Duration::try_from(left).unwrap_or_default().min(most)
    }

    fn new(mode: Mode) -> (Self, Urgency) {
        let (sender, look_at) = watch::channel(Vec::new());
        (Self { mode, look_at }, Urgency(sender))
    }

    /// Where the topic's bell stands: taken before a look, waited from after it.
    pub fn mark(&self, topic: Topic) -> u64 {
        self.mode.wakeups().mark(topic)
    }

    /// Rests until it is time to look again.
    ///
    /// `mark` is where the bell stood before the last look; `lag` is how long after a moment everything
    /// that occurred before it can be seen; `through` is the moment that the last look covered.
    pub async fn rest(
        &self,
        clock: Clock,
        topic: Topic,
        mark: u64,
        lag: SignedDuration,
        through: Timestamp,
    ) {
        let mut look_at = self.look_at.clone();
        loop {
            let urgent = next_of(&look_at.borrow_and_update(), through);
            let deadline = async {
                match urgent {
                    Some(at) => clock.sleep_until(at + lag).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = deadline => return,
                () = self.turn(Some((clock, urgent)), topic, mark) => return,
                changed = look_at.changed() => if changed.is_err() {
                    // The runner is gone: nobody waits for this look any more.
                    std::future::pending::<()>().await;
                },
            }
        }
    }

    /// Whether somebody waits for a look that reaches a moment between `recorded` and `through`.
    pub fn awaits(&self, recorded: Option<Timestamp>, through: Timestamp) -> bool {
        let look_at = self.look_at.borrow();
        let awaited = |at: &Timestamp| *at <= through && recorded.is_none_or(|seen| seen < *at);
        look_at.iter().any(awaited)
    }

    /// The earliest that something can have changed which the last look, at `looked`, did not show and the
    /// one at `now` does; an answer may be as old as `lag`.
    ///
    /// Where the account rings for every change, nothing changed before the quiet time of the ring that
    /// this look follows.
    pub fn changed_since(
        &self,
        looked: Timestamp,
        now: Timestamp,
        lag: SignedDuration,
    ) -> Timestamp {
        match &self.mode {
            Mode::OnChange(_) => {
                looked.max(now - SignedDuration::try_from(QUIET).expect("a few seconds"))
            }
            Mode::Paced(..) => looked - lag,
        }
    }

    /// A short rest in a loop that waits for one call's effect (an experiment that starts or stops).
    pub async fn pause(&self, topic: Topic, mark: u64) {
        self.turn(None, topic, mark).await;
    }

    /// Rests after a look that failed, the longer the more often it has. Jitter keeps those apart that were
    /// throttled together; a rehearsal has none, so that two are equal to the byte.
    pub async fn back_off(&self, failures: u32) {
        let rest = match &self.mode {
            Mode::OnChange(_) => AFTER_FAILURE,
            Mode::Paced(..) => {
                let doubled = AFTER_FAILURE * (1 << failures.saturating_sub(1).min(8));
                doubled.min(LONGEST_REST).mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        };
        tokio::time::sleep(rest).await;
    }

    /// Until something may have changed; with a clock, until the cadence's next look at the latest.
    async fn turn(&self, cadence: Option<(Clock, Option<Timestamp>)>, topic: Topic, mark: u64) {
        match &self.mode {
            Mode::OnChange(wakeups) => {
                wakeups.clone().after(topic, mark).await;
                tokio::time::sleep(QUIET).await;
            }
            Mode::Paced(_, wakeups) => {
                let mut wakeups = wakeups.clone();
                let next = async {
                    match cadence {
                        Some((clock, closes)) => {
                            let now = clock.now();
                            clock.sleep_until(next_look(now, interval(now, closes))).await;
                        }
                        None => tokio::time::sleep(NEAR).await,
                    }
                };
                tokio::select! {
                    biased;
                    () = wakeups.after(topic, mark) => tokio::time::sleep(QUIET).await,
                    () = next => {}
                }
            }
        }
    }
}

/// How long to rest when the next window closes then.
fn interval(now: Timestamp, closes: Option<Timestamp>) -> Duration {
    match closes.map(|closes| closes.duration_since(now)) {
        None => NEAR,
        Some(left) if left <= NEAR_ENDS => NEAR,
        Some(left) if left <= FAR_ENDS => FAR,
        Some(_) => FARTHEST,
    }
}

/// The next moment of the grid that all pollers look at.
fn next_look(now: Timestamp, interval: Duration) -> Timestamp {
    let step = i64::try_from(interval.as_millis()).expect("an interval is seconds");
    let past = now.as_millisecond().rem_euclid(step);
    now + SignedDuration::from_millis(step - past)
}

/// How long a rung bell is left to ring before the look: a burst of changes costs one look.
const QUIET: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_767_603_600_000 + milliseconds).expect("in range")
    }

    #[test]
    fn looks_are_dense_near_a_windows_end_and_sparse_far_from_it() {
        let after = |minutes: i64| Some(at(minutes * 60_000));
        let cases = [(None, NEAR), (after(2), NEAR), (after(3), FAR), (after(10), FAR)];
        for (closes, rest) in cases.into_iter().chain([(after(11), FARTHEST)]) {
            assert_eq!(interval(at(0), closes), rest, "{closes:?}");
        }
    }

    #[test]
    fn the_plan_tells_the_cadence_and_the_budget_as_they_are() {
        let scenario = "version: 1\nname: x\nfaults: [{put_events: {entries: [{source: a, detail-type: b}]}}]\n\
                        expect: [{id: e, event: {pattern: {source: [a]}}, within: 1m}]\n";
        let values = crate::scenario::Values::default();
        let loaded = crate::scenario::load("x.yaml", scenario.as_bytes(), &values);
        let scenario = loaded.scenario.expect("in order");
        let plan = crate::plan::Plan::new(&scenario, "x.yaml", "fd").expect("planned");
        let text = crate::plan::text::render(&plan);
        let words = |duration: Duration| humantime::format_duration(duration).to_string();
        let ends = |end: SignedDuration| words(Duration::try_from(end).expect("positive"));
        let cadence = format!(
            "every {} while a window closes within {}, every {} within {}, else every {}",
            words(NEAR),
            ends(NEAR_ENDS),
            words(FAR),
            ends(FAR_ENDS),
            words(FARTHEST)
        );
        assert!(text.contains(&cadence), "{cadence}: {text}");
        let (_, describe) = crate::aws::gate::budget::of("cloudwatch:DescribeAlarms");
        assert!(text.contains(&format!("{} DescribeAlarms a second", describe.per_second)));
        let (_, unpublished) = crate::aws::gate::budget::of("ssm:GetAutomationExecution");
        assert!(text.contains(&format!("{} call a second of a service", unpublished.per_second)));
    }

    #[test]
    fn every_cadence_stands_on_one_grid() {
        assert_eq!(next_look(at(0), NEAR), at(5_000));
        assert_eq!(next_look(at(4_999), NEAR), at(5_000));
        assert_eq!(next_look(at(12_345), FAR), at(20_000));
        assert_eq!(next_look(at(12_345), FARTHEST), at(30_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bell_wakes_before_the_cadence_does() {
        let (pace, urgency) = Pace::paced();
        let (pace, elsewhere) = (pace.at_a_place(), pace.at_a_place());
        let clock = Clock::starting_at(at(0));
        urgency.look_at(vec![at(3_600_000)]);
        let mark = pace.mark(Topic::Alarms);
        elsewhere.ring(&[Topic::Alarms]);
        assert_eq!(pace.mark(Topic::Alarms), mark, "a bell is heard where it hangs");
        pace.ring(&[Topic::Alarms]);
        pace.rest(clock, Topic::Alarms, mark, SignedDuration::ZERO, at(0)).await;
        assert_eq!(clock.now(), at(2_000), "the quiet time");
        let mark = pace.mark(Topic::Alarms);
        pace.rest(clock, Topic::Alarms, mark, SignedDuration::ZERO, at(2_000)).await;
        assert_eq!(clock.now(), at(30_000), "nobody rang");
    }

    #[test]
    fn a_moment_that_can_not_be_looked_at_holds_up_no_later_one() {
        let (pace, urgency) = Pace::paced();
        urgency.look_at(vec![at(9_000), at(3_000), at(6_000), at(6_000)]);
        assert!(!pace.awaits(None, at(2_999)));
        assert!(pace.awaits(Some(at(2_000)), at(3_000)));
        assert!(!pace.awaits(Some(at(3_000)), at(5_999)), "it was looked at");
        assert!(pace.awaits(Some(at(3_000)), at(6_000)), "though somebody else still waits");
        let most = Duration::from_secs(20);
        let patience = |through| pace.patience(at(3_000), SignedDuration::ZERO, at(through), most);
        assert_eq!([3_000, 6_000].map(patience), [3, 6].map(Duration::from_secs));
        assert_eq!(patience(9_000), most);
    }

    #[test]
    fn a_call_waits_for_news_no_longer_than_until_the_next_window_closes() {
        let (pace, urgency) = Pace::paced();
        let most = Duration::from_secs(20);
        let lag = SignedDuration::from_secs(5);
        let patience = |through| pace.patience(at(0), lag, at(through), most);
        assert_eq!(patience(0), most, "nobody waits");
        urgency.look_at(vec![at(3_000)]);
        assert_eq!(patience(0), Duration::from_secs(8));
        assert_eq!(patience(3_000), most, "it was looked at");
        urgency.look_at(vec![at(-60_000)]);
        assert_eq!(patience(-70_000), Duration::ZERO, "late");
        urgency.look_at(vec![at(3_600_000)]);
        assert_eq!(patience(0), most);
    }
}
