//! Every delay of the emulated account, as a named constant with its source.
//!
//! Invariant: no other emulator module holds a duration of its own that stands for how long AWS takes.
//! Where AWS publishes a figure, the constant cites it; where AWS only says "near real time", the
//! constant says that the figure is ours.

use jiff::SignedDuration;

/// From an event's arrival on a bus until a matching rule invokes its target.
///
/// AWS states a typical latency of about half a second:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html> gives no figure; ours.
pub(crate) const EVENT_TO_TARGET: SignedDuration = SignedDuration::from_millis(500);

/// From a service's state change until its event is on the default bus ("near real time"; ours).
pub(crate) const SERVICE_EVENT: SignedDuration = SignedDuration::from_millis(1000);
