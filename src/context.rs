//! Where a drill reaches, what every part of it needs to change something there, and why a change can't
//! be made.
//!
//! Main types: [`Places`], [`Context`] and [`ChangeError`]. Injecting, listening and reverting all go
//! through them. Invariant: a change that is made through a context is on the record with its place.

use std::ops::Deref;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use crate::aws::{Aws, CallError, CallErrorKind};
use crate::clock::Clock;
use crate::recorder::{RecordError, Recorder};
use crate::scenario::names::at_target;
use crate::timeline::{Purpose, Target, Undo};
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

/// One account and region that a drill reaches.
#[derive(Debug)]
pub struct Place {
    /// The target's name in the scenario; nothing for the home target, that of the command line.
    pub name: Option<String>,
    /// The clients.
    pub aws: Aws,
    /// The account and region.
    pub target: Target,
    /// The partition of ARNs, such as `aws`.
    pub partition: String,
}

impl Place {
    /// Words that tell a place from the home target: empty there, ` at security` elsewhere.
    pub(crate) fn suffix(&self) -> String {
        at_target(self.name.as_deref())
    }

    /// A topic's ARN in this place.
    pub(crate) fn topic_arn(&self, topic: &str) -> String {
        topic_arn(&self.partition, &self.target.region, &self.target.account, topic)
    }

    /// A rule's ARN in this place; rules of the default bus have no bus in it.
    pub(crate) fn rule_arn(&self, bus: &str, name: &str) -> String {
        let Target { region, account, .. } = &self.target;
        let bus = bus.rsplit('/').next().unwrap_or(bus);
        let path = if bus == "default" { String::new() } else { format!("{bus}/") };
        format!("arn:{}:events:{region}:{account}:rule/{path}{name}", self.partition)
    }

    /// A state machine's ARN in this place; one that is given by its ARN is itself.
    pub(crate) fn state_machine_arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let Target { region, account, .. } = &self.target;
        format!("arn:{}:states:{region}:{account}:stateMachine:{name}", self.partition)
    }
}

/// Every place that a drill reaches: the home target, and the scenario's others.
#[derive(Debug)]
pub struct Places {
    home: Place,
    others: Vec<Place>,
}

impl Places {
    /// The home target and the scenario's others, which have names.
    pub fn new(home: Place, others: Vec<Place>) -> Self {
        Self { home, others }
    }

    /// The place of the command line's target.
    pub fn home(&self) -> &Place {
        &self.home
    }

    /// The scenario's other targets.
    pub fn others(&self) -> &[Place] {
        &self.others
    }

    /// Every place, the home target first.
    pub fn all(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.home).chain(&self.others)
    }

    /// A target's place; no name stands for the home target.
    pub fn find(&self, target: Option<&str>) -> Option<&Place> {
        self.all().find(|place| place.name.as_deref() == target)
    }
}

/// The record of one drill, as something that happens at one place writes to it.
#[derive(Debug, Clone, Copy)]
pub struct Scribe<'a> {
    recorder: &'a Recorder,
    target: Option<&'a str>,
}

impl Scribe<'_> {
    /// Announces a call that changes something at this place, before it is made.
    ///
    /// # Errors
    /// As those of [`Recorder::intent`].
    pub fn intent(
        &self,
        fault: Option<&str>,
        purpose: Purpose,
        call: &str,
        undo: Option<Undo>,
    ) -> Result<u32, RecordError> {
        self.recorder.intent(self.target, fault, purpose, call, undo)
    }

    /// What came of an announced call. A failure has its receipt then; an answer gets one from the caller,
    /// who knows the ids in it.
    ///
    /// # Errors
    /// That of the call.
    pub fn heard<T, E, R>(
        &self,
        intent: u32,
        call: &'static str,
        sent: Result<T, SdkError<E, R>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        sent.map_err(|error| {
            let error = CallError::of(call, &error);
            self.recorder.receipt(intent, Err(&error));
            error
        })
    }
}

impl Deref for Scribe<'_> {
    type Target = Recorder;

    fn deref(&self) -> &Recorder {
        self.recorder
    }
}

/// What it takes to change something in an account, on the record.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where.
    pub place: &'a Place,
    /// The clients of that place.
    pub aws: &'a Aws,
    /// The record, and our clock.
    pub recorder: Scribe<'a>,
    /// How long to rest between looks.
    pub pace: &'a Pace,
    /// The drill's id.
    pub run_id: &'a str,
}

/// A moment of AWS's clock, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The moment.
    pub(crate) at: Timestamp,
    /// It is off by this much at the most, either way.
    pub(crate) uncertain: SignedDuration,
}

/// A time that AWS itself gave.
impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { at, uncertain: SignedDuration::ZERO }
    }
}

impl<'a> Context<'a> {
    /// What it takes to change something at this place.
    pub fn new(here: &'a Place, recorder: &'a Recorder, pace: &'a Pace, run_id: &'a str) -> Self {
        let recorder = Scribe { recorder, target: here.name.as_deref() };
        Self { place: here, aws: &here.aws, recorder, pace, run_id }
    }

    /// What AWS's clock showed when ours showed `at`, for what AWS gives no time of.
    ///
    /// Ours is corrected by the measured skew where the two surely differ. Where they agree as far as the
    /// measurement goes, ours stands as it is. What may still be wrong is the moment's uncertainty.
    pub(crate) fn at_aws(&self, at: Timestamp) -> Moment {
        let Some(skew) = self.aws.gate.skew(&self.clock()) else { return Moment::from(at) };
        let uncertain =
            if skew.is_certain() { skew.uncertainty } else { skew.uncertainty + skew.offset.abs() };
        let corrected = if skew.is_certain() { at + skew.offset } else { at };
        let at = Timestamp::from_millisecond(corrected.as_millisecond());
        Moment { at: at.expect("a time between two that are times"), uncertain }
    }

    /// What AWS's clock showed when a call that went out when ours showed `sent_at`, and is answered now,
    /// took effect: no earlier than it was sent, and no later than now.
    pub(crate) fn took_effect(&self, sent_at: Timestamp) -> Moment {
        let on_the_way = self.clock().now().duration_since(sent_at);
        let Moment { at, uncertain } = self.at_aws(sent_at);
        Moment { at, uncertain: uncertain + on_the_way.max(SignedDuration::ZERO) }
    }

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
                CallErrorKind::Throttled
                | CallErrorKind::Denied
                | CallErrorKind::Unreachable
                | CallErrorKind::Unsupported => true,
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
