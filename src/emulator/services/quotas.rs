//! Service Quotas: what the account may have of something, for the quotas that the emulated account holds itself to.
//!
//! Main type: [`GetServiceQuota`]. Invariant: a value is told only where the account really refuses more; any other
//! quota is refused by its code. Source:
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

use serde::Deserialize;
use serde_json::json;

use super::events;
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};

/// Rules on an event bus: <https://docs.aws.amazon.com/general/latest/gr/ev.html>.
const NUMBER_OF_RULES: &str = "L-244521F2";

/// The service keeps nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct State;

/// Nothing happens here by itself.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] =
    operations!["GetServiceQuota": GetServiceQuota => get_service_quota];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}

/// The input of `GetServiceQuota`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetServiceQuota {
    service_code: String,
    quota_code: String,
}

fn get_service_quota(account: &mut Account, input: GetServiceQuota) -> Answer {
    let GetServiceQuota { service_code, quota_code } = input;
    if (service_code.as_str(), quota_code.as_str()) != ("events", NUMBER_OF_RULES) {
        return Err(ServiceError::unsupported(format!(
            "the quota {quota_code} of the service {service_code}"
        )));
    }
    let arn = account.identity().arn("servicequotas", &format!("{service_code}/{quota_code}"));
    Ok(json!({"Quota": {
        "ServiceCode": service_code,
        "ServiceName": "Amazon EventBridge (CloudWatch Events)",
        "QuotaArn": arn,
        "QuotaCode": quota_code,
        "QuotaName": "Number of rules",
        "Value": events::MOST_RULES,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    }}))
}
