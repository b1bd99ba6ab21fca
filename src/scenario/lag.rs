//! How late AWS shows what an expectation looks at, where that is published and is minutes.
//!
//! Main function: [`shown_late`]. Invariant: the check and the plan's schedule count with these figures, and
//! nobody has others.

use std::time::Duration;

use jiff::SignedDuration;

use super::types::{FindingSource, Kinds};

/// How late CloudTrail's event history may show a call: "within 15 minutes".
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>
pub(crate) const CLOUDTRAIL: SignedDuration = SignedDuration::from_mins(15);

/// How late a product's finding may come into Security Hub: those of GuardDuty "usually" within five minutes.
/// What a drill imports itself is there within seconds; another product's may be what is looked for all the
/// same. <https://docs.aws.amazon.com/guardduty/latest/ug/securityhub-integration.html>
pub(crate) const SECURITY_HUB: SignedDuration = SignedDuration::from_mins(5);

/// How long after a period's end its value must be there. What is put "can take up to" two minutes until it
/// can be read; of AWS's own metrics no figure is published, so that a minute is added, which is ours.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub(crate) const METRIC: SignedDuration = SignedDuration::from_mins(3);

/// The period of a metric where the scenario does not say.
pub(crate) const PERIOD: SignedDuration = SignedDuration::from_mins(1);

/// How much later than it happens AWS may show what this looks at.
pub(crate) fn shown_late(kinds: &Kinds<'_>) -> Duration {
    if kinds.api_call.is_some() {
        return CLOUDTRAIL.unsigned_abs();
    }
    if kinds.finding.is_some_and(|finding| finding.source == FindingSource::SecurityHub) {
        return SECURITY_HUB.unsigned_abs();
    }
    let Some(metric) = kinds.metric else { return Duration::ZERO };
    let period = metric.period.map_or(PERIOD.unsigned_abs(), |period| period.0);
    METRIC.unsigned_abs().saturating_add(period)
}
