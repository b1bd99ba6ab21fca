//! A request as a fault: sent once, never again.
//!
//! The fault's start is the moment before the request, by our clock: a server's `Date` is only exact to the
//! second. Another status than the one that is wanted is a fault that failed.

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::{CallError, CallErrorKind};
use crate::outside::{self, OPERATION};
use crate::plan::PlannedFault;
use crate::scenario::types::HttpCall;
use crate::timeline::{Purpose, TargetKind, Undo};

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    request: &HttpCall,
    revert: Option<&HttpCall>,
) -> Result<Injected<'a>, ChangeError> {
    let undo = revert.map(|request| Undo::SendRequest { request: request.clone() });
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, OPERATION, undo)?;
    let sent_at = context.clock().now();
    let answer = match send(context, request).await {
        Ok(answer) => answer,
        Err(error) => {
            context.recorder.receipt(intent, Err(&error));
            return Err(error.into());
        }
    };
    let status = answer.status.to_string();
    context.recorder.receipt(intent, Ok(ids([("status", &status)])));
    started(
        context,
        fault,
        context.took_effect(sent_at),
        [("request", request.words()), ("status", status), ("answer", answer.excerpt())],
    );
    Ok(Injected { experiment: None, continuation: None })
}

/// Sends a request where it may be sent: a rehearsal reaches nobody unless it is told to.
pub(super) async fn send(
    context: Context<'_>,
    request: &HttpCall,
) -> Result<outside::Answer, CallError> {
    if context.place.target.kind == TargetKind::Emulator && !outside::may_send_requests() {
        return Err(CallError {
            kind: CallErrorKind::Refused,
            operation: OPERATION,
            code: None,
            // Worded like a refusal: whoever reverts has nothing to take back.
            message: "NotSent: a rehearsal sends no requests without --allow-http".to_owned(),
        });
    }
    outside::send(request).await
}
