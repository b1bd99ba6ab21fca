//! Rules of event buses, each read once for everybody who asks for it at a moment.
//!
//! Main function: [`rules`]. Every drill asks for the rules of all its expectations at once, so that many
//! expectations of one rule, and many drills, cost one call a rule. Source:
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html>.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::Timestamp;

use super::shared::Since;
use super::{Aws, CallError, RuleFound};

/// The reader that everybody shares who looks at rules.
pub(super) type Reader = Since<RuleFound>;

/// A rule's bus (by name or ARN) and its name.
pub(crate) type Named = (String, String);

/// What each of these rules is like, or why that is not known.
pub(crate) async fn rules(
    aws: &Aws,
    wanted: BTreeSet<Named>,
) -> BTreeMap<Named, Result<RuleFound, CallError>> {
    let found = join_all(wanted.iter().map(|(bus, name)| rule(aws, bus, name))).await;
    wanted.into_iter().zip(found).collect()
}

/// What a rule is like.
pub(super) async fn rule(aws: &Aws, bus: &str, name: &str) -> Result<RuleFound, CallError> {
    let (events, bus, name) = (aws.events.clone(), bus.to_owned(), name.to_owned());
    let key = format!("{bus} {name}");
    let read = move |_since| {
        let (events, bus, name) = (events.clone(), bus.clone(), name.clone());
        async move {
            let sent = events.describe_rule().name(name).event_bus_name(bus).send().await;
            let answer = sent.map_err(|error| CallError::of("events:DescribeRule", &error))?;
            let enabled = answer.state() != Some(&aws_sdk_eventbridge::types::RuleState::Disabled);
            Ok(RuleFound { pattern: answer.event_pattern, enabled })
        }
    };
    aws.readers.rules.read(key, Timestamp::UNIX_EPOCH, aws.readers.moment, read).await
}
