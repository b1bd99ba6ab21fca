//! One drill at a time per account and region: a lease that the account itself keeps.
//!
//! Main functions: [`acquire`], [`renew`] and [`release`]. The lease is the SSM parameter [`PARAMETER`]; its
//! value names the run that holds it and until when. Invariants: of drills that ask at the same time one
//! gets it; a drill that may have lost it says so before another can have it; nothing holds it for ever.
//!
//! # How it holds
//!
//! - **Two create it.** `PutParameter` without `Overwrite` creates or is refused with
//!   `ParameterAlreadyExists`: one wins.
//! - **Two take over one that ran out.** Both overwrite it, and SSM numbers the versions. Whoever finds
//!   that the version before their own is the very lease that they saw run out has it; the other finds the
//!   winner's lease there, and is refused. The loser writes the winner's lease back; until then, and where
//!   it can't, its own text stands there, and the winner writes over that when it renews.
//! - **It is released and created again between somebody's look and their overwriting.** The version before
//!   theirs is not what they saw, so they are refused; a parameter that they themselves created (version 1)
//!   is theirs.
//! - **Clocks differ.** A lease counts as run out for others only [`GRACE`] after its end, and for its
//!   holder at its end: clocks may differ by that much. The holder that could not renew in time (the
//!   network, a machine that slept) stops its drill and reverts.
//! - **The holder releases while another takes over.** A lease with less than [`MARGIN`] left is first
//!   renewed in the same way as one is taken over, and only deleted if that worked; one with more left
//!   can't be taken over while the deletion is on its way.
//! - **A crash** leaves a lease that runs out by itself; `firedrill revert` releases it at once.
//! - **A person deletes the parameter.** The holder sees at its next renewal that it is gone, and stops.
//! - **An answer is lost or touched on its way.** The SDK then writes again what is written already: the
//!   lease that "already exists" may be this very one, and the version before ours may be ours. That the lock
//!   is gone or somebody else's is believed only when it is read twice.
//!
//! Sources: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>.

use aws_sdk_ssm::types::ParameterType;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ChangeError, Context, ids};
use crate::aws::{CallError, CallErrorKind};
use crate::timeline::{Purpose, Undo};

/// The parameter that is the lock.
pub(crate) const PARAMETER: &str = "/firedrill/lock";

/// How long a lease lasts unless it is renewed.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// How long after its end others leave a lease alone: clocks may differ by this much.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// A lease with less than this left may run out while a call is on its way.
pub(crate) const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// How often creating is tried when the lock goes away just as it is looked at.
const ROUNDS: u32 = 3;

/// How often the lock is read before it counts as not ours: one answer may have been touched on its way.
const LOOKS: u32 = 2;

/// How many versions of one text the SDK may write when answers are lost: it asks three times at the most.
const ECHOES: i64 = 3;

/// A lease as the parameter has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// The drill that holds it.
    run: String,
    /// Its scenario, for people.
    scenario: String,
    /// Until when.
    until: Timestamp,
    /// The lease that this one was to replace, as it stood; nothing for one that was created or renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// The lock as it stands.
struct Found {
    text: String,
    version: i64,
    lease: Option<Lease>,
}

/// A lease that we hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The parameter's value that we wrote.
    text: String,
    /// Until when, by our clock.
    pub(crate) until: Timestamp,
}

/// Why the lock is not ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOurs {
    /// Another drill has it.
    #[error(
        "another drill is running here: {run} (scenario {scenario}) has the lock until {until}"
    )]
    Held {
        /// The drill.
        run: String,
        /// Its scenario.
        scenario: String,
        /// Until when, if it is not renewed.
        until: Timestamp,
    },
    /// Another drill took it at the same moment.
    #[error("another drill took the lock at the same moment")]
    Raced,
    /// It ran out, or somebody removed it.
    #[error("the lock is lost: {0}")]
    Lost(String),
    /// The parameter holds something else.
    #[error("the parameter {PARAMETER} holds no lease of firedrill's")]
    Unreadable,
    /// A call failed, or may not be made.
    #[error(transparent)]
    Failed(#[from] ChangeError),
}

impl From<CallError> for NotOurs {
    fn from(error: CallError) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the lock of this account and region.
pub(crate) async fn acquire(context: Context<'_>, scenario: &str) -> Result<Held, NotOurs> {
    for _ in 0..ROUNDS {
        let (text, until) = lease(context, scenario, None);
        match put(context, &text, false).await {
            Ok(_) => return Ok(Held { text, until }),
            Err(NotOurs::Failed(ChangeError::Call(error))) if exists(&error) => {}
            Err(error) => return Err(error),
        }
        // Gone again: whoever had it has just released it.
        let Some(found) = get(context, PARAMETER).await? else { continue };
        // The answer to our first try was lost.
        if found.text == text {
            return Ok(Held { text, until });
        }
        let Some(lease) = &found.lease else { return Err(NotOurs::Unreadable) };
        if lease.until + GRACE >= context.clock().now() {
            let Lease { run, scenario, until, .. } = lease.clone();
            return Err(NotOurs::Held { run, scenario, until });
        }
        return replace(context, scenario, &found).await;
    }
    Err(NotOurs::Raced)
}

fn exists(error: &CallError) -> bool {
    error.code.as_deref() == Some("ParameterAlreadyExists")
}

/// Overwrites the lease that was found; ours if nobody else did so in between.
async fn replace(context: Context<'_>, scenario: &str, found: &Found) -> Result<Held, NotOurs> {
    let (text, until) = lease(context, scenario, Some(brief(&found.text)));
    let version = put(context, &text, true).await?;
    let (version, earlier) = before(context, version, &text).await?;
    // The first version of a parameter was created by us: the one that we saw was released.
    if version == 1 || earlier.as_deref() == Some(&found.text) {
        return Ok(Held { text, until });
    }
    // Stand back: the lease of whoever was first is what others should read.
    if let Some(theirs) = earlier {
        put(context, &theirs, true).await?;
    }
    Err(NotOurs::Raced)
}

/// The first of the versions up to this one that have this text, and the value of the one before; nothing
/// where SSM does not have that (any more).
async fn before(
    context: Context<'_>,
    mut version: i64,
    text: &str,
) -> Result<(i64, Option<String>), CallError> {
    let first = version - ECHOES;
    loop {
        let earlier = get(context, &format!("{PARAMETER}:{}", version - 1)).await?;
        let earlier = earlier.map(|found| found.text);
        if earlier.as_deref() != Some(text) || version <= first {
            return Ok((version, earlier));
        }
        version -= 1;
    }
}

/// A new lease for this drill: its text and its end.
fn lease(context: Context<'_>, scenario: &str, after: Option<String>) -> (String, Timestamp) {
    let until = context.clock().now() + LEASE;
    let (run, scenario) = (context.run_id.to_owned(), scenario.to_owned());
    let lease = Lease { run, scenario, until, after };
    (serde_json::to_string(&lease).expect("a lease is plain data"), until)
}

/// A lease without what it was to replace, so that a chain of them does not grow.
fn brief(text: &str) -> String {
    match serde_json::from_str::<Lease>(text) {
        Ok(lease) => format!("{} {}", lease.run, lease.until),
        Err(_) => String::new(),
    }
}

/// Writes the parameter, on the record; answers its version.
async fn put(context: Context<'_>, text: &str, overwrite: bool) -> Result<i64, NotOurs> {
    let undo = Undo::Unlock { parameter: PARAMETER.to_owned() };
    let call = "ssm:PutParameter";
    let intent = context
        .recorder
        .intent(None, Purpose::Guard, call, Some(undo))
        .map_err(ChangeError::from)?;
    let request = context.aws.ssm.put_parameter().name(PARAMETER).value(text).overwrite(overwrite);
    let answer =
        context.recorder.heard(intent, call, request.r#type(ParameterType::String).send().await)?;
    let version = answer.version();
    context.recorder.receipt(intent, Ok(ids([("version", &version.to_string())])));
    Ok(version)
}

/// The parameter, or one of its versions; nothing where there is none.
async fn get(context: Context<'_>, name: &str) -> Result<Option<Found>, CallError> {
    let sent = context.aws.ssm.get_parameter().name(name).send().await;
    match sent.map_err(|error| CallError::of("ssm:GetParameter", &error)) {
        Ok(answer) => match answer.parameter {
            Some(parameter) => {
                let text = parameter.value.unwrap_or_default();
                let lease = serde_json::from_str(&text).ok();
                Ok(Some(Found { text, version: parameter.version, lease }))
            }
            // That it is not there is an error of its own.
            None => Err(CallError {
                kind: CallErrorKind::Unreachable,
                operation: "ssm:GetParameter",
                code: None,
                message: format!("the answer holds no parameter {name}"),
            }),
        },
        Err(error) if error.kind == CallErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the context's drill holds the lock.
pub(super) async fn is_held(context: Context<'_>, parameter: &str) -> Result<bool, CallError> {
    let lease = get(context, parameter).await?.and_then(|found| found.lease);
    Ok(lease.is_some_and(|lease| lease.run == context.run_id))
}

/// Until when the context's drill holds the lock, if it does: until then it may still run.
pub(crate) async fn held_until(context: Context<'_>) -> Result<Option<Timestamp>, CallError> {
    let lease = get(context, PARAMETER).await?.and_then(|found| found.lease);
    let ours = lease.filter(|lease| lease.run == context.run_id);
    Ok(ours.map(|lease| lease.until).filter(|until| context.clock().now() < *until))
}

/// Renews a lease that we hold.
pub(crate) async fn renew(
    context: Context<'_>,
    scenario: &str,
    held: &Held,
) -> Result<Held, NotOurs> {
    still_ours(context, held).await?;
    let (text, until) = lease(context, scenario, None);
    put(context, &text, true).await?;
    Ok(Held { text, until })
}

/// Writes the lease again if a drill that came too late has written over it, so that it can be released.
pub(crate) async fn reassert(
    context: Context<'_>,
    scenario: &str,
    held: &Held,
) -> Result<(), NotOurs> {
    let found = still_ours(context, held).await?;
    if found.text != held.text {
        let (text, _) = lease(context, scenario, None);
        put(context, &text, true).await?;
    }
    Ok(())
}

/// Whether the lease is ours as far as anybody can know, and what stands in the parameter.
async fn still_ours(context: Context<'_>, held: &Held) -> Result<Found, NotOurs> {
    if context.clock().now() >= held.until {
        return Err(NotOurs::Lost("it ran out before it could be renewed".to_owned()));
    }
    let mut lost = String::new();
    for _ in 0..LOOKS {
        let Some(found) = get(context, PARAMETER).await? else {
            lost = format!("somebody deleted the parameter {PARAMETER}");
            continue;
        };
        // A drill that came too late writes over ours, sees that, and stands back.
        let is_ours = found.lease.as_ref().is_some_and(|lease| lease.run == context.run_id)
            || before(context, found.version, &found.text).await?.1.as_deref() == Some(&held.text);
        if is_ours {
            return Ok(found);
        }
        let by = found.lease.map_or_else(|| "somebody".to_owned(), |lease| lease.run);
        lost = format!("{by} has written over it");
    }
    Err(NotOurs::Lost(lost))
}

/// Gives the lock back if it is this drill's, by the parameter alone: also after a crash.
pub(super) async fn release(context: Context<'_>, parameter: &str) -> Result<(), CallError> {
    let Some((found, lease)) = own(context, parameter).await? else { return Ok(()) };
    if lease.until < context.clock().now() + MARGIN {
        // Somebody may be taking it over this very moment: only one of us gets it.
        match replace(context, &lease.scenario, &found).await {
            Ok(_) => {}
            Err(NotOurs::Failed(ChangeError::Call(error))) => return Err(error),
            Err(NotOurs::Failed(error)) => return Err(not_released(error.to_string())),
            // It is somebody else's now.
            Err(NotOurs::Raced | NotOurs::Held { .. } | NotOurs::Lost(_) | NotOurs::Unreadable) => {
                return Ok(());
            }
        }
    }
    let deleted = context.aws.ssm.delete_parameter().name(parameter).send().await;
    match deleted.map_err(|error| CallError::of("ssm:DeleteParameter", &error)) {
        Ok(_) => {}
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    }
    match get(context, parameter).await? {
        Some(found) if found.lease.as_ref().is_some_and(|lease| lease.run == context.run_id) => {
            Err(not_released(format!("the parameter {parameter} was deleted and is still there")))
        }
        Some(_) | None => Ok(()),
    }
}

/// The lock if it is this drill's.
async fn own(context: Context<'_>, parameter: &str) -> Result<Option<(Found, Lease)>, CallError> {
    for _ in 0..LOOKS {
        let Some(found) = get(context, parameter).await? else { continue };
        let Some(lease) = found.lease.clone() else { continue };
        if lease.run == context.run_id && stands(context, &found, &lease).await? {
            return Ok(Some((found, lease)));
        }
    }
    Ok(None)
}

fn not_released(message: String) -> CallError {
    let (kind, operation) = (CallErrorKind::Unreachable, "ssm:DeleteParameter");
    CallError { kind, operation, code: None, message }
}

/// Whether a lease of ours ever was one: what a drill wrote over another's in vain is not.
async fn stands(context: Context<'_>, found: &Found, lease: &Lease) -> Result<bool, CallError> {
    let Some(after) = &lease.after else { return Ok(true) };
    if found.version == 1 {
        return Ok(true);
    }
    let (first, earlier) = before(context, found.version, &found.text).await?;
    Ok(first == 1 || earlier.is_some_and(|text| brief(&text) == *after))
}
