//! When to look again: what may have changed since the last look.
//!
//! Main type: [`Wakeups`]. On a real account nobody tells us, so pollers keep their cadence; the
//! emulated account rings a [`Bell`] per [`Topic`], so that a rehearsal costs tens of calls instead of
//! one every few seconds. Invariant: a wake-up is only a hint to look. What was seen always comes from
//! an API call.

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
    /// Incidents and their runbooks.
    Incidents,
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
        Self::Incidents,
        Self::Executions,
        Self::Queues,
        Self::Logs,
        Self::Metrics,
        Self::Replays,
    ];

    /// How often it is looked at although nothing rang: where the API shows a level and no moment, the
    /// last look that did not show a change bounds when it can have been.
    const fn cadence(self) -> Option<std::time::Duration> {
        if matches!(self, Self::Queues) {
            return Some(std::time::Duration::from_secs(10));
        }
        None
    }
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
    /// Until when the drill must have been looked at; set by the runner as windows close.
    look_at: watch::Receiver<Option<Timestamp>>,
}

#[derive(Debug, Clone)]
enum Mode {
    /// Somebody rings when something changed.
    OnChange(Wakeups),
    /// Nobody does: look every so often.
    Every(std::time::Duration),
}

/// The runner's side of a [`Pace`]: which moment must have been looked at next.
#[derive(Debug)]
pub struct Urgency(watch::Sender<Option<Timestamp>>);

impl Urgency {
    /// Asks every observer to have looked at everything up to this moment as soon as it can be seen.
    pub fn look_at(&self, at: Option<Timestamp>) {
        self.0.send_if_modified(|current| {
            let changed = *current != at;
            *current = at;
            changed
        });
    }
}

impl Pace {
    /// Rests until the bell rings (with a short quiet time, so that a burst costs one look).
    pub fn on_change(wakeups: Wakeups) -> (Self, Urgency) {
        Self::new(Mode::OnChange(wakeups))
    }

    /// Rests for this long between looks.
    pub fn every(interval: std::time::Duration) -> (Self, Urgency) {
        Self::new(Mode::Every(interval))
    }

    fn new(mode: Mode) -> (Self, Urgency) {
        let (sender, look_at) = watch::channel(None);
        (Self { mode, look_at }, Urgency(sender))
    }

    /// Where the topic's bell stands: taken before a look, waited from after it.
    pub fn mark(&self, topic: Topic) -> u64 {
        match &self.mode {
            Mode::OnChange(wakeups) => wakeups.mark(topic),
            Mode::Every(_) => 0,
        }
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
            let urgent = (*look_at.borrow_and_update()).filter(|at| *at > through);
            let deadline = async {
                match urgent {
                    Some(at) => clock.sleep_until(at + lag).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = deadline => return,
                () = self.turn(topic, mark) => return,
                changed = look_at.changed() => if changed.is_err() {
                    // The runner is gone: nobody waits for this look any more.
                    std::future::pending::<()>().await;
                },
            }
        }
    }

    /// Whether somebody waits for a look that reaches a moment between `recorded` and `through`.
    pub fn awaits(&self, recorded: Option<Timestamp>, through: Timestamp) -> bool {
        let look_at = *self.look_at.borrow();
        look_at.is_some_and(|at| at <= through && recorded.is_none_or(|recorded| recorded < at))
    }

    /// A short rest in a loop that waits for one call's effect (an experiment that starts or stops).
    pub async fn pause(&self, topic: Topic, mark: u64) {
        self.turn(topic, mark).await;
    }

    async fn turn(&self, topic: Topic, mark: u64) {
        match &self.mode {
            Mode::OnChange(wakeups) => {
                let mut wakeups = wakeups.clone();
                let rung = wakeups.after(topic, mark);
                match topic.cadence() {
                    None => rung.await,
                    Some(cadence) => {
                        let _elapsed = tokio::time::timeout(cadence, rung).await;
                    }
                }
                tokio::time::sleep(QUIET).await;
            }
            Mode::Every(interval) => tokio::time::sleep(*interval).await,
        }
    }
}

/// How long a rung bell is left to ring before the look: a burst of changes costs one look.
const QUIET: std::time::Duration = std::time::Duration::from_secs(2);
