//! What a drill needs of AWS Config: the rule is there, and can do what is asked of it.
//!
//! Main function: [`look`]. Invariant: nothing is changed. Source:
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigRules.html>.

use super::{Finding, failed, wrong};
use crate::aws::{Aws, CallError};
use crate::scenario::suggest::did_you_mean;
use crate::timeline::Problem;

/// The identifier of a rule that is told how it is:
/// <https://docs.aws.amazon.com/config/latest/developerguide/process-checks.html>.
const PROCESS_CHECK: &str = "AWS_CONFIG_PROCESS_CHECK";

/// What a rule is for in a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Use {
    /// It is looked at.
    Read,
    /// It is evaluated.
    Evaluate,
    /// It is told how it is.
    Tell,
}

/// The most pages of rules that are looked through for the one that may have been meant.
const MOST_PAGES: usize = 40;

/// The rule of the account that may have been meant.
async fn meant(aws: &Aws, rule: &str) -> Option<String> {
    let mut pages = aws.config.describe_config_rules().into_paginator().send();
    let mut names = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(Ok(page)) = pages.next().await else { break };
        let found = page.config_rules.unwrap_or_default();
        names.extend(found.into_iter().filter_map(|rule| rule.config_rule_name));
    }
    let meant = did_you_mean(rule, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{meant}`?"))
}

/// Whether a rule is there, and of the kind that can be used so.
pub(super) async fn look(aws: &Aws, rule: &str, used: Use, words: &str) -> Finding {
    let sent = aws.config.describe_config_rules().config_rule_names(rule).send().await;
    let sent = sent.map_err(|error| CallError::of("config:DescribeConfigRules", &error));
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) if error.is_not_found() => {
            let problem = failed(words, &error);
            let hint = meant(aws, rule).await.unwrap_or(problem.hint);
            return Err(Problem { hint, ..problem });
        }
        Err(error) => return Err(failed(words, &error)),
    };
    let Some(found) = answer.config_rules().first() else {
        return wrong(format!("the Config rule `{rule}` is not there"), "look at its name");
    };
    let identifier = found.source().and_then(|source| source.source_identifier());
    match (used, identifier == Some(PROCESS_CHECK)) {
        (Use::Evaluate, true) => wrong(
            format!("the Config rule `{rule}` is a process check, which is never evaluated"),
            "tell it how it is, with `compliance`",
        ),
        (Use::Tell, false) => wrong(
            format!("the Config rule `{rule}` is no process check, and can't be told how it is"),
            "leave `compliance` out to have it evaluated, or use a process check",
        ),
        (Use::Read, _) | (Use::Evaluate, false) | (Use::Tell, true) => Ok(()),
    }
}
