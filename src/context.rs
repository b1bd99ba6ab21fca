//! What every part of a running drill needs to change something, and why a change can't be made.
//!
//! Main types: [`Context`] and [`ChangeError`]. Injecting, listening and reverting all go through them.

use indexmap::IndexMap;

use crate::aws::{Aws, CallError, CallErrorKind};
use crate::clock::Clock;
use crate::recorder::{RecordError, Recorder};
use crate::wakeup::Pace;

/// The id of the drill's queue in the targets of its listener rules.
pub(crate) const LISTENER_TARGET: &str = "firedrill";

/// A topic's ARN in this account and region; a topic that is given by its ARN is itself.
pub(crate) fn topic_arn(partition: &str, region: &str, account: &str, topic: &str) -> String {
    if topic.starts_with("arn:") {
        return topic.to_owned();
    }
    format!("arn:{partition}:sns:{region}:{account}:{topic}")
}

/// What it takes to change something in an account, on the record.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The account.
    pub aws: &'a Aws,
    /// The record, and our clock.
    pub recorder: &'a Recorder,
    /// How long to rest between looks.
    pub pace: &'a Pace,
    /// The drill's id.
    pub run_id: &'a str,
}

impl Context<'_> {
    /// Our clock.
    pub(crate) fn clock(&self) -> Clock {
        self.recorder.clock()
    }
}

/// Why a change could not be made, or had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The timeline can't be written, so nothing may be changed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// AWS took the call, but the fault did not take effect.
    #[error("{0}")]
    NoEffect(String),
}

impl ChangeError {
    /// Whether the change was held back because the drill is stopping or reverting.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Record(RecordError::Over))
    }

    /// Whether we were not let through, so that nothing is said about the fault itself.
    pub fn is_blind(&self) -> bool {
        match self {
            Self::Call(error) => match error.kind {
                CallErrorKind::Throttled | CallErrorKind::Denied | CallErrorKind::Unreachable => {
                    true
                }
                CallErrorKind::NotFound | CallErrorKind::Refused => false,
            },
            Self::Record(_) | Self::NoEffect(_) => false,
        }
    }
}

/// The ids that a receipt carries.
pub(crate) fn ids<const N: usize>(pairs: [(&str, &str); N]) -> IndexMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
