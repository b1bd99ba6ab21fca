//! Service Quotas: what the account may have of something, for the quotas that the emulated account holds itself to.
//!
//! Main type: [`AskedFor`]. Invariant: a value is told only where the account really refuses more; any other
//! quota is refused by its code. Nobody has had a quota raised here, so the account's own figures are AWS's
//! defaults. Sources:
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>,
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html>.

#![expect(
    clippy::needless_pass_by_value,
    reason = "every operation of the table takes its input by value"
)]

use serde::Deserialize;
use serde_json::{Value, json};

use super::{events, fis};
use crate::emulator::account::Account;
use crate::emulator::error::{Answer, ServiceError};
use crate::emulator::operation::{Operation, operations};

/// A quota to which the emulated account holds itself.
struct Quota {
    service: &'static str,
    service_name: &'static str,
    code: &'static str,
    name: &'static str,
    value: usize,
    adjustable: bool,
}

/// The quotas that are known: <https://docs.aws.amazon.com/general/latest/gr/ev.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/fis.html>.
const QUOTAS: [Quota; 2] = [
    Quota {
        service: "events",
        service_name: "Amazon EventBridge (CloudWatch Events)",
        code: "L-244521F2",
        name: "Number of rules",
        value: events::MOST_RULES,
        adjustable: true,
    },
    Quota {
        service: "fis",
        service_name: "AWS Fault Injection Service",
        code: "L-F5FCA485",
        name: "Active experiments",
        value: fis::MOST_ACTIVE,
        adjustable: false,
    },
];

/// The service keeps nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct State;

/// Nothing happens here by itself.
#[derive(Debug, Clone)]
pub(crate) enum Due {}

/// What the service can do.
pub(crate) const OPERATIONS: &[Operation] = operations![
    "GetServiceQuota": AskedFor => get_service_quota,
    "GetAWSDefaultServiceQuota": AskedFor => get_default,
];

/// Sets up what every account has.
pub(crate) fn open(_account: &mut Account) {}

/// Lets one thing happen.
pub(crate) fn happen(_account: &mut Account, due: Due) {
    match due {}
}

/// The input of both operations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AskedFor {
    service_code: String,
    quota_code: String,
}

/// `GetServiceQuota`: the account's own figure.
fn get_service_quota(account: &mut Account, input: AskedFor) -> Answer {
    let quota = known(&input)?;
    let arn = account.identity().arn("servicequotas", &format!("{}/{}", quota.service, quota.code));
    Ok(json!({"Quota": quota.shape(&arn)}))
}

/// `GetAWSDefaultServiceQuota`: AWS's default, whose ARN has no account.
fn get_default(account: &mut Account, input: AskedFor) -> Answer {
    let quota = known(&input)?;
    let identity = account.identity();
    let arn = format!(
        "arn:{}:servicequotas:{}::{}/{}",
        identity.partition, identity.region, quota.service, quota.code
    );
    Ok(json!({"Quota": quota.shape(&arn)}))
}

fn known(input: &AskedFor) -> Result<&'static Quota, ServiceError> {
    let AskedFor { service_code, quota_code } = input;
    let mut all = QUOTAS.iter();
    all.find(|one| one.service == service_code && one.code == quota_code).ok_or_else(|| {
        ServiceError::unsupported(format!("the quota {quota_code} of the service {service_code}"))
    })
}

impl Quota {
    fn shape(&self, arn: &str) -> Value {
        json!({
            "ServiceCode": self.service,
            "ServiceName": self.service_name,
            "QuotaArn": arn,
            "QuotaCode": self.code,
            "QuotaName": self.name,
            "Value": self.value,
            "Unit": "None",
            "Adjustable": self.adjustable,
            "GlobalQuota": false,
        })
    }
}
