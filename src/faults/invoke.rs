//! An invocation of a Lambda function as a fault.
//!
//! An error of the function is a failure of the fault. The call is made once: Lambda would run the function
//! again for an answer that was lost. There is nothing to undo. Source:
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use std::time::Duration;

use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::{ChangeError, Context, Injected, ids, started};
use crate::aws::secrets;
use crate::outside::payload;
use crate::plan::{FunctionInvoke, PlannedFault};
use crate::scenario::types::Invocation;
use crate::timeline::Purpose;

/// The action, as IAM spells it.
const INVOKE: &str = "lambda:InvokeFunction";

/// A function runs for 15 minutes at most:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LONGEST: Duration = Duration::from_secs(15 * 60 + 10);

/// How much of what a function answered goes into the record, in characters.
const MOST_PAYLOAD: usize = 400;

pub(super) async fn inject<'a>(
    context: Context<'a>,
    fault: &'a PlannedFault,
    invoke: &FunctionInvoke,
) -> Result<Injected<'a>, ChangeError> {
    let kind = match invoke.invocation {
        Invocation::RequestResponse => InvocationType::RequestResponse,
        Invocation::Event => InvocationType::Event,
    };
    let sent = payload(&invoke.payload).map_err(ChangeError::NoEffect)?;
    let request = context
        .aws
        .lambda
        .invoke()
        .function_name(&invoke.function)
        .set_qualifier(invoke.qualifier.clone())
        .invocation_type(kind)
        .payload(sent.into_bytes().into());
    let timeouts = TimeoutConfig::builder().operation_timeout(LONGEST).build();
    let once = aws_sdk_lambda::config::Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let intent = context.recorder.intent(Some(&fault.id), Purpose::Inject, INVOKE, None)?;
    let asked_at = context.clock().now();
    let answer = context.recorder.heard(
        intent,
        INVOKE,
        request.customize().config_override(once).send().await,
    )?;
    let request_id = answer.request_id().unwrap_or_default().to_owned();
    let payload = answer.payload().map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned());
    let payload = secrets::excerpt(&payload.unwrap_or_default(), MOST_PAYLOAD);
    context.recorder.receipt(intent, Ok(ids([("request", &request_id)])));
    if let Some(error) = answer.function_error() {
        return Err(ChangeError::NoEffect(format!(
            "function {} failed ({error}): {payload}",
            invoke.function
        )));
    }
    started(
        context,
        fault,
        context.took_effect(asked_at),
        [
            ("function", invoke.function.clone()),
            ("request", request_id),
            ("status", answer.status_code().to_string()),
            ("answer", payload),
        ],
    );
    Ok(Injected { experiment: None, continuation: None })
}
