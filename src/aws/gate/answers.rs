//! Whether an answer is one to the question: a proxy that mixes up its connections gives the answer to
//! somebody else's call, and the SDK would read it as an empty one.
//!
//! Main function: [`fits`]. Invariant: an answer that fits nothing is never handed on; one whose members
//! are not known here is.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use indexmap::IndexMap;
use minicbor::data::Type;
use serde::de::IgnoredAny;

/// What every answer of a call holds, one of these members at least: without it, it is no answer to it.
const ALWAYS: &[(&str, &[&str])] = &[
    ("codedeploy:GetDeployment", &["deploymentInfo"]),
    ("codedeploy:GetDeploymentGroup", &["deploymentGroupInfo"]),
    ("events:DescribeRule", &["State", "EventPattern", "ScheduleExpression"]),
    ("events:PutEvents", &["Entries"]),
    ("events:PutRule", &["RuleArn"]),
    ("fis:CreateExperimentTemplate", &["experimentTemplate"]),
    ("fis:DeleteExperimentTemplate", &["experimentTemplate"]),
    ("fis:GetExperiment", &["experiment"]),
    ("fis:GetExperimentTemplate", &["experimentTemplate"]),
    ("fis:StartExperiment", &["experiment"]),
    ("fis:StopExperiment", &["experiment"]),
    ("sqs:CreateQueue", &["QueueUrl"]),
    ("sqs:GetQueueUrl", &["QueueUrl"]),
    ("ssm:DescribeDocument", &["Document"]),
    ("ssm:GetAutomationExecution", &["AutomationExecution"]),
    ("ssm:GetOpsItem", &["OpsItem"]),
    ("ssm-incidents:GetIncidentRecord", &["incidentRecord"]),
    ("states:DescribeExecution", &["executionArn"]),
];

/// What an answer of each of these calls holds, unless it holds nothing at all: some of them leave out a
/// list that is empty.
const UNLESS_EMPTY: &[(&str, &[&str])] = &[
    ("cloudwatch:DescribeAlarmHistory", &["AlarmHistoryItems"]),
    ("cloudwatch:DescribeAlarms", &["MetricAlarms", "CompositeAlarms", "LogAlarms"]),
    ("cloudwatch:GetMetricData", &["MetricDataResults"]),
    ("cloudwatch:ListAlarmMuteRules", &["AlarmMuteRuleSummaries"]),
    ("codedeploy:ListDeployments", &["deployments"]),
    ("events:ListTargetsByRule", &["Targets"]),
    ("events:PutTargets", &["FailedEntryCount", "FailedEntries"]),
    ("events:RemoveTargets", &["FailedEntryCount", "FailedEntries"]),
    ("fis:ListExperimentTemplates", &["experimentTemplates"]),
    ("fis:ListExperiments", &["experiments"]),
    ("sqs:DeleteMessageBatch", &["Successful", "Failed"]),
    ("sqs:GetQueueAttributes", &["Attributes"]),
    ("sqs:ReceiveMessage", &["Messages"]),
    ("ssm:DescribeAutomationExecutions", &["AutomationExecutionMetadataList"]),
    ("ssm:DescribeOpsItems", &["OpsItemSummaries"]),
    ("ssm-incidents:ListIncidentRecords", &["incidentRecordSummaries"]),
    ("ssm-incidents:ListRelatedItems", &["relatedItems"]),
    ("ssm-incidents:ListTimelineEvents", &["eventSummaries"]),
    ("states:ListExecutions", &["executions"]),
];

/// The answer is that of another call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not one to {action}: it holds {found}")]
pub(crate) struct Mistaken {
    action: String,
    found: String,
}

/// Refuses a good answer that holds none of the members that this call's answers have.
pub(super) fn fits(action: &str, response: &HttpResponse) -> Result<(), Mistaken> {
    if !response.status().is_success() {
        return Ok(());
    }
    let body = response.body().bytes().unwrap_or_default();
    if is_cut_short(body) {
        let found = "the beginning of an XML document".to_owned();
        return Err(Mistaken { action: action.to_owned(), found });
    }
    let wanted = |calls: &'static [(&str, &[&str])]| {
        calls.iter().find(|(name, _)| *name == action).map(|(_, members)| *members)
    };
    let always = wanted(ALWAYS);
    let Some(wanted) = always.or_else(|| wanted(UNLESS_EMPTY)) else { return Ok(()) };
    let found = members(body);
    // What is neither JSON nor CBOR the SDK refuses by itself.
    let Some(found) = found else { return Ok(()) };
    let fits = found.iter().any(|member| wanted.contains(&member.as_str()));
    if fits || (found.is_empty() && always.is_none()) {
        return Ok(());
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    Err(Mistaken { action: action.to_owned(), found })
}

/// Whether an XML document ends before its first element does. The SDK reads what there is of it, and a list
/// whose end is missing as an empty one.
fn is_cut_short(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut rest = text.trim();
    if !rest.starts_with('<') {
        return false;
    }
    while let Some(declared) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        let Some((_, after)) = declared.split_once('>') else { return true };
        rest = after.trim_start();
    }
    let Some(element) = rest.strip_prefix('<') else { return true };
    let Some((tag, after)) = element.split_once('>') else { return true };
    let name = tag.split(|letter: char| letter.is_whitespace() || letter == '/').next();
    let closed_at_once = tag.ends_with('/') && after.is_empty();
    !closed_at_once && !name.is_some_and(|name| rest.ends_with(&format!("</{name}>")))
}

/// The members of a JSON object or a CBOR map; nothing where it is neither, which the SDK will say.
fn members(body: &[u8]) -> Option<Vec<String>> {
    if body.trim_ascii_start().starts_with(b"{") {
        let object: IndexMap<String, IgnoredAny> = serde_json::from_slice(body).ok()?;
        return Some(object.into_keys().collect());
    }
    let mut decoder = minicbor::Decoder::new(body);
    let count = decoder.map().ok()?;
    let mut found = Vec::new();
    while count.is_none_or(|count| (found.len() as u64) < count) {
        if decoder.datatype().ok()? == Type::Break {
            break;
        }
        found.push(decoder.str().ok()?.to_owned());
        decoder.skip().ok()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn fit(action: &str, body: impl Into<SdkBody>) -> Result<(), String> {
        let status = StatusCode::try_from(200).expect("a status");
        fits(action, &HttpResponse::new(status, body.into())).map_err(|error| error.to_string())
    }

    #[test]
    fn an_xml_document_that_is_cut_short_is_no_answer() {
        let whole =
            "<?xml version=\"1.0\"?>\n<AResponse xmlns=\"u\"><AResult><S/></AResult></AResponse>\n";
        for fine in [whole, "<AResponse/>", "<AResponse></AResponse>", "{\"a\": 1}", "", "plain"] {
            assert!(!is_cut_short(fine.as_bytes()), "{fine}");
        }
        for end in 1..whole.trim_end().len() {
            assert!(is_cut_short(&whole.as_bytes()[..end]), "{}", &whole[..end]);
        }
    }

    #[test]
    fn an_answer_to_another_call_is_refused() {
        let refused = fit("sqs:ReceiveMessage", r#"{"experiment":{},"x":1}"#).unwrap_err();
        assert_eq!(refused, "the answer is not one to sqs:ReceiveMessage: it holds experiment, x");
        let history = b"\xbf\x71AlarmHistoryItems\x80\xff".to_vec();
        assert!(fit("cloudwatch:DescribeAlarms", history.clone()).is_err());
        assert_eq!(fit("cloudwatch:DescribeAlarmHistory", history), Ok(()));
    }

    #[test]
    fn an_answer_that_holds_nothing_or_something_new_besides_is_handed_on() {
        for body in ["{}", "", r#"{"Messages":[],"Newer":1}"#, "not JSON"] {
            assert_eq!(fit("sqs:ReceiveMessage", body), Ok(()), "{body}");
        }
        assert_eq!(fit("nobody:Knows", r#"{"a":1}"#), Ok(()));
    }

    #[test]
    fn an_answer_without_what_every_answer_holds_is_refused() {
        let refused = fit("ssm:GetAutomationExecution", "{}").unwrap_err();
        let words = "the answer is not one to ssm:GetAutomationExecution: it holds nothing";
        assert_eq!(refused, words);
    }
}
