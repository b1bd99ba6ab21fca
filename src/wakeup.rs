//! When to look again: what may have changed since the last look.
//!
//! Main type: [`Wakeups`]. On a real account nobody tells us, so pollers keep their cadence; the
//! emulated account rings a [`Bell`] per [`Topic`], so that a rehearsal costs tens of calls instead of
//! one every few seconds. Invariant: a wake-up is only a hint to look. What was seen always comes from
//! an API call.

use tokio::sync::watch;

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
}

/// How many times each topic has rung.
type Counts = [u64; 6];

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
        let (sender, receiver) = watch::channel([0; 6]);
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
